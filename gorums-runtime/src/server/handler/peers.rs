//! Counts the streams and unread replies of each peer.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::limits::StreamLimits;
use crate::wire::Unread;

/// The peers that have open streams or unread replies.
#[derive(Clone, Debug, Default)]
pub(crate) struct Peers(Arc<Mutex<HashMap<IpAddr, PeerEntry>>>);

#[derive(Debug)]
struct PeerEntry {
    streams: usize,
    /// The number of visits, including those of streams.
    visits: usize,
    unread: Arc<Unread>,
}

/// A stream or a call of a peer. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Visit {
    peers: Peers,
    peer: Option<IpAddr>,
    is_stream: bool,
    unread: Arc<Unread>,
}

impl Peers {
    /// Admits one more stream of a peer, unless the peer has as many as it may have. Peers without an address are not
    /// told apart and not limited.
    pub(crate) fn admit(&self, peer: Option<IpAddr>, limits: &StreamLimits) -> Option<Visit> {
        self.enter(peer, limits, true)
    }

    /// Registers a call of a peer that has a reply to read.
    pub(crate) fn answer(&self, peer: IpAddr, limits: &StreamLimits) -> Option<Visit> {
        self.enter(Some(peer), limits, false)
    }

    fn enter(&self, peer: Option<IpAddr>, limits: &StreamLimits, is_stream: bool) -> Option<Visit> {
        let unread = || {
            Arc::new(Unread::new(
                limits.peer_reply_bytes,
                limits.streams_per_peer,
            ))
        };
        let unread = match peer {
            None => unread(),
            Some(peer) => {
                let mut peers = self.lock();
                let entry = peers.entry(peer).or_insert_with(|| PeerEntry {
                    streams: 0,
                    visits: 0,
                    unread: unread(),
                });
                if is_stream && entry.streams >= limits.streams_per_peer {
                    return None;
                }
                entry.streams += usize::from(is_stream);
                entry.visits += 1;
                Arc::clone(&entry.unread)
            }
        };
        Some(Visit {
            peers: self.clone(),
            peer,
            is_stream,
            unread,
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, PeerEntry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Visit {
    /// Counts the peer's unread replies.
    pub(crate) fn unread(&self) -> &Arc<Unread> {
        &self.unread
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        let Some(peer) = self.peer else {
            return;
        };
        let mut peers = self.peers.lock();
        if let Some(entry) = peers.get_mut(&peer) {
            entry.streams -= usize::from(self.is_stream);
            entry.visits -= 1;
            if entry.visits == 0 {
                peers.remove(&peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_has_as_many_streams_as_it_may_and_more_when_one_has_ended() {
        let limits = StreamLimits::new().streams_per_peer(2);
        let peers = Peers::default();
        let peer = IpAddr::from([10, 0, 0, 1]);
        let first = peers.admit(Some(peer), &limits);
        let second = peers.admit(Some(peer), &limits);
        assert!(first.is_some() && second.is_some());
        assert!(peers.admit(Some(peer), &limits).is_none());
        assert!(peers.answer(peer, &limits).is_some(), "no stream");
        let other = IpAddr::from([10, 0, 0, 2]);
        assert!(peers.admit(Some(other), &limits).is_some());
        drop(first);
        assert!(peers.admit(Some(peer), &limits).is_some());
        drop(second);
        assert!(peers.lock().is_empty());
    }
}
