//! Pins the generated code: `UPDATE_EXPECT=1 cargo test -p protoc-gen-gorums-rs` rewrites it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use expect_test::expect_file;

use crate::support::{generate, golden};

/// The parameters with which the golden file of a proto is generated: the proto says them in a line of its own.
fn parameters(proto: &Path) -> String {
    let text = fs::read_to_string(proto).expect("a golden proto");
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("// Parameters: "));
    line.unwrap_or_default().to_owned()
}

/// Generates `protos` and compares the outputs, (file, golden file), with what is pinned.
fn pin(protos: &[&str], outputs: &[(&str, &str)]) {
    let parameter = parameters(&golden().join(protos[0]));
    let files = generate(&golden(), protos, &parameter).expect("good protos");
    let names: Vec<&str> = files.keys().map(String::as_str).collect();
    let expected: Vec<&str> = outputs.iter().map(|(file, _)| *file).collect();
    assert_eq!(names, expected);
    for (file, golden_file) in outputs {
        expect_file![golden().join(golden_file)].assert_eq(&files[*file]);
    }
    let again = generate(&golden(), protos, &parameter).expect("good protos");
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
    calls_trait_names
    comments
    correctables
    deprecated
    edition_2023
    edition_2024
    futures
    keywords
    kitchen_sink
    one_way
    options_async
    options_correctable
    options_correctable_pr
    options_multicast
    options_one_node
    options_qc
    options_qc_future
    options_quorumcall
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

/// The doctests of the runtime include code that is in their own package.
#[test]
fn services_of_doctests() {
    let folder = golden().join("../gorums-runtime/doctests");
    for name in ["one_way", "register"] {
        let proto = format!("{name}.proto");
        let parameter = parameters(&golden().join(&proto));
        let files = generate(&golden(), &[&proto], &parameter).expect("a good proto");
        for (file, code) in files {
            expect_file![folder.join(file)].assert_eq(&code);
        }
    }
}

#[test]
fn services_of_the_guide() {
    let folder = golden().join("../gorums-runtime/src/guide/example");
    for name in ["log", "storage"] {
        let proto = format!("{name}.proto");
        let parameter = parameters(&folder.join(&proto));
        let files = generate(&folder, &[&proto], &parameter).expect("a good proto");
        for (file, code) in files {
            expect_file![folder.join("generated").join(file)].assert_eq(&code);
        }
    }
}

#[test]
fn messages_of_another_crate() {
    let parameter = parameters(&golden().join("imports.proto"))
        + ",extern_path=.imports.types=::shared_messages";
    let files = generate(&golden(), &["imports.proto"], &parameter).expect("a good proto");
    assert_eq!(files.keys().collect::<Vec<_>>(), ["imports.rs"]);
    expect_file![golden().join("shared_messages.rs")].assert_eq(&files["imports.rs"]);
}

#[test]
fn messages_for_a_crate_that_has_prost_of_its_own() {
    let files = generate(&golden(), &["imports_types.proto"], "prost_path=::prost");
    let code = &files.expect("a good proto")["imports.types.rs"];
    assert!(!code.contains("gorums_runtime"), "{code}");
    expect_file![golden().join("shared_types.rs")].assert_eq(code);
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

/// The options of one method, and what it streams: `qc per_node_arg`, `multicast <request`.
type Combination = BTreeSet<String>;

/// The combinations of options in a proto's methods, by the methods' names.
fn combinations(proto: &str) -> BTreeMap<String, Combination> {
    let methods = proto.split("rpc ").skip(1);
    let read = |method: &str| {
        let (name, rest) = method.split_once('(').expect("a name");
        let (types, body) = rest.split_once("returns").expect("a reply");
        let mut parts = Combination::new();
        if types.starts_with("stream ") {
            parts.insert("<request".to_owned());
        }
        if body.trim_start().starts_with("(stream ") {
            parts.insert(">reply".to_owned());
        }
        let end = body.find("rpc ").unwrap_or(body.len());
        for option in body[..end].split("option (gorums.").skip(1) {
            parts.insert(option.split(')').next().expect("a name").to_owned());
        }
        (name.to_owned(), parts)
    };
    methods.map(read).collect()
}

/// Every option, from what `gorums.proto` declares.
fn options() -> Vec<(&'static str, bool)> {
    let declared = protoc_gen_gorums_rs::GORUMS_PROTO.lines();
    let declared = declared.filter_map(|line| {
        let (text, is_bool) = match line.strip_prefix("  bool ") {
            Some(text) => (text, true),
            None => (line.strip_prefix("  string ")?, false),
        };
        Some((text.split_whitespace().next()?, is_bool))
    });
    declared.collect()
}

/// Asks the generator which combinations of a call type, qualifiers and streams are allowed, and looks for each among the
/// golden protos. `ordered` and `concurrent` change no other option's code: they are looked for together.
#[test]
fn every_combination_of_options_that_is_allowed_is_in_a_golden_proto() {
    const TOGETHER: [&str; 2] = ["ordered", "concurrent"];
    let options = options();
    assert!(options.len() > 10, "{options:?}");
    let others: Vec<_> = options
        .iter()
        .filter(|(name, _)| !TOGETHER.contains(name))
        .collect();
    let mut candidates = Vec::new();
    for set in 0..1_u32 << others.len() {
        // No method has more than two call types and three qualifiers.
        if set.count_ones() > 5 {
            continue;
        }
        let chosen: Vec<_> = (0..others.len())
            .filter(|at| set & 1 << at > 0)
            .map(|at| *others[at])
            .collect();
        for streams in 0..4 {
            candidates.push((chosen.clone(), streams & 1 > 0, streams & 2 > 0));
        }
    }
    let mut proto =
        "syntax = \"proto3\";\npackage all;\nimport \"gorums.proto\";\nmessage M {}\nservice S {\n"
            .to_owned();
    for (number, (chosen, requests, replies)) in candidates.iter().enumerate() {
        let stream = |is: bool| if is { "stream " } else { "" };
        proto += &format!(
            "rpc Method{number}({}M) returns ({}M) {{\n",
            stream(*requests),
            stream(*replies)
        );
        for (option, is_bool) in chosen {
            let value = if *is_bool { "true" } else { "\"M\"" };
            proto += &format!("  option (gorums.{option}) = {value};\n");
        }
        proto += "}\n";
    }
    proto += "}\n";
    let directory = tempfile::tempdir().expect("a temporary directory");
    fs::write(directory.path().join("all.proto"), &proto).expect("a writable directory");
    let problems =
        generate(directory.path(), &["all.proto"], "").expect_err("most are not allowed");
    let refused: BTreeSet<&str> = problems
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| word.starts_with("Method"))
        .collect();
    let allowed = combinations(&proto)
        .into_iter()
        .filter(|(name, _)| !refused.contains(name.as_str()));
    let allowed: BTreeSet<Combination> = allowed.map(|(_, combination)| combination).collect();
    assert!(
        (50..200).contains(&allowed.len()),
        "{} are allowed",
        allowed.len()
    );

    let mut golden_combinations = BTreeSet::new();
    for entry in fs::read_dir(golden()).expect("the golden protos") {
        let path = entry.expect("an entry").path();
        if path
            .extension()
            .is_some_and(|extension| extension == "proto")
        {
            let text = fs::read_to_string(path).expect("a proto");
            golden_combinations.extend(combinations(&text).into_values());
        }
    }
    let missing: Vec<_> = allowed.difference(&golden_combinations).collect();
    assert!(missing.is_empty(), "{missing:#?}");
    for option in TOGETHER {
        let has = |combination: &Combination| combination.contains(option);
        assert!(
            golden_combinations.iter().filter(|set| has(set)).count() > 10,
            "{option}"
        );
    }
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
