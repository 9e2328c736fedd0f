//! The search for a system.

use gorums_quorums::{Progress, Rounded, Search};
use indicatif::{ProgressBar, ProgressStyle};

use crate::analyze::question;
use crate::args;
use crate::capabilities::Capabilities;
use crate::failure::Failure;
use crate::report::{self, Searched};

/// So many quorums of each kind of a system are looked at, so that each system takes little of the time.
const LIMIT: usize = 1_000;

/// Searches for a system. Returns what is to be printed.
pub(crate) fn run(args: &args::Search) -> Result<String, Failure> {
    let capabilities = Capabilities::new(&args.nodes, &args.asked)?;
    let names = args.nodes.iter().flat_map(|spec| &spec.names);
    let mut names: Vec<String> = names.cloned().collect();
    names.sort_unstable();
    names.dedup();
    capabilities.check(&names)?;
    let search = Search {
        question: question(&args.asked)?,
        resilience: args.resilience,
        time_limit: Some(args.time_limit),
        limit: args.asked.limit.unwrap_or(LIMIT),
    };
    let nodes = names.into_iter().map(|name| {
        let node = capabilities.of(&name);
        (name, node)
    });
    // It draws on stderr, and nothing unless that is a terminal.
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed} of {prefix}: {msg}") {
        bar.set_style(style);
    }
    bar.set_prefix(format!("{} s", args.time_limit.as_secs_f64()));
    let found = search.run(nodes, |progress| show(&bar, &search, progress));
    bar.finish_and_clear();
    let found = found.map_err(Failure::Answer)?;
    let searched = Searched {
        systems: found.systems,
        is_complete: found.is_complete,
    };
    report::of(
        &args.asked,
        &found.system,
        &search.question,
        &found.strategy,
        Some(searched),
    )
}

fn show(bar: &ProgressBar, search: &Search, progress: Progress) {
    if bar.is_hidden() {
        return;
    }
    let metric = search.question.optimize;
    let best = match progress.best {
        Some(best) => format!("the least {metric} is {} {}", Rounded(best), metric.unit()),
        None => "none is an answer yet".into(),
    };
    bar.set_message(format!("{} systems, {best}", progress.systems));
    bar.tick();
}
