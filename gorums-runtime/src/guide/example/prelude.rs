//! What the guide's examples use.

pub use std::time::Duration;

pub use futures::StreamExt;

pub use crate::calls::Aggregation;
pub use crate::errors::{
    MulticastError, NodeError, QuorumCallError, QuorumCallErrorKind, ServerError,
};
#[cfg(feature = "opentelemetry")]
pub use crate::interceptors::TraceContext;
pub use crate::interceptors::{
    AllowedPeers, AnyMessage, CallOutcome, CallWatch, ClientCall, ClientInterceptor, Logging, Next,
    ServerCall, ServerInterceptor,
};
#[cfg(feature = "metrics")]
pub use crate::metrics::Metrics;
pub use crate::quorum::{Quorums, ReadWrite, Share};
#[cfg(feature = "health")]
pub use crate::server::Health;
pub use crate::server::{Router, StreamLimits, recommended_server};
pub use crate::testing::{self, replies};
pub use crate::tonic;
pub use crate::tonic::codec::CompressionEncoding;
pub use crate::tonic::metadata::MetadataMap;
pub use crate::tonic::{Code, Status, Streaming};
pub use crate::{
    Backoff, CallOptions, Configuration, Context, Correctable, Correction, Manager, NodeId,
    Replies, ReplySink, Server, System, Thrifty,
};

pub use crate::{guide_handlers as handlers, guide_quorum_functions as quorum_functions};

#[cfg(feature = "_guide")]
pub use tls::*;

#[cfg(feature = "_guide")]
mod tls {
    pub use crate::{Credentials, RotatingCredentials};
}
