//! What generated code imports. Not for use by hand: it changes with the generator.

pub use std::future::{Future, IntoFuture};
pub use std::sync::Arc;

pub use tonic::{Status, Streaming};
pub use tonic_prost::ProstCodec;

pub use crate::NodeChannel as Channel;
pub use crate::{
    AggregateCall, Aggregation, AsyncCall, CallOptions, Caller, Configuration, Context, Correct,
    Correctable, CorrectableCall, Correction, Decide, Handlers, Method, MethodDescriptor,
    Multicast, MulticastCall, MulticastError, Node, NodeCall, NodeCaller, NodeError, NodeId,
    QuorumCall, QuorumCallError, QuorumCallHandle, ReplicaServer, Replies, ReplySink, Serve,
    ServiceName, Unicast, UnknownNode,
};
