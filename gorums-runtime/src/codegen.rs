//! What generated code imports. Not for use by hand: it changes with the generator.

pub use std::future::{Future, IntoFuture};
pub use std::sync::Arc;

pub use tonic::{Status, Streaming};
pub use tonic_prost::ProstCodec;

pub use crate::NodeChannel as Channel;
pub use crate::aggregate_call::{Aggregated, Decision, FirstReply};
pub use crate::caller::{Caller, NodeCaller};
pub use crate::calls::{Aggregation, CorrectableCall, Decide, MulticastCall, QuorumCallHandle};
pub use crate::correctable::Correct;
pub use crate::errors::{MulticastError, NodeError, QuorumCallError, UnknownNode};
pub use crate::server::handlers::Handlers;
pub use crate::server::replica_server::Serve;
pub use crate::server::{ReplicaServer, ServiceName};
pub use crate::{
    AggregateCall, AsyncCall, CallOptions, Configuration, Context, Correctable, Correction, Method,
    MethodDescriptor, Multicast, Node, NodeCall, NodeId, QuorumCall, Replies, ReplySink, Unicast,
};
