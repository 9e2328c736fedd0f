//! The specification of registers.

mod lost;

use std::fmt::Debug;
use std::hash::Hash;
use std::marker::PhantomData;

use crate::linearizability::Specification;

/// Registers with keys of type `K` and values of type `V`.
///
/// For a single register, `K` is `()`. For a map whose keys may be absent, `V` is an `Option`.
#[derive(Clone, Debug)]
pub struct Registers<K, V> {
    initial: V,
    keys: PhantomData<fn() -> K>,
}

/// An operation on one register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation<K, V> {
    /// Returns the value.
    Read(K),
    /// Replaces the value.
    Write(K, V),
    /// Replaces the value if it is the expected one.
    CompareAndSwap {
        /// The register.
        key: K,
        /// The value to be replaced.
        expected: V,
        /// The value to replace it with.
        new: V,
    },
}

/// What an operation returns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome<V> {
    /// The value that was read.
    Read(V),
    /// The value was written.
    Written,
    /// Whether the compare-and-swap replaced the value.
    Swapped(bool),
}

impl<K, V> Registers<K, V> {
    /// Registers that all have the value `initial` at first.
    pub fn new(initial: V) -> Self {
        Self {
            initial,
            keys: PhantomData,
        }
    }
}

impl<K, V> Operation<K, V> {
    /// The register.
    fn key(&self) -> &K {
        match self {
            Self::Read(key) | Self::Write(key, _) | Self::CompareAndSwap { key, .. } => key,
        }
    }

    /// The value that the register gets if the operation takes effect, and what the client is told then.
    fn effect(&self) -> Option<(&V, Outcome<V>)> {
        match self {
            Self::Read(_) => None,
            Self::Write(_, value) => Some((value, Outcome::Written)),
            Self::CompareAndSwap { new, .. } => Some((new, Outcome::Swapped(true))),
        }
    }
}

impl<K, V> Specification for Registers<K, V>
where
    K: Clone + Ord + Debug,
    V: Clone + Eq + Hash + Debug,
{
    type Key = K;
    type State = V;
    type Operation = Operation<K, V>;
    type Outcome = Outcome<V>;

    fn key(&self, operation: &Operation<K, V>) -> K {
        operation.key().clone()
    }

    fn initial(&self, _: &K) -> V {
        self.initial.clone()
    }

    fn apply(&self, state: &V, operation: &Operation<K, V>) -> (V, Outcome<V>) {
        match operation {
            Operation::Read(_) => (state.clone(), Outcome::Read(state.clone())),
            Operation::Write(_, value) => (value.clone(), Outcome::Written),
            Operation::CompareAndSwap { expected, new, .. } if state == expected => {
                (new.clone(), Outcome::Swapped(true))
            }
            Operation::CompareAndSwap { .. } => (state.clone(), Outcome::Swapped(false)),
        }
    }

    fn changes_nothing(&self, _: &Operation<K, V>, outcome: &Outcome<V>) -> bool {
        matches!(outcome, Outcome::Read(_) | Outcome::Swapped(false))
    }
}
