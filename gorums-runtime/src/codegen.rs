//! What generated code imports. Not for use by hand: it changes with the generator.

pub use std::sync::Arc;

pub use tonic::transport::Channel;
pub use tonic_prost::ProstCodec;

pub use crate::{
    Configuration, Decide, Method, MethodDescriptor, Node, NodeCall, NodeId, QuorumCall, Replies,
    UnknownNode,
};
