//! Whole crates of generated code.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use expect_test::expect_file;
use tempfile::TempDir;

use crate::support::{generate, golden};

/// The protos of a crate with several packages: without a name, nested, imported, around others, named like a keyword.
const PROTOS: [&str; 6] = [
    "root.proto",
    "acme/acme.proto",
    "acme/register/register.proto",
    "acme/type/type.proto",
    "acme/types/all.proto",
    "acme/types/types.proto",
];

fn protos() -> PathBuf {
    golden().join("crate")
}

fn workspace() -> PathBuf {
    golden().join("..").canonicalize().expect("the workspace")
}

fn error(protos: &[&str], parameter: &str) -> String {
    generate(&self::protos(), protos, parameter).expect_err("bad parameters")
}

/// A directory with the files of a crate.
fn written(files: &BTreeMap<String, String>) -> TempDir {
    let directory = tempfile::tempdir().expect("a temporary directory");
    for (name, content) in files {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().expect("a directory")).expect("a writable directory");
        fs::write(path, content).expect("a writable directory");
    }
    // The versions that the workspace has, so that nothing is downloaded.
    let lock = "Cargo.lock";
    fs::copy(workspace().join(lock), directory.path().join(lock)).expect("a copy");
    directory
}

/// Runs `cargo check` in the crate, which must succeed without a warning.
fn cargo_check(directory: &Path, arguments: &[&str]) {
    let runtime = workspace().join("gorums-runtime");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent();
    let output = Command::new(env!("CARGO"))
        .current_dir(directory)
        .args(["check", "--offline", "--config"])
        .arg(format!("patch.crates-io.gorums-runtime.path={runtime:?}"))
        .args(arguments)
        .env("CARGO_TARGET_DIR", target.expect("the target directory"))
        .output()
        .expect("cargo runs");
    let printed = String::from_utf8_lossy(&output.stderr);
    let good = output.status.success() && !printed.contains("warning");
    assert!(good, "cargo check {arguments:?}: {printed}");
}

#[test]
fn a_crate_has_a_feature_and_a_module_for_each_package() {
    let files = generate(&protos(), &PROTOS, "gen_crate=acme-proto").expect("good protos");
    let names: Vec<&str> = files.keys().map(String::as_str).collect();
    let expected = [
        "Cargo.toml",
        "src/_.rs",
        "src/acme.r#type.rs",
        "src/acme.register.v1.rs",
        "src/acme.rs",
        "src/acme.types.v1.rs",
        "src/lib.rs",
    ];
    assert_eq!(names, expected);
    expect_file![protos().join("expected/Cargo.toml")].assert_eq(&files["Cargo.toml"]);
    expect_file![protos().join("expected/lib.rs")].assert_eq(&files["src/lib.rs"]);
}

#[test]
fn a_crate_builds_as_it_is_with_any_of_its_features() {
    let files = generate(&protos(), &PROTOS, "gen_crate=acme-proto").expect("good protos");
    let directory = written(&files);
    cargo_check(directory.path(), &[]);
    let features = [
        "_",
        "acme",
        "acme-register-v1",
        "acme-type",
        "acme-types-v1",
    ];
    for feature in features {
        cargo_check(
            directory.path(),
            &["--no-default-features", "--features", feature],
        );
    }
    cargo_check(directory.path(), &["--no-default-features"]);

    let nested = "gen_crate=acme-proto,flat_output_dir=false";
    let files = generate(&protos(), &PROTOS, nested).expect("good protos");
    assert!(files.contains_key("src/acme/types/v1/acme.types.v1.rs"));
    cargo_check(written(&files).path(), &[]);
}

