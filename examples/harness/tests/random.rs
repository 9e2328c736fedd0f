//! Random histories of a register that is linearizable by construction, and what becomes of them if an outcome is changed.

use std::collections::HashMap;

use fastrand::Rng;
use harness::history::{Entry, History, Pending, Recorder};
use harness::linearizability::{CheckError, check};
use harness::registers::{Operation, Outcome, Registers};

type Op = Operation<u32, u32>;
type RegisterHistory = History<Op, Outcome<u32>>;

/// What a history is made with.
struct Run {
    operations: usize,
    clients: u64,
    keys: u32,
    values: u32,
    /// The part of the operations that is lost.
    lost: f64,
}

/// What a client does.
enum Client {
    Idle,
    Invoked(Op, Pending<Op, Outcome<u32>>),
    Applied(Outcome<u32>, Pending<Op, Outcome<u32>>),
}

impl Run {
    /// A history whose operations take effect at a random time between their invocations and returns. Those that are lost do so
    /// later, or never.
    fn history(&self, rng: &mut Rng) -> RegisterHistory {
        let recorder = Recorder::new();
        let mut registers = HashMap::new();
        let mut late = Vec::new();
        let mut clients: Vec<_> = (0..self.clients).map(|_| Client::Idle).collect();
        let mut invoked = 0;
        while invoked < self.operations {
            if !late.is_empty() && rng.u8(..4) == 0 {
                let operation: Op = late.swap_remove(rng.usize(..late.len()));
                apply(&mut registers, &operation);
            }
            let id = rng.usize(..clients.len());
            let client = &mut clients[id];
            *client = match std::mem::replace(client, Client::Idle) {
                Client::Idle => {
                    invoked += 1;
                    let operation = self.operation(rng);
                    Client::Invoked(operation.clone(), recorder.invoke(id as u64, operation))
                }
                Client::Invoked(operation, pending) if rng.f64() < self.lost => {
                    pending.lost();
                    if rng.bool() {
                        late.push(operation);
                    }
                    Client::Idle
                }
                Client::Invoked(operation, pending) => {
                    Client::Applied(apply(&mut registers, &operation), pending)
                }
                Client::Applied(outcome, pending) => {
                    pending.returned(outcome);
                    Client::Idle
                }
            };
        }
        recorder.history()
    }

    fn operation(&self, rng: &mut Rng) -> Op {
        let key = rng.u32(..self.keys);
        let mut value = || rng.u32(..self.values);
        let (expected, new) = (value(), value());
        match rng.u8(..5) {
            0 | 1 => Operation::Read(key),
            2 | 3 => Operation::Write(key, new),
            _ => Operation::CompareAndSwap { key, expected, new },
        }
    }
}

/// A register of its own, so that the specification is tested as well.
fn apply(registers: &mut HashMap<u32, u32>, operation: &Op) -> Outcome<u32> {
    match *operation {
        Operation::Read(key) => Outcome::Read(*registers.entry(key).or_default()),
        Operation::Write(key, value) => {
            registers.insert(key, value);
            Outcome::Written
        }
        Operation::CompareAndSwap { key, expected, new } => {
            let value = registers.entry(key).or_default();
            let swapped = *value == expected;
            if swapped {
                *value = new;
            }
            Outcome::Swapped(swapped)
        }
    }
}

/// The history with another outcome of one read or compare-and-swap that returned, if it has one.
fn changed(history: &RegisterHistory, values: u32, rng: &mut Rng) -> Option<RegisterHistory> {
    let entries = history.entries();
    let candidates = (0..entries.len()).filter(|index| {
        let returned = entries[*index].returned.as_ref();
        returned.is_some_and(|returned| returned.outcome != Outcome::Written)
    });
    let index = rng.choice(candidates.collect::<Vec<_>>())?;
    let change = |outcome: &mut Outcome<u32>| match outcome {
        Outcome::Read(value) => *value = (*value + rng.u32(1..values)) % values,
        Outcome::Swapped(swapped) => *swapped = !*swapped,
        Outcome::Written => unreachable!("it is no candidate"),
    };
    Some(replay(entries, index, change))
}

