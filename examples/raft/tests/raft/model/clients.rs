//! Clients that read, write, and compare and swap, and try again until they are answered.

use fastrand::Rng;
use gorums_runtime::NodeId;
use harness::history::{History, Pending, Recorder};
use harness::workload::{Operation, Outcome as Seen};
use raft::Ticket;
use raft::proto::client_request::Request as ClientRequest;
use raft::proto::client_response::Outcome;
use raft::proto::{Command, Configuration, Expected, Member};

use super::{Flight, SERVERS};

/// How many registers the clients use.
const KEYS: u32 = 2;

#[derive(Debug)]
pub(crate) struct Clients {
    rng: Rng,
    recorder: Recorder<Operation, Seen>,
    clients: Vec<Client>,
    next_ticket: Ticket,
    /// Whether they end after the next operation.
    finish: bool,
}

#[derive(Debug, Default)]
struct Client {
    /// Its session, once it has one.
    client_id: Option<u64>,
    sequence: u64,
    only_reads: bool,
    value: u64,
    last_read: u64,
    operation: Option<(Operation, Pending<Operation, Seen>)>,
    /// What it waits for.
    ticket: Option<Ticket>,
    server: u32,
    /// Operations it still has to complete once the clients are to finish.
    remaining: u32,
}

impl Clients {
    pub(crate) fn new(n: u64, rng: Rng) -> Self {
        let client = |number: u64| Client {
            value: number << 32,
            only_reads: number == 1,
            server: 1,
            remaining: 2,
            ..Client::default()
        };
        Self {
            rng,
            recorder: Recorder::new(),
            clients: (1..=n).map(client).collect(),
            next_ticket: 0,
            finish: false,
        }
    }

    pub(crate) fn history(&self) -> History<Operation, Seen> {
        self.recorder.history()
    }

    pub(crate) fn finish(&mut self) {
        self.finish = true;
    }

    pub(crate) fn are_done(&self) -> bool {
        self.clients.iter().all(|client| client.remaining == 0)
    }

    /// Some client begins an operation, or tries one again.
    pub(crate) fn act(&mut self) -> Option<Flight> {
        let at = self.rng.usize(..self.clients.len());
        let client = &mut self.clients[at];
        if client.ticket.is_some() {
            // It waits, and then tries another server.
            if self.rng.u32(..8) > 0 {
                return None;
            }
            client.server = self.rng.u32(1..=SERVERS);
        }
        if client.only_reads {
            // It also asks leaders of the past.
            client.server = self.rng.u32(1..=SERVERS);
        }
        let request = match client.client_id {
            None => ClientRequest::RegisterClient(()),
            Some(client_id) => {
                let (operation, _) = client.operation.get_or_insert_with(|| {
                    client.sequence += 1;
                    client.value += 1;
                    let operation = match client.only_reads {
                        true => Operation::Read(self.rng.u32(..KEYS)),
                        false => choose(&mut self.rng, client.value, client.last_read),
                    };
                    let pending = self.recorder.invoke(at as u64, operation.clone());
                    (operation, pending)
                });
                request(operation, client_id, client.sequence)
            }
        };
        self.next_ticket += 1;
        client.ticket = Some(self.next_ticket);
        Some(Flight::ClientRequest {
            to: NodeId::new(client.server),
            ticket: self.next_ticket,
            request,
        })
    }

    pub(crate) fn answered(&mut self, ticket: Ticket, outcome: Outcome) {
        let mut waiting = self.clients.iter_mut();
        let Some(client) = waiting.find(|client| client.ticket == Some(ticket)) else {
            return;
        };
        client.ticket = None;
        let seen = match outcome {
            Outcome::ClientId(client_id) => {
                client.client_id = Some(client_id);
                return;
            }
            Outcome::NotLeaderHint(0) => {
                client.server = self.rng.u32(1..=SERVERS);
                return;
            }
            Outcome::NotLeaderHint(leader) => {
                client.server = leader;
                return;
            }
            Outcome::Queried(queried) => {
                let value = queried.value.map_or(0, |value| value.parse().unwrap_or(0));
                client.last_read = value;
                Seen::Read(value)
            }
            Outcome::Changed(changed) => match &client.operation {
                Some((Operation::Write(..), _)) => Seen::Written,
                _ => Seen::Swapped(changed),
            },
            Outcome::MembersChanged(()) | Outcome::Refusal(_) => {
                panic!("a client got {outcome:?}")
            }
        };
        if let Some((_, pending)) = client.operation.take() {
            pending.returned(seen);
        }
        if self.finish {
            client.remaining = client.remaining.saturating_sub(1);
        }
    }
}

fn choose(rng: &mut Rng, value: u64, last_read: u64) -> Operation {
    let key = rng.u32(..KEYS);
    match rng.u32(..4) {
        0 | 1 => Operation::Read(key),
        2 => Operation::Write(key, value),
        _ => Operation::CompareAndSwap {
            key,
            expected: last_read,
            new: value,
        },
    }
}

fn request(operation: &Operation, client_id: u64, sequence: u64) -> ClientRequest {
    let command = |key: u32, value: u64, expected| {
        ClientRequest::Command(Command {
            client_id,
            sequence,
            key: key.to_string(),
            value: Some(value.to_string()),
            expected,
        })
    };
    match *operation {
        Operation::Read(key) => ClientRequest::Query(key.to_string()),
        Operation::Write(key, value) => command(key, value, None),
        Operation::CompareAndSwap { key, expected, new } => {
            let value = (expected > 0).then(|| expected.to_string());
            command(key, new, Some(Expected { value }))
        }
    }
}

/// An address of a server, which nothing connects to.
pub(crate) fn address(id: u32) -> String {
    format!("server-{id}:1")
}

/// Asks for new members.
pub(crate) fn change_members(ids: &[u32]) -> ClientRequest {
    let members = ids.iter().map(|&id| Member {
        id,
        address: address(id),
    });
    ClientRequest::ChangeMembers(Configuration {
        members: members.collect(),
        next: Vec::new(),
    })
}
