//! The routing of replies to their calls.

use bytes::Bytes;
use gorums_runtime::bench::Routing;

use super::envelope::METHOD;

/// A table of calls, to which calls are added one at a time.
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
        // Afterwards, the table has its final size.
        calls.route();
        calls
    }

    /// One call, with the replies of all nodes.
    pub(crate) fn route(&self) -> usize {
        self.routing.route(&METHOD, self.n, &self.reply)
    }
}
