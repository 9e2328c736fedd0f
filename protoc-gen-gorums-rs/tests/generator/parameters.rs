//! What the parameters change.

use std::collections::BTreeMap;

use crate::support::{generate, golden};

fn register(parameter: &str) -> BTreeMap<String, String> {
    generate(&golden(), &["register.proto"], parameter).expect("a good proto")
}

#[test]
fn an_unknown_parameter_is_an_error_that_lists_the_valid_ones() {
    let error = generate(&golden(), &["register.proto"], "clint=true,server=maybe");
    let error = error.expect_err("bad parameters");
    assert!(error.contains("unknown parameter `clint`"), "{error}");
    for valid in [
        "client",
        "server",
        "messages",
        "extern_path",
        "type_attribute",
    ] {
        assert!(error.contains(valid), "{valid} is missing: {error}");
    }
    assert!(error.contains("server"), "{error}");
    assert!(error.contains("maybe"), "all errors at once: {error}");
}

#[test]
fn without_messages_the_file_has_a_name_that_leaves_room_for_those_of_prost() {
    let files = register("messages=false");
    let code = &files["register.gorums.rs"];
    assert_eq!(files.len(), 1);
    assert!(!code.contains("pub struct State"));
    assert!(code.contains("pub mod register_client"));
    assert!(code.contains("pub mod register_gorums"));
}

#[test]
fn the_parts_of_the_code_are_chosen_one_by_one() {
    let parts = [
        ("client", "pub mod register_client", true),
        ("server", "pub mod register_server", false),
        ("replica", "pub trait RegisterReplica", true),
        ("calls_trait", "pub trait RegisterCalls", false),
    ];
    for (parameter, _, _) in parts {
        for on in [false, true] {
            let files = register(&format!("{parameter}={on}"));
            let code = &files["register.rs"];
            assert!(code.contains("pub mod register_gorums"));
            for (name, part, by_default) in parts {
                let expected = if name == parameter { on } else { by_default };
                assert_eq!(code.contains(part), expected, "{parameter}={on}: {part}");
            }
        }
    }
}

#[test]
fn clients_of_tonic_may_come_from_elsewhere() {
    for (parameter, generated, used) in [
        ("client=true", true, true),
        ("client=false", false, false),
        ("extern_client", false, true),
        ("extern_client,client=false", false, true),
    ] {
        let code = &register(parameter)["register.rs"];
        let has = |text: &str| code.contains(text);
        assert_eq!(has("pub mod register_client"), generated, "{parameter}");
        let function = "super::register_client::RegisterClient::new(";
        assert_eq!(has(function), used, "{parameter}");
        assert!(has("pub trait RegisterReplica"), "{parameter}");
    }
}

#[test]
fn files_may_be_in_the_directories_of_their_packages() {
    let protos = ["imports.proto", "imports_types.proto"];
    let parameter = "flat_output_dir=false,include_file=modules/mod.rs";
    let files = generate(&golden(), &protos, parameter).expect("good protos");
    let names: Vec<_> = files.keys().map(String::as_str).collect();
    let expected = [
        "imports/imports.rs",
        "imports/types/imports.types.rs",
        "modules/mod.rs",
    ];
    assert_eq!(names, expected);
    let tree = &files["modules/mod.rs"];
    let path = "../imports/types/imports.types.rs";
    assert!(tree.contains(&format!("include!({path:?});")), "{tree}");
}

#[test]
fn code_is_inserted_into_files_of_the_same_call_only() {
    let parameter = "messages=false,flat_output_dir=false,insert_include";
    let error = generate(&golden(), &["register.proto"], parameter).expect_err("no file of prost");
    assert!(
        error.contains("register/register.rs: Tried to insert"),
        "{error}"
    );
}

#[test]
fn a_type_attribute_may_have_a_comma() {
    let files = register(r"type_attribute=.register.State=#[derive(PartialOrd\, Ord)]");
    assert!(files["register.rs"].contains("#[derive(PartialOrd, Ord)]"));
}

