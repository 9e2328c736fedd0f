//! Quorum calls over [tonic]: the runtime of the code that `protoc-gen-rust-gorums` and `gorums-build` generate.
//!
//! A quorum protocol sends one request to n replicas and acts on a *quorum* of the replies. This crate makes that one
//! typed call. A [`Manager`] holds the connections to the replicas, the [`Node`]s. A [`Configuration`] is a set of
//! nodes. Generated code adds a service's methods to it. Such a call sends its request to all nodes, passes the
//! [`Replies`] to your quorum function, and returns what that function decides.
//!
//! ```no_run
//! # mod register { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doctests/register.rs")); }
//! # use register::AgreedState;
//! use std::time::Duration;
//!
//! use gorums_runtime::quorum::Quorums;
//! use gorums_runtime::{Manager, NodeId, Replies};
//! use register::register_gorums::{RegisterConfiguration, RegisterQuorumSpec};
//! use register::{ReadRequest, State, WriteResponse};
//!
//! struct Majority {
//!     quorums: Quorums<NodeId>,
//! }
//!
//! impl RegisterQuorumSpec for Majority {
//!     /// Runs after each reply to a read, until it decides.
//!     fn read_qf(&self, replies: &mut Replies<State>) -> Option<State> {
//!         if !replies.form(&self.quorums) {
//!             return None;
//!         }
//!         replies.take_max_by_key(|state| state.timestamp)
//!     }
//!
//!     /// Runs after each reply to a write; also sees the request (`qf_with_req`).
//!     fn write_qf(&self, _: &State, replies: &mut Replies<WriteResponse>) -> Option<WriteResponse> {
//!         replies.form(&self.quorums).then(|| replies.take_latest())?
//!     }
//!     # fn write_per_node_qf(&self, replies: &mut Replies<WriteResponse>) -> Option<WriteResponse> { None }
//!     # fn read_agreed_qf(&self, replies: &mut Replies<State>) -> Option<AgreedState> { None }
//!     # fn read_for_write_qf(&self, _: &ReadRequest, _: &mut Replies<State>) -> Option<AgreedState> { None }
//! }
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let manager = Manager::connect(["10.0.0.1:4000", "10.0.0.2:4000", "10.0.0.3:4000"]).await?;
//! let majority = Majority { quorums: manager.configuration().majority() };
//! let register = RegisterConfiguration::new(manager.configuration()).with_spec(majority);
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
//! A [`Transport`] carries the calls: one ordered stream per node, or plain gRPC, with which a replica can be any gRPC
//! server in any language. In Rust, a replica implements the trait that is generated for its service. Its handlers
//! learn about their call from a [`Context`], and send streams of replies to a [`ReplySink`]. A [`Server`] serves the
//! replica over both transports; a [`server::Router`] adds it to a tonic server of your own.
//!
//! # Peers
//!
//! Replicas that call each other form a [`System`]: each process serves its peers, knows which of them calls, and has a
//! configuration of all members, itself included.
//!
//! # Where to look
//!
//! | | |
//! |---|---|
//! | [`guide`] | how to write a replicated system: a chapter on each subject, with examples |
//! | [`System`] | replicas that know and call each other |
//! | [`Connectivity`] | which nodes are connected |
//! | [`ManagerBuilder`] | options of a manager and its connections, including TLS |
//! | [`CallOptions`] | options of calls |
//! | [`quorum`] | quorum systems: built, combined, parsed, checked |
//! | [`calls`] | the types behind a call: futures, handles, aggregations |
//! | [`errors`] | why a call, a node, a configuration, a manager or a server failed |
//! | [`server`] | routers, limits, bound and running servers |
//! | [`telemetry`] | the spans and events of calls |
//! | [`testing`] | in-memory replicas, and results for mocks to return |
//!
//! # Features
//!
//! No feature is on by default.
//!
//! * `tls-ring`, `tls-aws-lc`: TLS at managers and servers, with that cryptography. If both are on, ring is used.
//! * `tls-native-roots`, `tls-webpki-roots`: the certificate authorities that the platform or Mozilla trusts, for
//!   `CredentialsBuilder::public_authorities`.
//! * `gzip`, `zstd`: compression of requests and replies.
//! * `histogram`: an interceptor, `Latencies`, that collects how long calls take.
//! * `metrics`: figures for monitoring, in the module `metrics`. `prometheus`: the same, as a collector of the crate
//!   prometheus-client.
//! * `opentelemetry`: handlers' spans as children of their callers', by the interceptor `TraceContext`.
//! * `health`, `reflection`: gRPC's standard health and reflection services at a [`Server`].

