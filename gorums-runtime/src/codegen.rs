//! What generated code imports. Not for use by hand: it changes with the generator.

pub use tonic::transport::Channel;
pub use tonic_prost::ProstCodec;

pub use crate::{
    AggregateCall, AsyncCall, CallOptions, Caller, Configuration, Correct, Correctable,
    CorrectableCall, Correction, Decide, Method, MethodDescriptor, Multicast, MulticastCall, Node,
    NodeCall, NodeCaller, NodeId, QuorumCall, QuorumCallHandle, Replies, Unicast, UnknownNode,
};