#[test]
fn messages_find_prost_where_the_parameter_says() {
    let usual = &register("")["register.rs"];
    assert!(usual.contains("::gorums_runtime::prost::Message"));
    assert!(usual.contains(r#"#[prost(prost_path = "::gorums_runtime::prost")]"#));
    assert!(!usual.contains(" ::prost::"));

    let elsewhere = &register("prost_path=crate::vendor::prost")["register.rs"];
    assert!(elsewhere.contains(r#"#[prost(prost_path = "crate::vendor::prost")]"#));
    assert!(elsewhere.contains("crate::vendor::prost::alloc::string::String"));

    let own = &register("prost_path=::prost")["register.rs"];
    assert!(own.contains("::prost::Message") && !own.contains("prost_path"));

    for wrong in ["prost_path=prost", "prost_path=", "prost_path"] {
        let error = generate(&golden(), &["register.proto"], wrong).expect_err("no path");
        let expected = "it takes a Rust path that starts with `::` or `crate`";
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn types_of_an_extern_path_are_referred_to_and_not_generated() {
    let protos = ["imports.proto"];
    let files = generate(
        &golden(),
        &protos,
        "extern_path=.imports.types=::types_crate",
    );
    let files = files.expect("good protos");
    assert_eq!(files.keys().collect::<Vec<_>>(), ["imports.rs"]);
    let code = &files["imports.rs"];
    assert!(code.contains("::types_crate::Value"));
    assert!(
        code.contains("Option<::types_crate::Summary>"),
        "custom_return_type, too"
    );
}

#[test]
fn an_include_file_has_the_modules_of_all_packages() {
    let protos = ["imports.proto", "imports_types.proto"];
    let files = generate(&golden(), &protos, "include_file=mod.rs").expect("good protos");
    let tree = &files["mod.rs"];
    let module = tree.find("pub mod imports").expect("the outer module");
    let inner = tree.find("pub mod types").expect("the inner module");
    assert!(module < inner);
    assert!(tree.contains(r#"include!("imports.types.rs")"#));
    let first_line = tree.lines().next();
    let warns = first_line.is_some_and(|line| line.contains("the packages of that call only"));
    assert!(warns, "{tree}");
}

#[test]
fn an_include_file_without_a_package_that_others_need_is_refused() {
    let error = generate(&golden(), &["imports.proto"], "include_file=mod.rs").expect_err("half");
    assert!(
        error.contains("imports.proto:9: package `imports.types` is not among those to generate"),
        "{error}"
    );
    let elsewhere = "include_file=mod.rs,extern_path=.imports.types=::types_crate";
    generate(&golden(), &["imports.proto"], elsewhere).expect("the package is elsewhere");
    generate(&golden(), &["kitchen_sink.proto"], "include_file=mod.rs").expect("prost-types");
}

#[test]
fn well_known_types_are_generated_as_far_as_they_are_imported() {
    let parameter = "compile_well_known_types=true,include_file=mod.rs";
    let files = generate(&golden(), &["kitchen_sink.proto"], parameter).expect("a good proto");
    assert_eq!(
        files.keys().collect::<Vec<_>>(),
        ["google.protobuf.rs", "kitchen_sink.rs", "mod.rs"]
    );
    let types = &files["google.protobuf.rs"];
    assert!(types.contains("pub struct Timestamp"), "{types}");
    assert!(!types.contains("pub struct FileDescriptorProto"), "{types}");
    assert!(files["kitchen_sink.rs"].contains("super::google::protobuf::Timestamp"));
}

#[test]
fn services_may_have_their_messages_in_another_crate() {
    let files = register("extern_path=.register=::messages");
    let code = &files["register.rs"];
    assert!(!code.contains("pub struct State"));
    assert!(code.contains("Option<::messages::AgreedState>"));
    assert!(code.contains("pub trait RegisterReplica"));
}
