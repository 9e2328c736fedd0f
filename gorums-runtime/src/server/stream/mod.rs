//! Node streams at the server.

mod answering;
mod backlog;
mod call_limits;
mod clients;
mod handling;
mod keep_alive;
mod limits;
mod methods;
mod one_reply;
mod opening;
mod peers;
mod reply_body;
mod running;
mod service;
mod session;
mod work;

pub(super) use answering::{Answering, ReplyTo, with_many, with_nothing, with_one};
pub(super) use call_limits::{CallLimits, too_late};
pub use limits::StreamLimits;
pub(super) use peers::{Peers, Visit};
pub(super) use service::NodeStreams;
