//! How many streams each peer has.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The peers that have streams open.
#[derive(Clone, Debug, Default)]
pub(super) struct Peers(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// A stream of a peer, which is gone when this is dropped.
#[derive(Debug)]
pub(super) struct Admission {
    peers: Peers,
    peer: Option<IpAddr>,
}

impl Peers {
    /// Lets a peer have one more stream if it has fewer than `limit`. Peers without an address are not told apart, and
    /// not limited.
    pub(super) fn admit(&self, peer: Option<IpAddr>, limit: usize) -> Option<Admission> {
        if let Some(peer) = peer {
            let mut peers = self.lock();
            let streams = peers.entry(peer).or_default();
            if *streams >= limit {
                return None;
            }
            *streams += 1;
        }
        Some(Admission {
            peers: self.clone(),
            peer,
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        let Some(peer) = self.peer else {
            return;
        };
        let mut peers = self.peers.lock();
        if let Some(streams) = peers.get_mut(&peer) {
            *streams -= 1;
            if *streams == 0 {
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
        let peers = Peers::default();
        let peer = Some(IpAddr::from([10, 0, 0, 1]));
        let first = peers.admit(peer, 2);
        let second = peers.admit(peer, 2);
        assert!(first.is_some() && second.is_some());
        assert!(peers.admit(peer, 2).is_none());
        assert!(peers.admit(Some(IpAddr::from([10, 0, 0, 2])), 2).is_some());
        drop(first);
        assert!(peers.admit(peer, 2).is_some());
        drop(second);
        assert!(peers.lock().is_empty());
    }
}
