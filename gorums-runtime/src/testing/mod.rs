//! What tests of your own code need: replies to hand to a quorum function, replicas in memory, and what a mock of the
//! calls of a service returns.
//!
//! Code that makes calls can be tested without replicas if it is generic over the service's calls: the generated trait
//! that is named like the service, with `Calls` behind. A mock implements it with the values that a test wants; the
//! functions here make the errors and the correctables.
//!
//! ```
//! # mod one_way { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/../golden/one_way.rs")); }
//! use gorums_runtime::NodeId;
//! use gorums_runtime::errors::{MulticastError, NodeError};
//! use one_way::Entry;
//! use one_way::one_way_gorums::OneWayCalls;
//!
//! /// The function to be tested; an application passes it a `OneWayConfiguration`.
//! async fn greet(log: &impl OneWayCalls) -> Result<(), MulticastError> {
//!     log.append(Entry { text: "hello".to_string() }).await
//! }
//!
//! struct Mock;
//!
//! impl OneWayCalls for Mock {
//!     async fn append(&self, entry: Entry) -> Result<(), MulticastError> {
//!         assert_eq!(entry.text, "hello");
//!         Ok(())
//!     }
//!     # async fn append_per_node(
//!     #     &self,
//!     #     _: Entry,
//!     #     _: impl FnMut(&Entry, NodeId) -> Option<Entry> + Send + 'static,
//!     # ) -> Result<(), MulticastError> { Ok(()) }
//!     # async fn append_in_order(&self, _: Entry) -> Result<(), MulticastError> { Ok(()) }
//!     # async fn append_in_order_per_node(
//!     #     &self,
//!     #     _: Entry,
//!     #     _: impl FnMut(&Entry, NodeId) -> Option<Entry> + Send + 'static,
//!     # ) -> Result<(), MulticastError> { Ok(()) }
//!     # async fn append_to(&self, _: NodeId, _: Entry) -> Result<(), NodeError> { Ok(()) }
//!     # async fn notify(&self, _: NodeId, _: Entry) -> Result<(), NodeError> { Ok(()) }
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! greet(&Mock).await.unwrap();
//! # });
//! ```

mod errors;
mod levels;
mod replicas;

pub use errors::{multicast_error, node_error, quorum_call_error};
pub use levels::{Levels, correctable};
pub use replicas::{Replicas, replicas};

use crate::call::Replies;
use crate::identity::NodeId;

/// The replies `messages`, of the nodes 1, 2, 3, ..., as a quorum function is given them.
///
/// ```
/// use gorums_runtime::Replies;
/// use gorums_runtime::testing::replies;
///
/// /// The greatest reply of a majority of three.
/// fn read_qf(replies: &mut Replies<u64>) -> Option<u64> {
///     if replies.len() < 2 {
///         return None;
///     }
///     replies.take_max_by_key(|reply| *reply)
/// }
///
/// assert_eq!(read_qf(&mut replies([3])), None);
/// assert_eq!(read_qf(&mut replies([3, 5])), Some(5));
/// ```
pub fn replies<T>(messages: impl IntoIterator<Item = T>) -> Replies<T> {
    (1..).map(NodeId::new).zip(messages).collect()
}
