//! The linear program whose solution is a strategy.

use std::time::Duration;

use microlp::{ComparisonOp, OptimizationDirection, Problem, Solution, SolveOutcome, Variable};

use crate::candidates::Candidate;
use crate::{Bounds, Error, Metric, Node, ReadFractions};

/// So long may the solver take.
const LONGEST: Duration = Duration::from_secs(60);

/// What is less likely is never chosen.
const NEVER: f64 = 1e-7;

/// So often is a better unit looked for.
const ROUNDS: usize = 8;

/// Among which strategies the best one is to be found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Program<'a> {
    pub(crate) reads: &'a [Candidate],
    pub(crate) writes: &'a [Candidate],
    pub(crate) nodes: &'a [Node],
    pub(crate) fractions: &'a ReadFractions,
}

/// The probabilities of the candidates, and what the metric is with them.
#[derive(Clone, Debug)]
pub(crate) struct Optimum {
    pub(crate) reads: Vec<f64>,
    pub(crate) writes: Vec<f64>,
    pub(crate) value: f64,
}

impl Program<'_> {
    /// Finds the strategy with the least value of the metric within the bounds, if there is one.
    pub(crate) fn minimize(
        &self,
        metric: Metric,
        bounds: &Bounds,
    ) -> Result<Option<Optimum>, Error> {
        // The solver's tolerance is absolute, so loads are counted in a unit that makes the optimal one about 1. It is found
        // by solving again.
        let even = self.even_load();
        let mut unit = match bounds.most(Metric::Load) {
            Some(most) => most.max(even * 1e-6).min(even),
            None => even,
        };
        let mut optimum = self.solve_by_any_means(metric, bounds, unit)?;
        for _ in 0..ROUNDS {
            match &optimum {
                Some(found) if metric == Metric::Load && is_small(found.value, unit) => {
                    unit = found.value;
                }
                _ => break,
            }
            optimum = self.solve_by_any_means(metric, bounds, unit)?;
        }
        Ok(optimum)
    }

    /// The load if all candidates are as likely. The least load is not more.
    fn even_load(&self) -> f64 {
        let asked = |candidates: &[Candidate], node: usize| {
            let with = candidates.iter().filter(|of| of.set.contains(node));
            with.count() as f64 / candidates.len() as f64
        };
        let nodes = self.nodes.iter().enumerate();
        let asked = nodes.map(|(at, node)| (node, asked(self.reads, at), asked(self.writes, at)));
        let asked: Vec<_> = asked.collect();
        self.fractions.expected(|fraction| {
            let loads = asked.iter();
            let loads = loads.map(|(node, reads, writes)| node.load(fraction, *reads, *writes));
            loads.fold(0.0, f64::max)
        })
    }

    /// Solves it, and again with loads in another unit if the numbers were too much for the solver. It then takes other
    /// steps.
    fn solve_by_any_means(
        &self,
        metric: Metric,
        bounds: &Bounds,
        unit: f64,
    ) -> Result<Option<Optimum>, Error> {
        let solved = self.solve(metric, bounds, unit);
        let others = [0.731, 1.37, 0.29, 2.9].into_iter();
        others.fold(solved, |solved, factor| match solved {
            Err(Error::Solver { .. }) => self.solve(metric, bounds, unit * factor),
            solved => solved,
        })
    }

    fn solve(&self, metric: Metric, bounds: &Bounds, unit: f64) -> Result<Option<Optimum>, Error> {
        let mut problem = Problem::new(OptimizationDirection::Minimize);
        problem.set_time_limit(LONGEST);
        let latest = self.latest();
        let weight = |candidate: &Candidate, of: Metric| match of {
            Metric::Load => 0.0,
            Metric::Latency => candidate.latency / latest,
            Metric::Network => candidate.set.len() as f64,
        };
        let mean = self.fractions.mean();
        let mut add = |candidates: &[Candidate], fraction: f64| -> Vec<Variable> {
            let cost = candidates.iter().map(|of| fraction * weight(of, metric));
            let variables = cost.map(|cost| problem.add_var(cost, (0.0, 1.0)));
            variables.collect()
        };
        let reads = add(self.reads, mean);
        let writes = add(self.writes, 1.0 - mean);
        for variables in [&reads, &writes] {
            let all = variables.iter().map(|&variable| (variable, 1.0));
            problem.add_constraint(all.collect::<Vec<_>>(), ComparisonOp::Eq, 1.0);
        }
        let most_load = bounds.most(Metric::Load);
        if metric == Metric::Load || most_load.is_some() {
            let cost = if metric == Metric::Load { 1.0 } else { 0.0 };
            let loads = self.add_loads(&mut problem, [&reads, &writes], unit, cost);
            if let Some(most) = most_load {
                problem.add_constraint(loads, ComparisonOp::Le, most / unit);
            }
        }
        for (bounded, unit) in [(Metric::Latency, latest), (Metric::Network, 1.0)] {
            if let Some(most) = bounds.most(bounded) {
                let terms = self.terms([&reads, &writes], mean, |of| weight(of, bounded));
                problem.add_constraint(terms, ComparisonOp::Le, most / unit);
            }
        }
        let Some(solution) = solved(&problem)? else {
            return Ok(None);
        };
        let value = solution.objective();
        Ok(Some(Optimum {
            reads: values(&solution, &reads),
            writes: values(&solution, &writes),
            value: value
                * match metric {
                    Metric::Load => unit,
                    Metric::Latency => latest,
                    Metric::Network => 1.0,
                },
        }))
    }

    /// The greatest latency, as the unit of latencies.
    fn latest(&self) -> f64 {
        let all = self.reads.iter().chain(self.writes);
        let latest = all.map(|candidate| candidate.latency).fold(0.0, f64::max);
        if latest > 0.0 { latest } else { 1.0 }
    }

    /// Adds the load at each read fraction, which is at least that of each node. Returns the terms of the expected load.
    fn add_loads(
        &self,
        problem: &mut Problem,
        [reads, writes]: [&[Variable]; 2],
        unit: f64,
        cost: f64,
    ) -> Vec<(Variable, f64)> {
        let fractions = self.fractions.iter();
        let loads: Vec<(f64, Variable, f64)> = fractions
            .map(|(fraction, p)| {
                let load = problem.add_var(cost * p, (0.0, f64::INFINITY));
                (fraction, load, p)
            })
            .collect();
        let is_shared = loads.len() > 1;
        for (at, node) in self.nodes.iter().enumerate() {
            let mut asked = |candidates: &[Candidate], variables: &[Variable]| {
                let pairs = candidates.iter().zip(variables);
                let with = pairs.filter(|(candidate, _)| candidate.set.contains(at));
                let with = with.map(|(_, variable)| (*variable, 1.0)).collect();
                if is_shared { sum(problem, with) } else { with }
            };
            let (reads, writes) = (asked(self.reads, reads), asked(self.writes, writes));
            for (fraction, load, _) in &loads {
                let read = node.load(*fraction, 1.0, 0.0) / unit;
                let write = node.load(*fraction, 0.0, 1.0) / unit;
                let reads = reads.iter().map(|(variable, _)| (*variable, read));
                let writes = writes.iter().map(|(variable, _)| (*variable, write));
                let terms = reads.chain(writes).chain([(*load, -1.0)]);
                let terms: Vec<_> = terms.filter(|(_, factor)| *factor != 0.0).collect();
                problem.add_constraint(terms, ComparisonOp::Le, 0.0);
            }
        }
        loads.into_iter().map(|(_, load, p)| (load, p)).collect()
    }

    /// The terms of an average of what `weight` gives.
    fn terms(
        &self,
        [reads, writes]: [&[Variable]; 2],
        mean: f64,
        weight: impl Fn(&Candidate) -> f64,
    ) -> Vec<(Variable, f64)> {
        let read = self.reads.iter().zip(reads);
        let read = read.map(|(of, variable)| (*variable, mean * weight(of)));
        let write = self.writes.iter().zip(writes);
        let write = write.map(|(of, variable)| (*variable, (1.0 - mean) * weight(of)));
        let terms = read.chain(write);
        terms.filter(|(_, factor)| *factor != 0.0).collect()
    }
}

