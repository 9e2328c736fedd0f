//! Node streams at the server.

mod answering;
mod backlog;
mod handling;
mod limits;
mod methods;
mod peers;
mod reply_body;
mod running;
mod service;
mod session;
mod work;

pub(super) use answering::{Answering, ReplyTo, with_many, with_nothing, with_one};
pub use limits::StreamLimits;
pub(super) use service::NodeStreams;
