//! The parts of a call: its method, options, deadline, envelope, and replies.
//!
//! Owns values, and what the calls of a handler inherit from the call that it serves. Nothing here sends a message.
//! Imports `identity` and `support`. Does not know nodes, transports or connections.

mod deadline;
mod decode;
mod envelope;
mod message_options;
mod method;
mod options;
mod per_node;
mod receipt;
mod replies;
mod reply_limit;
mod served;
mod tally;
mod transport;
mod turn;

pub(crate) use deadline::{Alarm, Deadline, parse_grpc_timeout};
pub(crate) use decode::decode;
pub(crate) use envelope::Envelope;
pub(crate) use message_options::MessageOptions;
pub use method::{Decide, Method, MethodDescriptor};
pub use options::CallOptions;
pub(crate) use options::option_methods;
pub(crate) use per_node::{PerNode, USUAL_NODES};
pub(crate) use receipt::{HandedOver, Receipt};
pub use replies::Replies;
pub(crate) use replies::TooMany;
pub(crate) use reply_limit::{Held, ReplyLimit};
pub(crate) use served::{Served, Serving, Withdrawal};
pub use tally::Tally;
pub use transport::Transport;
pub(crate) use turn::Turn;
