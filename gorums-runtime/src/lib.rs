//! Quorum calls over [tonic]: what the code that `protoc-gen-rust-gorums` and `gorums-build` generate calls, and
//! what is used along with it.
//!
//! A quorum protocol sends one request to n replicas and acts on a *quorum* of the replies. Here that is one typed
//! call. A [`Manager`] holds the connections to the replicas, the [`Node`]s. A [`Configuration`] is a set of them.
//! Generated code puts a service's methods on it: such a call fans out to the nodes, hands the [`Replies`] to the
//! quorum function that you wrote, and returns what that function decides.
//!
//! ```no_run
//! # mod register { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/../golden/register.rs")); }
//! # use register::AgreedState;
//! use std::time::Duration;
//!
//! use gorums_runtime::{Manager, Replies};
//! use register::register_gorums::{RegisterConfiguration, RegisterQuorumSpec};
//! use register::{ReadRequest, State, WriteResponse};
//!
//! struct Majority {
//!     quorum: usize,
//! }
//!
//! impl RegisterQuorumSpec for Majority {
//!     /// Called after each reply to a read, until it decides.
//!     fn read_qf(&self, replies: &mut Replies<State>) -> Option<State> {
//!         if replies.len() < self.quorum {
//!             return None;
//!         }
//!         replies.take_max_by_key(|state| state.timestamp)
//!     }
//!
//!     /// Called after each reply to a write, with the request (`qf_with_req`).
//!     fn write_qf(&self, _: &State, replies: &mut Replies<WriteResponse>) -> Option<WriteResponse> {
//!         (replies.len() >= self.quorum).then(|| replies.take_latest())?
//!     }
//!     # fn write_per_node_qf(&self, replies: &mut Replies<WriteResponse>) -> Option<WriteResponse> { None }
//!     # fn read_agreed_qf(&self, replies: &mut Replies<State>) -> Option<AgreedState> { None }
//!     # fn read_for_write_qf(&self, _: &ReadRequest, _: &mut Replies<State>) -> Option<AgreedState> { None }
//! }
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let manager = Manager::connect(["10.0.0.1:4000", "10.0.0.2:4000", "10.0.0.3:4000"]).await?;
//! let register = RegisterConfiguration::new(manager.configuration(), Majority { quorum: 2 });
//!
//! let state = register.read(ReadRequest {}).await?;
//! let next = State { value: "new".to_string(), timestamp: state.timestamp + 1 };
//! register.write(next).timeout(Duration::from_millis(50)).await?;
//!
//! for node in register.nodes() {
//!     println!("{}: {:?}", node.id(), node.read_no_qc(ReadRequest {}).await);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Both sides
//!
//! A call travels on the one ordered stream that there is to each node, or as plain gRPC, so that the replicas can be
//! any gRPC server, in any language: [`Transport`] says which. In Rust a replica implements the trait that is generated
//! for its service; it is told of each call by a [`Context`], sends streams of replies to a [`ReplySink`], and is served
//! in both ways by a [`Server`], or by a [`Router`] in a tonic server of your own ([`recommended_server`]).
//!
//! What can be set for the connections of a manager, TLS included, is in [`ManagerBuilder`]; what can be asked of a
//! call in [`CallOptions`]. [`NodeErrors`] and [`telemetry`] tell what becomes of the calls. [`testing`] has replicas
//! in memory, and what mocks of a service's calls return.
//!
//! # Features
//!
//! None is on by default.
//!
//! * `tls-ring`, `tls-aws-lc`: TLS at managers and servers, by either implementation of its cryptography; with both it
//!   is ring's.
//! * `tls-native-roots`, `tls-webpki-roots`: the authorities that the platform or Mozilla trusts, for
//!   `ClientTlsConfig::with_enabled_roots`.
//! * `gzip`, `zstd`: compression of requests and replies.
//! * `health`, `reflection`: gRPC's standard services of these names at a [`Server`].

mod aggregate_call;
#[cfg(feature = "_bench")]
#[doc(hidden)]
pub mod bench;
mod caller;
mod configuration;
mod configuration_watch;
mod connector;
mod correctable;
mod deadline;
mod fan_out;
#[cfg(feature = "_fuzz")]
#[doc(hidden)]
pub mod fuzz;
mod grpc;
mod guard;
mod guarded_connection;
mod id;
mod keep;
mod manager;
mod method;
mod node;
mod node_call;
mod node_channel;
mod node_error;
mod node_errors;
mod observations;
mod one_way;
mod options;
mod quorum_call;
mod replies;
mod server;
mod stragglers;
mod stream;
mod tasks;
mod text;

pub mod codegen;
pub mod telemetry;
pub mod testing;
mod transport;
mod turn;

pub use prost_types;
pub use tonic;

pub use aggregate_call::{
    AggregateCall, Aggregated, Aggregation, AllReplies, AsyncCall, Decision, FirstReply, Responses,
    SuccessfulResponses, Threshold,
};
pub use caller::{Caller, NodeCaller};
pub use configuration::{Configuration, ConfigurationError, UnknownNode};
pub use configuration_watch::ConfigurationWatch;
pub use connector::Connection;
pub use correctable::{Correct, Correctable, CorrectableCall, Correction};
pub use grpc::Backoff;
pub use id::{ConfigurationId, NodeId};
pub use manager::{Manager, ManagerBuilder, ManagerError, NodeSpec};
pub use method::{Decide, Method, MethodDescriptor};
pub use node::Node;
pub use node_call::{NodeCall, NodeCallFuture};
pub use node_channel::NodeChannel;
pub use node_error::NodeError;
pub use node_errors::NodeErrors;
pub use observations::LastError;
pub use one_way::{Multicast, MulticastCall, MulticastError, Unicast};
pub use options::CallOptions;
pub use quorum_call::{
    Decided, QuorumCall, QuorumCallError, QuorumCallErrorKind, QuorumCallFuture, QuorumCallHandle,
    WithNodes, WithNodesFuture,
};
pub use replies::Replies;
pub use server::{
    BoundServer, Context, Handlers, ReplicaServer, ReplySink, Router, RunningServer, Serve, Server,
    ServerError, ServiceName, StreamLimits, recommended_server,
};
pub use transport::Transport;

/// Includes the code that `gorums-build` generated for a proto package, into a module of its own:
/// `mod storage { gorums_runtime::include_proto!("storage"); }` for `package storage;`, and
/// `include_proto!("_")` for files without a package.
#[macro_export]
macro_rules! include_proto {
    ($package:literal) => {
        include!(concat!(env!("OUT_DIR"), "/", $package, ".rs"));
    };
}
