//! Pins `src/gen/grid.rs` to what protoc and the plugin make of `proto/grid.proto`.

use std::fs;
use std::path::Path;
use std::process::Command;

use protoc_gen_gorums_rs::{GORUMS_PROTO, Parameters, generate, split_descriptor_set};

/// The code of `grid.proto`, by the real protoc and the library behind the plugin.
fn code() -> String {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let gorums = directory.path().join("gorums.proto");
    fs::write(gorums, GORUMS_PROTO).expect("a writable directory");
    let set = directory.path().join("set.bin");
    let protos = Path::new(env!("CARGO_MANIFEST_DIR")).join("proto");
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
    let generated = generate(&files, &wanted, &Parameters::default()).expect("a good proto");
    let [file] = &generated[..] else {
        panic!("one package gives one file: {generated:?}");
    };
    assert_eq!(file.name, "grid.rs");
    file.content.clone()
}

#[test]
fn the_code_that_is_checked_in_is_what_protoc_gives() {
    println!(
        "src/gen/grid.rs is not what protoc makes of proto/grid.proto: generate it again as the README says, or \
         with UPDATE_EXPECT=1 cargo test -p grid"
    );
    expect_test::expect_file!["../src/gen/grid.rs"].assert_eq(&code());
}
