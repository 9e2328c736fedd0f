//! RAMBO: the next configuration by consensus.
//!
//! Lynch, Shvartsman: RAMBO: A Reconfigurable Atomic Memory Service for Dynamic Networks. DISC 2002.
//! Gilbert, Lynch, Shvartsman: RAMBO II: Rapidly Reconfigurable Atomic Memory for Dynamic Networks. DSN 2003.
//!
//! The members of each configuration decide by consensus which one follows it, so configurations form one sequence. Reads and
//! writes do not wait for reconfigurations: both of their phases use all configurations that are active, which are those from the
//! installed one on. The upgrade of RAMBO II removes them from the sequence: it tells all old configurations what follows, and
//! takes the value to the last one.
//!
//! Deviations: messages are quorum calls instead of gossip, the client that reconfigures also upgrades, and it is the proposer of
//! the consensus, which is single-decree Paxos.

use gorums_runtime::AggregateCall;

use crate::access::Access;
use crate::flaw::Flaw;
use crate::front::Front;
use crate::proto::register_gorums::{RegisterConfiguration, methods};
use crate::proto::{
    AcceptRequest, Algorithm, At, Ballot, Blueprint, Known, PrepareRequest, Promise, Stored, Vote,
};
use crate::reconfigurable::{Operation, OperationError, Reconfigurable};
use crate::register::Register;
use crate::request::{Reply, Request};
use crate::session::{Outcome, Session, merged};
use crate::transfer::transfer;

const RAMBO: Algorithm = Algorithm::Rambo;

/// A client of RAMBO's register.
#[derive(Debug)]
pub struct Rambo<A>(pub Session<A>);

impl<A: Access> Reconfigurable for Rambo<A> {
    type Error = A::Error;

    async fn perform(&self, operation: Operation) -> Result<Stored, OperationError<A::Error>> {
        let active = Front::new(self.0.configuration());
        let change = self.0.change(&operation)?;
        match operation {
            Operation::Reconfigure(_) => {
                let active = self.recon(active, &change).await?;
                transfer(&self.0, RAMBO, active, operation, Front::second).await
            }
            _ => self.read_or_write(active, operation).await,
        }
    }

    fn configuration(&self) -> Blueprint {
        self.0.configuration()
    }
}

impl<A: Access> Rambo<A> {
    /// The query phase and the propagation phase. Each takes a quorum of every active configuration, also of those that it learns
    /// of on the way.
    async fn read_or_write(
        &self,
        mut active: Front,
        mut operation: Operation,
    ) -> Outcome<Stored, A> {
        let mut newest = Known::default();
        let mut queried = Vec::new();
        while let Some(this) = outside(&active, &queried) {
            let known = self.0.read_s(RAMBO.at(&this)).await?;
            active.learn(&known);
            newest.merge(known);
            queried.push(this);
        }
        let newest = newest.stored.unwrap_or_default();
        if operation == Operation::Read && self.0.has(Flaw::NoWriteBack) {
            return Ok(newest);
        }
        let stored = self.0.value(&mut operation, newest)?;
        let mut propagated = Vec::new();
        while let Some(this) = outside(&active, &propagated) {
            let known = self.0.write_s(RAMBO.at(&this), stored.clone(), None);
            active.learn(&known.await?);
            propagated.push(this);
        }
        self.0.learn_installed(active.first());
        Ok(stored)
    }

    /// Appends configurations until the last one has the change.
    async fn recon(&self, mut active: Front, change: &Blueprint) -> Outcome<Front, A> {
        while !change.is_within(active.last()) {
            let this = active.last().clone();
            let proposal = self.0.propose(&this, change)?;
            if let Some(next) = self.decide(&mut active, &this, proposal).await? {
                let known = self.0.write_n(RAMBO.at(&this), vec![next]).await?;
                active.learn(&known);
            }
        }
        Ok(active)
    }

