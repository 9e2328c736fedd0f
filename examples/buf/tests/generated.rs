//! Pins what protoc-gen-rust-gorums writes for each `buf.gen.yaml`, by the request that protoc sends.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use expect_test::expect_file;
use protoc_gen_gorums_rs::{
    GORUMS_PROTO, GeneratedFile, Parameters, generate, split_descriptor_set,
};

const PROTOS: [&str; 2] = ["register/v1/register.proto", "types/v1/version.proto"];

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf()
}

/// The options of the plugin in the variant's `buf.gen.yaml`, as buf passes them.
fn options(variant: &str) -> String {
    let file = example().join(variant).join("buf.gen.yaml");
    let text = fs::read_to_string(file).expect("a buf.gen.yaml");
    let mut plugins = text.split("  - local: ");
    let plugin = plugins
        .find(|plugin| plugin.starts_with("protoc-gen-rust-gorums\n"))
        .expect("our plugin");
    let options = plugin
        .lines()
        .filter_map(|line| line.strip_prefix("      - "));
    options.collect::<Vec<_>>().join(",")
}

/// What the plugin writes with the options of the variant.
fn generated(variant: &str) -> Vec<GeneratedFile> {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let set = directory.path().join("set.bin");
    let protoc = protoc_bin_vendored::protoc_bin_path().expect("a protoc for this machine");
    let google = protoc_bin_vendored::include_path().expect("its include files");
    let includes = [example().join("proto"), example().join("include"), google];
    let output = Command::new(protoc)
        .args(includes.map(|path| format!("-I{}", path.display())))
        .args(["--include_imports", "--include_source_info", "-o"])
        .arg(&set)
        .args(PROTOS)
        .output()
        .expect("protoc runs");
    let printed = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{printed}");

    let set = fs::read(set).expect("what protoc wrote");
    let files = split_descriptor_set(&set).expect("a descriptor set");
    let parameters = Parameters::parse(&options(variant)).expect("good options");
    generate(&files, &PROTOS.map(str::to_owned), &parameters).expect("good protos")
}

/// Compares the files of the plugin with those that are checked in, and looks for its insertions in the files of the other
/// plugins, which are read.
fn pin(variant: &str, files: &[&str], insertions: &[(&str, &str)]) {
    println!("if this fails, generate the code again, as docs/pipelines.md shows");
    let (inserted, own): (Vec<_>, Vec<_>) = generated(variant)
        .into_iter()
        .partition(|file| file.insertion_point.is_some());
    let names: Vec<_> = own.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(names, files);
    let directory = example().join(variant).join("gen");
    for file in &own {
        expect_file![directory.join(&file.name)].assert_eq(&file.content);
    }
    let found: BTreeMap<_, _> = inserted
        .iter()
        .map(|file| (file.name.as_str(), file.content.as_str()))
        .collect();
    assert_eq!(found, BTreeMap::from_iter(insertions.iter().copied()));
    for file in inserted {
        let point = file.insertion_point.expect("an insertion");
        let whole = fs::read_to_string(directory.join(&file.name)).expect("another plugin's file");
        let end = format!("{}// @@protoc_insertion_point({point})", file.content);
        assert!(whole.trim_end().ends_with(&end), "{whole}");
    }
}

#[test]
fn all_in_one() {
    pin(
        "all_in_one",
        &["mod.rs", "register.v1.rs", "types.v1.rs"],
        &[],
    );
}

#[test]
fn messages_by_prost() {
    let code = "register/v1/register.v1.gorums.rs";
    let include = "include!(\"register.v1.gorums.rs\");\n";
    pin(
        "messages_by_prost",
        &[code],
        &[("register/v1/register.v1.rs", include)],
    );
}

#[test]
fn beside_tonic() {
    let code = "register/v1/register.v1.gorums.rs";
    let include = "include!(\"register.v1.gorums.rs\");\n";
    pin(
        "beside_tonic",
        &[code],
        &[("register/v1/register.v1.rs", include)],
    );
}

#[test]
fn gorums_proto_is_that_of_the_plugin() {
    let path = example().join("include/gorums.proto");
    expect_file![path].assert_eq(GORUMS_PROTO);
}
