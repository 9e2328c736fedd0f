//! The parts of a call: its method, options, deadline, envelope, and replies.
//!
//! Owns values, and what the calls of a handler inherit from the call that it serves. Nothing here sends a message.
//! Imports `identity`, `support` and `thrifty`. Does not know nodes, transports or connections.

mod any_message;
mod client_interceptor;
mod deadline;
mod decode;
mod envelope;
mod message_options;
mod message_size;
mod method;
mod options;
mod outcome;
mod outstanding;
mod per_node;
mod receipt;
mod replies;
mod reply_limit;
mod served;
mod tally;
mod transport;
mod turn;
mod watched;

pub use any_message::AnyMessage;
pub use client_interceptor::{CallWatch, ClientCall, ClientInterceptor, NodeOutcome};
pub(crate) use deadline::{Alarm, Deadline, parse_grpc_timeout};
pub(crate) use decode::decode;
pub(crate) use envelope::Envelope;
pub(crate) use message_options::MessageOptions;
pub(crate) use message_size::{MessageSize, Side};
pub use method::{Decide, Method, MethodDescriptor};
pub use options::CallOptions;
pub(crate) use options::option_methods;
pub use outcome::CallOutcome;
pub use outstanding::Outstanding;
pub(crate) use per_node::{PerNode, USUAL_NODES};
pub(crate) use receipt::{HandedOver, Receipt};
pub use replies::Replies;
pub(crate) use replies::TooMany;
pub(crate) use reply_limit::{Held, ReplyLimit};
pub(crate) use served::{Served, Serving, Withdrawal};
pub use tally::Tally;
pub use transport::Transport;
pub(crate) use turn::Turn;
pub(crate) use watched::{Called, Watched};
