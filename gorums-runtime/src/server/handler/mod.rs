//! Runs the handlers of calls, on both transports.
//!
//! Owns what a handler sees of its call (`Context`, `ReplySink`), how replies leave, and the limits on unread replies.
//! Imports `call`, `node`, `support` and `wire`. Does not know the server around it: routers, connections, and the order in
//! which a node stream starts its handlers.

mod answering;
mod attended;
mod claims;
mod codec;
mod context;
mod function;
mod handlers;
mod handling;
mod interceptor;
mod limits;
mod members;
mod one_reply;
mod pacing;
mod peer;
mod peer_backlog;
mod peers;
mod progress;
mod reply_sink;
mod reply_to;
mod server_call;
mod service_options;
#[cfg(feature = "metrics")]
mod timed;
mod too_late;

pub(crate) use answering::Answering;
pub(crate) use claims::Claim;
pub(crate) use codec::panicked_at_once;
pub use context::Context;
pub(crate) use handlers::Answer;
pub use handlers::Handlers;
pub(crate) use handling::Handling;
pub(crate) use interceptor::{Interceptors, UNKNOWN};
pub use interceptor::{Next, ServerInterceptor};
pub use limits::StreamLimits;
pub(crate) use members::{Member, Members};
pub(crate) use pacing::Pacing;
pub(crate) use peer::{Caller, Peer, address};
pub(crate) use peer_backlog::PeerBacklog;
pub(crate) use peers::{Peers, Visit};
pub(crate) use progress::{Progress, next_piece};
pub use reply_sink::ReplySink;
pub(crate) use reply_to::{Framing, ReplyTo, reply};
pub use server_call::ServerCall;
pub(crate) use service_options::ServiceOptions;
