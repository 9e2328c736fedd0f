//! The numbers by which replies find their calls.

use std::hash::{BuildHasherDefault, Hasher};
use std::num::NonZeroU64;

/// The bit that is set in the numbers of one-way calls, which have no place in the table of calls.
const ONE_WAY: NonZeroU64 = NonZeroU64::new(1 << 62).expect("it is not 0");

/// The number of a call of this client. It is not 0, which stands for no call in messages of the protocol itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct CallNumber(NonZeroU64);

impl CallNumber {
    /// A received number; `None` if it is 0.
    pub(crate) fn received(number: u64) -> Option<Self> {
        NonZeroU64::new(number).map(Self)
    }

    /// The one-way call with this index.
    pub(crate) fn one_way(index: u64) -> Self {
        Self(ONE_WAY | index)
    }

    /// The index of a one-way call; `None` for other calls.
    pub(crate) fn one_way_index(self) -> Option<u64> {
        let is_one_way = self.get() >> 62 == 1;
        is_one_way.then_some(self.get() & !ONE_WAY.get())
    }

    /// The number as it is sent.
    pub(crate) fn get(self) -> u64 {
        self.0.get()
    }
}

/// Hashes the numbers of this client's calls. Tables hold no other numbers, so no peer can choose numbers that collide.
pub(crate) type HashCallNumber = BuildHasherDefault<CallNumberHasher>;

#[derive(Debug, Default)]
pub(crate) struct CallNumberHasher(u64);

impl Hasher for CallNumberHasher {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        // The odd number next to 2^64 divided by the golden ratio spreads numbers that follow each other.
        self.0 = (self.0.rotate_left(5) ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        // Tables use the lowest and the highest bits, and the entropy of a product is in the highest.
        self.0.rotate_left(26)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_one_way_call_is_known_by_its_number_and_others_are_not() {
        for index in [0, 1, 1 << 40] {
            assert_eq!(CallNumber::one_way(index).one_way_index(), Some(index));
        }
        for number in [1, 2, 1 << 24 | 1, 1 << 63 | 1, u64::MAX] {
            let number = CallNumber::received(number).expect("it is not 0");
            assert_eq!(number.one_way_index(), None);
        }
        assert_eq!(CallNumber::received(0), None);
    }
}
