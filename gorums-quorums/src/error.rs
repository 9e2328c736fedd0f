//! Why there is no answer.

use crate::{Bounds, Kind, Metric, Rounded};

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A node that can do nothing, or anything.
    #[error(
        "a {kind} capacity of {value}: give a number of commands per second from {least:e} to {most:e}"
    )]
    Capacity {
        /// Of reads or of writes.
        kind: Kind,
        /// What was given, in commands per second.
        value: f64,
        /// The least that is allowed.
        least: f64,
        /// The most that is allowed.
        most: f64,
    },
    /// A latency that no node has.
    #[error("a latency of {value}: give a number of seconds from 0 to {most:e}")]
    Latency {
        /// What was given, in seconds.
        value: f64,
        /// The most that is allowed.
        most: f64,
    },
    /// A part of more than a whole, or of less than nothing.
    #[error("a read fraction of {value}: it has to be from 0 (only writes) to 1 (only reads)")]
    Fraction {
        /// What was given.
        value: f64,
    },
    /// A distribution that makes the linear program too large.
    #[error("there are more than {most} read fractions; give fewer, with greater weights")]
    TooManyFractions {
        /// So many there may be.
        most: usize,
    },
    /// A weight with which nothing can be weighted.
    #[error("a weight of {value}: weights have to be finite and not negative")]
    Weight {
        /// What was given.
        value: f64,
    },
    /// Nothing has a weight.
    #[error("no {of} has a weight: give at least one a weight of more than 0")]
    NoWeight {
        /// What is weighted.
        of: &'static str,
    },
    /// A text that is no distribution of read fractions.
    #[error(
        "`{text}` is no read fraction: give one as 0.75, or several with their weights as 0.1=1,0.75=1"
    )]
    Fractions {
        /// The part of the text that cannot be read.
        text: String,
    },
    /// A bound that bounds nothing, or everything.
    #[error("a bound of {most} for the {metric}: it has to be finite and not negative")]
    Bound {
        /// What is bounded.
        metric: Metric,
        /// What was given.
        most: f64,
    },
    /// A strategy that uses a set of nodes which is no quorum.
    #[error("{{{}}} is no {kind} quorum", nodes.join(", "))]
    NoQuorum {
        /// What it is used for.
        kind: Kind,
        /// The set's nodes, as text.
        nodes: Vec<String>,
    },
    /// No strategy keeps within the bounds.
    #[error(
        "no strategy has {}: the least {metric} is {} {}{}",
        bound(*metric, *most),
        Rounded(*least),
        metric.unit(),
        among(given)
    )]
    Unattainable {
        /// What cannot be kept within its bound.
        metric: Metric,
        /// The bound.
        most: f64,
        /// The least that can be reached.
        least: f64,
        /// The other bounds that it is in conflict with; none if it cannot be kept at all.
        given: Bounds,
    },
    /// So many failures leave no quorum.
    #[error(
        "no {kind} quorum survives the failure of any {f} of its nodes: {kind}s survive {resilience}"
    )]
    NotResilient {
        /// The kind of quorums.
        kind: Kind,
        /// How many failures were asked for.
        f: usize,
        /// How many the system survives.
        resilience: usize,
    },
    /// Too many sets to find the f-resilient quorums.
    #[error(
        "there are too many sets of nodes to find the {kind} quorums that survive the failure of any {f} of their nodes; \
         try a greater limit, or fewer failures"
    )]
    TooLarge {
        /// The kind of quorums.
        kind: Kind,
        /// How many failures were asked for.
        f: usize,
    },
    /// A system without quorums.
    #[error("no {kind} quorum can form")]
    Empty {
        /// The kind of quorums.
        kind: Kind,
    },
    /// A search without nodes.
    #[error("there are no nodes: name those that quorums are made of")]
    NoNodes,
    /// A search that found nothing.
    #[error("{}", no_system(*systems, *is_complete, closest.as_deref()))]
    NoSystem {
        /// How many systems were looked at.
        systems: u64,
        /// Whether these are all, and all their quorums were looked at.
        is_complete: bool,
        /// Why the first that was resilient enough is not an answer.
        closest: Option<Box<Error>>,
    },
    /// The linear program took too long.
    #[error("the best strategy was not found within {seconds} s; use a smaller limit")]
    TooSlow {
        /// How long it may take.
        seconds: u64,
    },
    /// The linear program was not solved.
    #[error(
        "the best strategy was not found: {message}; use capacities and latencies that differ less"
    )]
    Solver {
        /// What the solver said.
        message: String,
    },
}

fn bound(metric: Metric, most: f64) -> String {
    let mut bounds = Bounds::default();
    bounds.set(metric, most);
    bounds.to_string()
}

fn among(given: &Bounds) -> String {
    match given {
        given if *given == Bounds::default() => String::new(),
        given => format!(" with {given}"),
    }
}

fn no_system(systems: u64, is_complete: bool, closest: Option<&Error>) -> String {
    let reach = match is_complete {
        true => format!("none of all {systems} systems is an answer"),
        false => format!(
            "none of the {systems} systems that were looked at is an answer; more time or a greater limit may help"
        ),
    };
    match closest {
        Some(error) => format!("{reach}; of the first that is resilient enough, {error}"),
        None => format!("{reach}; none of them is resilient enough"),
    }
}
