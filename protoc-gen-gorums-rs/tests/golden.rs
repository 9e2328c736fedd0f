//! Pins the generated code: `UPDATE_EXPECT=1 cargo test -p protoc-gen-gorums-rs` rewrites it.

mod support;

use std::fs;

use expect_test::expect_file;

use support::{generate, golden};

/// Generates `protos` and compares the outputs, (file, golden file), with what is pinned.
fn pin(protos: &[&str], outputs: &[(&str, &str)]) {
    let files = generate(&golden(), protos, "").expect("good protos");
    let names: Vec<&str> = files.keys().map(String::as_str).collect();
    let expected: Vec<&str> = outputs.iter().map(|(file, _)| *file).collect();
    assert_eq!(names, expected);
    for (file, golden_file) in outputs {
        expect_file![golden().join(golden_file)].assert_eq(&files[*file]);
    }
    let again = generate(&golden(), protos, "").expect("good protos");
    assert!(files == again, "two runs give the same bytes");
}

/// A test for each proto whose package has its name.
macro_rules! pinned {
    ($($name:ident)*) => {$(
        #[test]
        fn $name() {
            let proto = concat!(stringify!($name), ".proto");
            let code = concat!(stringify!($name), ".rs");
            pin(&[proto], &[(code, code)]);
        }
    )*};
}

pinned! {
    aggregates
    comments
    correctables
    deprecated
    edition_2023
    edition_2024
    every_option
    futures
    guide
    keywords
    kitchen_sink
    numbered
    one_way
    proto
    proto2
    register
    register_2017
    relab_import
    std_names
    storage
    streaming
    tonic_names
    two_services
    wrappers
}

#[test]
fn packages_that_import_each_other() {
    pin(
        &["imports.proto", "imports_types.proto"],
        &[
            ("imports.rs", "imports.rs"),
            ("imports.types.rs", "imports.types.rs"),
        ],
    );
}

#[test]
fn messages_of_another_crate() {
    let parameter = "extern_path=.imports.types=::shared_messages";
    let files = generate(&golden(), &["imports.proto"], parameter).expect("a good proto");
    assert_eq!(files.keys().collect::<Vec<_>>(), ["imports.rs"]);
    expect_file![golden().join("shared_messages.rs")].assert_eq(&files["imports.rs"]);
}

#[test]
fn no_package() {
    pin(&["no_package.proto"], &[("_.rs", "no_package.rs")]);
}

#[test]
fn the_order_of_the_files_does_not_matter() {
    let there = generate(&golden(), &["imports.proto", "imports_types.proto"], "");
    let back = generate(&golden(), &["imports_types.proto", "imports.proto"], "");
    assert!(there.expect("good protos") == back.expect("good protos"));
}

#[test]
fn every_option_has_each_option_that_there_is() {
    let path = golden().join("every_option.proto");
    let proto = fs::read_to_string(path).expect("a golden proto");
    let declared = protoc_gen_gorums_rs::GORUMS_PROTO.lines();
    let declared = declared.filter_map(|line| {
        let of_bool = line.strip_prefix("  bool ");
        let declaration = of_bool.or_else(|| line.strip_prefix("  string "))?;
        declaration.split_whitespace().next()
    });
    let mut options = 0;
    for option in declared {
        let used = format!("option (gorums.{option}) = ");
        assert!(proto.contains(&used), "it has no {option}");
        options += 1;
    }
    assert!(options > 10, "there are {options}");
}

#[test]
fn control_characters_and_changes_of_direction_are_left_out_of_comments() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let comment = "// One\rtwo\u{b}three \u{1} \u{202e}four\u{2069} five \u{7f}.";
    let proto = format!(
        "syntax = \"proto3\";\npackage odd;\n{comment}\nmessage M {{\n  {comment}\n  int32 x = 1;\n}}\n\
         {comment}\nservice S {{\n  {comment}\n  rpc Get(M) returns (M);\n}}\n"
    );
    fs::write(directory.path().join("odd.proto"), proto).expect("a writable directory");
    let files = generate(directory.path(), &["odd.proto"], "").expect("a good proto");
    let code = &files["odd.rs"];
    syn::parse_file(code).expect("Rust code");
    assert!(
        code.contains("/// One two three   four five  .\n"),
        "{code}"
    );
    let is_odd = |c: char| (c.is_control() && c != '\n') || "\u{202e}\u{2069}".contains(c);
    assert!(!code.contains(is_odd), "{code}");
}
