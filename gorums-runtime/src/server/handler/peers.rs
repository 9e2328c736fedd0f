//! Counts the streams, waiting requests and unread replies of each peer.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tonic::Status;

use super::limits::StreamLimits;
use super::peer_backlog::PeerBacklog;
use crate::wire::Unread;

/// The peers that have open streams or unread replies.
#[derive(Clone, Debug, Default)]
pub(crate) struct Peers(Arc<Mutex<HashMap<IpAddr, PeerEntry>>>);

#[derive(Debug)]
struct PeerEntry {
    /// The open streams of each client by its name, and those of clients that give none.
    streams: HashMap<Option<u128>, usize>,
    /// The number of visits, including those of streams.
    visits: usize,
    unread: Arc<Unread>,
    backlog: PeerBacklog,
}

/// A stream or a call of a peer. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Visit {
    peers: Peers,
    peer: Option<IpAddr>,
    kind: Kind,
    unread: Arc<Unread>,
    backlog: PeerBacklog,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    /// A stream of the client with this name, if it gives one.
    Stream(Option<u128>),
    Call,
}

impl Peers {
    /// Admits one more stream of a peer, from the client with the name `client` if it gives one. Peers without an address
    /// are not told apart and not limited.
    ///
    /// # Errors
    ///
    /// If the client or its address has as many streams as it may have.
    pub(crate) fn admit(
        &self,
        peer: Option<IpAddr>,
        client: Option<u128>,
        limits: &StreamLimits,
    ) -> Result<Visit, Status> {
        self.enter(peer, limits, Kind::Stream(client))
    }

    /// Registers a call of a peer that has a reply to read.
    pub(crate) fn answer(&self, peer: IpAddr, limits: &StreamLimits) -> Option<Visit> {
        self.enter(Some(peer), limits, Kind::Call).ok()
    }

    /// How many bytes the peers have not read.
    #[cfg(feature = "metrics")]
    pub(crate) fn unread(&self) -> usize {
        self.lock().values().map(|peer| peer.unread.bytes()).sum()
    }

    fn enter(
        &self,
        peer: Option<IpAddr>,
        limits: &StreamLimits,
        kind: Kind,
    ) -> Result<Visit, Status> {
        let unread = || {
            Arc::new(Unread::new(
                limits.peer_reply_bytes,
                limits.streams_per_address,
            ))
        };
        let (unread, backlog) = match peer {
            None => (unread(), PeerBacklog::default()),
            Some(peer) => {
                let mut peers = self.lock();
                let entry = peers.entry(peer).or_insert_with(|| PeerEntry {
                    streams: HashMap::new(),
                    visits: 0,
                    unread: unread(),
                    backlog: PeerBacklog::default(),
                });
                if let Kind::Stream(client) = kind {
                    entry.check(client, peer, limits)?;
                    *entry.streams.entry(client).or_default() += 1;
                }
                entry.visits += 1;
                (Arc::clone(&entry.unread), entry.backlog.clone())
            }
        };
        Ok(Visit {
            peers: self.clone(),
            peer,
            kind,
            unread,
            backlog,
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, PeerEntry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PeerEntry {
    /// Checks that the client may have one more stream.
    fn check(
        &self,
        client: Option<u128>,
        address: IpAddr,
        limits: &StreamLimits,
    ) -> Result<(), Status> {
        let of_client = self.streams.get(&client).copied().unwrap_or(0);
        let of_address: usize = self.streams.values().sum();
        let (whose, most, option) = if of_client >= limits.streams_per_peer {
            let whose = match client {
                Some(_) => "this client has".to_owned(),
                None => format!("the clients at {address} that give no name have"),
            };
            (whose, limits.streams_per_peer, "streams_per_peer")
        } else if of_address >= limits.streams_per_address {
            let whose = format!("the clients at {address} have");
            (whose, limits.streams_per_address, "streams_per_address")
        } else {
            return Ok(());
        };
        Err(Status::resource_exhausted(format!(
            "{whose} {most} streams open, the most that are allowed; close some, or raise StreamLimits::{option} at the server"
        )))
    }
}

impl Visit {
    /// Counts the peer's unread replies.
    pub(crate) fn unread(&self) -> &Arc<Unread> {
        &self.unread
    }

    /// Counts the requests of the peer that wait for their turn.
    pub(crate) fn backlog(&self) -> &PeerBacklog {
        &self.backlog
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        let Some(peer) = self.peer else {
            return;
        };
        let mut peers = self.peers.lock();
        if let Some(entry) = peers.get_mut(&peer) {
            if let Kind::Stream(client) = self.kind
                && let Entry::Occupied(mut streams) = entry.streams.entry(client)
            {
                *streams.get_mut() -= 1;
                if *streams.get() == 0 {
                    streams.remove();
                }
            }
            entry.visits -= 1;
            if entry.visits == 0 {
                peers.remove(&peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));

    #[test]
    fn a_client_has_as_many_streams_as_it_may_and_more_when_one_has_ended() {
        let limits = StreamLimits::new().streams_per_peer(2);
        let peers = Peers::default();
        for client in [None, Some(7)] {
            let admit = || peers.admit(Some(ADDRESS), client, &limits);
            let first = admit().expect("there is room");
            let second = admit().expect("there is room");
            let refused = admit().expect_err("it has two");
            assert!(
                refused.message().contains("StreamLimits::streams_per_peer"),
                "{refused}"
            );
            assert!(peers.answer(ADDRESS, &limits).is_some(), "no stream");
            let other = peers.admit(Some(ADDRESS), Some(8), &limits);
            other.expect("another client's");
            let elsewhere = IpAddr::from([10, 0, 0, 2]);
            let elsewhere = peers.admit(Some(elsewhere), None, &limits);
            elsewhere.expect("another address");
            drop(first);
            admit().expect("one has ended");
            drop(second);
        }
        assert!(peers.lock().is_empty());
    }

    #[test]
    fn a_client_that_gives_itself_many_names_has_no_more_streams_than_its_address_may() {
        let limits = StreamLimits::new().streams_per_address(10);
        let peers = Peers::default();
        let admit = |name| peers.admit(Some(ADDRESS), Some(name), &limits);
        let streams: Vec<_> = (0..10).map(admit).collect();
        assert!(streams.iter().all(Result::is_ok));
        let refused = admit(10).expect_err("it has ten");
        assert!(
            refused
                .message()
                .contains("StreamLimits::streams_per_address"),
            "{refused}"
        );
    }
}
