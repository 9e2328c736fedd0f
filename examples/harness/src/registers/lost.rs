//! Which of the lost operations on registers took effect, as far as others show it.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;
use std::hash::Hash;

use super::{Operation, Outcome, Registers};
use crate::history::{self, History, Returned};

type Entry<K, V> = history::Entry<Operation<K, V>, Outcome<V>>;

impl<K, V> Registers<K, V>
where
    K: Clone + Ord + Debug,
    V: Clone + Eq + Hash + Debug,
{
    /// The same history with fewer lost operations, which make a check slow. It is linearizable if, and only if, the given
    /// one is.
    ///
    /// A lost operation whose value some client saw took effect before that client was told, if no other operation writes
    /// the value. One whose value nobody can have seen is left out.
    pub fn settle(
        &self,
        history: &History<Operation<K, V>, Outcome<V>>,
    ) -> History<Operation<K, V>, Outcome<V>> {
        let mut entries = history.entries().to_vec();
        // A compare-and-swap that took effect saw a value, so that each round can settle more.
        loop {
            let seen = Seen::of(&entries, &self.initial);
            let settled = entries.iter().map(|entry| seen.settle(entry)).collect();
            let settled: Vec<Option<_>> = settled;
            if settled.iter().all(Option::is_none) {
                let kept = entries.iter().filter(|entry| seen.is_needed(entry));
                return kept.cloned().collect();
            }
            for (entry, returned) in entries.iter_mut().zip(settled) {
                entry.returned = returned.or(entry.returned.take());
            }
        }
    }
}

/// What clients saw.
struct Seen<'a, K, V> {
    registers: BTreeMap<&'a K, Register<'a, V>>,
}

struct Register<'a, V> {
    values: HashMap<&'a V, Value>,
    /// Whether a compare-and-swap failed, which any value but one may have caused.
    has_failed_swap: bool,
}

#[derive(Default)]
struct Value {
    /// How often it may have been written.
    writes: usize,
    /// The first return of an operation that saw it.
    first: Option<u64>,
    /// Whether a lost compare-and-swap may have seen it.
    maybe: bool,
}

impl<'a, K: Ord, V: Clone + Eq + Hash> Seen<'a, K, V> {
    fn of(entries: &'a [Entry<K, V>], initial: &'a V) -> Self {
        let mut registers = BTreeMap::new();
        for Entry {
            operation,
            returned,
            ..
        } in entries
        {
            let register = registers.entry(operation.key());
            let register = register.or_insert_with(|| Register::new(initial));
            if let Some((value, _)) = operation.effect() {
                register.value(value).writes += 1;
            }
            match (operation, returned) {
                (Operation::CompareAndSwap { expected, .. }, None) => {
                    register.value(expected).maybe = true;
                }
                (_, None) => {}
                (operation, Some(returned)) => register.see(operation, returned),
            }
        }
        Self { registers }
    }

    /// The return of an operation that was lost, but took effect.
    fn settle(&self, entry: &Entry<K, V>) -> Option<Returned<Outcome<V>>> {
        if entry.returned.is_some() {
            return None;
        }
        let (value, outcome) = entry.operation.effect()?;
        let value = &self.registers[entry.operation.key()].values[value];
        // A value seen before it was written is a violation, which the checker reports.
        let at = value.first.filter(|at| *at > entry.invoked)?;
        (value.writes == 1).then_some(Returned { at, outcome })
    }

    /// Whether the operation returned, or may explain what others saw.
    fn is_needed(&self, entry: &Entry<K, V>) -> bool {
        if entry.returned.is_some() {
            return true;
        }
        let Some((value, _)) = entry.operation.effect() else {
            return false;
        };
        let register = &self.registers[entry.operation.key()];
        let value = &register.values[value];
        register.has_failed_swap || value.first.is_some() || value.maybe
    }
}

impl<'a, V: Clone + Eq + Hash> Register<'a, V> {
    fn new(initial: &'a V) -> Self {
        let written = Value {
            writes: 1,
            ..Value::default()
        };
        Self {
            values: HashMap::from([(initial, written)]),
            has_failed_swap: false,
        }
    }

    fn value(&mut self, value: &'a V) -> &mut Value {
        self.values.entry(value).or_default()
    }

    fn see<K>(&mut self, operation: &'a Operation<K, V>, returned: &'a Returned<Outcome<V>>) {
        let seen = match (operation, &returned.outcome) {
            (_, Outcome::Read(value)) => value,
            (Operation::CompareAndSwap { expected, .. }, Outcome::Swapped(true)) => expected,
            (_, Outcome::Swapped(false)) => {
                self.has_failed_swap = true;
                return;
            }
            _ => return,
        };
        let first = &mut self.value(seen).first;
        *first = Some(first.map_or(returned.at, |first| first.min(returned.at)));
    }
}
