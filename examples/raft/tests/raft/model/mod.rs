//! Servers without a network, a disk and a clock of their own: a seed decides what happens next.
//!
//! Requests and replies are delayed, reordered, duplicated and lost, and links are cut in one direction. Servers crash, and
//! keep what was durable. The members change. After each step, the [invariants](invariants::Invariants) of figure 3 of the
//! paper are checked, and at the end that all clients are served.

mod clients;
mod disk;
mod invariants;
mod odds;

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;
use gorums_runtime::NodeId;
use harness::linearizability::check;
use harness::registers::Registers;
use harness::seeds::{self, Failure};
use raft::proto::client_request::Request as ClientRequest;
use raft::proto::client_response::Outcome;
use raft::proto::{AppendEntriesResponse, InstallSnapshotResponse, RequestVoteResponse};
use raft::{Flaw, Members, Options, Raft, Request, Ticket};

use clients::Clients;
use disk::DiskModel;
use invariants::Invariants;
use odds::{Event, Odds};

/// How many servers there are.
const SERVERS: u32 = 5;

/// How long things go wrong.
const STEPS: usize = 5000;

/// How long it may take until all clients are served afterwards.
const ROUNDS: usize = 600;

/// Something on its way.
#[derive(Clone, Debug)]
enum Flight {
    Request {
        from: NodeId,
        to: NodeId,
        request: Request,
    },
    /// The reply to `asked`. `None` if there will be none.
    Reply {
        from: NodeId,
        to: NodeId,
        asked: Request,
        reply: Option<Reply>,
    },
    ClientRequest {
        to: NodeId,
        ticket: Ticket,
        request: ClientRequest,
    },
    Answer {
        ticket: Ticket,
        outcome: Outcome,
    },
}

#[derive(Clone, Debug)]
enum Reply {
    Vote(RequestVoteResponse),
    Appended(AppendEntriesResponse),
    Installed(InstallSnapshotResponse),
}

#[derive(Debug, Default)]
struct Server {
    /// `None` while it is down.
    raft: Option<Raft>,
    disk: DiskModel,
}

/// All servers, and what is between them.
struct World {
    rng: Rng,
    odds: Odds,
    options: Options,
    flaw: Option<Flaw>,
    servers: BTreeMap<NodeId, Server>,
    flights: Vec<Flight>,
    cut: BTreeSet<(NodeId, NodeId)>,
    /// A server whose clock is slow: a leader that is cut off does not notice it soon.
    slow: Option<NodeId>,
    /// How many servers are the first members.
    first: u32,
    clients: Clients,
    invariants: Invariants,
}

/// One run, which `seed` decides.
pub(crate) fn run(seed: u64, flaw: Option<Flaw>) -> Result<(), Failure> {
    let mut world = World::new(seed, flaw)?;
    for _ in 0..STEPS {
        world.step()?;
    }
    world.recover()?;
    check(&world.clients.history(), &Registers::new(0))?;
    Ok(())
}

impl World {
    fn new(seed: u64, flaw: Option<Flaw>) -> Result<Self, Failure> {
        let mut rng = Rng::with_seed(seed);
        let odds = Odds::new(&mut rng);
        let options = Options {
            batch_bytes: rng.usize(1..200),
            window_bytes: rng.usize(1..1000),
            window_requests: [1, 2, 10][rng.usize(..3)],
            compact_after: rng.u64(4..60),
            election_ticks: rng.u32(3..12),
            heartbeat_ticks: 1,
        };
        let first = [1, 3, 3, 5][rng.usize(..4)];
        let mut world = Self {
            clients: Clients::new(3, rng.fork()),
            rng,
            odds,
            options,
            flaw,
            servers: (1..=SERVERS)
                .map(|id| (NodeId::new(id), Server::default()))
                .collect(),
            flights: Vec::new(),
            cut: BTreeSet::new(),
            slow: None,
            first,
            invariants: Invariants::default(),
        };
        for id in 1..=SERVERS {
            world.start(NodeId::new(id))?;
        }
        Ok(world)
    }

    fn step(&mut self) -> Result<(), Failure> {
        let id = self.any_server();
        match self.odds.event(&mut self.rng) {
            Event::Deliver => self.deliver_some()?,
            Event::Tick if self.slow == Some(id) && self.rng.u32(..8) > 0 => {}
            Event::Tick => self.tick(id)?,
            Event::Write => {
                self.write(id)?;
            }
            Event::Client => self.flights.extend(self.clients.act()),
            Event::Crash => self.crash(id),
            Event::CrashLeader => self.leader().into_iter().for_each(|id| self.crash(id)),
            Event::Restart => self.start(id)?,
            Event::Cut => {
                let other = self.any_server();
                self.note(|| format!("nothing from {id} reaches {other}"));
                self.cut.insert((id, other));
            }
            Event::CutOffLeader => {
                let id = self.leader().unwrap_or(id);
                self.slow = self.rng.bool().then_some(id);
                self.note(|| format!("{id} is cut off"));
                for other in 1..=SERVERS {
                    let other = NodeId::new(other);
                    self.cut.extend([(id, other), (other, id)]);
                }
            }
            Event::Mend => {
                self.note(|| "all links are mended".to_owned());
                self.slow = None;
                self.cut.clear();
            }
            Event::ChangeMembers => self.change_members(id)?,
        }
        Ok(())
    }

