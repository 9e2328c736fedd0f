//! Quorum calls over [tonic]: what the code that `protoc-gen-rust-gorums` and `gorums-build` generate calls, and
//! what is used along with it.
//!
//! A quorum protocol sends one request to n replicas and acts on a *quorum* of the replies. Here that is one typed
//! call. A [`Manager`] holds the connections to the replicas, the [`Node`]s. A [`Configuration`] is a set of them.
//! Generated code puts a service's methods on it: such a call fans out to the nodes, hands the [`Replies`] to the
//! quorum function that you wrote, and returns what that function decides.

mod configuration;
mod connector;
mod deadline;
mod fan_out;
mod grpc;
mod id;
mod manager;
mod method;
mod node;
mod node_call;
mod node_error;
mod options;
mod quorum_call;
mod replies;
mod stragglers;
mod tasks;

pub mod codegen;

pub use prost_types;
pub use tonic;

pub use configuration::{Configuration, ConfigurationError, UnknownNode};
pub use connector::Connection;
pub use id::{ConfigurationId, NodeId};
pub use manager::{Manager, ManagerBuilder, ManagerError, NodeSpec};
pub use method::{Decide, Method, MethodDescriptor};
pub use node::Node;
pub use node_call::{NodeCall, NodeCallFuture};
pub use node_error::NodeError;
pub use quorum_call::{
    Decided, QuorumCall, QuorumCallError, QuorumCallErrorKind, QuorumCallFuture, WithNodes,
    WithNodesFuture,
};
pub use replies::Replies;

/// Includes the code that `gorums-build` generated for a proto package: `include_proto!("storage")` for
/// `package storage;`, `include_proto!("_")` for files without a package.
///
/// ```ignore
/// pub mod storage {
///     gorums_runtime::include_proto!("storage");
/// }
/// ```
#[macro_export]
macro_rules! include_proto {
    ($package:literal) => {
        include!(concat!(env!("OUT_DIR"), "/", $package, ".rs"));
    };
}
