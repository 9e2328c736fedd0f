//! Pins the crate in `gen/` to what protoc and the plugin make of `proto/grid.proto`.

use std::fs;
use std::path::Path;
use std::process::Command;

use expect_test::expect_file;
use protoc_gen_gorums_rs::{
    GORUMS_PROTO, GeneratedFile, Parameters, generate, split_descriptor_set,
};

/// The crate of `grid.proto`, by the real protoc and the library behind the plugin.
fn generated() -> Vec<GeneratedFile> {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let gorums = directory.path().join("gorums.proto");
    fs::write(gorums, GORUMS_PROTO).expect("a writable directory");
    let set = directory.path().join("set.bin");
    let example = Path::new(env!("CARGO_MANIFEST_DIR"));
    let protos = example.join("proto");
    let google = protoc_bin_vendored::include_path().expect("its include files");
    let protoc = protoc_bin_vendored::protoc_bin_path().expect("a protoc for this machine");
    let output = Command::new(protoc)
        .args([&protos, directory.path(), &google].map(|path| format!("-I{}", path.display())))
        .args(["--include_imports", "--include_source_info", "-o"])
        .arg(&set)
        .arg("grid.proto")
        .output()
        .expect("protoc runs");
    let printed = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{printed}");

    let set = fs::read(set).expect("what protoc wrote");
    let files = split_descriptor_set(&set).expect("a descriptor set");
    let wanted = ["grid.proto".to_string()];
    let template = example.join("gen/Cargo.toml").display().to_string();
    let parameters = Parameters::new()
        .gen_crate("grid-proto")
        .crate_template(template);
    generate(&files, &wanted, &parameters).expect("a good proto")
}

#[test]
fn the_code_that_is_checked_in_is_what_protoc_gives() {
    println!(
        "gen/ is not what protoc makes of proto/grid.proto: generate it again as the README says, or with \
         UPDATE_EXPECT=1 cargo test -p grid"
    );
    let files = generated();
    let names: Vec<_> = files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(names, ["Cargo.toml", "src/grid.rs", "src/lib.rs"]);
    for file in &files {
        expect_file![Path::new("../gen").join(&file.name)].assert_eq(&file.content);
    }
}