/// Records the entries again, with a changed outcome of the one at `index`.
fn replay(
    entries: &[Entry<Op, Outcome<u32>>],
    index: usize,
    change: impl FnOnce(&mut Outcome<u32>),
) -> RegisterHistory {
    let mut outcomes: Vec<_> = entries.iter().map(|entry| entry.returned.clone()).collect();
    let outcome = outcomes[index].as_mut().expect("it returned");
    change(&mut outcome.outcome);
    let invocations = (entries.iter().enumerate()).map(|(index, entry)| (entry.invoked, index));
    let returns = outcomes.iter().enumerate();
    let returns = returns.filter_map(|(index, it)| Some((it.as_ref()?.at, index)));
    let mut events: Vec<_> = invocations.chain(returns).collect();
    events.sort_unstable();
    let recorder = Recorder::new();
    let mut pending: Vec<_> = entries.iter().map(|_| None).collect();
    for (_, index) in events {
        match pending[index].take() {
            None => {
                let Entry {
                    client, operation, ..
                } = &entries[index];
                pending[index] = Some(recorder.invoke(*client, operation.clone()));
            }
            Some(pending) => {
                let returned = outcomes[index].take().expect("it returns");
                pending.returned(returned.outcome);
            }
        }
    }
    recorder.history()
}

/// Whether some order of the entries explains them. Tries all.
fn is_linearizable(entries: &[Entry<Op, Outcome<u32>>], order: &mut Vec<usize>) -> bool {
    let mut missing = (0..entries.len()).filter(|index| !order.contains(index));
    if missing.all(|index| entries[index].returned.is_none()) && explains(entries, order) {
        return true;
    }
    (0..entries.len()).any(|index| {
        if order.contains(&index) {
            return false;
        }
        order.push(index);
        let found = is_linearizable(entries, order);
        order.pop();
        found
    })
}

fn explains(entries: &[Entry<Op, Outcome<u32>>], order: &[usize]) -> bool {
    let mut registers = HashMap::new();
    order.iter().enumerate().all(|(position, index)| {
        let entry = &entries[*index];
        let outcome = apply(&mut registers, &entry.operation);
        let fits = (entry.returned.as_ref()).is_none_or(|returned| returned.outcome == outcome);
        fits && order[position + 1..].iter().all(|later| {
            let returned = entries[*later].returned.as_ref();
            returned.is_none_or(|returned| returned.at > entry.invoked)
        })
    })
}

/// Runs `test` with random seeds, or with that of the environment variable `SEED`, and prints the seed of one that fails.
fn seeds(count: u32, mut test: impl FnMut(&mut Rng)) {
    struct Print(u64);
    impl Drop for Print {
        fn drop(&mut self) {
            if std::thread::panicking() {
                eprintln!("run the test again with SEED={}", self.0);
            }
        }
    }
    let given = std::env::var("SEED").ok();
    let given: Option<u64> = given.map(|seed| seed.parse().expect("a number"));
    for _ in 0..given.map_or(count, |_| 1) {
        let seed = Print(given.unwrap_or_else(|| fastrand::u64(..)));
        test(&mut Rng::with_seed(seed.0));
    }
}

/// Whether the checker finds the history linearizable.
#[track_caller]
fn passes(history: &RegisterHistory) -> bool {
    match check(history, &Registers::new(0)) {
        Ok(()) => true,
        Err(CheckError::Violation(_)) => false,
        Err(undecided) => panic!("{undecided}"),
    }
}

#[test]
fn small_histories_are_judged_as_by_trying_all_orders() {
    seeds(3_000, |rng| {
        let run = Run {
            operations: rng.usize(1..=6),
            clients: rng.u64(1..=4),
            keys: rng.u32(1..=2),
            values: 3,
            lost: 0.2,
        };
        let history = run.history(rng);
        assert!(passes(&history), "{history:#?}");
        if let Some(changed) = changed(&history, run.values, rng) {
            let expected = is_linearizable(changed.entries(), &mut Vec::new());
            assert_eq!(passes(&changed), expected, "{changed:#?}");
        }
    });
}

