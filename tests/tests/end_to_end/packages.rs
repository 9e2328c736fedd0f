//! What is published: the files of each package, and what the documents say of them.

use std::fs;
use std::path::{Path, PathBuf};

const PUBLISHED: [&str; 5] = [
    "gorums-build",
    "gorums-quorum",
    "gorums-quorums",
    "gorums-runtime",
    "protoc-gen-gorums-rs",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

#[test]
fn all_other_crates_are_kept_from_being_published() {
    let workspace = read("Cargo.toml");
    let (_, members) = workspace.split_once("members = [").expect("members");
    let (members, _) = members.split_once(']').expect("an end");
    for member in members.split('"').skip(1).step_by(2) {
        let manifest = read(&format!("{member}/Cargo.toml"));
        let is_private = manifest.contains("\npublish = false\n");
        assert_eq!(is_private, !PUBLISHED.contains(&member), "{member}");
    }
}

#[test]
fn each_package_has_the_license_and_its_documentation_has_all_features() {
    for package in PUBLISHED {
        assert_eq!(read(&format!("{package}/LICENSE")), read("LICENSE"));
        let manifest = read(&format!("{package}/Cargo.toml"));
        let metadata = "[package.metadata.docs.rs]\nall-features = true\n";
        assert!(manifest.contains(metadata), "{package}");
    }
}

#[test]
fn the_method_options_are_the_same_in_the_generators_package() {
    let packaged = read("protoc-gen-gorums-rs/proto/gorums.proto");
    assert_eq!(packaged, read("proto/gorums.proto"));
}

#[test]
fn the_documents_name_the_oldest_rust_that_the_manifests_allow() {
    let version = env!("CARGO_PKG_RUST_VERSION");
    let readme = format!("[Rust](https://rustup.rs) {version} or later");
    assert!(read("README.md").contains(&readme), "{readme}");
    let contributing = format!("You need Rust {version} or later");
    assert!(read("CONTRIBUTING.md").contains(&contributing));
}