/// Whether a load is so small in its unit that the solver's tolerance matters.
fn is_small(load: f64, unit: f64) -> bool {
    0.0 < load && load <= 0.05 * unit
}

/// A variable for the sum of terms that are needed often, so that the problem stays small.
fn sum(problem: &mut Problem, mut terms: Vec<(Variable, f64)>) -> Vec<(Variable, f64)> {
    let sum = problem.add_var(0.0, (0.0, f64::INFINITY));
    terms.push((sum, -1.0));
    problem.add_constraint(terms, ComparisonOp::Eq, 0.0);
    vec![(sum, 1.0)]
}

/// The solution; nothing if the problem is infeasible.
fn solved(problem: &Problem) -> Result<Option<Solution>, Error> {
    match problem.solve() {
        Ok(SolveOutcome::Solution(solution)) => Ok(Some(solution)),
        Err(microlp::Error::Infeasible) => Ok(None),
        Ok(SolveOutcome::Interrupted(_)) => Err(Error::TooSlow {
            seconds: LONGEST.as_secs(),
        }),
        Err(error) => Err(Error::Solver {
            message: error.to_string(),
        }),
    }
}

fn values(solution: &Solution, variables: &[Variable]) -> Vec<f64> {
    let values = variables
        .iter()
        .map(|&variable| solution.var_value(variable));
    values
        .map(|value| if value > NEVER { value } else { 0.0 })
        .collect()
}
