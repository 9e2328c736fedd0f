//! Pins the errors that bad protos give, one proto per rule: `UPDATE_EXPECT=1` rewrites them.

use std::collections::BTreeSet;
use std::fs;

use expect_test::expect_file;

use crate::support::{generate, golden};

/// The names of the files in golden/bad that end in `.{extension}`, without it.
fn names(extension: &str) -> BTreeSet<String> {
    let directory = fs::read_dir(golden().join("bad")).expect("golden/bad");
    directory
        .map(|file| file.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .map(|path| {
            path.file_stem()
                .expect("a name")
                .to_string_lossy()
                .into_owned()
        })
        .collect()
}

#[test]
fn every_bad_proto_is_refused_with_its_errors() {
    let directory = golden().join("bad");
    for name in names("proto") {
        let error =
            generate(&directory, &[&format!("{name}.proto")], "server=true").expect_err(&name);
        // protoc may have warnings of its own to print first.
        let (_, error) = error
            .split_once("--rust-gorums_out: ")
            .unwrap_or_else(|| panic!("{name}: protoc refuses it before the plugin: {error}"));
        expect_file![directory.join(format!("{name}.txt"))].assert_eq(error);
    }
    assert_eq!(names("txt"), names("proto"), "a pinned error has its proto");
}

#[test]
fn the_errors_of_several_files_come_together_and_in_order() {
    let protos = ["two_call_types.proto", "same_method_name.proto"];
    let error = generate(&golden().join("bad"), &protos, "").expect_err("two bad protos");
    let lines: Vec<&str> = error.lines().collect();
    assert!(lines.iter().any(|line| line.contains(protos[0])), "{error}");
    assert!(lines.iter().any(|line| line.contains(protos[1])), "{error}");
}
