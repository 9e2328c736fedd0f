//! Quorums by weight.

use std::fmt;

use crate::rule::{Rule, Weight};
use crate::{QuorumError, Quorums, Universe};

/// How much a quorum has to weigh.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Share(Least);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Least {
    AtLeast(u128),
    MoreThan { numerator: u64, denominator: u64 },
}

impl Share {
    /// So much, or more.
    pub const fn at_least(weight: u128) -> Self {
        Self(Least::AtLeast(weight))
    }

    /// More than this share of the total weight.
    pub const fn more_than(numerator: u64, denominator: u64) -> Self {
        Self(Least::MoreThan {
            numerator,
            denominator,
        })
    }

    /// The least weight of a quorum, given the total.
    fn of(self, total: u128) -> Result<u128, QuorumError> {
        match self.0 {
            Least::AtLeast(weight) => Ok(weight),
            Least::MoreThan {
                numerator,
                denominator,
            } if numerator < denominator => {
                let (part, whole) = (u128::from(numerator), u128::from(denominator));
                // In two steps, so that nothing overflows.
                Ok(total / whole * part + total % whole * part / whole + 1)
            }
            Least::MoreThan {
                numerator,
                denominator,
            } => Err(QuorumError::NoShare {
                numerator,
                denominator,
            }),
        }
    }
}

impl<N: Ord + Clone + fmt::Display> Quorums<N> {
    /// Nodes that weigh at least `least` together (Gifford 1979): votes or stake, for example. The arithmetic is exact.
    ///
    /// ```
    /// use gorums_quorum::{Quorums, Share};
    ///
    /// let stake = Quorums::weights([("a", 4), ("b", 3), ("c", 3), ("d", 2)], Share::more_than(2, 3))?;
    /// assert!(stake.is_quorum_of(&["a", "b", "d"]));
    /// assert!(!stake.is_quorum_of(&["b", "c", "d"]));
    /// # Ok::<(), gorums_quorum::QuorumError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When a node is given twice, a quorum would weigh nothing or more than all nodes, or the share is not below 1.
    pub fn weights(
        weights: impl IntoIterator<Item = (N, u64)>,
        least: Share,
    ) -> Result<Self, QuorumError> {
        let mut weights: Vec<(N, u64)> = weights.into_iter().collect();
        weights.sort_unstable();
        if let Some(pair) = weights.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(QuorumError::Twice {
                node: pair[0].0.to_string(),
            });
        }
        let there: u128 = weights.iter().map(|(_, weight)| u128::from(*weight)).sum();
        let least = least.of(there)?;
        match least {
            0 => return Err(QuorumError::Zero { of: "weight" }),
            least if least > there => {
                let of = "weight";
                return Err(QuorumError::TooMany { least, of, there });
            }
            _ => {}
        }
        let weighed = weights.iter().enumerate();
        let of = weighed.map(|(position, &(_, weight))| Weight { position, weight });
        let rule = Rule::Weights {
            least,
            of: of.collect(),
        };
        let universe: Universe<N> = weights.into_iter().map(|(node, _)| node).collect();
        Ok(Self::new(universe, rule))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_exact_up_to_the_greatest_weights() {
        let most = u128::from(u64::MAX);
        let total = most * 1024;
        assert_eq!(Share::more_than(2, 3).of(total), Ok(total / 3 * 2 + 1));
        let nearly_all = Share::more_than(u64::MAX - 1, u64::MAX).of(total);
        assert_eq!(nearly_all, Ok(total - 1024 + 1));
        assert_eq!(Share::more_than(2, 3).of(3), Ok(3));
        assert_eq!(Share::more_than(1, 3).of(100), Ok(34));
    }

    #[test]
    fn weights_without_a_quorum_are_refused() {
        let weights =
            |share| Quorums::weights([("a", 1), ("b", 2)], share).map(|it| it.to_string());
        let errors = [
            Share::at_least(0),
            Share::at_least(4),
            Share::more_than(1, 1),
            Share::more_than(1, 0),
        ];
        for share in errors {
            assert!(weights(share).is_err(), "{share:?}");
        }
        assert_eq!(
            weights(Share::at_least(3)).as_deref(),
            Ok("weights(3, [a: 1, b: 2])")
        );
        let twice = Quorums::weights([("a", 1), ("b", 2), ("a", 2)], Share::at_least(1));
        assert_eq!(twice.unwrap_err(), QuorumError::Twice { node: "a".into() });
    }
}
