//! Functions around each call, at the server and at the client.
//!
//! * A [`ServerInterceptor`] is around each call that a server handles, whatever it came by: it may refuse the call, wait,
//!   change the request, the metadata and the reply, and it sees the outcome.
//! * A [`ClientInterceptor`] is around each call of a manager or of a configuration, whatever its type: it may refuse the call,
//!   change the request and the metadata, and it sees, and may reject, each node's reply.
//!
//! Without interceptors, calls pay nothing for them. Those that are needed again and again are here:
//!
//! | interceptor | at | what it does |
//! |---|---|---|
//! | [`AllowedPeers`] | servers | lets only some members of a system call some methods |
//! | [`Faults`] | both | delays calls and makes them fail, for tests |
//! | `Latencies` | both | collects how long calls take, by method; needs the crate's feature `histogram` |
//! | [`Logging`] | both | emits an event for each call |
//! | `TraceContext` | both | makes a handler's span a child of its caller's; needs the crate's feature `opentelemetry` |

// Owns the interceptors that ship with the crate. Imports `call` and `server`. Does not know how they are run: `call` does
// that for clients, `server::handler` for servers.

mod allowed_peers;
mod faults;
#[cfg(feature = "histogram")]
mod latencies;
mod logging;
#[cfg(feature = "opentelemetry")]
mod trace_context;
#[cfg(feature = "opentelemetry")]
mod traceparent;

pub use allowed_peers::AllowedPeers;
pub use faults::Faults;
#[cfg(feature = "histogram")]
pub use latencies::Latencies;
pub use logging::Logging;
#[cfg(feature = "opentelemetry")]
pub use trace_context::TraceContext;

pub use crate::call::{
    AnyMessage, CallOutcome, CallWatch, ClientCall, ClientInterceptor, NodeOutcome,
};
pub use crate::server::handler::{Next, ServerCall, ServerInterceptor};
