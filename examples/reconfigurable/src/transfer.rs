//! The way through a chain of configurations, which RAMBO's upgrade and all operations of SmartMerge go.

use crate::access::Access;
use crate::flaw::Flaw;
use crate::front::Front;
use crate::proto::{Algorithm, Blueprint, Known, Stored};
use crate::reconfigurable::Operation;
use crate::session::{Outcome, Session};

/// Visits the configurations ahead in their order. Tells a quorum of each what follows, which `follows` chooses, and takes the
/// newest value along. When nothing follows any more, stores the value there, and installs that configuration.
///
/// The replies to `WriteN` have the value as it was after the replica had learned what follows. So a write that ends in the same
/// configuration is either among them, or finds what follows.
pub(crate) async fn transfer<A: Access>(
    session: &Session<A>,
    algorithm: Algorithm,
    mut front: Front,
    mut operation: Operation,
    follows: impl Fn(&Front) -> &Blueprint,
) -> Outcome<Stored, A> {
    let mut newest = Known::default();
    loop {
        let this = front.first().clone();
        let next = follows(&front).clone();
        let at = algorithm.at(&this);
        let is_left = next != this;
        let known = match is_left {
            true => session.write_n(at, vec![next]).await?,
            false => session.read_s(at).await?,
        };
        front.learn(&known);
        newest.merge(known);
        if is_left {
            front.leave(&this);
        }
        if !front.is(&this) {
            continue;
        }
        let is_read = operation == Operation::Read;
        if is_read && front.behind().next().is_none() && session.has(Flaw::NoWriteBack) {
            return Ok(newest.stored.unwrap_or_default());
        }
        if session.has(Flaw::EarlyCur) {
            session.install(algorithm, &front).await?;
        }
        let stored = newest.stored.take().unwrap_or_default();
        let stored = session.value(&mut operation, stored)?;
        newest.stored = Some(stored.clone());
        let at = algorithm.at(&this);
        let known = session.write_s(at, stored.clone(), newest.la_state.clone());
        front.learn(&known.await?);
        if front.is(&this) {
            session.install(algorithm, &front).await?;
            return Ok(stored);
        }
    }
}
