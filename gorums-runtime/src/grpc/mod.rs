//! The plain gRPC transport: each call to a node is an ordinary RPC, so that a node can be any gRPC server.
//!
//! Owns the requests of a call to each node, their encoding and the reading of their responses. Imports `call`,
//! `connection`, `node_info` and `status`. Does not know configurations or quorums, nor node streams.

mod body;
mod codec;
#[cfg(any(feature = "gzip", feature = "zstd"))]
mod compression;
mod framed;
mod message_queue;
mod message_streams;
mod request;
mod request_head;
pub(crate) mod unary;

pub(crate) use message_queue::Queued;
pub(crate) use message_streams::MessageStreams;
pub(crate) use request::EncodedRequest;
