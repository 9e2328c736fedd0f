//! The modules of `gorums-runtime` and who uses whom: no cycles between folders, at most two files that use each other.

pub(crate) mod crate_modules;
mod cycles;
pub(crate) mod references;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate_modules::CrateModules;
use cycles::cycles;

/// The names that one file takes from another, by (file that uses, file that defines).
pub(crate) type Edges = BTreeMap<(String, String), BTreeSet<String>>;

pub(crate) fn runtime() -> CrateModules {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../gorums-runtime/src");
    CrateModules::read(&source)
}

/// The folder that a file is in. A file at the crate's root is a folder of its own.
pub(crate) fn folder(file: &str) -> &str {
    file.rsplit_once('/').map_or(file, |(folder, _)| folder)
}

/// Says which files form a cycle, and which names tie them.
fn describe<'a>(
    cycle: &BTreeSet<&str>,
    edges: impl Iterator<Item = (&'a str, &'a str, String)>,
) -> String {
    let ties =
        edges.filter(|(from, to, _)| cycle.contains(from) && cycle.contains(to) && from != to);
    let lines: Vec<String> = ties
        .map(|(from, to, names)| format!("  {from} -> {to}: {names}"))
        .collect();
    format!("{} use each other:\n{}\n", cycle.len(), lines.join("\n"))
}

fn names(names: &BTreeSet<String>) -> String {
    names
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(", ")
}

#[test]
fn no_more_than_two_files_use_each_other() {
    let edges = runtime().edges();
    assert!(edges.len() > 200, "{} edges", edges.len());
    let pairs = edges.keys().map(|(from, to)| (from.as_str(), to.as_str()));
    let found: Vec<String> = cycles(pairs)
        .iter()
        .filter(|cycle| cycle.len() > 2)
        .map(|cycle| {
            describe(
                cycle,
                edges
                    .iter()
                    .map(|((from, to), taken)| (from.as_str(), to.as_str(), names(taken))),
            )
        })
        .collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn no_folders_use_each_other() {
    let edges = runtime().edges();
    let between = edges
        .iter()
        .filter(|((from, to), _)| folder(from) != folder(to));
    let pairs = between
        .clone()
        .map(|((from, to), _)| (folder(from), folder(to)));
    let mut found = String::new();
    for cycle in cycles(pairs) {
        let ties = between
            .clone()
            .filter(|((from, to), _)| cycle.contains(folder(from)) && cycle.contains(folder(to)));
        found += &format!("{} folders use each other:\n", cycle.len());
        for ((from, to), taken) in ties {
            found += &format!("  {from} -> {to}: {}\n", names(taken));
        }
    }
    assert!(found.is_empty(), "{found}");
}
