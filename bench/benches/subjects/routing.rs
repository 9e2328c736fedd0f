//! Replies on their way to the call that they are for.

use gorums_runtime::bench::Routing;
use prost::bytes::Bytes;

use super::envelope::METHOD;

/// A table of calls, to which calls are added one after the other.
pub(crate) struct Calls {
    routing: Routing,
    n: u32,
    reply: Bytes,
}

impl Calls {
    /// Of `n` nodes.
    pub(crate) fn new(n: u32) -> Self {
        let calls = Self {
            routing: Routing::default(),
            n,
            reply: Bytes::from_static(&[0x5a; 16]),
        };
        // The table has its size afterwards.
        calls.route();
        calls
    }

    /// One call, with the replies of all nodes.
    pub(crate) fn route(&self) -> usize {
        self.routing.route(&METHOD, self.n, &self.reply)
    }
}
