//! The limit on the replies of one node that a call holds.

/// How many replies of one node, and how many bytes of them, one call holds. If a node sends more, the call fails on
/// that node alone.
///
/// A reply of any size is accepted if the call holds no other reply of its node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ReplyLimit {
    pub(crate) replies: usize,
    pub(crate) bytes: usize,
}

/// The replies of one node that a call holds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Held {
    replies: usize,
    bytes: usize,
}

impl ReplyLimit {
    /// Whether a call that holds `held` may accept a reply of `bytes` bytes.
    pub(crate) fn admits(&self, held: &Held, bytes: usize) -> bool {
        let fits = held.replies < self.replies && held.bytes.saturating_add(bytes) <= self.bytes;
        fits || held.replies == 0
    }
}

impl Default for ReplyLimit {
    /// 16,384 replies and 64 MiB.
    fn default() -> Self {
        Self {
            replies: 16_384,
            bytes: 64 * 1024 * 1024,
        }
    }
}

impl Held {
    pub(crate) fn add(&mut self, bytes: usize) {
        self.replies += 1;
        self.bytes += bytes;
    }

    pub(crate) fn remove(&mut self, bytes: usize) {
        self.replies = self.replies.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_has_room_for_so_many_replies_and_bytes_and_for_one_of_any_size() {
        let limit = ReplyLimit {
            replies: 3,
            bytes: 100,
        };
        let mut held = Held::default();
        assert!(limit.admits(&held, 1000));
        held.add(60);
        assert!(limit.admits(&held, 40));
        assert!(!limit.admits(&held, 41));
        held.add(20);
        held.add(20);
        assert!(!limit.admits(&held, 0));
        held.remove(60);
        assert!(limit.admits(&held, 60));
    }
}
