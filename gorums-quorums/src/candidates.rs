//! The sets of nodes among which a strategy chooses.

use std::collections::HashSet;
use std::fmt::Display;

use gorums_quorum::NodeSet;

use crate::resilient::resilient;
use crate::{Error, Kind, System};

/// A set of nodes that may be asked.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    pub(crate) set: NodeSet,
    /// After how many seconds a quorum has answered.
    pub(crate) latency: f64,
}

/// Sets of nodes that may be asked.
#[derive(Clone, Debug)]
pub(crate) struct Candidates {
    pub(crate) of: Vec<Candidate>,
    /// Whether no other set could make a better strategy.
    pub(crate) is_complete: bool,
}

/// The sets that survive the failure of any `f` of their nodes. If latencies matter, also those with some nodes more, which
/// answer before.
pub(crate) fn candidates<N: Ord + Clone + Display>(
    system: &System<N>,
    kind: Kind,
    f: usize,
    latencies_matter: bool,
) -> Result<Candidates, Error> {
    if system.minimal(kind).is_empty() {
        return Err(Error::Empty { kind });
    }
    let (sets, is_complete) = match f {
        0 => (system.minimal(kind).to_vec(), system.is_complete(kind)),
        f => surviving(system, kind, f)?,
    };
    let mut candidates = Candidates {
        of: with_latencies(system, kind, sets),
        is_complete,
    };
    if f > 0 && latencies_matter {
        add_faster(&mut candidates, system, kind);
    }
    Ok(candidates)
}

fn surviving<N: Ord + Clone + Display>(
    system: &System<N>,
    kind: Kind,
    f: usize,
) -> Result<(Vec<NodeSet>, bool), Error> {
    let resilience = system.resilience().of(kind);
    if f > resilience {
        return Err(Error::NotResilient {
            kind,
            f,
            resilience,
        });
    }
    let blocking = system.blocking(kind);
    let (sets, is_complete) = match blocking.is_complete {
        true => resilient(&blocking.sets, system.nodes().len(), f, system.limit()),
        false => (Vec::new(), false),
    };
    match sets.is_empty() {
        false => Ok((sets, is_complete)),
        true => Err(Error::TooLarge { kind, f }),
    }
}

fn with_latencies<N: Ord + Clone + Display>(
    system: &System<N>,
    kind: Kind,
    sets: impl IntoIterator<Item = NodeSet>,
) -> Vec<Candidate> {
    let candidate = |set| {
        let latency = system.latency(kind, &set)?;
        Some(Candidate { set, latency })
    };
    sets.into_iter().filter_map(candidate).collect()
}

/// Adds sets with the nodes of a quorum that answers before the others do. What is not needed to survive failures may still
/// be what answers first.
fn add_faster<N: Ord + Clone + Display>(
    candidates: &mut Candidates,
    system: &System<N>,
    kind: Kind,
) {
    let quorums = with_latencies(system, kind, system.minimal(kind).iter().cloned());
    let mut seen: HashSet<NodeSet> = HashSet::new();
    let mut faster = Vec::new();
    for Candidate { set, latency } in &candidates.of {
        for quorum in quorums.iter().filter(|quorum| quorum.latency < *latency) {
            let mut both = set.clone();
            both.extend_from(&quorum.set);
            if !seen.insert(both.clone()) {
                continue;
            }
            if seen.len() > system.limit() {
                candidates.is_complete = false;
                break;
            }
            faster.push(both);
        }
    }
    candidates.is_complete &= system.is_complete(kind);
    candidates.of.extend(with_latencies(system, kind, faster));
}
