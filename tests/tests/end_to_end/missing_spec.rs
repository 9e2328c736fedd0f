//! What rustc says of a quorum call on a configuration without quorum functions.

use std::env::{current_exe, var_os};
use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const CALLER: &str = "
    use tests::register::ReadRequest;
    use tests::register::register_gorums::RegisterConfiguration;

    pub fn read(configuration: gorums_runtime::Configuration) {
        let register = RegisterConfiguration::new(configuration)SPEC;
        let _ = register.read(ReadRequest {});
    }
";

/// The directory of the crates that this test was built with.
fn built() -> PathBuf {
    let test = current_exe().expect("a test has a path");
    test.parent().expect("in a directory").to_owned()
}

/// Where a crate is: its youngest build, since there may be some with other features.
fn library(name: &str) -> PathBuf {
    let start = format!("lib{name}-");
    let files = fs::read_dir(built()).expect("a directory");
    let files = files.map(|file| file.expect("a file").path());
    let builds = files.filter(|file| {
        let name = file.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| name.starts_with(&start) && name.ends_with(".rlib"))
    });
    let age = |path: &PathBuf| path.metadata().and_then(|data: Metadata| data.modified());
    let youngest = builds.max_by_key(|path| age(path).expect("a time"));
    youngest.expect("a build of the crate")
}

/// Compiles a crate that uses the crates of this test.
fn compile(directory: &Path, code: &str) -> Output {
    let file = directory.join("caller.rs");
    fs::write(&file, code).expect("a writable directory");
    let rustc = var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let external = |name: &str| format!("{name}={}", library(name).display());
    Command::new(rustc)
        .args(["--edition=2024", "--crate-type=lib", "--emit=metadata"])
        .arg(format!("-Ldependency={}", built().display()))
        .args(["--extern", &external("tests")])
        .args(["--extern", &external("gorums_runtime")])
        .arg("--out-dir")
        .args([directory, &file])
        .output()
        .expect("rustc runs")
}

#[test]
fn a_quorum_call_without_quorum_functions_is_an_error_that_names_with_spec() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let with_spec = CALLER.replace("SPEC", ".with_spec(tests::spec::Count(2))");
    let output = compile(directory.path(), &with_spec);
    let printed = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{printed}");

    let output = compile(directory.path(), &CALLER.replace("SPEC", ""));
    let printed = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    for part in [
        "`()` has no quorum functions for the service `register.Register`",
        "this needs a `RegisterQuorumSpec`",
        "add one with `with_spec`: `RegisterConfiguration::new(members).with_spec(spec)`",
    ] {
        assert!(printed.contains(part), "{part} is missing: {printed}");
    }
}
