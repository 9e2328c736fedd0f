//! Checks the values of parameters.
//!
//! The check is separate from parsing, because build scripts set values without a parser. The values refused here would
//! make prost-build or tonic-build panic, or lead to code that does not parse.

use super::{ParameterError, ParameterErrors, Parameters};

/// Crates of Rust itself.
const BUILT_IN: [&str; 5] = ["alloc", "core", "proc_macro", "std", "test"];

impl Parameters {
    /// All that is wrong with the values.
    pub(crate) fn check(&self) -> ParameterErrors {
        let mut errors = ParameterErrors::default();
        let mut check = |name, value: String, good: bool, expected: &str| {
            if !good {
                errors.push(ParameterError::Value {
                    name,
                    value,
                    expected: expected.to_owned(),
                });
            }
        };

        for (name, paths) in [
            ("btree_map", &self.btree_map),
            ("bytes", &self.bytes),
            ("boxed", &self.boxed),
            ("skip_debug", &self.skip_debug),
            ("disable_comments", &self.disable_comments),
        ] {
            for path in paths {
                let expected = "a proto path, such as `.package.Message`, or `.` for everything";
                check(name, path.clone(), is_path(path), expected);
            }
        }
        for (index, (path, rust)) in self.extern_path.iter().enumerate() {
            let value = || format!("{path}={rust}");
            let good =
                is_path(path) && path.len() > 1 && path.starts_with('.') && is_rust_path(rust);
            let expected = "a full proto path, such as `.package.Message`, and a Rust path that starts \
                            with `::` or `crate`";
            check("extern_path", value(), good, expected);
            let first = self.extern_path[..index]
                .iter()
                .all(|(other, _)| other != path);
            check("extern_path", value(), first, "each proto path once");
        }
        check(
            "prost_path",
            self.prost_path.clone(),
            is_rust_path(&self.prost_path),
            "a Rust path that starts with `::` or `crate`",
        );
        for (name, attributes) in [
            ("type_attribute", &self.type_attribute),
            ("message_attribute", &self.message_attribute),
            ("enum_attribute", &self.enum_attribute),
            ("field_attribute", &self.field_attribute),
            ("client_attribute", &self.client_attribute),
            ("client_mod_attribute", &self.client_mod_attribute),
            ("server_attribute", &self.server_attribute),
            ("server_mod_attribute", &self.server_mod_attribute),
        ] {
            for (path, attribute) in attributes {
                let good = is_path(path) && is_attribute(attribute);
                let expected = "a proto path and a Rust attribute, such as `.=#[derive(Eq)]`";
                check(name, format!("{path}={attribute}"), good, expected);
            }
        }
        for (path, domain) in &self.type_name_domain {
            let good = is_path(path) && !domain.contains(['"', '\\']);
            let expected = "a proto path and a domain, such as `.=example.org`";
            check(
                "type_name_domain",
                format!("{path}={domain}"),
                good,
                expected,
            );
        }
        for (name, file) in [
            (
                "default_package_filename",
                Some(&self.default_package_filename),
            ),
            ("include_file", self.include_file.as_ref()),
        ] {
            let good = file.is_none_or(|file| is_file_name(file));
            check(
                name,
                file.cloned().unwrap_or_default(),
                good,
                "the name of a file",
            );
        }
        if let Some(name) = &self.gen_crate {
            let expected = "the name of a crate: letters, digits, `-` and `_`, a letter first, and no word that Rust \
                            reserves (a template goes to `crate_template`)";
            check("gen_crate", name.clone(), is_crate_name(name), expected);
        }
        self.check_combinations(&mut errors);
        errors
    }
}

/// Whether it is a path inside the output directory that can be in a Rust string as it is.
fn is_file_name(file: &str) -> bool {
    let mut parts = file.split('/');
    !file.contains(['"', '\\']) && parts.all(|part| !["", ".", ".."].contains(&part))
}

/// Whether cargo and crates.io accept it, and Rust code can name the crate.
fn is_crate_name(name: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let in_code = name.replace('-', "_");
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(is_letter)
        && syn::parse_str::<syn::Ident>(&in_code).is_ok()
        && !BUILT_IN.contains(&in_code.as_str())
}

/// Whether it is names with dots in between, possibly with a leading dot, or just a dot.
fn is_path(path: &str) -> bool {
    let is_name = |name: &str| {
        !name.is_empty() && name.chars().all(|c| c == '_' || c.is_ascii_alphanumeric())
    };
    path == "."
        || path
            .strip_prefix('.')
            .unwrap_or(path)
            .split('.')
            .all(is_name)
}

fn is_rust_path(path: &str) -> bool {
    let absolute = path.starts_with("::") || path == "crate" || path.starts_with("crate::");
    absolute && syn::parse_str::<syn::Path>(path).is_ok()
}

fn is_attribute(attribute: &str) -> bool {
    syn::parse_str::<syn::DeriveInput>(&format!("{attribute}\nstruct S;"))
        .is_ok_and(|item| !item.attrs.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_may_be_full_partial_or_everything() {
        for path in [".", ".a", ".a.B.c", "B.c", "B"] {
            assert!(is_path(path), "{path}");
        }
        for path in ["", "..", ".a.", "a b"] {
            assert!(!is_path(path), "{path}");
        }
    }

    #[test]
    fn rust_paths_must_mean_the_same_in_every_module() {
        for path in ["::a::b", "crate", "crate::a"] {
            assert!(is_rust_path(path), "{path}");
        }
        for path in ["a::b", "super::a", "::a b", "crates::a", ""] {
            assert!(!is_rust_path(path), "{path}");
        }
    }

    #[test]
    fn attributes_must_parse() {
        for attribute in ["#[derive(Eq)]", "#[a]\n#[b(c)]", "/// A doc."] {
            assert!(is_attribute(attribute), "{attribute}");
        }
        for attribute in ["", "derive(Eq)", "#[derive(Eq]", "#[a] struct T;"] {
            assert!(!is_attribute(attribute), "{attribute}");
        }
    }

    #[test]
    fn names_of_files_stay_inside_the_output() {
        for name in ["a", "a.rs", "a/b.rs", "..a"] {
            assert!(is_file_name(name), "{name}");
        }
        for name in ["", "/a", "a/", "../a", "a/./b", "a//b", "a\"b", "a\\b"] {
            assert!(!is_file_name(name), "{name}");
        }
    }

    #[test]
    fn names_of_crates_are_those_that_code_can_use() {
        for name in ["a", "a-b_c", "Proto2", "grid-proto"] {
            assert!(is_crate_name(name), "{name}");
        }
        for name in [
            "",
            "1a",
            "_",
            "-a",
            "a b",
            "a.b",
            "a/b",
            "ä",
            "fn",
            "self",
            "std",
            "proc-macro",
            "r#a",
        ] {
            assert!(!is_crate_name(name), "{name}");
        }
    }

    #[test]
    fn a_proto_path_has_one_rust_path() {
        let parameters = Parameters::new()
            .extern_path(".a", "::a")
            .extern_path(".a", "::b");
        assert_eq!(
            parameters.check().to_string(),
            "parameter `extern_path`: `.a=::b` is not valid; it takes each proto path once"
        );
    }
}
