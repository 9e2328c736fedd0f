//! One-way calls: nobody waits for replies.

mod call;
mod error;

pub use call::{Multicast, MulticastCall, Unicast};
pub use error::MulticastError;
