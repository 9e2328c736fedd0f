//! What generated code imports. Not for use by hand: it changes with the generator.

pub use std::future::{Future, IntoFuture};
pub use std::sync::Arc;

pub use tonic::{Status, Streaming};
pub use tonic_prost::ProstCodec;

pub use crate::aggregate_call::{
    AggregateCall, Aggregated, Aggregation, AsyncCall, Decision, FirstReply,
};
pub use crate::call::{CallOptions, Decide, Method, MethodDescriptor, Replies};
pub use crate::caller::{Caller, NodeCaller};
pub use crate::configuration::{Configuration, UnknownNode};
pub use crate::correctable::{Correct, Correctable, CorrectableCall, Correction};
pub use crate::identity::NodeId;
pub use crate::node::{Node, NodeChannel as Channel};
pub use crate::node_call::NodeCall;
pub use crate::node_info::NodeError;
pub use crate::one_way::{Multicast, MulticastCall, MulticastError, Unicast};
pub use crate::quorum_call::{QuorumCall, QuorumCallError, QuorumCallHandle};
pub use crate::server::handler::{Context, Handlers, ReplySink};
pub use crate::server::replica_server::Serve;
pub use crate::server::{ReplicaServer, ServiceName};
