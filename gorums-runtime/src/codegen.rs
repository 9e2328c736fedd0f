//! What generated code imports. Not for use by hand: it changes with the generator.

pub use std::future::Future;
pub use std::sync::Arc;

pub use tonic::transport::Channel;
pub use tonic::{Status, Streaming};
pub use tonic_prost::ProstCodec;

pub use crate::{
    AggregateCall, AsyncCall, CallOptions, Caller, Configuration, Context, Correct, Correctable,
    CorrectableCall, Correction, Decide, Handlers, Method, MethodDescriptor, Multicast,
    MulticastCall, Node, NodeCall, NodeCaller, NodeId, QuorumCall, QuorumCallHandle, ReplicaServer,
    Replies, ReplySink, Serve, ServiceName, Unicast, UnknownNode,
};
