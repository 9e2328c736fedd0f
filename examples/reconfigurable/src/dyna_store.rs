//! DynaStore: configurations by weak snapshots.
//!
//! Aguilera, Keidar, Malkhi, Shraer: Dynamic Atomic Storage without Consensus. JACM 58(2), 2011. Algorithms 1 and 2.
//!
//! Clients propose what follows a view in the view's weak snapshot. They may propose different views, so views form a graph. But
//! all scans that find something have one proposal in common, so all clients that leave a view have one view in common where they
//! go. An operation traverses the graph from the smallest view to one that nothing follows.
//!
//! Deviations: the snapshots are kept by the view's replicas, as in DynaDisk (Shraer, Martin, Malkhi, Keidar 2010), because clients
//! are no members of views. A proposal is a register that is empty or full; a collect writes back what it reads, which makes these
//! registers atomic. A proposal is the whole view, instead of the changes to this one.

use crate::access::Access;
use crate::flaw::Flaw;
use crate::front::Front;
use crate::proto::{Algorithm, Blueprint, Known, Stored};
use crate::reconfigurable::{Operation, OperationError, Reconfigurable};
use crate::session::{Outcome, Session};

const DYNA_STORE: Algorithm = Algorithm::DynaStore;

/// A client of DynaStore's register.
#[derive(Debug)]
pub struct DynaStore<A>(pub Session<A>);

impl<A: Access> Reconfigurable for DynaStore<A> {
    type Error = A::Error;

    /// Traverse, of Algorithm 2.
    async fn perform(&self, mut operation: Operation) -> Result<Stored, OperationError<A::Error>> {
        let session = &self.0;
        let mut front = Front::new(session.configuration());
        let change = session.change(&operation)?;
        let mut desired = session.propose(front.first(), &change)?;
        let mut newest = Stored::default();
        loop {
            let this = front.first().clone();
            desired = session.propose(&this, &desired)?;
            let mut known = Known::default();
            if desired != this {
                known.merge(self.update(&this, &desired).await?);
            }
            if known.cur.is_none() {
                // ReadInView
                known = self.scan(&this).await?;
                newest.advance(known.stored.take().unwrap_or_default());
            }
            if known.cur.is_none() && known.next.is_empty() {
                let is_read = operation == Operation::Read;
                if is_read && front.behind().next().is_none() && session.has(Flaw::NoWriteBack) {
                    return Ok(newest);
                }
                if session.has(Flaw::EarlyCur) {
                    session.install(DYNA_STORE, &front).await?;
                }
                // WriteInView
                newest = session.value(&mut operation, newest)?;
                let at = DYNA_STORE.at(&this);
                known = session.write_s(at.clone(), newest.clone(), None).await?;
                if known.cur.is_none() && known.next.is_empty() {
                    session.install(DYNA_STORE, &front).await?;
                    return Ok(newest);
                }
                // The replies are no scan: another client may see other proposals. Written back, the next scan finds them,
                // whichever replicas it reads.
                let next = std::mem::take(&mut known.next);
                if known.cur.is_none() {
                    known.cur = session.write_n(at, next).await?.cur;
                }
            }
            if let Some(cur) = known.cur {
                // Goes on as if the operation began in the installed view.
                front.restart(&cur);
                continue;
            }
            for next in &known.next {
                desired = desired.merge(next);
                front.insert(next.clone());
            }
            if !known.next.is_empty() {
                front.leave(&this);
            }
        }
    }

    fn configuration(&self) -> Blueprint {
        self.0.configuration()
    }
}

/// The weak snapshot of a view, Algorithm 1.
impl<A: Access> DynaStore<A> {
    /// Proposes a view to follow this one, unless another was proposed before.
    async fn update(&self, this: &Blueprint, next: &Blueprint) -> Outcome<Known, A> {
        let known = self.collect(this).await?;
        if known.cur.is_some() || !known.next.is_empty() {
            return Ok(known);
        }
        let at = DYNA_STORE.at(this);
        self.0.write_n(at, vec![next.clone()]).await
    }

    /// The proposals that are found, of which one is found by all scans that find any.
    ///
    /// The first proposal that was made is full before any collect finds something. So a second collect finds it.
    async fn scan(&self, this: &Blueprint) -> Outcome<Known, A> {
        let known = self.collect(this).await?;
        if known.cur.is_some() || known.next.is_empty() || self.0.has(Flaw::OneCollect) {
            return Ok(known);
        }
        self.collect(this).await
    }

    /// Reads all proposals, and the value. No later collect finds less.
    async fn collect(&self, this: &Blueprint) -> Outcome<Known, A> {
        let known = self.0.read_s(DYNA_STORE.at(this)).await?;
        if known.cur.is_some() || known.next.is_empty() {
            return Ok(known);
        }
        let at = DYNA_STORE.at(this);
        let written = self.0.write_n(at, known.next.clone()).await?;
        Ok(Known {
            cur: written.cur,
            ..known
        })
    }
}
