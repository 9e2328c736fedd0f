//! Quorum calls: one request to all nodes, decided by a quorum function.
//!
//! Owns a call from before it starts to its result or error. Imports `caller`, `configuration`, `fan_out` and what is
//! below them. Does not know the transports.

mod call;
mod contacts;
mod decided;
mod error;
mod future;
mod handle;
mod undecided;

pub use call::{QuorumCall, WithNodeIds};
pub use decided::Decided;
pub use error::{QuorumCallError, QuorumCallErrorKind};
pub use future::{QuorumCallFuture, WithNodeIdsFuture};
pub use handle::QuorumCallHandle;
pub(crate) use undecided::Undecided;
