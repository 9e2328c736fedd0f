//! TODO

mod backlog;
mod clients;
mod keep_alive;
mod methods;
mod opening;
mod released_handlers;
mod reply_body;
mod service;
mod session;
mod work;

pub(crate) use service::NodeStreams;
