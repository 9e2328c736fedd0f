//! The plain gRPC transport: each call to a node is an ordinary RPC, so that a node can be any gRPC server.

mod attempted;
mod attempts;
mod backoff;
mod body;
mod bounds;
mod checked;
mod codec;
#[cfg(any(feature = "gzip", feature = "zstd"))]
mod compression;
mod connection_options;
mod direct;
mod endpoint;
mod framed;
mod given_up;
mod head;
mod link;
mod message_options;
mod message_queue;
mod message_streams;
mod request;
pub(crate) mod status;
mod unary;

pub use backoff::Backoff;

pub(crate) use body::{HandedOver, Receipt};
pub(crate) use bounds::{bounded, size};
pub(crate) use checked::checked;
pub(crate) use codec::decode;
pub(crate) use connection_options::{Adjustment, ConnectionOptions, KeepAlive, MAX_FRAME};
pub(crate) use endpoint::Endpoint;
pub(crate) use link::Link;
pub(crate) use message_options::MessageOptions;
pub(crate) use message_queue::Queued;
pub(crate) use message_streams::MessageStreams;
pub(crate) use request::{EncodedRequest, Envelope};
pub(crate) use status::root_cause;
