//! Functions around each call.

mod client;
mod server;
mod shipped;
