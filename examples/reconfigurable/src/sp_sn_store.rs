//! SpSnStore: configurations by speculating snapshots.
//!
//! Gafni, Malkhi: Elastic Configuration Maintenance via a Parsimonious Speculating Snapshot Solution. DISC 2015.
//!
//! Each configuration has a speculating snapshot. In each of its rounds, a client proposes all that it knows. One that sees no
//! other proposal commits its own, so at most one is committed in a round; one that sees others joins them for the next round. The
//! client goes through the configurations that it has seen committed, which form a chain.
//!
//! Deviation: a client whose read of a configuration finds no proposals leaves the snapshot out.

use gorums_runtime::AggregateCall;

use crate::access::Access;
use crate::flaw::Flaw;
use crate::front::Front;
use crate::proto::register_gorums::{RegisterConfiguration, methods};
use crate::proto::{
    Algorithm, At, Blueprint, Collect, Collected, Known, Proposal, Proposed, Stored,
};
use crate::reconfigurable::{Operation, OperationError, Reconfigurable};
use crate::register::Register;
use crate::request::{Reply, Request};
use crate::session::{Outcome, Session, merged};

const SP_SN_STORE: Algorithm = Algorithm::SpSnStore;

/// A client of SpSnStore's register.
#[derive(Debug)]
pub struct SpSnStore<A>(pub Session<A>);

impl<A: Access> Reconfigurable for SpSnStore<A> {
    type Error = A::Error;

    async fn perform(&self, mut operation: Operation) -> Result<Stored, OperationError<A::Error>> {
        let session = &self.0;
        let mut front = Front::new(session.configuration());
        let mut proposal = session.change(&operation)?;
        let mut newest = Stored::default();
        loop {
            let this = front.first().clone();
            let mut known = session.read_s(SP_SN_STORE.at(&this)).await?;
            let proposed = known.next.iter().chain([&this]);
            proposal = proposed.fold(proposal, |all, it| all.merge(it));
            if known.cur.is_none() && proposal != this {
                session.propose(&this, &proposal)?;
                self.speculate(&mut front, &this, &mut proposal).await?;
                // A quorum has proposals now. So a write that ends here is found, or finds them.
                known = session.read_s(SP_SN_STORE.at(&this)).await?;
                front.leave(&this);
            }
            newest.advance(known.stored.unwrap_or_default());
            if let Some(cur) = &known.cur {
                front.advance(cur);
            }
            if !front.is(&this) {
                continue;
            }
            let is_read = operation == Operation::Read;
            if is_read && front.behind().next().is_none() && session.has(Flaw::NoWriteBack) {
                return Ok(newest);
            }
            if session.has(Flaw::EarlyCur) {
                session.install(SP_SN_STORE, &front).await?;
            }
            newest = session.value(&mut operation, newest)?;
            let at = SP_SN_STORE.at(&this);
            let known = session.write_s(at, newest.clone(), None).await?;
            if let Some(cur) = &known.cur {
                front.advance(cur);
            } else if known.next.is_empty() {
                session.install(SP_SN_STORE, &front).await?;
                return Ok(newest);
            }
            // The next read may miss them.
            proposal = known.next.iter().fold(proposal, |all, it| all.merge(it));
        }
    }

    fn configuration(&self) -> Blueprint {
        self.0.configuration()
    }
}

impl<A: Access> SpSnStore<A> {
    /// The speculating snapshot: puts the configurations that are committed into the front, the last of which has the proposal.
    /// Or advances the front if the configuration was abandoned.
    async fn speculate(
        &self,
        front: &mut Front,
        this: &Blueprint,
        proposal: &mut Blueprint,
    ) -> Outcome<(), A> {
        for round in 0.. {
            let at = Some(SP_SN_STORE.at(this));
            let request = Proposal {
                at,
                round,
                proposal: Some(proposal.clone()),
            };
            let replies = self.0.call(request).await?;
            if let Some(cur) = merged(replies.clone()).cur {
                front.advance(&cur);
                break;
            }
            let proposals = || replies.iter().flat_map(|reply| &reply.proposals);
            let is_alone = proposals().all(|other| other == proposal);
            let commit = is_alone || self.0.has(Flaw::EagerCommit);
            let collect = proposals().fold(proposal.clone(), |all, it| all.merge(it));
            let request = Collect {
                at: Some(SP_SN_STORE.at(this)),
                round,
                commit,
                collect: Some(collect.clone()),
            };
            let replies = self.0.call(request).await?;
            *proposal = collect;
            if let Some(cur) = merged(replies.clone()).cur {
                front.advance(&cur);
                break;
            }
            if commit {
                front.insert(proposal.clone());
            }
            let mut is_last = commit;
            for reply in replies {
                reply.committed.into_iter().for_each(|it| front.insert(it));
                if let Some(collected) = reply.collected {
                    *proposal = proposal.merge(&collected);
                    is_last = false;
                }
            }
            if is_last {
                break;
            }
        }
        Ok(())
    }
}

impl Request for Proposal {
    type Method = methods::Propose;
    type Reply = Proposed;

    fn at(&self) -> Option<&At> {
        self.at.as_ref()
    }

    fn blueprints(&self) -> Vec<Option<&Blueprint>> {
        vec![self.proposal.as_ref()]
    }

    fn apply(self, this: &Blueprint, register: &mut Register) -> Proposed {
        let proposal = self.proposal.unwrap_or_default();
        let mut reply = Proposed::default();
        register.change(this, |state| {
            let round = state.rounds.entry(self.round).or_default();
            for proposals in [&mut state.next, &mut round.proposals] {
                if !proposals.contains(&proposal) {
                    proposals.push(proposal.clone());
                }
            }
            reply.proposals = round.proposals.clone();
        });
        reply
    }

    fn call(self, replicas: &RegisterConfiguration) -> AggregateCall<Self::Method> {
        replicas.propose(self)
    }
}

impl Request for Collect {
    type Method = methods::Commit;
    type Reply = Collected;

    fn at(&self) -> Option<&At> {
        self.at.as_ref()
    }

    fn blueprints(&self) -> Vec<Option<&Blueprint>> {
        vec![self.collect.as_ref()]
    }

    fn apply(self, this: &Blueprint, register: &mut Register) -> Collected {
        let collect = self.collect.unwrap_or_default();
        let mut reply = Collected::default();
        register.change(this, |state| {
            let round = state.rounds.entry(self.round).or_default();
            match self.commit {
                true => round.committed = Some(collect),
                false => {
                    let collected = round.collected.get_or_insert_default();
                    *collected = collected.merge(&collect);
                }
            }
            reply.committed = round.committed.clone();
            reply.collected = round.collected.clone();
        });
        reply
    }

    fn call(self, replicas: &RegisterConfiguration) -> AggregateCall<Self::Method> {
        replicas.commit(self)
    }
}

impl From<Known> for Proposed {
    fn from(known: Known) -> Self {
        Self {
            known: Some(known),
            ..Self::default()
        }
    }
}

impl Reply for Proposed {
    fn known(&self) -> Option<&Known> {
        self.known.as_ref()
    }
}

impl From<Known> for Collected {
    fn from(known: Known) -> Self {
        Self {
            known: Some(known),
            ..Self::default()
        }
    }
}

impl Reply for Collected {
    fn known(&self) -> Option<&Known> {
        self.known.as_ref()
    }
}
