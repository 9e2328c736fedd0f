//! What tests of your own code need: replies to hand to a quorum function, and replicas in memory.

mod replicas;

pub use replicas::{Replicas, replicas};

use crate::{NodeId, Replies};

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