    /// Consensus on what follows a configuration. `None` if the configuration was abandoned, or is known to be followed.
    async fn decide(
        &self,
        active: &mut Front,
        this: &Blueprint,
        proposal: Blueprint,
    ) -> Outcome<Option<Blueprint>, A> {
        let mut round = 0;
        loop {
            let ballot = Ballot {
                round: self
                    .0
                    .number_after(round)
                    .ok_or(OperationError::NoGreaterTag)?,
                proposer: self.0.id(),
            };
            let request = PrepareRequest {
                at: Some(RAMBO.at(this)),
                ballot: Some(ballot),
            };
            let promises = self.0.call(request).await?;
            active.learn(&merged(promises.clone()));
            if active.last() != this {
                return Ok(None);
            }
            if let Some(higher) = refused(&promises, ballot) {
                round = higher;
                self.0.access().pause().await;
                continue;
            }
            let votes = promises.into_iter().filter_map(|promise| promise.vote);
            let newest = votes.max_by_key(|vote| vote.ballot.unwrap_or_default().order());
            let value = newest.and_then(|vote| vote.value);
            let value = value.unwrap_or_else(|| proposal.clone());
            let request = AcceptRequest {
                at: Some(RAMBO.at(this)),
                vote: Some(Vote {
                    ballot: Some(ballot),
                    value: Some(value.clone()),
                }),
            };
            let accepted = self.0.call(request).await?;
            active.learn(&merged(accepted.clone()));
            if active.last() != this {
                return Ok(None);
            }
            match refused(&accepted, ballot) {
                None => return Ok(Some(value)),
                Some(higher) => round = higher,
            }
            self.0.access().pause().await;
        }
    }
}

/// An active configuration that is not among `done`.
fn outside(active: &Front, done: &[Blueprint]) -> Option<Blueprint> {
    active.iter().find(|this| !done.contains(this)).cloned()
}

/// The round of a greater ballot that an acceptor has promised.
fn refused(promises: &[Promise], ballot: Ballot) -> Option<u64> {
    let promised = promises.iter().filter_map(|promise| promise.promised);
    let greater = promised.filter(|promised| promised.order() > ballot.order());
    greater.map(|promised| promised.round).max()
}

impl Request for PrepareRequest {
    type Method = methods::Prepare;
    type Reply = Promise;

    fn at(&self) -> Option<&At> {
        self.at.as_ref()
    }

    fn blueprints(&self) -> Vec<Option<&Blueprint>> {
        Vec::new()
    }

    fn is_settled_by(&self, reply: &Promise) -> bool {
        reply.settles(self.ballot.unwrap_or_default())
    }

    fn apply(self, this: &Blueprint, register: &mut Register) -> Promise {
        let ballot = self.ballot.unwrap_or_default();
        Promise::after(this, register, |promised, _| {
            if ballot.order() > promised.order() {
                *promised = ballot;
            }
        })
    }

    fn call(self, replicas: &RegisterConfiguration) -> AggregateCall<Self::Method> {
        replicas.prepare(self)
    }
}

impl Request for AcceptRequest {
    type Method = methods::Accept;
    type Reply = Promise;

    fn at(&self) -> Option<&At> {
        self.at.as_ref()
    }

    fn blueprints(&self) -> Vec<Option<&Blueprint>> {
        let value = self.vote.as_ref().and_then(|vote| vote.value.as_ref());
        vec![value]
    }

    fn is_settled_by(&self, reply: &Promise) -> bool {
        let ballot = self.vote.as_ref().and_then(|vote| vote.ballot);
        reply.settles(ballot.unwrap_or_default())
    }

    fn apply(self, this: &Blueprint, register: &mut Register) -> Promise {
        let request = self.vote.unwrap_or_default();
        let ballot = request.ballot.unwrap_or_default();
        let is_unchecked = register.flaw() == Some(Flaw::BallotUnchecked);
        Promise::after(this, register, |promised, vote| {
            if is_unchecked || ballot.order() >= promised.order() {
                *promised = ballot;
                *vote = Some(request);
            }
        })
    }

    fn call(self, replicas: &RegisterConfiguration) -> AggregateCall<Self::Method> {
        replicas.accept(self)
    }
}

impl Promise {
    /// What an acceptor has promised and voted for after a change.
    fn after(
        this: &Blueprint,
        register: &mut Register,
        change: impl FnOnce(&mut Ballot, &mut Option<Vote>),
    ) -> Self {
        let mut promise = Self::default();
        register.change(this, |state| {
            let promised = state.promised.get_or_insert_default();
            change(promised, &mut state.vote);
            promise.promised = Some(*promised);
            promise.vote = state.vote.clone();
        });
        promise.known = Some(register.known(this));
        promise
    }

    /// Whether the ballot cannot succeed, or need not.
    fn settles(&self, ballot: Ballot) -> bool {
        let known = self.known.as_ref();
        known.is_some_and(|known| known.cur.is_some() || !known.next.is_empty())
            || self.promised.unwrap_or_default().order() > ballot.order()
    }
}

impl From<Known> for Promise {
    fn from(known: Known) -> Self {
        Self {
            known: Some(known),
            ..Self::default()
        }
    }
}

impl Reply for Promise {
    fn known(&self) -> Option<&Known> {
        self.known.as_ref()
    }
}
