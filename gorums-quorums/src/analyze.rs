//! The analysis of a system.

use gorums_quorum::{QuorumError, Quorums, ReadWrite};
use gorums_quorums::{Bounds, Metric, Question, System};

use crate::args::{Analyze, Asked};
use crate::capabilities::Capabilities;
use crate::expression::parse;
use crate::failure::Failure;
use crate::report;

/// Analyses a system. Returns what is to be printed.
pub(crate) fn run(args: &Analyze) -> Result<String, Failure> {
    let capabilities = Capabilities::new(&[], &args.asked)?;
    let question = question(&args.asked)?;
    let expression = |of, text: &Option<String>| {
        let parsed = text.as_ref().map(|text| parse(of, text));
        parsed.transpose()
    };
    let reads = expression("reads", &args.expression)?;
    let writes = expression("writes", &args.writes)?;
    let quorums = match (reads, writes) {
        (Some(reads), Some(writes)) => both(reads, writes)?,
        (Some(reads), None) => ReadWrite::of_reads(reads),
        (None, Some(writes)) => ReadWrite::of_writes(writes),
        (None, None) => return Err(Failure::Input(gorums_quorums::Error::NoNodes)),
    };
    let system = System::new(
        quorums,
        |name| capabilities.of(name),
        args.asked.limit.unwrap_or(System::<String>::LIMIT),
    );
    capabilities.check(system.universe())?;
    let strategy = question.best(&system).map_err(Failure::Answer)?;
    report::of(&args.asked, &system, &question, &strategy, None)
}

fn both(reads: Quorums<String>, writes: Quorums<String>) -> Result<ReadWrite<String>, Failure> {
    ReadWrite::new(reads, writes).map_err(|error| match error {
        QuorumError::Undecided { .. } => Failure::Undecided,
        error => Failure::Apart(error),
    })
}

/// What is asked of a system.
pub(crate) fn question(asked: &Asked) -> Result<Question, Failure> {
    let mut bounds = Bounds::default();
    for (metric, most) in [
        (Metric::Load, asked.max_load),
        (Metric::Latency, asked.max_latency),
        (Metric::Network, asked.max_network),
    ] {
        if let Some(most) = most {
            bounds = bounds.with(metric, most).map_err(Failure::Input)?;
        }
    }
    Ok(Question {
        optimize: asked.optimize.into(),
        bounds,
        f: asked.failures,
        ..Question::new(asked.reads.clone())
    })
}
