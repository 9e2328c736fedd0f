//! SmartMerge: configurations by lattice agreement.
//!
//! Jehl, Vitenberg, Meling: SmartMerge: A New Approach to Reconfiguration for Atomic Storage. DISC 2015.
//!
//! Clients that reconfigure first agree on blueprints that form a chain: of any two that are learned, one has the changes of the
//! other. Concurrent changes are merged before they become configurations, so that few configurations come about, and blueprints
//! can have thresholds. Every operation that finds configurations ahead helps: it tells each of them the greatest one that it
//! knows, and takes the value there.

use gorums_runtime::AggregateCall;

use crate::access::Access;
use crate::flaw::Flaw;
use crate::front::Front;
use crate::proto::register_gorums::{RegisterConfiguration, methods};
use crate::proto::{Algorithm, At, Blueprint, Known, LaProposal, Stored};
use crate::reconfigurable::{Operation, OperationError, Reconfigurable};
use crate::register::Register;
use crate::request::Request;
use crate::session::{Outcome, Session, merged};
use crate::transfer::transfer;

const SMART_MERGE: Algorithm = Algorithm::SmartMerge;

/// A client of SmartMerge's register.
#[derive(Debug)]
pub struct SmartMerge<A>(pub Session<A>);

impl<A: Access> Reconfigurable for SmartMerge<A> {
    type Error = A::Error;

    async fn perform(&self, operation: Operation) -> Result<Stored, OperationError<A::Error>> {
        let mut front = Front::new(self.0.configuration());
        let change = self.0.change(&operation)?;
        if !change.is_within(front.first()) {
            let target = self.agree(&change).await?;
            front.insert(target);
        }
        transfer(&self.0, SMART_MERGE, front, operation, Front::last).await
    }

    fn configuration(&self) -> Blueprint {
        self.0.configuration()
    }
}

impl<A: Access> SmartMerge<A> {
    /// Lattice agreement: a blueprint with the change, which has the changes of each other one that is learned, or the other way
    /// round. It is learned when a quorum of each configuration ahead has accepted it.
    async fn agree(&self, change: &Blueprint) -> Outcome<Blueprint, A> {
        let mut front = Front::new(self.0.configuration());
        let mut proposal = self.0.propose(front.first(), change)?;
        if self.0.has(Flaw::NoLatticeAgreement) {
            return Ok(proposal);
        }
        loop {
            let this = front.first().clone();
            let request = LaProposal {
                at: Some(SMART_MERGE.at(&this)),
                proposal: Some(proposal.clone()),
            };
            let known = merged(self.0.call(request).await?);
            front.learn(&known);
            let ahead = front.iter().chain(&known.la_state);
            let joined = ahead.fold(proposal.clone(), |all, it| all.merge(it));
            let joined = self.0.propose(&joined, &Blueprint::default())?;
            let is_accepted = joined == proposal;
            proposal = joined;
            if is_accepted && front.is(&this) {
                return Ok(proposal);
            }
            if is_accepted {
                front.leave(&this);
            }
        }
    }
}

impl Request for LaProposal {
    type Method = methods::LaProp;
    type Reply = Known;

    fn at(&self) -> Option<&At> {
        self.at.as_ref()
    }

    fn blueprints(&self) -> Vec<Option<&Blueprint>> {
        vec![self.proposal.as_ref()]
    }

    /// The replica accepts the proposal if its state was within it: then the state that it returns is the proposal.
    fn apply(self, this: &Blueprint, register: &mut Register) -> Known {
        register.join(&self.proposal.unwrap_or_default());
        register.known(this)
    }

    fn call(self, replicas: &RegisterConfiguration) -> AggregateCall<Self::Method> {
        replicas.la_prop(self)
    }
}
