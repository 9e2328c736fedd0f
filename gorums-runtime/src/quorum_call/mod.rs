//! Quorum calls: one request to all nodes, decided by a quorum function.

mod call;
mod decided;
mod error;
mod future;
mod handle;

pub use call::{QuorumCall, WithNodes};
pub use decided::Decided;
pub use error::{QuorumCallError, QuorumCallErrorKind};
pub use future::{QuorumCallFuture, WithNodesFuture};
pub use handle::QuorumCallHandle;
