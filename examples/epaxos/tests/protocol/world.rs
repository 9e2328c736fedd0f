//! Replicas, their disks, their leaders, and the network between them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use epaxos::{
    Attributes, Ballot, Command, Commit, EPaxosQuorums, Execution, Flaw, InstanceId, Prepare,
    Proposal, Record, Replica, Write,
};
use gorums_runtime::NodeId;

use crate::checks::{Checks, Violation};

/// All that there is. Each function is a step, which does nothing unless it is possible.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) replicas: Vec<NodeId>,
    pub(crate) network: Vec<Message>,
    pub(crate) checks: Checks,
    pub(crate) quorums: EPaxosQuorums,
    pub(crate) flaw: Option<Flaw>,
    disks: BTreeMap<NodeId, BTreeMap<InstanceId, Record>>,
    pub(crate) running: BTreeMap<NodeId, Running>,
    calls: u64,
    /// How many commits took the fast path.
    pub(crate) fast: usize,
    /// How many recoveries came to a conclusion.
    pub(crate) recovered: usize,
}

#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) replica: Replica,
    pub(crate) execution: Execution,
    /// What is being written to disk, and what leaves the replica afterwards.
    pub(crate) writing: VecDeque<(Option<Write>, Then)>,
    pub(crate) calls: BTreeMap<u64, Call>,
    /// The ballots for which recoveries have failed.
    pub(crate) outbid: BTreeMap<InstanceId, Ballot>,
}

#[derive(Debug)]
pub(crate) enum Then {
    Nothing,
    Send(Message),
    Broadcast(Call),
    Commit(Commit),
}

/// A quorum call that a leader is waiting for.
#[derive(Clone, Debug)]
pub(crate) enum Call {
    PreAccept(Proposal, Vec<(NodeId, Option<Attributes>)>),
    Accept(Proposal, BTreeSet<NodeId>),
    Prepare(Prepare, Vec<(NodeId, Record)>),
}

#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) from: NodeId,
    pub(crate) to: NodeId,
    call: u64,
    pub(crate) body: Body,
}

#[derive(Clone, Debug)]
pub(crate) enum Body {
    PreAccept(Proposal),
    Accept(Proposal),
    Prepare(Prepare),
    Commit(Commit),
    PreAccepted(Attributes),
    Accepted,
    Promise(Record),
    /// The replica refused, or cannot be reached.
    Failed,
}

impl World {
    pub(crate) fn new(replicas: u32, flaw: Option<Flaw>) -> Self {
        let replicas: Vec<NodeId> = (1..=replicas).map(NodeId::new).collect();
        let quorums = EPaxosQuorums::new(replicas.iter().copied(), flaw);
        let mut world = Self {
            quorums: quorums.expect("an odd number"),
            network: Vec::new(),
            checks: Checks::default(),
            flaw,
            disks: BTreeMap::new(),
            running: BTreeMap::new(),
            calls: 0,
            fast: 0,
            recovered: 0,
            replicas: replicas.clone(),
        };
        for id in replicas {
            world.start(id).expect("nothing to execute");
        }
        world
    }

    /// Starts a replica with what is on its disk.
    pub(crate) fn start(&mut self, id: NodeId) -> Result<(), Violation> {
        if self.running.contains_key(&id) {
            return Ok(());
        }
        let disk = self.disks.entry(id).or_default().clone();
        let running = Running {
            replica: Replica::new(id, disk, self.flaw),
            execution: Execution::new(self.flaw),
            writing: VecDeque::new(),
            calls: BTreeMap::new(),
            outbid: BTreeMap::new(),
        };
        let known: Vec<InstanceId> = running.replica.instances().map(|(id, _)| id).collect();
        let committed = known.into_iter().filter_map(|instance| {
            let value = running.replica.committed(instance)?.clone();
            Some(Commit { instance, value })
        });
        let mut committed: Vec<Commit> = committed.collect();
        committed.sort_by_key(|commit| commit.instance);
        self.running.insert(id, running);
        self.checks.restart(id);
        committed
            .into_iter()
            .try_for_each(|commit| self.execute(id, commit))
    }

    /// Crashes a replica: what is not durable is lost.
    pub(crate) fn crash(&mut self, id: NodeId) {
        self.running.remove(&id);
    }

    /// A client has a replica lead these commands.
    pub(crate) fn propose(&mut self, id: NodeId, commands: Vec<Command>) {
        let Some(running) = self.running.get_mut(&id) else {
            return;
        };
        let (pre_accept, write) = running.replica.propose(commands);
        self.checks
            .propose(pre_accept.instance, &pre_accept.value.commands);
        let call = Call::PreAccept(pre_accept, Vec::new());
        running.writing.push_back((write, Then::Broadcast(call)));
    }

    /// A replica begins to recover an instance, unless it knows what was committed.
    pub(crate) fn recover(&mut self, id: NodeId, instance: InstanceId) {
        let Some(running) = self.running.get_mut(&id) else {
            return;
        };
        if running.replica.committed(instance).is_some() {
            return;
        }
        let above = running.outbid.get(&instance).copied();
        let above = above.unwrap_or(Ballot::default_of(instance));
        let (prepare, write) = running.replica.recover(instance, above);
        let call = Call::Prepare(prepare, Vec::new());
        running.writing.push_back((write, Then::Broadcast(call)));
    }

