//! The connections to one node: how they are made, kept and given up.
//!
//! Owns dialling, back-off, HTTP/2's options, and what a response must not do to tonic. Imports `call`, `identity`,
//! `status`, `support` and, for the frame size, `wire`. Does not know messages, nor which calls use a connection.

mod attempted;
mod attempts;
mod backoff;
mod checked;
mod connection_options;
mod connector;
mod dial;
mod direct;
mod endpoint;
mod given_up;
mod guarded_connection;
mod link;
mod resolver;

pub use backoff::Backoff;
pub(crate) use checked::checked;
pub(crate) use connection_options::{Adjustment, ConnectionOptions, KeepAlive};
pub(crate) use connector::Connector;
pub(crate) use endpoint::Endpoint;
pub(crate) use link::Link;
pub(crate) use resolver::Resolver;
