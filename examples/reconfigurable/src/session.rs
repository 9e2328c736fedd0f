//! A client's calls to the replicas of one configuration, and what it remembers from one operation to the next.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use gorums_runtime::NodeId;
use gorums_runtime::quorum::{Quorums, ReadWrite};

use crate::access::Access;
use crate::flaw::Flaw;
use crate::front::Front;
use crate::proto::{Algorithm, At, Blueprint, Known, NewCur, Read, Stored, Tag, Write, WriteNext};
use crate::reconfigurable::{Operation, OperationError};
use crate::request::{Reply, Request};

/// A client of one algorithm's register.
#[derive(Debug)]
pub struct Session<A> {
    id: u64,
    access: A,
    known: Mutex<Blueprint>,
    /// The greatest number of a tag or ballot that this client has made. Operations under way have different ones.
    last_number: AtomicU64,
    flaw: Option<Flaw>,
}

/// The outcome of a client's step.
pub(crate) type Outcome<T, A> = Result<T, OperationError<<A as Access>::Error>>;

impl<A: Access> Session<A> {
    /// A client with an id that no other client has or had. It needs to know one configuration that was once installed: the
    /// first one, or a newer one.
    pub fn new(id: u64, access: A, configuration: Blueprint) -> Self {
        Self {
            id,
            access,
            known: Mutex::new(configuration),
            last_number: AtomicU64::new(0),
            flaw: None,
        }
    }

    /// A client that makes a mistake, for tests.
    pub fn with_flaw(self, flaw: Option<Flaw>) -> Self {
        Self { flaw, ..self }
    }

    /// The newest configuration that this client knows to be installed.
    pub fn configuration(&self) -> Blueprint {
        self.lock().clone()
    }

    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    pub(crate) fn access(&self) -> &A {
        &self.access
    }

