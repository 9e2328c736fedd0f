//! Comments with what rustc refuses in comments.

mod support;

use std::fs;

use support::generate;

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
