//! The plugin, run by hand.

use std::fs;
use std::io::Write;
use std::process::{Command, Output, Stdio};

fn run(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_protoc-gen-rust-gorums"));
    command.args(arguments).output().expect("the plugin runs")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

#[test]
fn help_tells_of_every_parameter_and_of_the_command() {
    let output = run(&["--help"]);
    assert!(output.status.success());
    let help = text(&output.stdout);
    for word in [
        "proto",
        "messages",
        "client",
        "server",
        "extern_path",
        "include_file",
        "name all files of a package in one call",
    ] {
        assert!(help.contains(word), "{word} is missing: {help}");
    }
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn version_is_that_of_the_crate() {
    let output = run(&["--version"]);
    assert!(output.status.success());
    let expected = format!("protoc-gen-rust-gorums {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(text(&output.stdout), expected);
}

#[test]
fn the_options_file_is_written_where_it_is_wanted() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let wanted = directory.path().join("a/b");
    let output = run(&["proto", wanted.to_str().expect("UTF-8")]);
    assert!(output.status.success());
    let path = wanted.join("gorums.proto");
    let written = fs::read_to_string(&path).expect("the file");
    assert_eq!(written, protoc_gen_gorums_rs::GORUMS_PROTO);
    assert_eq!(text(&output.stdout), format!("{}\n", path.display()));
}

#[test]
fn a_directory_that_cannot_be_written_is_an_error_that_names_it() {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    let directory = file.path().to_str().expect("UTF-8");
    let output = run(&["proto", directory]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains(directory));
}

#[test]
fn an_unknown_flag_is_a_usage_error() {
    assert_eq!(run(&["--clint"]).status.code(), Some(2));
}

#[test]
fn input_that_is_not_from_protoc_is_an_error() {
    let mut plugin = Command::new(env!("CARGO_BIN_EXE_protoc-gen-rust-gorums"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the plugin runs");
    let mut stdin = plugin.stdin.take().expect("a pipe");
    stdin
        .write_all(b"this is no request")
        .expect("an open pipe");
    drop(stdin);
    let output = plugin.wait_with_output().expect("the plugin ends");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stdout), "");
    assert!(text(&output.stderr).contains("protoc"));
}
