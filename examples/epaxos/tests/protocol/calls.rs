//! The quorum calls of leaders: what the replies decide, and what follows.

use std::collections::BTreeSet;

use epaxos::{
    Attributes, Commit, Phase1, PreAccepted, Prepare, Proposal, Recovery, Value, recovery,
};
use gorums_runtime::NodeId;

use crate::checks::Violation;
use crate::world::{Body, Call, Then, World};

impl World {
    /// A reply arrives, or the leader learns that there is none.
    pub(crate) fn reply(
        &mut self,
        id: NodeId,
        from: NodeId,
        call: u64,
        reply: Body,
    ) -> Result<(), Violation> {
        let calls = self.running.get_mut(&id).map(|running| &mut running.calls);
        let Some(waiting) = calls.and_then(|calls| calls.get_mut(&call)) else {
            return Ok(());
        };
        match (waiting, reply) {
            (Call::PreAccept(_, replies), Body::PreAccepted(attributes)) => {
                replies.push((from, Some(attributes)))
            }
            (Call::PreAccept(_, replies), Body::Failed) => replies.push((from, None)),
            (Call::Accept(_, accepted), Body::Accepted) => {
                accepted.insert(from);
            }
            (Call::Prepare(_, promises), Body::Promise(promise))
                if promises.iter().all(|(other, _)| *other != from) =>
            {
                promises.push((from, promise));
            }
            _ => {}
        }
        self.conclude(id, call, false)
    }

    /// What the replies so far decide.
    pub(crate) fn conclude(
        &mut self,
        id: NodeId,
        number: u64,
        impatient: bool,
    ) -> Result<(), Violation> {
        let Some(running) = self.running.get_mut(&id) else {
            return Ok(());
        };
        let Some(call) = running.calls.get(&number).cloned() else {
            return Ok(());
        };
        match call {
            Call::PreAccept(proposed, replies) => {
                let mut counted = PreAccepted::new(&proposed, &self.quorums, self.flaw);
                for (from, attributes) in &replies {
                    counted.count(*from, attributes.as_ref());
                }
                let Proposal {
                    instance,
                    ballot,
                    mut value,
                } = proposed.clone();
                match counted.decision(impatient) {
                    None => return Ok(()),
                    Some(Phase1::Impossible) => {
                        running.calls.remove(&number);
                    }
                    Some(Phase1::Fast) => {
                        running.calls.remove(&number);
                        if let Ok((commit, write)) = running.replica.commit_fast(instance) {
                            self.fast += 1;
                            running.writing.push_back((write, Then::Commit(commit)));
                        }
                    }
                    Some(Phase1::Slow(attributes)) => {
                        running.calls.remove(&number);
                        value.attributes = attributes;
                        let accept = Proposal {
                            instance,
                            ballot,
                            value,
                        };
                        self.broadcast(id, Call::Accept(accept, BTreeSet::new()));
                    }
                }
            }
            Call::Accept(
                Proposal {
                    instance, value, ..
                },
                accepted,
            ) => {
                if accepted.len() > self.replicas.len() / 2 {
                    running.calls.remove(&number);
                    let commit = Commit { instance, value };
                    let write = running.replica.on_commit(commit.clone());
                    running.writing.push_back((write, Then::Commit(commit)));
                }
            }
            Call::Prepare(prepare, promises) => {
                let Prepare { instance, ballot } = prepare;
                let recovery = recovery(&prepare, &promises, &self.quorums, self.flaw);
                let Some(recovery) = recovery else {
                    return Ok(());
                };
                running.calls.remove(&number);
                match recovery {
                    Recovery::Outbid(by) => {
                        running.outbid.insert(instance, by);
                    }
                    Recovery::Commit(value) => {
                        let commit = Commit { instance, value };
                        let write = running.replica.on_commit(commit.clone());
                        running.writing.push_back((write, Then::Commit(commit)));
                    }
                    Recovery::Accept(value) => {
                        self.recovered += 1;
                        let accept = Proposal {
                            instance,
                            ballot,
                            value,
                        };
                        self.broadcast(id, Call::Accept(accept, BTreeSet::new()));
                    }
                    Recovery::PreAccept(commands) => {
                        self.recovered += 1;
                        let value = Value {
                            commands,
                            attributes: Attributes::default(),
                        };
                        let pre_accept = Proposal {
                            instance,
                            ballot,
                            value,
                        };
                        self.broadcast(id, Call::PreAccept(pre_accept, Vec::new()));
                    }
                }
            }
        }
        Ok(())
    }
}
