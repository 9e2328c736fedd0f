//! The README's tour is this crate, and it runs.

use std::process::Command;

const README: &str = include_str!("../../../README.md");

/// The first block of code in this language after `start`.
fn block(start: &str, language: &str) -> &'static str {
    let (_, rest) = README.split_once(start).expect("the start");
    let (_, rest) = rest.split_once(&format!("```{language}\n")).expect("a block");
    let (code, _) = rest.split_once("```").expect("a block ends");
    code
}

/// The dependencies in a manifest, of each kind.
fn dependencies(manifest: &str) -> Vec<&str> {
    let section = manifest.find("[dependencies]").expect("there are dependencies");
    let lines = manifest[section..].lines().filter(|line| !line.is_empty());
    lines.map(|line| line.split([' ', '.']).next().unwrap_or_default()).collect()
}

#[test]
fn the_files_of_the_tour_are_those_of_this_crate() {
    let proto = block("Save this as `proto/register.proto`", "proto");
    assert_eq!(proto, include_str!("../proto/register.proto"));
    let build = block("Its `build.rs`", "rust,ignore");
    assert_eq!(build, include_str!("../build.rs"));
    let main = block("Its `src/main.rs`", "rust,ignore");
    assert_eq!(main, include_str!("../src/main.rs"));
}

#[test]
fn the_tour_depends_on_the_runtime_and_tokio_alone() {
    let manifest = block("The crate has this `Cargo.toml`", "toml");
    let expected =
        ["[dependencies]", "gorums-runtime", "tokio", "[build-dependencies]", "gorums-build"];
    assert_eq!(dependencies(manifest), expected);
    assert_eq!(dependencies(include_str!("../Cargo.toml")), expected);
}

#[test]
fn the_tour_prints_what_it_wrote() {
    let output = Command::new(env!("CARGO_BIN_EXE_tour")).output();
    let output = output.expect("it runs");
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "hello\n");
}