    /// The oldest write of a replica becomes durable. Returns whether there was one.
    pub(crate) fn flush(&mut self, id: NodeId) -> Result<bool, Violation> {
        let Some(running) = self.running.get_mut(&id) else {
            return Ok(false);
        };
        let Some((write, then)) = running.writing.pop_front() else {
            return Ok(false);
        };
        if let Some((instance, record)) = write {
            let replicas = self.replicas.len();
            self.checks.record(id, instance, &record, replicas)?;
            let disk = self.disks.entry(id).or_default();
            disk.insert(instance, record);
        }
        match then {
            Then::Nothing => {}
            Then::Send(message) => self.network.push(message),
            Then::Broadcast(call) => {
                if let Call::PreAccept(Proposal { instance, .. }, _) = &call {
                    self.checks.pre_accept(*instance)?;
                }
                self.broadcast(id, call);
            }
            Then::Commit(commit) => self.committed(id, commit)?,
        }
        Ok(true)
    }

    pub(crate) fn broadcast(&mut self, id: NodeId, call: Call) {
        let body = match &call {
            Call::PreAccept(message, _) => Body::PreAccept(message.clone()),
            Call::Accept(message, _) => Body::Accept(message.clone()),
            Call::Prepare(message, _) => Body::Prepare(*message),
        };
        self.calls += 1;
        if let Some(running) = self.running.get_mut(&id) {
            running.calls.insert(self.calls, call);
        }
        self.multicast(id, body);
    }

    fn multicast(&mut self, from: NodeId, body: Body) {
        for &to in &self.replicas {
            let (call, body) = (self.calls, body.clone());
            self.network.push(Message {
                from,
                to,
                call,
                body,
            });
        }
    }

    /// A leader tells all replicas of a commit that is durable.
    fn committed(&mut self, id: NodeId, commit: Commit) -> Result<(), Violation> {
        self.multicast(id, Body::Commit(commit.clone()));
        self.execute(id, commit)
    }

    fn execute(&mut self, id: NodeId, commit: Commit) -> Result<(), Violation> {
        let Commit { instance, value } = commit;
        self.checks.commit(instance, &value)?;
        let Some(running) = self.running.get_mut(&id) else {
            return Ok(());
        };
        let progress = running.execution.commit(instance, value);
        let mut executed = progress.executed.into_iter();
        executed.try_for_each(|(instance, outcomes)| self.checks.execute(id, instance, outcomes))
    }

    /// A message does not arrive. If it is one of a call, the leader may notice.
    pub(crate) fn lose(&mut self, message: Message, noticed: bool) -> Result<(), Violation> {
        let (from, to) = match message.body {
            Body::Commit(_) => return Ok(()),
            Body::PreAccept(_) | Body::Accept(_) | Body::Prepare(_) => (message.to, message.from),
            _ => (message.from, message.to),
        };
        match noticed {
            true => self.deliver(Message {
                from,
                to,
                body: Body::Failed,
                ..message
            }),
            false => Ok(()),
        }
    }

    /// A message arrives.
    pub(crate) fn deliver(&mut self, message: Message) -> Result<(), Violation> {
        let Message {
            from,
            to,
            call,
            body,
        } = message;
        let Some(running) = self.running.get_mut(&to) else {
            return Ok(());
        };
        let replica = &mut running.replica;
        let (write, reply) = match body {
            Body::PreAccept(message) => match replica.on_pre_accept(message) {
                Ok((attributes, write)) => (write, Body::PreAccepted(attributes)),
                Err(_) => (None, Body::Failed),
            },
            Body::Accept(message) => match replica.on_accept(message) {
                Ok(write) => (write, Body::Accepted),
                Err(_) => (None, Body::Failed),
            },
            Body::Prepare(message) => {
                let (promise, write) = replica.on_prepare(message);
                (write, Body::Promise(promise))
            }
            Body::Commit(commit) => {
                let write = replica.on_commit(commit.clone());
                running.writing.push_back((write, Then::Nothing));
                return self.execute(to, commit);
            }
            reply => return self.reply(to, from, call, reply),
        };
        let message = Message {
            from: to,
            to: from,
            call,
            body: reply,
        };
        running.writing.push_back((write, Then::Send(message)));
        Ok(())
    }

    /// A leader stops waiting for the fast path.
    pub(crate) fn hurry(&mut self, id: NodeId, call: u64) -> Result<(), Violation> {
        self.conclude(id, call, true)
    }

    /// The calls that a leader is waiting for.
    pub(crate) fn calls(&self, id: NodeId) -> Vec<u64> {
        let running = self.running.get(&id);
        running.map_or(Vec::new(), |running| {
            running.calls.keys().copied().collect()
        })
    }

    /// Whether a replica knows what was committed.
    pub(crate) fn knows(&self, id: NodeId, instance: InstanceId) -> bool {
        let running = self.running.get(&id);
        running.is_some_and(|running| running.replica.committed(instance).is_some())
    }
}
