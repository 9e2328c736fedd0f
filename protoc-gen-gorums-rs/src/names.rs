//! How names in a `.proto` file become names in Rust.
//!
//! Types, functions and packages are named as prost names them, the modules of a service as tonic does,
//! so that all generated code agrees.

use heck::{ToSnakeCase, ToUpperCamelCase};

/// The name of a type.
pub(crate) fn upper_camel(name: &str) -> String {
    escape_keyword(name.to_upper_camel_case())
}

/// The first part of the names of types, which may be a keyword.
pub(crate) fn type_stem(name: &str) -> String {
    let stem = name.to_upper_camel_case();
    if stem.starts_with(char::is_numeric) {
        format!("_{stem}")
    } else {
        stem
    }
}

/// The name of a function, field or module.
pub(crate) fn snake(name: &str) -> String {
    escape_keyword(name.to_snake_case())
}

/// The name of a variant of an enum: without the enum's name as a prefix, unless that is retained.
pub(crate) fn enum_value(item: &str, value: &str, retain_prefix: bool) -> String {
    let name = upper_camel(value);
    let stripped = name.strip_prefix(&upper_camel(item));
    match stripped.filter(|rest| rest.starts_with(char::is_uppercase)) {
        Some(rest) if !retain_prefix => escape_keyword(rest.to_owned()),
        _ => name,
    }
}

/// The name of a method's quorum function.
pub(crate) fn quorum_function(method: &str) -> String {
    escape_keyword(format!("{}_qf", method.to_snake_case()))
}

/// Whether a name cannot become a Rust name: because it has no letter or digit, or because it has characters that
/// protoc would have refused. Descriptors need not come from protoc.
pub(crate) fn is_unusable(name: &str) -> bool {
    let is_sign = |c: char| c != '_' && !c.is_ascii_alphanumeric();
    name.starts_with(|c: char| c.is_ascii_digit())
        || name.contains(is_sign)
        || !name.contains(|c: char| c.is_ascii_alphanumeric())
}

/// The first part of the names of the modules that tonic makes for a service.
///
/// It differs from [`snake`] where capitals or digits meet, as in `KVStore` (`k_v_store`).
pub(crate) fn module_stem(service_type: &str) -> String {
    let mut stem = String::with_capacity(service_type.len() + 4);
    for (index, letter) in service_type.char_indices() {
        if index > 0 && letter.is_uppercase() {
            stem.push('_');
        }
        stem.push(letter.to_ascii_lowercase());
    }
    stem
}

/// The name of a method's function where `taken` are the names of other functions of the type.
pub(crate) fn avoid(function: &str, taken: &[&str]) -> String {
    if taken.contains(&function) {
        format!("{function}_")
    } else {
        function.to_owned()
    }
}

/// The module path of a package.
pub(crate) fn package_modules(package: &str) -> Vec<String> {
    package
        .split('.')
        .filter(|part| !part.is_empty())
        .map(snake)
        .collect()
}

fn escape_keyword(name: String) -> String {
    match name.as_str() {
        "abstract" | "as" | "async" | "await" | "become" | "box" | "break" | "const"
        | "continue" | "do" | "dyn" | "else" | "enum" | "false" | "final" | "fn" | "for"
        | "gen" | "if" | "impl" | "in" | "let" | "loop" | "macro" | "match" | "mod" | "move"
        | "mut" | "override" | "priv" | "pub" | "ref" | "return" | "static" | "struct"
        | "trait" | "true" | "try" | "type" | "typeof" | "unsafe" | "unsized" | "use"
        | "virtual" | "where" | "while" | "yield" => format!("r#{name}"),
        // These cannot be raw identifiers.
        "crate" | "extern" | "self" | "Self" | "super" => format!("{name}_"),
        other if other.starts_with(|c: char| c.is_numeric()) => format!("_{name}"),
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_are_escaped_as_prost_escapes_them() {
        assert_eq!(snake("Type"), "r#type");
        assert_eq!(snake("gen"), "r#gen");
        assert_eq!(snake("Self"), "self_");
        assert_eq!(upper_camel("self"), "Self_");
        assert_eq!(upper_camel("type"), "Type");
        assert_eq!(type_stem("self"), "Self");
        assert_eq!(type_stem("_1st"), "_1st");
        assert_eq!(snake("_1st"), "_1st");
    }

    #[test]
    fn any_letter_case_gives_one_style() {
        for name in ["ReadAll", "readAll", "read_all", "READ_ALL"] {
            assert_eq!(snake(name), "read_all");
            assert_eq!(upper_camel(name), "ReadAll");
        }
    }

    #[test]
    fn quorum_functions_are_no_keywords_and_begin_with_no_digit() {
        assert_eq!(quorum_function("_1"), "_1_qf");
        assert_eq!(quorum_function("Type"), "type_qf");
        assert_eq!(quorum_function("self"), "self_qf");
    }

    #[test]
    fn module_stems_are_those_of_tonic() {
        for (service, stem) in [
            ("Service", "service"),
            ("ThatHasALongName", "that_has_a_long_name"),
            ("KVStore", "k_v_store"),
            ("Self", "self"),
        ] {
            assert_eq!(module_stem(service), stem);
        }
    }

    #[test]
    fn taken_names_get_an_underscore() {
        assert_eq!(avoid("new", &["new", "node"]), "new_");
        assert_eq!(avoid("read", &["new", "node"]), "read");
    }

    #[test]
    fn only_underscores_or_other_signs_are_no_name() {
        for name in ["", "__", "a~b", "a b", "ä", "1a"] {
            assert!(is_unusable(name), "{name}");
        }
        for name in ["_1", "a_b", "A"] {
            assert!(!is_unusable(name), "{name}");
        }
    }
}