#[test]
fn histories_whose_lost_operations_are_settled_are_judged_as_before() {
    let registers = Registers::new(0);
    let mut fewer = 0;
    seeds(5_000, |rng| {
        let run = Run {
            operations: rng.usize(1..=6),
            clients: rng.u64(1..=4),
            keys: 1,
            // From few values, which many write, to so many that each is written once.
            values: 1 << rng.u32(1..=6),
            lost: 0.4,
        };
        let history = run.history(rng);
        let histories = [changed(&history, run.values, rng), Some(history)];
        for history in histories.into_iter().flatten() {
            let lost = |history: &RegisterHistory| {
                let entries = history.entries().iter();
                entries.filter(|entry| entry.returned.is_none()).count()
            };
            let settled = registers.settle(&history);
            fewer += lost(&history) - lost(&settled);
            let expected = is_linearizable(history.entries(), &mut Vec::new());
            assert_eq!(passes(&settled), expected, "{history:#?} {settled:#?}");
        }
    });
    assert!(fewer > 0);
}

#[test]
fn the_reported_prefix_is_the_smallest_that_no_order_explains() {
    seeds(1_000, |rng| {
        let run = Run {
            operations: rng.usize(2..=6),
            clients: rng.u64(1..=4),
            keys: 1,
            values: 3,
            lost: 0.2,
        };
        let history = run.history(rng);
        let Some(changed) = changed(&history, run.values, rng) else {
            return;
        };
        let Err(CheckError::Violation(violation)) = check(&changed, &Registers::new(0)) else {
            return;
        };
        let prefix = |until| -> Vec<_> {
            let entries = changed.entries().iter().cloned();
            let known = entries.filter(|entry| entry.invoked < until);
            let cut = known.map(|mut entry| {
                entry.returned = entry.returned.filter(|returned| returned.at < until);
                entry
            });
            cut.collect()
        };
        let last = changed.entries()[violation.operation()].returned.as_ref();
        let last = last.expect("it returned").at;
        assert!(
            is_linearizable(&prefix(last), &mut Vec::new()),
            "{violation}"
        );
        assert!(
            !is_linearizable(&prefix(last + 1), &mut Vec::new()),
            "{violation}"
        );
    });
}

#[test]
fn long_histories_with_contention_and_lost_operations_pass() {
    seeds(50, |rng| {
        let run = Run {
            operations: 500,
            clients: 8,
            keys: 1,
            values: 1 << rng.u32(1..=10),
            lost: 0.05,
        };
        assert!(passes(&run.history(rng)));
    });
}

#[test]
fn a_read_of_a_value_never_written_is_found_in_a_long_history() {
    seeds(50, |rng| {
        let run = Run {
            operations: 500,
            clients: 4,
            keys: 1,
            values: 1_000,
            lost: 0.02,
        };
        let history = run.history(rng);
        let reads = history.entries().iter().enumerate().filter(|(_, entry)| {
            let returned = entry.returned.as_ref();
            returned.is_some_and(|returned| matches!(returned.outcome, Outcome::Read(_)))
        });
        let (index, _) = rng.choice(reads.collect::<Vec<_>>()).expect("some read");
        let broken = replay(history.entries(), index, |outcome| {
            *outcome = Outcome::Read(run.values);
        });
        match check(&broken, &Registers::new(0)) {
            Err(CheckError::Violation(violation)) => assert_eq!(violation.operation(), index),
            other => panic!("no violation: {other:?}"),
        }
    });
}

#[test]
fn a_hundred_thousand_operations_on_a_hundred_keys_are_decided() {
    seeds(1, |rng| {
        let run = Run {
            operations: 100_000,
            clients: 16,
            keys: 100,
            values: 1_000_000,
            lost: 0.01,
        };
        assert!(passes(&run.history(rng)));
    });
}