    /// Mends everything. Each client has to complete its operation, and another one.
    fn recover(&mut self) -> Result<(), Failure> {
        self.note(|| "everything is mended".to_owned());
        self.cut.clear();
        self.odds.lose = 0;
        self.odds.duplicate = 0;
        for id in 1..=SERVERS {
            self.start(NodeId::new(id))?;
        }
        self.clients.finish();
        for _ in 0..ROUNDS {
            for id in 1..=SERVERS {
                self.tick(NodeId::new(id))?;
            }
            self.flights.extend(self.clients.act());
            for _ in 0..3 {
                for id in 1..=SERVERS {
                    while self.write(NodeId::new(id))? {}
                }
                for flight in std::mem::take(&mut self.flights) {
                    self.deliver(flight)?;
                }
            }
            if self.clients.are_done() {
                return Ok(());
            }
        }
        for (id, server) in &self.servers {
            if let Some(raft) = &server.raft {
                self.note(|| {
                    format!(
                        "{id}: {:?} log {:?} start {:?}",
                        raft.inspect(),
                        raft.log().last(),
                        raft.log().start()
                    )
                });
            }
        }
        Err("some client is not served though everything is mended".into())
    }

    fn any_server(&mut self) -> NodeId {
        NodeId::new(self.rng.u32(1..=SERVERS))
    }

    /// The server that leads in the latest term.
    fn leader(&self) -> Option<NodeId> {
        let up = self.servers.iter().filter_map(|(id, server)| {
            let raft = server.raft.as_ref().filter(|raft| raft.is_leader())?;
            Some((raft.term(), *id))
        });
        up.max().map(|(_, id)| id)
    }

    fn start(&mut self, id: NodeId) -> Result<(), Failure> {
        let first = (1..=self.first).map(|id| (NodeId::new(id), clients::address(id)));
        let members = match id.get() <= self.first {
            true => Members::new(first),
            false => Members::default(),
        };
        let seed = self.rng.u64(..);
        let server = self.server(id);
        if server.raft.is_none() {
            let stored = server.disk.stored();
            let raft = Raft::new(id, members, self.options, stored, seed)?;
            self.server(id).raft = Some(raft.with_flaw(self.flaw));
            self.note(|| format!("{id} starts"));
            self.invariants.restarted(id);
        }
        Ok(())
    }

    fn crash(&mut self, id: NodeId) {
        let mut rng = self.rng.fork();
        let server = self.server(id);
        server.raft = None;
        for reply in server.disk.crash(&mut rng) {
            self.lose(reply);
        }
        self.note(|| format!("{id} crashes"));
    }

    fn tick(&mut self, id: NodeId) -> Result<(), Failure> {
        self.act(id, |raft| raft.tick())
    }

    /// The disk of a server writes a batch. Returns whether there was one.
    fn write(&mut self, id: NodeId) -> Result<bool, Failure> {
        let Some((mark, replies)) = self.server(id).disk.write() else {
            return Ok(false);
        };
        self.flights.extend(replies);
        self.act(id, |raft| raft.on_durable(mark))?;
        Ok(true)
    }

    fn change_members(&mut self, id: NodeId) -> Result<(), Failure> {
        let few = self.rng.usize(1..=SERVERS as usize);
        let members = self.rng.choose_multiple(1..=SERVERS, few);
        self.note(|| format!("{id} is asked for the members {members:?}"));
        let request = clients::change_members(&members);
        self.act(id, |raft| raft.on_client(Ticket::MAX, Some(request)))
    }

    fn deliver_some(&mut self) -> Result<(), Failure> {
        if self.flights.is_empty() {
            return Ok(());
        }
        let at = match self.odds.reorders {
            true => self.rng.usize(..self.flights.len()),
            false => 0,
        };
        let flight = self.flights.remove(at);
        if self.rng.u32(..1000) < self.odds.duplicate && matches!(flight, Flight::Request { .. }) {
            self.flights.push(flight.clone());
        }
        match self.rng.u32(..1000) < self.odds.lose {
            true => self.lose(flight),
            false => self.deliver(flight)?,
        }
        Ok(())
    }

