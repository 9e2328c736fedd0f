//! The server's end of node streams.
//!
//! Owns the streams that clients have open, the requests that wait for their turn on each, and their cancellation.
//! Imports `call`, `clients`, `server/handler`, `support` and `wire`, and of `node_stream` what it needs for calls to its
//! clients. Does not know the types of a service's messages, nor the
//! connections that the streams run on.

mod backlog;
mod held_turn;
mod keep_alive;
mod methods;
mod named_clients;
mod opening;
mod released_handlers;
mod reply_body;
#[cfg(feature = "metrics")]
mod sample;
mod service;
mod session;
mod work;

pub(crate) use service::NodeStreams;
