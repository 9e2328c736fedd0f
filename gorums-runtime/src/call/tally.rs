//! The argument of a quorum function.

use std::fmt;

use super::method::Method;
use super::replies::Replies;

/// The argument of a quorum function: its spec, the request, and the replies so far.
#[non_exhaustive]
pub struct Tally<'a, M: Method, Q> {
    /// The quorum spec that decides.
    pub spec: &'a Q,
    /// The request of the call.
    pub request: &'a M::Request,
    /// The replies so far, in order of arrival. The function may take them out.
    pub replies: &'a mut Replies<M::Reply>,
}

impl<'a, M: Method, Q> Tally<'a, M, Q> {
    pub(crate) fn new(
        spec: &'a Q,
        request: &'a M::Request,
        replies: &'a mut Replies<M::Reply>,
    ) -> Self {
        Self {
            spec,
            request,
            replies,
        }
    }
}

impl<M: Method, Q> fmt::Debug for Tally<'_, M, Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tally")
            .field("method", &M::DESCRIPTOR.full_name())
            .field("replies", &self.replies.len())
            .finish_non_exhaustive()
    }
}