#[test]
fn a_template_adds_what_else_the_crate_needs() {
    let template = fs::read_to_string(protos().join("Template.toml")).expect("a template");
    let template = [
        ("RUNTIME", "gorums-runtime"),
        ("SHARED_MESSAGES", "tests/shared-messages"),
    ]
    .into_iter()
    .fold(template, |template, (name, path)| {
        let path = workspace().join(path);
        template.replace(&format!("{name:?}"), &format!("{path:?}"))
    });
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("Template.toml");
    fs::write(&path, &template).expect("a writable directory");
    let parameter = format!(
        "gen_crate=templated,crate_template={},extern_path=.imports.types=::shared_messages",
        path.display()
    );
    let files = generate(&golden(), &["imports.proto"], &parameter).expect("a good proto");
    let filled = template.replace(
        "# @@protoc_insertion",
        "# @@protoc_deletion_point(features)\n\
         # Written by protoc-gen-rust-gorums, which replaces these lines. A feature for each package:\n\
         proto_full = [\"imports\"]\nimports = []\n# @@protoc_insertion",
    );
    assert_eq!(files["Cargo.toml"], filled);
    cargo_check(written(&files).path(), &["--all-features"]);

    for needs_dependency in [
        "extern_path=.imports.types=::shared_messages",
        "prost_path=::prost",
    ] {
        let parameter = format!("gen_crate=a,{needs_dependency}");
        let error =
            generate(&golden(), &["register.proto"], &parameter).expect_err("no dependency");
        let (parameter, value) = needs_dependency.split_once('=').expect("a value");
        let expected = format!("parameter `{parameter}`: `{value}` needs a crate that");
        assert!(error.contains(&expected), "{error}");
    }
}

#[test]
fn a_lib_rs_written_by_hand_includes_the_modules_from_elsewhere() {
    let parameter = "gen_crate=acme-proto,include_file=src/code/mod.rs";
    let mut files = generate(&protos(), &PROTOS, parameter).expect("good protos");
    assert!(files.contains_key("src/code/acme.rs"), "{:?}", files.keys());
    let own = "//! Written by hand.\ninclude!(\"code/mod.rs\");\n";
    files.insert("src/lib.rs".to_owned(), own.to_owned());
    cargo_check(written(&files).path(), &[]);
}

#[test]
fn a_crate_that_cargo_would_refuse_is_an_error() {
    for name in ["fn", "1st", "a b", ""] {
        let error = error(&PROTOS, &format!("gen_crate={name}"));
        let expected =
            format!("parameter `gen_crate`: `{name}` is not valid; it takes the name of a crate");
        assert!(error.contains(&expected), "{error}");
    }
    let error = error(&PROTOS, "gen_crate=a,messages=false");
    assert!(
        error.contains("parameter `gen_crate`: a crate needs the messages"),
        "{error}"
    );
}

#[test]
fn a_template_that_cannot_be_filled_in_is_an_error_that_names_it() {
    let missing = error(&PROTOS, "gen_crate=a,crate_template=no/such/Cargo.toml");
    let expected = "parameter `crate_template`: `no/such/Cargo.toml`: it cannot be read: ";
    assert!(missing.contains(expected), "{missing}");

    let path = protos().join("root.proto");
    let no_place = error(
        &PROTOS,
        &format!("gen_crate=a,crate_template={}", path.display()),
    );
    let expected = format!(
        "parameter `crate_template`: `{}`: it has no line `# @@protoc_insertion_point(features)`; add one",
        path.display()
    );
    assert!(no_place.contains(&expected), "{no_place}");
}

#[test]
fn packages_whose_names_the_crate_needs_itself_are_refused() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    for (package, parameter, expected) in [
        (
            "lib",
            "gen_crate=a",
            "its code goes to `src/lib.rs`, as does that of the root of the crate (see `include_file`); rename one",
        ),
        (
            "main",
            "gen_crate=a",
            "its code goes to `src/main.rs`, as does that of a program of the crate; rename one",
        ),
        (
            "bin",
            "gen_crate=a,flat_output_dir=false",
            "its code goes to `src/bin/bin.rs`, as does that of a program of the crate; rename one",
        ),
        (
            "default",
            "gen_crate=a",
            "every generated crate has a feature `default`; rename the package",
        ),
    ] {
        let proto = format!("syntax = \"proto3\";\npackage {package};\nmessage M {{}}\n");
        fs::write(directory.path().join("a.proto"), proto).expect("a writable directory");
        let error = generate(directory.path(), &["a.proto"], parameter).expect_err(package);
        let expected = format!("a.proto:2: package `{package}`: {expected}");
        assert!(error.contains(&expected), "{error}");
    }
}

#[test]
fn a_missing_package_that_others_need_is_reported() {
    let error = error(&["acme/acme.proto"], "gen_crate=a");
    assert!(
        error.contains(
            "acme/acme.proto:6: package `acme.register.v1` is not among those to generate"
        ),
        "{error}"
    );
}
