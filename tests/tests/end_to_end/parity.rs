//! `docs/parity.md` and `docs/robustness.md` name only tests that there are.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use syn::{Attribute, Item};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn page(name: &str) -> String {
    fs::read_to_string(root().join("docs").join(name)).expect("the page")
}

/// The cells of the rows of all tables, their headings aside.
fn rows(page: &str) -> Vec<Vec<&str>> {
    let lines: Vec<&str> = page.lines().collect();
    let is_row = |at: &usize| {
        let is = |at: usize, what| lines.get(at).is_some_and(|line| line.starts_with(what));
        is(*at, "| ") && !is(at + 1, "|---")
    };
    let cells = |at: usize| {
        let row = lines[at].trim_start_matches('|').trim_end_matches('|');
        row.split('|').map(str::trim).collect()
    };
    (0..lines.len()).filter(is_row).map(cells).collect()
}

/// The tests that a text names, as `file.rs::name` in backticks: the file and the name.
fn named(text: &str) -> Vec<(&str, &str)> {
    let quoted = text.split('`').skip(1).step_by(2);
    quoted
        .filter_map(|quoted| quoted.split_once(".rs::"))
        .collect()
}

/// The functions of a file that are tests and run.
fn tests_of(file: &Path) -> BTreeSet<String> {
    let code =
        fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let mut tests = BTreeSet::new();
    let parsed = syn::parse_file(&code).expect("a file that compiles");
    collect(&parsed.items, &mut tests);
    tests
}

fn collect(items: &[Item], tests: &mut BTreeSet<String>) {
    for item in items {
        match item {
            Item::Fn(function) => {
                let is = |name| {
                    let last = |attribute: &Attribute| attribute.path().segments.last().cloned();
                    let last = function.attrs.iter().filter_map(last);
                    last.into_iter().any(|segment| segment.ident == name)
                };
                if is("test") && !is("ignore") {
                    tests.insert(function.sig.ident.to_string());
                }
            }
            Item::Mod(module) => {
                let items = module.content.as_ref().map(|(_, items)| items.as_slice());
                collect(items.unwrap_or_default(), tests);
            }
            _ => {}
        }
    }
}

#[test]
fn every_test_that_is_named_exists() {
    let pages = [page("parity.md"), page("robustness.md")];
    let mut tests = BTreeMap::new();
    let missing: Vec<String> = pages
        .iter()
        .flat_map(|page| page.lines())
        .flat_map(named)
        .filter(|(file, name)| {
            let tests = tests
                .entry(file.to_string())
                .or_insert_with(|| tests_of(&root().join(format!("{file}.rs"))));
            !tests.contains(*name)
        })
        .map(|(file, name)| format!("{file}.rs::{name}"))
        .collect();
    assert!(
        missing.is_empty(),
        "the pages name tests that do not exist:\n{}",
        missing.join("\n")
    );
}

#[test]
fn every_row_names_a_test_or_says_why_there_is_none() {
    let page = page("parity.md");
    let rows = rows(&page);
    assert!(rows.len() > 100, "there are {} rows", rows.len());
    let with_test = |row: &&Vec<&str>| row.last().is_some_and(|here| !named(here).is_empty());
    assert!(rows.iter().filter(with_test).count() > 80);
    for row in &rows {
        let here = row.last().expect("a cell");
        let said = !here.is_empty() && !here.contains("<!--");
        assert!(said, "nothing is said of {row:?}");
        let names = !named(here).is_empty();
        assert!(names || !here.contains('`'), "{row:?} names no test");
    }
}
