//! Finding the best strategy.

use std::fmt::Display;

use crate::candidates::{Candidate, candidates};
use crate::program::{Optimum, Program};
use crate::{Bounds, Error, Kind, Metric, ReadFractions, Strategy, System};

/// An error names a bound if the least value exceeds it by more than this share.
const CLEARLY: f64 = 1e-6;

/// What the best strategy is asked for.
///
/// ```
/// use gorums_quorum::{Quorums, ReadWrite};
/// use gorums_quorums::{Node, Question, ReadFractions, System};
///
/// let grid = ReadWrite::of_reads("a*b*c + d*e*f".parse::<Quorums<String>>()?);
/// let grid = System::new(grid, |_| Node::default(), 1000);
/// let reads = ReadFractions::always(0.25)?;
/// let best = Question::new(reads.clone()).best(&grid)?;
/// assert!((best.load(&reads) - 3.0 / 8.0).abs() < 1e-6);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// What is to be as small as possible. Ties are broken by the other metrics, load first.
    pub optimize: Metric,
    /// The most that a strategy may cost.
    pub bounds: Bounds,
    /// Sets of nodes are used that include a quorum even without any `f` of them. If one of them fails or is slow, it need
    /// not be replaced.
    pub f: usize,
    /// Which fraction of the commands are reads.
    pub reads: ReadFractions,
}

impl Question {
    /// Asks for the least load, without bounds and failures.
    pub fn new(reads: ReadFractions) -> Self {
        Self {
            optimize: Metric::Load,
            bounds: Bounds::default(),
            f: 0,
            reads,
        }
    }

    /// The best strategy of a system.
    ///
    /// # Errors
    ///
    /// [`Error::NotResilient`] if so many failures leave no quorum; [`Error::Unattainable`] names the bound that is in the
    /// way; [`Error::TooLarge`] if there are too many sets to find those that survive failures; [`Error::Solver`] if the
    /// numbers are too different to compute with.
    pub fn best<N: Ord + Clone + Display>(&self, system: &System<N>) -> Result<Strategy<N>, Error> {
        self.strategy(system, true)
    }

    /// The best strategy. Unless `break_ties`, it is any of several that are as good.
    pub(crate) fn strategy<N: Ord + Clone + Display>(
        &self,
        system: &System<N>,
        break_ties: bool,
    ) -> Result<Strategy<N>, Error> {
        let latencies_matter =
            self.optimize == Metric::Latency || self.bounds.most(Metric::Latency).is_some();
        let of = |kind| candidates(system, kind, self.f, latencies_matter);
        let (reads, writes) = (of(Kind::Read)?, of(Kind::Write)?);
        let program = Program {
            reads: &reads.of,
            writes: &writes.of,
            nodes: system.nodes(),
            fractions: &self.reads,
        };
        let Some(mut optimum) = program.minimize(self.optimize, &self.bounds)? else {
            return Err(self.explain(&program)?);
        };
        if break_ties {
            optimum = self.break_ties(&program, optimum);
        }
        let sets = |of: &[Candidate], probabilities: Vec<f64>| {
            let sets = of.iter().map(|candidate| candidate.set.clone());
            sets.zip(probabilities).collect::<Vec<_>>()
        };
        let strategy = Strategy::new(
            system,
            sets(&reads.of, optimum.reads),
            sets(&writes.of, optimum.writes),
        )?;
        Ok(strategy.known(reads.is_complete && writes.is_complete))
    }

    /// Of the strategies that are as good, finds one that is good in the other metrics, too.
    fn break_ties(&self, program: &Program<'_>, mut best: Optimum) -> Optimum {
        let mut bounds = self.bounds;
        let mut last = self.optimize;
        for metric in Metric::ALL {
            if metric == self.optimize {
                continue;
            }
            bounds.set(last, best.value);
            match program.minimize(metric, &bounds) {
                Ok(Some(better)) => best = better,
                // The bound leaves so little room that the solver may miss it. What was found before is as good in the
                // metric that counts.
                Ok(None) | Err(_) => return best,
            }
            last = metric;
        }
        best
    }

    /// Which bound is in the way.
    fn explain(&self, program: &Program<'_>) -> Result<Error, Error> {
        let bounded = Metric::ALL.into_iter();
        let bounded = bounded.filter_map(|metric| Some((metric, self.bounds.most(metric)?)));
        let bounded: Vec<(Metric, f64)> = bounded.collect();
        let mut given = Bounds::default();
        // First what is impossible by itself, then what is in conflict with what was looked at before.
        for is_alone in [true, false] {
            for &(metric, most) in &bounded {
                if let Some(least) = program.minimize(metric, &given)?
                    && least.value > most + most.abs().max(least.value) * CLEARLY
                {
                    return Ok(Error::Unattainable {
                        metric,
                        most,
                        least: least.value,
                        given,
                    });
                }
                if !is_alone {
                    given.set(metric, most);
                }
            }
        }
        Ok(Error::Solver {
            message: "the bounds are at the limit of what can be computed".into(),
        })
    }
}
