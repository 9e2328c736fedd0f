//! A build script gives the code that the protoc plugin gives, whatever compiles the .proto files.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use gorums_build::{Builder, Compiler, Error, Parameters};
use prost::Message;
use prost_types::FileDescriptorSet;

/// Golden protos and the files that they give, with the golden files' names.
const CASES: [(&str, &[(&str, &str)]); 29] = [
    ("one_way", &[("one_way.rs", "one_way.rs")]),
    ("aggregates", &[("aggregates.rs", "aggregates.rs")]),
    ("comments", &[("comments.rs", "comments.rs")]),
    ("correctables", &[("correctables.rs", "correctables.rs")]),
    ("deprecated", &[("deprecated.rs", "deprecated.rs")]),
    (
        "calls_trait_names",
        &[("calls_trait_names.rs", "calls_trait_names.rs")],
    ),
    ("options_async", &[("options_async.rs", "options_async.rs")]),
    (
        "options_correctable",
        &[("options_correctable.rs", "options_correctable.rs")],
    ),
    (
        "options_correctable_pr",
        &[("options_correctable_pr.rs", "options_correctable_pr.rs")],
    ),
    (
        "options_multicast",
        &[("options_multicast.rs", "options_multicast.rs")],
    ),
    (
        "options_one_node",
        &[("options_one_node.rs", "options_one_node.rs")],
    ),
    ("options_qc", &[("options_qc.rs", "options_qc.rs")]),
    (
        "options_qc_future",
        &[("options_qc_future.rs", "options_qc_future.rs")],
    ),
    (
        "options_quorumcall",
        &[("options_quorumcall.rs", "options_quorumcall.rs")],
    ),
    ("futures", &[("futures.rs", "futures.rs")]),
    (
        "imports",
        &[
            ("imports.rs", "imports.rs"),
            ("imports.types.rs", "imports.types.rs"),
        ],
    ),
    ("keywords", &[("keywords.rs", "keywords.rs")]),
    ("kitchen_sink", &[("kitchen_sink.rs", "kitchen_sink.rs")]),
    ("no_package", &[("_.rs", "no_package.rs")]),
    ("proto", &[("proto.rs", "proto.rs")]),
    ("proto2", &[("proto2.rs", "proto2.rs")]),
    ("register", &[("register.rs", "register.rs")]),
    ("register_2017", &[("register_2017.rs", "register_2017.rs")]),
    ("relab_import", &[("relab_import.rs", "relab_import.rs")]),
    ("std_names", &[("std_names.rs", "std_names.rs")]),
    ("storage", &[("storage.rs", "storage.rs")]),
    ("tonic_names", &[("tonic_names.rs", "tonic_names.rs")]),
    ("two_services", &[("two_services.rs", "two_services.rs")]),
    ("wrappers", &[("wrappers.rs", "wrappers.rs")]),
];

/// Files that only protoc compiles.
const EDITIONS: [&str; 2] = ["edition_2023", "edition_2024"];

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../golden")
}

fn protoc() -> Compiler {
    Compiler::Protoc(protoc_bin_vendored::protoc_bin_path().expect("a protoc for this machine"))
}

fn builder(out: &Path) -> Builder {
    gorums_build::configure()
        .out_dir(out)
        .emit_rerun_if_changed(false)
}

/// The parameters with which the golden file of a proto is generated: the proto says them in a line of its own.
fn parameters(name: &str) -> Parameters {
    let proto = fs::read_to_string(golden().join(format!("{name}.proto"))).expect("a golden proto");
    let line = proto
        .lines()
        .find_map(|line| line.strip_prefix("// Parameters: "));
    Parameters::parse(line.unwrap_or_default()).expect("good parameters")
}

fn compile(builder: Builder, name: &str) -> Result<(), Error> {
    builder.compile_protos(&[golden().join(format!("{name}.proto"))], &[golden()])
}

