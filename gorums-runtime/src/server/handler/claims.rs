//! The streams of a system's members, one for each, and of those who may become members.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;
use tonic::Status;

use crate::identity::NodeId;

/// Who has streams open. Clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct Claims(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    streams: HashMap<NodeId, Stream>,
    /// What ends the streams of those who say an id that is no member's, by the id and the number of the claim.
    strangers: BTreeMap<(NodeId, u64), CancellationToken>,
    /// Counts the claims.
    last: u64,
}

/// The newest stream of a member.
#[derive(Debug)]
struct Stream {
    claim: u64,
    /// The name of the process that opened it, if it gave one.
    process: Option<u128>,
    /// Ends it.
    end: CancellationToken,
}

/// A stream's claim to be that of a node. Dropping it gives the claim up.
#[derive(Debug)]
pub(crate) struct Claim {
    claims: Claims,
    node: NodeId,
    number: u64,
    /// Whether the node was a member when the stream was opened.
    is_member: bool,
}

impl Claims {
    /// Registers a stream of `member`, which a newer one of another process will end through `end`. Ends the older
    /// stream of another process; returns whether there was one. Streams of one process follow their own order.
    pub(super) fn enter(
        &self,
        member: NodeId,
        process: Option<u128>,
        end: &CancellationToken,
    ) -> (Claim, bool) {
        let mut state = self.lock();
        let number = state.next();
        let stream = Stream {
            claim: number,
            process,
            end: end.clone(),
        };
        let older = state.streams.insert(member, stream);
        drop(state);
        let claim = Claim {
            claims: self.clone(),
            node: member,
            number,
            is_member: true,
        };
        let rival = older.filter(|older| older.process.is_none() || older.process != process);
        if let Some(rival) = &rival {
            rival.end.cancel();
        }
        (claim, rival.is_some())
    }

    /// Registers a stream of somebody who says an id that is no member's.
    pub(super) fn enter_stranger(&self, node: NodeId, end: &CancellationToken) -> Claim {
        let mut state = self.lock();
        let number = state.next();
        state.strangers.insert((node, number), end.clone());
        Claim {
            claims: self.clone(),
            node,
            number,
            is_member: false,
        }
    }

    /// Ends the streams of a stranger, which is a member now.
    pub(super) fn end_stranger(&self, node: NodeId) {
        let mut state = self.lock();
        let all = state.strangers.range((node, 0)..=(node, u64::MAX));
        let numbers: Vec<_> = all.map(|(claim, _)| *claim).collect();
        for claim in numbers {
            if let Some(end) = state.strangers.remove(&claim) {
                end.cancel();
            }
        }
    }

    /// Ends the stream of `member`, which is no longer one.
    pub(super) fn end(&self, member: NodeId) {
        let ended = self.lock().streams.remove(&member);
        if let Some(stream) = ended {
            stream.end.cancel();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The number of the next claim.
    fn next(&mut self) -> u64 {
        self.last += 1;
        self.last
    }
}

impl Claim {
    /// Whether the stream is that of a member.
    pub(crate) fn is_member(&self) -> bool {
        self.is_member
    }

    /// Returns why the server has ended the stream. `None` if it has not.
    pub(crate) fn end(&self) -> Option<Status> {
        let Self { node, number, .. } = self;
        let state = self.claims.lock();
        if !self.is_member {
            let is_open = state.strangers.contains_key(&(*node, *number));
            return (!is_open).then(|| {
                Status::unavailable(format!(
                    "node {node} has become a member of this system; it has to open its stream again"
                ))
            });
        }
        match state.streams.get(node) {
            Some(stream) if stream.claim == *number => None,
            Some(_) => Some(Status::aborted(format!(
                "another process has opened a stream as node {node}, which takes this one's place"
            ))),
            None => Some(Status::permission_denied(format!(
                "node {node} is no longer a member of this system"
            ))),
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut state = self.claims.lock();
        state.strangers.remove(&(self.node, self.number));
        if let Entry::Occupied(stream) = state.streams.entry(self.node)
            && stream.get().claim == self.number
        {
            stream.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;

    #[test]
    fn a_newer_stream_of_another_process_ends_the_older_one_and_one_of_the_same_process_does_not() {
        let claims = Claims::default();
        let ends = [0; 4].map(|_| CancellationToken::new());
        let ended = || ends.each_ref().map(CancellationToken::is_cancelled);
        let (member, other) = (NodeId::new(1), NodeId::new(2));
        let (old, has_rival) = claims.enter(member, Some(1), &ends[0]);
        assert!(!has_rival && old.end().is_none());
        let (_unrelated, has_rival) = claims.enter(other, Some(2), &ends[1]);
        assert!(!has_rival);
        let (same, has_rival) = claims.enter(member, Some(1), &ends[2]);
        assert!(!has_rival && same.end().is_none());
        assert_eq!(ended(), [false; 4]);
        let (new, has_rival) = claims.enter(member, Some(2), &ends[3]);
        assert!(has_rival && new.end().is_none());
        assert_eq!(ended(), [false, false, true, false]);
        let status = same.end().expect("it has ended");
        assert_eq!(status.code(), Code::Aborted);
        assert!(status.message().contains("node 1"), "{status}");
        drop((old, same));
        assert!(new.end().is_none());
        drop(new);
        assert_eq!(claims.lock().streams.len(), 1);
    }

    #[test]
    fn processes_without_names_are_different_ones() {
        let claims = Claims::default();
        let ends = [0; 2].map(|_| CancellationToken::new());
        let _old = claims.enter(NodeId::new(1), None, &ends[0]);
        let (_new, has_rival) = claims.enter(NodeId::new(1), None, &ends[1]);
        assert!(has_rival && ends[0].is_cancelled());
    }

    #[test]
    fn the_stream_of_a_member_that_is_removed_ends() {
        let claims = Claims::default();
        let end = CancellationToken::new();
        let (claim, _) = claims.enter(NodeId::new(1), None, &end);
        claims.end(NodeId::new(2));
        assert!(!end.is_cancelled());
        claims.end(NodeId::new(1));
        assert!(end.is_cancelled());
        let status = claim.end().expect("it has ended");
        assert_eq!(status.code(), Code::PermissionDenied);
    }

    #[test]
    fn the_streams_of_a_stranger_end_when_it_becomes_a_member() {
        let claims = Claims::default();
        let ends = [0; 3].map(|_| CancellationToken::new());
        let (node, other) = (NodeId::new(1), NodeId::new(2));
        let claim = claims.enter_stranger(node, &ends[0]);
        drop(claims.enter_stranger(node, &ends[1]));
        let unrelated = claims.enter_stranger(other, &ends[2]);
        assert!(claim.end().is_none());
        claims.end_stranger(node);
        assert_eq!(
            ends.each_ref().map(CancellationToken::is_cancelled),
            [true, false, false]
        );
        let status = claim.end().expect("it has ended");
        assert_eq!(status.code(), Code::Unavailable);
        assert!(unrelated.end().is_none());
        drop((claim, unrelated));
        assert!(claims.lock().strangers.is_empty());
    }
}
