//! For tests of your own code: replies to pass to a quorum function, in-memory replicas, and results for mocks to
//! return.
//!
//! Code can be tested without replicas if it is generic over the service's calls. With the option `calls_trait`, the
//! generator writes a trait for these, such as `OneWayCalls` for the service `OneWay`. A mock implements the calls that a
//! test needs, and any other panics; the functions of this module create errors and correctables.
//!
//! ```
//! # mod one_way { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doctests/one_way.rs")); }
//! use gorums_runtime::errors::MulticastError;
//! use one_way::Entry;
//! use one_way::one_way_gorums::OneWayCalls;
//!
//! /// The function under test; an application passes it a `OneWayConfiguration`.
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
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! greet(&Mock).await.unwrap();
//! # });
//! ```
//!
//! Code under test sets options through the trait, with `with_options`. A mock that is given options returns a mock that
//! knows them, and asserts on what their functions return whose names begin with `get_`:
//!
//! ```
//! # mod one_way { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doctests/one_way.rs")); }
//! # use gorums_runtime::errors::MulticastError;
//! # use one_way::Entry;
//! # use one_way::one_way_gorums::OneWayCalls;
//! use std::time::Duration;
//!
//! use gorums_runtime::CallOptions;
//!
//! async fn greet_soon(log: &impl OneWayCalls) -> Result<(), MulticastError> {
//!     let soon = log.with_options(CallOptions::new().timeout(Duration::from_millis(50)));
//!     soon.append(Entry { text: "hello".to_string() }).await
//! }
//!
//! #[derive(Default)]
//! struct Mock {
//!     options: CallOptions,
//! }
//!
//! impl OneWayCalls for Mock {
//!     fn with_options(&self, options: CallOptions) -> Self {
//!         Self { options }
//!     }
//!
//!     async fn append(&self, _: Entry) -> Result<(), MulticastError> {
//!         assert_eq!(self.options.get_timeout(), Some(Duration::from_millis(50)));
//!         Ok(())
//!     }
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! greet_soon(&Mock::default()).await.unwrap();
//! # });
//! ```

// Owns the replicas, correctables and errors that tests create. May import every folder, because none imports it. Does
// not know generated code: the service and its replicas are type parameters.

mod cables;
mod errors;
mod levels;
mod replicas;
mod systems;

pub use errors::{multicast_error, node_error, quorum_call_error};
pub use levels::{Levels, correctable};
pub use replicas::{Replicas, replicas};
pub use systems::{Systems, systems, systems_with};

use crate::call::Replies;
use crate::identity::NodeId;

/// Creates the replies `messages` from the nodes 1, 2, 3 and so on, to pass to a quorum function.
///
/// ```
/// use gorums_runtime::quorum::Quorums;
/// use gorums_runtime::testing::replies;
/// use gorums_runtime::{NodeId, Replies};
///
/// /// Returns the greatest reply of a quorum.
/// fn read_qf(quorums: &Quorums<NodeId>, replies: &mut Replies<u64>) -> Option<u64> {
///     if !replies.form(quorums) {
///         return None;
///     }
///     replies.take_max_by_key(|reply| *reply)
/// }
///
/// let majority = Quorums::majority([1, 2, 3].map(NodeId::new));
/// assert_eq!(read_qf(&majority, &mut replies([3])), None);
/// assert_eq!(read_qf(&majority, &mut replies([3, 5])), Some(5));
/// ```
pub fn replies<T>(messages: impl IntoIterator<Item = T>) -> Replies<T> {
    (1..).map(NodeId::new).zip(messages).collect()
}
