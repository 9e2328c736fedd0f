//! The search for a linearization of the operations on one key.

use std::collections::HashMap;
use std::rc::Rc;

use super::{EntryOf, Specification};

/// The search. It numbers the operations: first those that returned, in the order of their returns, then those that were
/// lost, in the order of their invocations.
pub(super) struct Search<'a, S: Specification> {
    specification: &'a S,
    initial: S::State,
    operations: Vec<Numbered<'a, S>>,
    /// How many of them returned.
    returned: usize,
    /// The first invocation among the operations that returned, from each one on.
    earliest: Vec<u64>,
    steps: u64,
    path: Vec<Step<S::State>>,
    /// What was reached, each with the sets of lost operations that were linearized on the way. Only minimal sets are kept:
    /// no set contains another.
    seen: HashMap<Rc<Reached<S::State>>, Vec<Lost>>,
}

/// A bit for each lost operation: whether it is linearized.
type Lost = Rc<[u64]>;

/// How many words of a [`Lost`] are copied in a step, so that the steps bound the memory as well.
const WORDS_PER_STEP: usize = 8;

struct Numbered<'a, S: Specification> {
    /// Its index in the history.
    index: usize,
    entry: &'a EntryOf<S>,
}

/// A state, and the operations linearized before it, without the lost ones.
#[derive(PartialEq, Eq, Hash)]
struct Reached<T> {
    /// The first operation that is not linearized. All operations that returned before it are.
    frontier: usize,
    /// The operations that returned later and are linearized, in ascending order.
    ahead: Vec<usize>,
    state: T,
}

/// The linearization of one more operation.
struct Step<T> {
    /// The step before, and the operation. `None` at the start.
    last: Option<(usize, usize)>,
    reached: Rc<Reached<T>>,
    lost: Lost,
}

/// What to try after a step, in this order.
enum Next {
    Returned,
    /// The lost operations after which the outcome of the frontier fits.
    Fitting,
    /// The other lost operations.
    Lost,
}

/// The answer of a search.
pub(super) enum Verdict<T> {
    Linearizable,
    Stuck(Stuck<T>),
    Undecided,
}

/// Where a search that failed got furthest.
pub(super) struct Stuck<T> {
    /// How many operations had returned, in the order of their returns, before the one that could not be linearized.
    pub(super) frontier: usize,
    /// A linearization that got so far: indices in the history, each with the state after it.
    pub(super) linearization: Vec<(usize, T)>,
}

