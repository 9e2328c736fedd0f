//! A checker of linearizability.
//!
//! A history is linearizable if each operation can be given a point between its invocation and its return, such that the
//! operations, applied one after another in the order of their points, have the outcomes that the clients saw (Herlihy,
//! Wing: Linearizability, 1990). An operation that was lost may have its point at any time after its invocation, or none.
//!
//! The algorithm is the search of Wing and Gong ("Testing and verifying concurrent objects", 1993). It tries as the next
//! operation each one that was invoked before the first return of an operation that is not linearized yet. It remembers the
//! pairs of a set of linearized operations and a state that it has reached, as Lowe does ("Testing for linearizability",
//! 2017). It checks each key alone, as Horn and Kroening do ("Faster linearizability checking via P-compositionality",
//! 2015). It deviates from them:
//!
//! * It remembers a set of linearized operations as the first return that is missing and the operations that return after
//!   it. So the size depends on how concurrent the history is, not on how long it is.
//! * It tries lost operations last. If two sets with the same state differ only in lost operations, and one contains the
//!   other, it tries only the smaller one: whatever can follow the larger one can follow the smaller one too.
//! * It linearizes an operation that [`changes_nothing`](Specification::changes_nothing) as soon as its outcome fits, and
//!   tries nothing else there.
//! * It first tries operations that leave the state as it is, then the one that returns first, then those after which the
//!   outcome of that one fits.
//! * It gives up after a number of steps, because the problem is NP-complete.
//!
//! Two libraries come close. stateright's `LinearizabilityTester` (0.31) neither remembers what it has reached nor
//! partitions; it copies the rest of the history at each step, and its recursion is as deep as the history is long.
//! `todc-utils` (0.1.1) remembers, but it panics at an operation without a return, and scans the history for each return.
//! Neither can be bounded, or reports where the search got stuck.

mod search;
mod violation;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::hash::Hash;

use crate::history::{Entry, History};

pub use violation::Violation;

use search::{Search, Verdict};

/// The steps that [`check`] may take for each key. A step looks at one operation that could be the next one.
pub const MAX_STEPS: u64 = 5_000_000;

/// What objects do when operations are applied to them one after another.
pub trait Specification {
    /// Names one of several objects that do not depend on each other. `()` if there is only one.
    type Key: Ord + Debug;
    /// The state of one object.
    type State: Clone + Eq + Hash + Debug;
    /// What clients ask for.
    type Operation: Debug;
    /// What clients are told.
    type Outcome: PartialEq + Debug;

    /// The object that the operation is applied to.
    fn key(&self, operation: &Self::Operation) -> Self::Key;

    /// The state of an object before all operations.
    fn initial(&self, key: &Self::Key) -> Self::State;

    /// The state after the operation, and its outcome.
    fn apply(
        &self,
        state: &Self::State,
        operation: &Self::Operation,
    ) -> (Self::State, Self::Outcome);

    /// Whether an operation with this outcome leaves every state as it is. Reads do, and compare-and-swaps that fail. It
    /// makes checks faster.
    ///
    /// Writes do not: one that writes the value that is already there changes other states. If this is `true` for such an
    /// operation, linearizable histories are reported as violations.
    fn changes_nothing(&self, _: &Self::Operation, _: &Self::Outcome) -> bool {
        false
    }
}

/// The entry of a history of `S`.
type EntryOf<S> = Entry<<S as Specification>::Operation, <S as Specification>::Outcome>;

/// Why [`check`] did not find the history linearizable.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The history is not linearizable.
    #[error("not linearizable: {0}")]
    Violation(Box<Violation>),
    /// The history may be linearizable or not.
    #[error(
        "undecided: key {key}, with {operations} operations, is too concurrent to be decided in {steps} steps. \
         Use more keys, fewer clients or shorter runs"
    )]
    Undecided {
        /// The key whose operations are undecided.
        key: String,
        /// How many they are.
        operations: usize,
        /// How many steps were allowed.
        steps: u64,
    },
}

/// Checks that the history is linearizable, in up to [`MAX_STEPS`] for each key.
///
/// # Errors
///
/// [`CheckError::Violation`] if it is not, even if another key is undecided. [`CheckError::Undecided`] if no violation was
/// found, but the steps did not suffice for some key.
pub fn check<S: Specification>(
    history: &History<S::Operation, S::Outcome>,
    specification: &S,
) -> Result<(), CheckError> {
    check_within(history, specification, MAX_STEPS)
}

/// The same as [`check`], in up to `steps` steps for each key.
///
/// # Errors
///
/// See [`check`].
pub fn check_within<S: Specification>(
    history: &History<S::Operation, S::Outcome>,
    specification: &S,
    steps: u64,
) -> Result<(), CheckError> {
    let mut partitions: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for indexed in history.entries().iter().enumerate() {
        let key = specification.key(&indexed.1.operation);
        partitions.entry(key).or_default().push(indexed);
    }
    let mut undecided = Ok(());
    for (key, entries) in partitions {
        let search = |until| Search::new(specification, &key, &entries, until).run(steps);
        match search(u64::MAX) {
            Verdict::Linearizable => {}
            Verdict::Undecided => {
                undecided = undecided.and(Err(CheckError::Undecided {
                    key: format!("{key:?}"),
                    operations: entries.len(),
                    steps,
                }));
            }
            Verdict::Stuck(stuck) => {
                let (last, stuck) = violation::smallest_prefix::<S>(&entries, stuck, search);
                let violation = Violation::new::<S>(&key, history.entries(), &entries, last, stuck);
                return Err(CheckError::Violation(Box::new(violation)));
            }
        }
    }
    undecided
}
