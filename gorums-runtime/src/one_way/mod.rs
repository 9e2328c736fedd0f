//! One-way calls: unicasts and multicasts, which have no replies.
//!
//! Owns a message from the call until the transport has taken it. Imports `caller`, `configuration`, `fan_out`, `grpc`,
//! `node`, `node_stream` and what is below them. Does not know whether a replica handles the message.

mod error;
mod multicast;
mod multicast_call;
mod sending;
mod unicast;

pub use error::MulticastError;
pub use multicast::Multicast;
pub use multicast_call::MulticastCall;
pub use unicast::Unicast;