impl<'a, S: Specification> Search<'a, S> {
    /// A search in what was recorded up to the time `until`: operations that return later count as lost.
    pub(super) fn new(
        specification: &'a S,
        key: &S::Key,
        entries: &[(usize, &'a EntryOf<S>)],
        until: u64,
    ) -> Self {
        let numbered = entries
            .iter()
            .map(|&(index, entry)| Numbered::<S> { index, entry });
        let (mut operations, lost): (Vec<_>, Vec<_>) = numbered
            .partition(|operation| operation.returned_at() <= until && !operation.is_lost());
        operations.sort_by_key(Numbered::returned_at);
        let returned = operations.len();
        let mut earliest: Vec<_> = operations.iter().map(|it| it.entry.invoked).collect();
        for index in (1..returned).rev() {
            earliest[index - 1] = earliest[index - 1].min(earliest[index]);
        }
        operations.extend(lost);
        Self {
            specification,
            initial: specification.initial(key),
            operations,
            returned,
            earliest,
            steps: 0,
            path: Vec::new(),
            seen: HashMap::new(),
        }
    }

    /// Searches depth first, in up to `steps` steps.
    pub(super) fn run(mut self, steps: u64) -> Verdict<S::State> {
        let start = Reached {
            frontier: 0,
            ahead: Vec::new(),
            state: self.initial.clone(),
        };
        let mut stack = Vec::new();
        let mut furthest = 0;
        let lost = self.operations.len() - self.returned;
        let lost = vec![0; lost.div_ceil(u64::BITS as usize)];
        let start = self.visit(None, start, lost.into());
        stack.extend(start.map(|step| (step, Next::Returned)));
        while let Some((step, next)) = stack.pop() {
            let frontier = self.path[step].reached.frontier;
            if frontier == self.returned {
                return Verdict::Linearizable;
            }
            if frontier > self.path[furthest].reached.frontier {
                furthest = step;
            }
            if self.steps > steps {
                return Verdict::Undecided;
            }
            let children = match next {
                Next::Returned => {
                    let (children, is_decided) = self.after_returned(step);
                    if !is_decided {
                        stack.extend([(step, Next::Lost), (step, Next::Fitting)]);
                    }
                    children
                }
                Next::Fitting => self.after_lost(step, true),
                Next::Lost => self.after_lost(step, false),
            };
            // The best one is popped first.
            let children = children.into_iter().rev();
            stack.extend(children.map(|child| (child, Next::Returned)));
        }
        Verdict::Stuck(Stuck {
            frontier: self.path[furthest].reached.frontier,
            linearization: self.linearization(furthest),
        })
    }

    /// Linearizes each operation that returned and can be the next one. Says whether nothing else need be tried.
    fn after_returned(&mut self, step: usize) -> (Vec<usize>, bool) {
        let reached = Rc::clone(&self.path[step].reached);
        let lost = Rc::clone(&self.path[step].lost);
        let frontier = reached.frontier;
        let limit = self.operations[frontier].returned_at();
        let mut candidates = Vec::new();
        for number in frontier..self.returned {
            if self.earliest[number] >= limit {
                break;
            }
            self.steps += 1;
            let entry = self.operations[number].entry;
            if entry.invoked >= limit || reached.ahead.binary_search(&number).is_ok() {
                continue;
            }
            let Some(state) = self.apply(&reached.state, number) else {
                continue;
            };
            if self.changes_nothing(entry) {
                let child = self.visit(Some((step, number)), reached.with(number, state), lost);
                return (child.into_iter().collect(), true);
            }
            candidates.push((self.rank(&reached, number, &state), number, state));
        }
        candidates.sort_by_key(|(rank, ..)| *rank);
        let children = candidates.into_iter().filter_map(|(_, number, state)| {
            let lost = Rc::clone(&lost);
            self.visit(Some((step, number)), reached.with(number, state), lost)
        });
        (children.collect(), false)
    }

    /// Linearizes each lost operation that can be the next one and after which the frontier's outcome fits or does not.
    fn after_lost(&mut self, step: usize, fitting: bool) -> Vec<usize> {
        let reached = Rc::clone(&self.path[step].reached);
        let lost = Rc::clone(&self.path[step].lost);
        let limit = self.operations[reached.frontier].returned_at();
        let mut children = Vec::new();
        for (index, number) in (self.returned..self.operations.len()).enumerate() {
            if self.operations[number].entry.invoked >= limit {
                break;
            }
            self.steps += 1;
            let (word, bit) = (
                index / u64::BITS as usize,
                1 << (index % u64::BITS as usize),
            );
            if lost[word] & bit != 0 {
                continue;
            }
            let Some(state) = self.apply(&reached.state, number) else {
                continue;
            };
            if self.apply(&state, reached.frontier).is_some() != fitting {
                continue;
            }
            let with_state = Reached {
                frontier: reached.frontier,
                ahead: reached.ahead.clone(),
                state,
            };
            let mut lost = lost.to_vec();
            lost[word] |= bit;
            self.steps += (lost.len() / WORDS_PER_STEP) as u64;
            children.extend(self.visit(Some((step, number)), with_state, lost.into()));
        }
        children
    }

    /// The state after an operation, unless its outcome would not be the one that the client saw.
    fn apply(&self, state: &S::State, number: usize) -> Option<S::State> {
        let entry = self.operations[number].entry;
        let (state, outcome) = self.specification.apply(state, &entry.operation);
        let fits = number >= self.returned
            || (entry.returned.as_ref()).is_some_and(|returned| returned.outcome == outcome);
        fits.then_some(state)
    }

    fn changes_nothing(&self, entry: &EntryOf<S>) -> bool {
        entry.returned.as_ref().is_some_and(|returned| {
            (self.specification).changes_nothing(&entry.operation, &returned.outcome)
        })
    }

    /// Which of the operations that returned to try first.
    fn rank(&self, reached: &Reached<S::State>, number: usize, state: &S::State) -> u8 {
        if *state == reached.state {
            0
        } else if number == reached.frontier {
            1
        } else if self.apply(state, reached.frontier).is_some() {
            2
        } else {
            3
        }
    }

    /// Adds a step, unless as much was reached before with the same or fewer lost operations.
    fn visit(
        &mut self,
        last: Option<(usize, usize)>,
        reached: Reached<S::State>,
        lost: Lost,
    ) -> Option<usize> {
        let reached = Rc::new(reached);
        let sets = self.seen.entry(Rc::clone(&reached)).or_default();
        if sets.iter().any(|set| is_subset(set, &lost)) {
            return None;
        }
        sets.retain(|set| !is_subset(&lost, set));
        sets.push(Rc::clone(&lost));
        self.path.push(Step {
            last,
            reached,
            lost,
        });
        Some(self.path.len() - 1)
    }

    fn linearization(&self, step: usize) -> Vec<(usize, S::State)> {
        let mut step = &self.path[step];
        let mut linearization = Vec::new();
        while let Some((previous, number)) = step.last {
            let index = self.operations[number].index;
            linearization.push((index, step.reached.state.clone()));
            step = &self.path[previous];
        }
        linearization.reverse();
        linearization
    }
}

impl<S: Specification> Numbered<'_, S> {
    fn is_lost(&self) -> bool {
        self.entry.returned.is_none()
    }

    fn returned_at(&self) -> u64 {
        let returned = self.entry.returned.as_ref();
        returned.map_or(u64::MAX, |returned| returned.at)
    }
}

impl<T> Reached<T> {
    /// What is reached when an operation that returned is linearized as well.
    fn with(&self, number: usize, state: T) -> Self {
        let mut frontier = self.frontier;
        let mut ahead = self.ahead.clone();
        if number == frontier {
            frontier += 1;
            let next = ahead.iter().zip(frontier..);
            let passed = next.take_while(|(number, next)| **number == *next).count();
            ahead.drain(..passed);
            frontier += passed;
        } else {
            ahead.insert(ahead.partition_point(|other| *other < number), number);
        }
        Self {
            frontier,
            ahead,
            state,
        }
    }
}

fn is_subset(some: &[u64], all: &[u64]) -> bool {
    let mut words = some.iter().zip(all);
    words.all(|(some, all)| some & !all == 0)
}