// docs.rs shows which feature an item needs.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod aggregate_call;
#[cfg(feature = "_bench")]
#[doc(hidden)]
pub mod bench;
mod call;
mod caller;
mod clients;
mod configuration;
mod connection;
mod correctable;
mod fan_out;
#[cfg(feature = "_fuzz")]
#[doc(hidden)]
pub mod fuzz;
mod grpc;
#[cfg(any(doc, feature = "_guide"))]
#[cfg_attr(docsrs, doc(auto_cfg = false))]
pub mod guide;
mod identity;
mod manager;
#[cfg(feature = "metrics")]
pub mod metrics;
#[cfg(not(feature = "metrics"))]
mod metrics;
mod node;
mod node_call;
mod node_info;
mod node_stream;
mod one_way;
mod quorum_call;
mod status;
mod support;
mod system;
mod thrifty;
mod tls;
mod wire;

#[doc(hidden)]
pub mod codegen;
pub mod interceptors;
pub mod server;
pub mod telemetry;
pub mod testing;

// The services of the guide are generated like those of other crates.
#[cfg(any(doc, feature = "_guide"))]
extern crate self as gorums_runtime;

pub use gorums_quorum as quorum;
pub use prost;
pub use prost_types;
pub use tonic;

pub use aggregate_call::{AggregateCall, AsyncCall};
pub use call::{CallOptions, Method, MethodDescriptor, Replies, Transport};
pub use configuration::{Configuration, ConfigurationWatch, Membership};
pub use connection::Backoff;
pub use correctable::{Correctable, Correction};
pub use identity::{ConfigurationId, NodeId, NodeSpec};
pub use manager::{Manager, ManagerBuilder};
pub use node::{Node, NodeChannel};
pub use node_call::NodeCall;
pub use node_info::{Connectivity, ConnectivityEvent, ConnectivityEvents, NodeConnectivity};
pub use one_way::{Multicast, Unicast};
pub use quorum_call::QuorumCall;
pub use server::handler::{Context, ReplySink};
pub use server::server::Server;
pub use support::Connection;
pub use system::{RunningSystem, System, SystemBuilder};
pub use thrifty::Thrifty;
#[cfg(any(feature = "tls-ring", feature = "tls-aws-lc"))]
pub use tls::{Credentials, CredentialsBuilder, PeerCertificate, RotatingCredentials};

/// The types behind a call: before it starts, while it runs, and once it is decided.
///
/// Generated methods return the types at the crate's root: [`QuorumCall`], [`AggregateCall`], [`Correctable`],
/// [`NodeCall`], [`Unicast`] and [`Multicast`]. The methods of those return the types of this module.
pub mod calls {
    pub use crate::aggregate_call::{
        Aggregated, Aggregation, AllReplies, Decision, FirstReply, QuorumOf, Responses,
        SuccessfulResponses, Threshold,
    };
    pub use crate::call::{Decide, Outstanding, Tally};
    pub use crate::correctable::CorrectableCall;
    pub use crate::node_call::{NodeCallFuture, NodeCallHandle};
    pub use crate::one_way::MulticastCall;
    pub use crate::quorum_call::{
        Decided, QuorumCallFuture, QuorumCallHandle, WithNodeIds, WithNodeIdsFuture,
    };
}

/// The errors of calls, nodes, configurations, managers and servers.
pub mod errors {
    pub use crate::configuration::{ConfigurationError, UnknownNode};
    pub use crate::manager::ManagerError;
    pub use crate::node_info::{Closed, LastError, NodeError, NodeErrors};
    pub use crate::one_way::MulticastError;
    pub use crate::quorum_call::{QuorumCallError, QuorumCallErrorKind};
    pub use crate::server::error::ServerError;
    pub use crate::system::SystemError;
    pub use crate::thrifty::StrategyError;
    #[cfg(any(feature = "tls-ring", feature = "tls-aws-lc"))]
    pub use crate::tls::CredentialsError;
    pub use crate::tls::TlsError;
}

/// Includes the code that `gorums-build` generated for a proto package. Call it in a module of its own.
///
/// For `package storage;`, write `mod storage { gorums_runtime::include_proto!("storage"); }`. For files without a
/// package, the argument is `"_"`.
#[macro_export]
macro_rules! include_proto {
    ($package:literal) => {
        include!(concat!(env!("OUT_DIR"), "/", $package, ".rs"));
    };
}