fn assert_golden(out: &Path, outputs: &[(&str, &str)]) {
    let mut names: Vec<_> = fs::read_dir(out)
        .expect("the output directory")
        .map(|file| file.expect("an entry").file_name())
        .collect();
    names.sort();
    let expected: Vec<_> = outputs.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, expected);
    for (name, golden_file) in outputs {
        let code = fs::read_to_string(out.join(name)).expect("generated code");
        let pinned = fs::read_to_string(golden().join(golden_file)).expect("pinned code");
        assert!(code == pinned, "{name} is not what the plugin gives");
    }
}

#[test]
fn without_protoc_the_code_is_that_of_the_plugin() {
    for (name, outputs) in CASES {
        let out = tempfile::tempdir().expect("a temporary directory");
        let builder = builder(out.path()).parameters(parameters(name));
        compile(builder.compiler(Compiler::Protox), name).expect(name);
        assert_golden(out.path(), outputs);
    }
}

#[test]
fn with_protoc_the_code_is_that_of_the_plugin() {
    let editions = EDITIONS.map(|name| (name, format!("{name}.rs")));
    let editions = editions
        .each_ref()
        .map(|(name, file)| (*name, [(file.as_str(), file.as_str())]));
    let editions = editions
        .iter()
        .map(|(name, outputs)| (*name, outputs.as_slice()));
    for (name, outputs) in CASES.into_iter().chain(editions) {
        let out = tempfile::tempdir().expect("a temporary directory");
        let builder = builder(out.path()).parameters(parameters(name));
        compile(builder.compiler(protoc()), name).expect(name);
        assert_golden(out.path(), outputs);
    }
}

#[test]
fn a_descriptor_set_gives_the_code_of_the_plugin() {
    let out = tempfile::tempdir().expect("a temporary directory");
    let set = out.path().join("set.bin");
    let gorums = tempfile::tempdir().expect("a temporary directory");
    let proto = gorums.path().join("gorums.proto");
    fs::write(proto, protoc_gen_gorums_rs::GORUMS_PROTO).expect("a writable directory");
    let Compiler::Protoc(protoc) = protoc() else {
        unreachable!("it is one")
    };
    let status = Command::new(protoc)
        .args([
            "--include_imports",
            "--include_source_info",
            "register.proto",
            "-o",
        ])
        .arg(&set)
        .args([golden(), gorums.path().into()].map(|path| format!("-I{}", path.display())))
        .status();
    assert!(status.expect("protoc runs").success());

    let code = out.path().join("code");
    let nothing: [&Path; 0] = [];
    builder(&code)
        .descriptor_set(set)
        .compile_protos(&nothing, &nothing)
        .expect("a good descriptor set");
    assert_golden(&code, &[("register.rs", "register.rs")]);
}

#[test]
fn the_descriptor_set_can_be_written_beside_the_code() {
    let out = tempfile::tempdir().expect("a temporary directory");
    let builder = builder(out.path()).descriptor_set_out("descriptors.bin");
    compile(builder, "register").expect("a good proto");
    let set = fs::read(out.path().join("descriptors.bin")).expect("the set");
    let set = FileDescriptorSet::decode(set.as_slice()).expect("a descriptor set");
    let names: Vec<_> = set.file.iter().map(|file| file.name()).collect();
    let descriptor = "google/protobuf/descriptor.proto";
    assert_eq!(names, [descriptor, "gorums.proto", "register.proto"]);
}

#[test]
fn a_file_with_an_edition_needs_protoc_and_the_error_says_so() {
    for name in EDITIONS {
        let out = tempfile::tempdir().expect("a temporary directory");
        let error = compile(builder(out.path()).compiler(Compiler::Protox), name);
        let error = error.expect_err("an edition");
        assert!(
            matches!(&error, Error::EditionNeedsProtoc { file } if *file == format!("{name}.proto")),
            "{error}"
        );
        assert!(error.to_string().contains("install protoc"), "{error}");
    }
}