    pub(crate) fn has(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    /// What a reconfiguration changes; nothing for other operations.
    pub(crate) fn change(&self, operation: &Operation) -> Outcome<Blueprint, A> {
        match operation {
            Operation::Reconfigure(change) if change.is_normal() => Ok(change.clone()),
            Operation::Reconfigure(_) => Err(OperationError::NotNormal),
            _ => Ok(Blueprint::default()),
        }
    }

    /// The configuration with the change of a client, which has to leave some replicas.
    pub(crate) fn propose(&self, this: &Blueprint, change: &Blueprint) -> Outcome<Blueprint, A> {
        let proposal = this.merge(change);
        self.quorums(&proposal)?;
        Ok(proposal)
    }

    /// The value to store after all values in earlier configurations are known.
    ///
    /// From then on, a write has only to bring the newest value to the last configuration, as a read does.
    pub(crate) fn value(&self, operation: &mut Operation, newest: Stored) -> Outcome<Stored, A> {
        match operation {
            Operation::Write(value) => {
                let number = self.number_after(newest.order().0);
                let number = number.ok_or(OperationError::NoGreaterTag)?;
                let writer = self.id;
                let tag = Some(Tag { number, writer });
                let value = std::mem::take(value);
                *operation = Operation::Read;
                Ok(Stored { tag, value })
            }
            Operation::Reconfigure(_) if self.has(Flaw::NoStateTransfer) => Ok(Stored::default()),
            _ => Ok(newest),
        }
    }

    /// What the replicas of a configuration have.
    pub(crate) async fn read_s(&self, at: At) -> Outcome<Known, A> {
        let quorums = self.quorums(this(&at))?;
        let request = Read { at: Some(at) };
        let known = self.call_quorum(request, quorums.reads()).await?;
        Ok(merged(known))
    }

    /// Stores a value in a configuration.
    pub(crate) async fn write_s(
        &self,
        at: At,
        stored: Stored,
        la_state: Option<Blueprint>,
    ) -> Outcome<Known, A> {
        let at = Some(at);
        let stored = Some(stored);
        let known = self
            .call(Write {
                at,
                stored,
                la_state,
            })
            .await?;
        match self.has(Flaw::NextUnchecked) {
            true => Ok(Known::default()),
            false => Ok(merged(known)),
        }
    }

    /// Tells the replicas of a configuration what follows it.
    pub(crate) async fn write_n(&self, at: At, next: Vec<Blueprint>) -> Outcome<Known, A> {
        let at = Some(at);
        Ok(merged(self.call(WriteNext { at, next }).await?))
    }

    /// Ends an operation in the last configuration of the front, where a quorum has the value: abandons the configurations before
    /// it. A write quorum of the configuration has to know. All replicas that were ever removed are told if they can be reached,
    /// so that they can tell a client that knows only an old configuration.
    pub(crate) async fn install(&self, algorithm: Algorithm, front: &Front) -> Outcome<(), A> {
        let cur = front.last();
        let mut replicas: BTreeSet<NodeId> = front.behind().collect();
        if !replicas.is_empty() {
            replicas.extend(cur.members());
            replicas.extend(cur.removed.iter().copied().map(NodeId::new));
            let at = Some(algorithm.at(cur));
            let quorums = self.quorums(cur)?;
            let replicas = replicas.into_iter().collect();
            let request = NewCur { at };
            let told = self.access.call(replicas, request, quorums.writes()).await;
            told.map_err(|error| self.failed(error))?;
        }
        self.learn_installed(cur);
        Ok(())
    }

    /// Remembers an installed configuration for later operations.
    pub(crate) fn learn_installed(&self, cur: &Blueprint) {
        let mut known = self.lock();
        if known.rank() < cur.rank() {
            *known = cur.clone();
        }
    }

    /// Calls a write quorum of the configuration that the request is about.
    pub(crate) async fn call<R: Request>(&self, request: R) -> Outcome<Vec<R::Reply>, A> {
        let this = request.at().map(this).cloned().unwrap_or_default();
        let quorums = self.quorums(&this)?;
        self.call_quorum(request, quorums.writes()).await
    }

    async fn call_quorum<R: Request>(
        &self,
        request: R,
        quorums: &Quorums<NodeId>,
    ) -> Outcome<Vec<R::Reply>, A> {
        let replicas = quorums.nodes().to_vec();
        let few = self.has(Flaw::SmallQuorum).then(|| half(&replicas));
        let quorums = few.as_ref().unwrap_or(quorums);
        let replies = self.access.call(replicas, request, quorums).await;
        replies.map_err(|error| self.failed(error))
    }

    fn quorums(&self, this: &Blueprint) -> Outcome<ReadWrite<NodeId>, A> {
        this.quorums().map_err(OperationError::NoReplicas)
    }

    fn failed(&self, error: A::Error) -> OperationError<A::Error> {
        OperationError::Access(error, self.configuration())
    }

    /// A number that is greater than `seen`, and than those of this client's other writes or ballots. `None` if there is none.
    pub(crate) fn number_after(&self, seen: u64) -> Option<u64> {
        let next = |last: u64| last.max(seen).checked_add(1);
        let last = self
            .last_number
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        last.ok().and_then(next)
    }

    fn lock(&self) -> MutexGuard<'_, Blueprint> {
        // No panic leaves the configuration half changed.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Algorithm {
    /// The algorithm's register in a configuration.
    pub(crate) fn at(self, this: &Blueprint) -> At {
        At {
            algorithm: self.into(),
            this: Some(this.clone()),
        }
    }
}

fn this(at: &At) -> &Blueprint {
    const NONE: &Blueprint = &Blueprint {
        added: Vec::new(),
        removed: Vec::new(),
        threshold: None,
    };
    at.this.as_ref().unwrap_or(NONE)
}

/// Quorums that are one replica smaller than a majority.
fn half(replicas: &[NodeId]) -> Quorums<NodeId> {
    let few = Quorums::at_least(replicas.len() / 2, replicas.iter().copied());
    few.unwrap_or_else(|_| Quorums::majority(replicas.iter().copied()))
}

/// What the replicas know together.
pub(crate) fn merged<R: Reply>(replies: Vec<R>) -> Known {
    let mut merged = Known::default();
    for known in replies.iter().filter_map(Reply::known) {
        merged.merge(known.clone());
    }
    merged
}
