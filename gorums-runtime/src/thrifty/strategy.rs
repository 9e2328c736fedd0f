//! How a quorum is picked.

use std::sync::Arc;

use gorums_quorum::Quorums;

use crate::identity::NodeId;

/// How a quorum is picked.
#[derive(Clone, Debug)]
pub(super) enum Strategy {
    Fastest,
    Uniform,
    Distribution(Arc<Distribution>),
}

#[derive(Debug)]
pub(super) struct Distribution {
    /// The quorums, each with the sum of its weight and of those before it.
    quorums: Vec<(Vec<NodeId>, f64)>,
    total: f64,
}

/// How one call picks its quorum.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Pick<'a> {
    Fastest,
    Any,
    These(&'a [NodeId]),
}

/// Why quorums and their weights are no strategy.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum StrategyError {
    /// The nodes are no quorum of the system.
    #[error("{{{}}} is no quorum of {system}", listed(nodes))]
    NoQuorum {
        /// The nodes.
        nodes: Vec<NodeId>,
        /// The system, as text.
        system: String,
    },
    /// A weight is negative or not finite.
    #[error("the weight {weight} of a quorum: it has to be a number from 0 on")]
    Weight {
        /// The weight.
        weight: f64,
    },
    /// There is no quorum with a weight above 0.
    #[error("a strategy needs a quorum with a weight above 0")]
    Empty,
}

fn listed(nodes: &[NodeId]) -> String {
    let nodes: Vec<String> = nodes.iter().map(NodeId::to_string).collect();
    nodes.join(", ")
}

impl Strategy {
    pub(super) fn distribution(
        system: &Quorums<NodeId>,
        quorums: impl IntoIterator<Item = (Vec<NodeId>, f64)>,
    ) -> Result<Self, StrategyError> {
        let (mut sums, mut total) = (Vec::new(), 0.0);
        for (nodes, weight) in quorums {
            if !system.is_quorum_of(&nodes) {
                let system = system.to_string();
                return Err(StrategyError::NoQuorum { nodes, system });
            }
            if !(weight >= 0.0 && weight.is_finite()) {
                return Err(StrategyError::Weight { weight });
            }
            total += weight;
            sums.push((nodes, total));
        }
        if !(total > 0.0 && total.is_finite()) {
            return Err(StrategyError::Empty);
        }
        let quorums = sums;
        Ok(Self::Distribution(Arc::new(Distribution {
            quorums,
            total,
        })))
    }

    pub(super) fn pick(&self) -> Pick<'_> {
        match self {
            Self::Fastest if fastrand::u8(..64) == 0 => Pick::Any,
            Self::Fastest => Pick::Fastest,
            Self::Uniform => Pick::Any,
            Self::Distribution(distribution) => {
                Pick::These(distribution.at(fastrand::f64() * distribution.total))
            }
        }
    }
}

impl Distribution {
    /// The quorum at a place between 0 and the sum of all weights.
    fn at(&self, place: f64) -> &[NodeId] {
        let index = self.quorums.partition_point(|(_, sum)| *sum <= place);
        let quorum = self.quorums.get(index).or(self.quorums.last());
        quorum.map_or(&[], |(nodes, _)| nodes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(ids: &[u32]) -> Vec<NodeId> {
        ids.iter().copied().map(NodeId::new).collect()
    }

    #[test]
    fn quorums_are_picked_by_their_weights() -> Result<(), StrategyError> {
        let system = Quorums::majority(ids(&[1, 2, 3]));
        let quorums = [
            (ids(&[1, 2]), 1.0),
            (ids(&[2, 3]), 0.0),
            (ids(&[1, 3]), 3.0),
        ];
        let Strategy::Distribution(distribution) = Strategy::distribution(&system, quorums)? else {
            panic!("it is a distribution");
        };
        let picked = [0.0, 0.99, 1.0, 2.5, 3.99, 4.0].map(|place| distribution.at(place));
        let (first, last) = (&ids(&[1, 2])[..], &ids(&[1, 3])[..]);
        assert_eq!(picked, [first, first, last, last, last, last]);
        Ok(())
    }

    #[test]
    fn what_is_no_strategy_is_refused() {
        let system = Quorums::majority(ids(&[1, 2, 3]));
        let error = |quorums: &[(Vec<NodeId>, f64)]| {
            let strategy = Strategy::distribution(&system, quorums.to_vec());
            strategy.err().map(|error| error.to_string())
        };
        let text = "{1, 9} is no quorum of choose(2, [1, 2, 3])";
        assert_eq!(error(&[(ids(&[1, 9]), 1.0)]).as_deref(), Some(text));
        let quorum = ids(&[1, 2]);
        for weight in [-1.0, f64::NAN, f64::INFINITY] {
            assert!(error(&[(quorum.clone(), weight)]).is_some_and(|text| text.contains("weight")));
        }
        assert!(error(&[]).is_some() && error(&[(quorum.clone(), 0.0)]).is_some());
        assert!(error(&[(quorum.clone(), f64::MAX), (quorum, f64::MAX)]).is_some());
    }
}
