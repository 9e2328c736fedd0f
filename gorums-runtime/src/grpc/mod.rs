//! The plain gRPC transport: each call to a node is an ordinary RPC, so that a node can be any gRPC server.

mod body;
mod codec;
mod connection_options;
mod endpoint;
mod framed;
mod request;
mod status;

pub(crate) use body::{HandedOver, Receipt};
pub(crate) use connection_options::ConnectionOptions;
pub(crate) use endpoint::Endpoint;
pub(crate) use request::{EncodedRequest, Envelope};
