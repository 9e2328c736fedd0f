//! The clients that name themselves, and the order of their streams.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OwnedMutexGuard;
use tokio_util::sync::CancellationToken;
use tonic::Status;

/// The name of a client: 128 random bits. It is a secret, because whoever knows it can end the client's streams.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct ClientName(pub(super) u128);

/// Identifies a stream of a client that names itself.
#[derive(Clone, Copy)]
pub(super) struct StreamName {
    pub(super) client: ClientName,
    /// Rises from stream to stream.
    pub(super) number: u64,
}

/// The clients that name themselves and have open streams, or handlers left from ended ones.
#[derive(Clone, Default)]
pub(super) struct NamedClients(Arc<Mutex<HashMap<ClientName, Client>>>);

struct Client {
    /// The number of its newest stream.
    newest: u64,
    /// Ends that stream.
    end: CancellationToken,
    /// Held by the stream whose requests are being handled.
    line: Arc<tokio::sync::Mutex<()>>,
    /// The number of memberships that exist.
    memberships: usize,
}

/// A stream's place among those of its client. Dropping it gives the place up.
pub(super) struct StreamPlace {
    clients: NamedClients,
    stream: StreamName,
    line: Arc<tokio::sync::Mutex<()>>,
}

/// The right to handle requests, which one stream of a client has at a time.
pub(super) struct Turn {
    // Dropped in this order, so that the client is remembered while its line is held.
    _line: OwnedMutexGuard<()>,
    _membership: Arc<StreamPlace>,
}

impl NamedClients {
    /// Adds a stream and ends the client's older one. A still newer stream will end this one through `end`.
    ///
    /// # Errors
    ///
    /// If the client already has a stream that is as new or newer, which has overtaken this one.
    pub(super) fn enter(
        &self,
        stream: StreamName,
        end: &CancellationToken,
    ) -> Result<Arc<StreamPlace>, Status> {
        let StreamName { client, number } = stream;
        let (line, older) = match self.lock().entry(client) {
            Entry::Occupied(mut entry) => {
                let entry = entry.get_mut();
                if number <= entry.newest {
                    return Err(Status::aborted(format!(
                        "the stream {number} of this client is not newer than its stream {}; open one with a higher number",
                        entry.newest
                    )));
                }
                entry.newest = number;
                entry.memberships += 1;
                let older = std::mem::replace(&mut entry.end, end.clone());
                (Arc::clone(&entry.line), Some(older))
            }
            Entry::Vacant(entry) => {
                let entry = entry.insert(Client {
                    newest: number,
                    end: end.clone(),
                    line: Arc::default(),
                    memberships: 1,
                });
                (Arc::clone(&entry.line), None)
            }
        };
        if let Some(older) = older {
            older.cancel();
        }
        Ok(Arc::new(StreamPlace {
            clients: self.clone(),
            stream,
            line,
        }))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ClientName, Client>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StreamPlace {
    /// Waits until no older stream of the client has the turn.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up the place in the line.
    pub(super) async fn turn(self: Arc<Self>) -> Turn {
        Turn {
            _line: Arc::clone(&self.line).lock_owned().await,
            _membership: self,
        }
    }

    /// Whether the client has a newer stream.
    pub(super) fn is_superseded(&self) -> bool {
        let clients = self.clients.lock();
        let client = clients.get(&self.stream.client);
        client.is_some_and(|client| client.newest > self.stream.number)
    }
}

impl Drop for StreamPlace {
    fn drop(&mut self) {
        if let Entry::Occupied(mut entry) = self.clients.lock().entry(self.stream.client) {
            entry.get_mut().memberships -= 1;
            if entry.get().memberships == 0 {
                entry.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use tonic::Code;

    use super::*;

    fn enter(clients: &NamedClients, client: u128, number: u64) -> Result<Arc<StreamPlace>, Code> {
        enter_with(clients, client, number, &CancellationToken::new())
    }

    fn enter_with(
        clients: &NamedClients,
        client: u128,
        number: u64,
        end: &CancellationToken,
    ) -> Result<Arc<StreamPlace>, Code> {
        let client = ClientName(client);
        let entered = clients.enter(StreamName { client, number }, end);
        entered.map_err(|status| status.code())
    }

    #[test]
    fn a_stream_ends_the_older_one_of_its_client_and_no_other() {
        let clients = NamedClients::default();
        let ends = [0; 3].map(|_| CancellationToken::new());
        let ended = || ends.each_ref().map(CancellationToken::is_cancelled);
        let first = enter_with(&clients, 1, 4, &ends[0]).expect("it is the first");
        let other = enter_with(&clients, 2, 1, &ends[1]).expect("it is another client's");
        assert_eq!(ended(), [false; 3]);
        let second = enter_with(&clients, 1, 9, &ends[2]).expect("it is newer");
        for number in [0, 4, 8, 9] {
            let refused = enter(&clients, 1, number).map(drop);
            assert_eq!(refused, Err(Code::Aborted), "{number}");
        }
        assert_eq!(ended(), [true, false, false]);
        assert!(first.is_superseded() && !second.is_superseded() && !other.is_superseded());
    }

    #[test]
    fn streams_have_their_turns_one_after_the_other() {
        let clients = NamedClients::default();
        let [first, second, third] =
            [1, 2, 3].map(|number| enter(&clients, 1, number).expect("it is newer"));
        let turn = first.turn().now_or_never().expect("it is the first");
        let mut waiting = Box::pin(second.turn());
        assert!((&mut waiting).now_or_never().is_none());
        let mut newest = Box::pin(third.turn());
        assert!((&mut newest).now_or_never().is_none());
        drop(waiting);
        assert!((&mut newest).now_or_never().is_none());
        drop(turn);
        assert!(newest.now_or_never().is_some());
    }

    #[test]
    fn a_client_is_forgotten_with_its_last_stream_and_the_last_turn_of_one() {
        let clients = NamedClients::default();
        let first = enter(&clients, 1, 1).expect("it is the first");
        let turn = Arc::clone(&first)
            .turn()
            .now_or_never()
            .expect("it is free");
        drop(first);
        drop(enter(&clients, 1, 2).expect("it is newer"));
        assert_eq!(enter(&clients, 1, 2).map(drop), Err(Code::Aborted));
        assert_eq!(clients.lock().len(), 1);
        drop(turn);
        assert!(clients.lock().is_empty());
    }
}