    fn lose(&mut self, flight: Flight) {
        match flight {
            Flight::Request {
                from,
                to,
                request: asked,
            }
            | Flight::Reply {
                from: to,
                to: from,
                asked,
                reply: Some(_),
            } => {
                let reply = None;
                self.flights.push(Flight::Reply {
                    from: to,
                    to: from,
                    asked,
                    reply,
                });
            }
            lost @ Flight::Reply { reply: None, .. } => self.flights.push(lost),
            // Its client waits in vain.
            Flight::ClientRequest { .. } | Flight::Answer { .. } => {}
        }
    }

    fn deliver(&mut self, flight: Flight) -> Result<(), Failure> {
        match flight {
            Flight::Request { from, to, .. }
            | Flight::Reply {
                from,
                to,
                reply: Some(_),
                ..
            } if self.cut.contains(&(from, to)) || self.server(to).raft.is_none() => {
                self.lose(flight);
                Ok(())
            }
            Flight::Request { from, to, request } => self.request(from, to, request),
            Flight::Reply {
                from,
                to,
                asked,
                reply,
            } => self.act(to, |raft| answered(raft, from, asked, reply)),
            Flight::ClientRequest {
                to,
                ticket,
                request,
            } => {
                if matches!(request, ClientRequest::Query(_)) {
                    self.invariants.asked_for_read(ticket);
                }
                self.act(to, |raft| raft.on_client(ticket, Some(request)))
            }
            Flight::Answer { ticket, outcome } => {
                self.clients.answered(ticket, outcome);
                Ok(())
            }
        }
    }

    /// A server handles a request. Its reply leaves when all that it has written is durable.
    fn request(&mut self, from: NodeId, to: NodeId, request: Request) -> Result<(), Failure> {
        let mut reply = Err("the server is down".into());
        let asked = request.clone();
        self.act(to, |raft| {
            reply = match request {
                Request::RequestVote(request) => {
                    Ok(Reply::Vote(raft.on_request_vote(from, request)))
                }
                Request::AppendEntries(request, _) => {
                    let appended = raft.on_append_entries(from, request);
                    appended.map(Reply::Appended).map_err(Failure::from)
                }
                Request::InstallSnapshot(snapshot, sent) => {
                    let snapshot = (*snapshot).clone();
                    let installed = raft.on_install_snapshot(from, sent.term, snapshot);
                    installed.map(Reply::Installed).map_err(Failure::from)
                }
            };
        })?;
        let flight = Flight::Reply {
            from: to,
            to: from,
            asked,
            reply: Some(reply?),
        };
        let held = match self.flaw {
            Some(Flaw::AnswerBeforeDisk) => Some(flight),
            _ => self.server(to).disk.hold(flight),
        };
        self.flights.extend(held);
        Ok(())
    }

    /// Lets a server that is up make a step, and checks the invariants.
    fn act(&mut self, id: NodeId, step: impl FnOnce(&mut Raft)) -> Result<(), Failure> {
        let server = self.server(id);
        let Some(raft) = &mut server.raft else {
            return Ok(());
        };
        step(raft);
        let output = raft.take_output();
        server.disk.commit(output.writes, output.mark);
        for message in output.messages {
            let (to, request) = (message.to, message.request);
            self.flights.push(Flight::Request {
                from: id,
                to,
                request,
            });
        }
        let raft = self.servers[&id].raft.as_ref().ok_or("it is up")?;
        for (ticket, outcome) in output.answers {
            if matches!(outcome, Outcome::Queried(_)) {
                self.invariants.check_read(id, raft, ticket)?;
            }
            self.flights.push(Flight::Answer { ticket, outcome });
        }
        self.invariants.check(id, raft)?;
        let up = self.servers.iter();
        let up = up.filter_map(|(id, server)| Some((*id, server.raft.as_ref()?)));
        self.invariants.check_candidates(&up.collect())?;
        Ok(())
    }

    fn server(&mut self, id: NodeId) -> &mut Server {
        self.servers.entry(id).or_default()
    }

    fn note(&self, event: impl FnOnce() -> String) {
        if seeds::is_single() {
            println!("{}", event());
        }
    }
}

/// Gives a reply to the server that asked.
fn answered(raft: &mut Raft, from: NodeId, asked: Request, reply: Option<Reply>) {
    match (asked, reply) {
        (Request::RequestVote(asked), Some(Reply::Vote(reply))) => raft.on_vote(from, asked, reply),
        (Request::AppendEntries(_, sent), Some(Reply::Appended(reply))) => {
            raft.on_appended(from, sent, Some(reply));
        }
        (Request::InstallSnapshot(snapshot, sent), Some(Reply::Installed(reply))) => {
            raft.on_installed(from, sent, snapshot.last_included_index, Some(reply));
        }
        (Request::AppendEntries(_, sent), _) => raft.on_appended(from, sent, None),
        (Request::InstallSnapshot(_, sent), _) => raft.on_installed(from, sent, 0, None),
        (Request::RequestVote(_), _) => {}
    }
}
