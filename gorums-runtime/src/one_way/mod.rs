//! One-way calls: nobody waits for replies.

mod error;
mod multicast;
mod multicast_call;
mod sending;
mod unicast;

pub use error::MulticastError;
pub use multicast::Multicast;
pub use multicast_call::MulticastCall;
pub use unicast::Unicast;
