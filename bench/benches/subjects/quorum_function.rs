//! A quorum function, called after each reply.

use gorums_runtime::{NodeId, Replies};

/// A state with the time at which it was written.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) timestamp: u64,
}

/// The replies of `n` nodes, the newest in the middle.
pub(crate) fn states(n: u32) -> Vec<(NodeId, State)> {
    let timestamp = |node| u64::from(n / 2).abs_diff(u64::from(node));
    (1..=n)
        .map(|node| {
            let timestamp = u64::from(n) - timestamp(node);
            (NodeId::new(node), State { timestamp })
        })
        .collect()
}

/// The newest state of a majority.
pub(crate) fn decide(states: Vec<(NodeId, State)>) -> Option<State> {
    let quorum = states.len() / 2 + 1;
    let mut replies = Replies::default();
    states.into_iter().find_map(|reply| {
        replies.extend([reply]);
        newest_of(quorum, &mut replies)
    })
}

fn newest_of(quorum: usize, replies: &mut Replies<State>) -> Option<State> {
    if replies.len() < quorum {
        return None;
    }
    replies.take_max_by_key(|state| state.timestamp)
}
