//! What a node can do.

use crate::{Error, Kind};

/// What a node can do: its capacities and its latency.
///
/// By default it does one read or one write per second, and answers after one second.
///
/// ```
/// use gorums_quorums::Node;
///
/// let node = Node::with_capacities(10_000.0, 1_000.0)?.with_latency(0.003)?;
/// assert_eq!(node.write_capacity(), 1_000.0);
/// # Ok::<(), gorums_quorums::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Node {
    read_capacity: f64,
    write_capacity: f64,
    latency: f64,
}

/// The capacities that are allowed, so that loads neither overflow nor vanish.
const CAPACITIES: std::ops::RangeInclusive<f64> = 1e-9..=1e15;

/// The greatest latency that is allowed, in seconds.
const LONGEST: f64 = 1e9;

impl Node {
    /// A node that does `capacity` commands per second, whether reads or writes.
    ///
    /// # Errors
    ///
    /// As for [`with_capacities`](Self::with_capacities).
    pub fn with_capacity(capacity: f64) -> Result<Self, Error> {
        Self::with_capacities(capacity, capacity)
    }

    /// A node that does `reads` per second if it only reads, and `writes` per second if it only writes.
    ///
    /// # Errors
    ///
    /// [`Error::Capacity`] if one is less than 1e-9 or more than 1e15, or no number.
    pub fn with_capacities(reads: f64, writes: f64) -> Result<Self, Error> {
        for (kind, value) in [(Kind::Read, reads), (Kind::Write, writes)] {
            if !CAPACITIES.contains(&value) {
                return Err(Error::Capacity {
                    kind,
                    value,
                    least: *CAPACITIES.start(),
                    most: *CAPACITIES.end(),
                });
            }
        }
        Ok(Self {
            read_capacity: reads,
            write_capacity: writes,
            latency: 1.0,
        })
    }

    /// The same node, which answers after so many seconds.
    ///
    /// # Errors
    ///
    /// [`Error::Latency`] if it is negative, more than 1e9, or no number.
    pub fn with_latency(self, seconds: f64) -> Result<Self, Error> {
        if !(0.0..=LONGEST).contains(&seconds) {
            return Err(Error::Latency {
                value: seconds,
                most: LONGEST,
            });
        }
        Ok(Self {
            latency: seconds,
            ..self
        })
    }

    /// How many reads it does per second, if it only reads.
    pub fn read_capacity(&self) -> f64 {
        self.read_capacity
    }

    /// How many writes it does per second, if it only writes.
    pub fn write_capacity(&self) -> f64 {
        self.write_capacity
    }

    /// After how many seconds it answers.
    pub fn latency(&self) -> f64 {
        self.latency
    }

    /// For how many seconds a command keeps it busy, if it gets these fractions of all reads and of all writes.
    pub(crate) fn load(&self, read_fraction: f64, reads: f64, writes: f64) -> f64 {
        read_fraction * reads / self.read_capacity
            + (1.0 - read_fraction) * writes / self.write_capacity
    }
}

impl Default for Node {
    fn default() -> Self {
        Self {
            read_capacity: 1.0,
            write_capacity: 1.0,
            latency: 1.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capacities_that_are_no_positive_numbers_are_refused() {
        for value in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e-300] {
            assert!(Node::with_capacity(value).is_err(), "{value}");
            assert!(Node::with_capacities(1.0, value).is_err(), "{value}");
        }
        let error = Node::with_capacities(1.0, -2.0).map_err(|error| error.to_string());
        let expected =
            "a write capacity of -2: give a number of commands per second from 1e-9 to 1e15";
        assert_eq!(error, Err(expected.to_string()));
    }

    #[test]
    fn latencies_that_are_negative_or_no_numbers_are_refused() {
        for value in [-1.0, f64::NAN, f64::INFINITY] {
            let error = Node::default().with_latency(value);
            assert!(matches!(error, Err(Error::Latency { .. })), "{value}");
        }
        assert!(Node::default().with_latency(0.0).is_ok());
    }
}