#[test]
fn a_file_that_stays_the_same_is_not_written_again() {
    let out = tempfile::tempdir().expect("a temporary directory");
    let code = out.path().join("register.rs");
    compile(builder(out.path()), "register").expect("a good proto");
    let modified = fs::metadata(&code)
        .and_then(|file| file.modified())
        .expect("a time");
    compile(builder(out.path()), "register").expect("nothing to write");
    let again = fs::metadata(&code)
        .and_then(|file| file.modified())
        .expect("a time");
    assert_eq!(modified, again);
}

#[test]
fn parameters_are_those_of_the_plugin() {
    let out = tempfile::tempdir().expect("a temporary directory");
    let parameters = Parameters::parse("messages=false").expect("a valid parameter");
    compile(builder(out.path()).parameters(parameters), "register").expect("a good proto");
    assert!(out.path().join("register.gorums.rs").exists());
}

#[test]
fn errors_name_the_file_the_compiler_or_the_rule() {
    let out = tempfile::tempdir().expect("a temporary directory");
    let bad = golden().join("bad");
    let error = builder(out.path())
        .compile_protos(&[bad.join("two_call_types.proto")], &[&bad])
        .expect_err("a bad proto");
    let pinned = fs::read_to_string(bad.join("two_call_types.txt")).expect("the pinned error");
    assert_eq!(error.to_string(), pinned.trim_end());
    assert_eq!(format!("{error:?}"), error.to_string());

    for compiler in [Compiler::Protox, protoc()] {
        let missing = builder(out.path()).compiler(compiler);
        let error = compile(missing, "no_such").expect_err("no such file");
        assert!(error.to_string().contains("no_such.proto"), "{error}");
    }

    let no_protoc = Compiler::Protoc("/no/such/protoc".into());
    let error = compile(builder(out.path()).compiler(no_protoc), "register");
    let error = error.expect_err("no such protoc");
    assert!(error.to_string().contains("/no/such/protoc"), "{error}");

    let junk = out.path().join("junk");
    fs::write(&junk, b"\xff\xff").expect("a writable directory");
    let error = compile(builder(out.path()).descriptor_set(&junk), "register");
    let error = error.expect_err("no descriptor set");
    assert!(matches!(error, Error::DescriptorSet { .. }), "{error}");
    assert!(error.to_string().contains("junk"), "{error}");
}

#[test]
fn a_protoc_without_its_include_files_is_told_apart() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let Compiler::Protoc(complete) = protoc() else {
        unreachable!("it is one")
    };
    let bare = directory.path().join("protoc");
    fs::copy(complete, &bare).expect("a copy");
    let compiler = Compiler::Protoc(bare);
    let error = compile(builder(directory.path()).compiler(compiler), "register");
    let error = error.expect_err("no include files");
    assert!(error.to_string().contains("libprotobuf-dev"), "{error}");
}

#[test]
fn a_crate_is_written_to_a_directory_of_its_own() {
    let out = tempfile::tempdir().expect("a temporary directory");
    let parameters = Parameters::new().gen_crate("register-proto");
    let in_out_dir = gorums_build::configure()
        .emit_rerun_if_changed(false)
        .parameters(parameters.clone());
    let error = compile(in_out_dir, "register").expect_err("no directory");
    assert!(
        matches!(&error, Error::CrateInOutDir { name } if name == "register-proto"),
        "{error}"
    );
    assert!(error.to_string().contains("Builder::out_dir"), "{error}");

    compile(builder(out.path()).parameters(parameters), "register").expect("a good proto");
    for file in ["Cargo.toml", "src/lib.rs", "src/register.rs"] {
        assert!(out.path().join(file).exists(), "{file}");
    }
}

#[test]
fn insertions_into_files_of_other_plugins_are_refused() {
    let out = tempfile::tempdir().expect("a temporary directory");
    let parameters = Parameters::new().messages(false).insert_include(true);
    let error = compile(builder(out.path()).parameters(parameters), "register");
    let error = error.expect_err("an insertion");
    assert!(
        matches!(&error, Error::Insertion { file } if file == "register.rs"),
        "{error}"
    );
    let files = fs::read_dir(out.path()).expect("the output directory");
    assert_eq!(files.count(), 0, "nothing is written");
}
