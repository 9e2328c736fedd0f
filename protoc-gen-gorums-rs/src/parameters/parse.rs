//! Parameters as one string, as protoc passes them.

use std::fmt::Write;

use super::table::{Entry, Kind, TABLE};
use super::{ParameterError, ParameterErrors, Parameters};

impl Parameters {
    /// Parses the value of `--rust-gorums_opt=`: `name=value` pairs with commas in between.
    ///
    /// A name alone means `name=true`; `\,` in a value is a comma.
    ///
    /// # Errors
    ///
    /// All unknown names and invalid values.
    pub fn parse(parameters: &str) -> Result<Self, ParameterErrors> {
        let mut parsed = Self::default();
        let mut errors = ParameterErrors::default();
        for parameter in split(parameters) {
            let (name, value) = match parameter.split_once('=') {
                Some((name, value)) => (name.trim(), Some(value)),
                None => (parameter.trim(), None),
            };
            if name.is_empty() && value.is_none() {
                continue;
            }
            let Some(entry) = TABLE.iter().find(|entry| entry.name == name) else {
                errors.push(ParameterError::Unknown {
                    name: name.to_owned(),
                    valid: TABLE.iter().map(|entry| entry.name).collect(),
                });
                continue;
            };
            match set(parsed.clone(), entry, value) {
                Ok(with) => parsed = with,
                Err(error) => errors.push(error),
            }
        }
        errors.append(parsed.check());
        errors.or(parsed)
    }

    /// The parameters and their effects, one per line.
    pub fn help() -> String {
        let usage = |entry: &Entry| format!("{}{}", entry.name, entry.kind.shape());
        let width = TABLE
            .iter()
            .map(|entry| usage(entry).len())
            .max()
            .unwrap_or(0);
        let mut help = String::new();
        for entry in TABLE {
            let separator = if help.is_empty() { "" } else { "\n" };
            // Writing to a string cannot fail.
            let _ = write!(help, "{separator}  {:width$}  {}", usage(entry), entry.help);
        }
        help
    }
}

fn set(
    parameters: Parameters,
    entry: &Entry,
    value: Option<&str>,
) -> Result<Parameters, ParameterError> {
    let wrong = |expected: &str| ParameterError::Value {
        name: entry.name,
        value: value.unwrap_or_default().to_owned(),
        expected: expected.to_owned(),
    };
    match entry.kind {
        Kind::Flag(set) => match value {
            None | Some("true") => Ok(set(parameters, true)),
            Some("false") => Ok(set(parameters, false)),
            Some(_) => Err(wrong("`true` or `false`")),
        },
        Kind::Name(set) => match value {
            Some(name) => Ok(set(parameters, name)),
            None => Err(wrong("a name")),
        },
        Kind::File(set) => match value {
            Some(path) => Ok(set(parameters, path)),
            None => Err(wrong("the path of a file")),
        },
        Kind::RustPath(set) => match value {
            Some(path) => Ok(set(parameters, path)),
            None => Err(wrong("a Rust path that starts with `::` or `crate`")),
        },
        Kind::Path(set) => match value {
            Some(path) => Ok(set(parameters, path)),
            None => Err(wrong(
                "a proto path, such as `.package.Message`, or `.` for everything",
            )),
        },
        Kind::Pair(second, set) => match value.and_then(|value| value.split_once('=')) {
            Some((path, value)) => Ok(set(parameters, path, value)),
            None => Err(wrong(&format!("PATH={second}"))),
        },
    }
}

/// Splits at commas without a backslash before them, and removes the backslashes of the others.
fn split(parameters: &str) -> Vec<String> {
    let mut parts = Vec::new();
    let mut part = String::new();
    let mut letters = parameters.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            ',' => parts.push(std::mem::take(&mut part)),
            '\\' if letters.next_if_eq(&',').is_some() => part.push(','),
            _ => part.push(letter),
        }
    }
    parts.push(part);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(parameters: &str) -> String {
        Parameters::parse(parameters).unwrap_err().to_string()
    }

    #[test]
    fn nothing_gives_the_defaults() {
        assert_eq!(Parameters::parse(""), Ok(Parameters::default()));
        assert_eq!(Parameters::parse(","), Ok(Parameters::default()));
    }

    #[test]
    fn a_flag_without_a_value_is_true() {
        let expected = Parameters::new().enable_type_names(true).client(false);
        assert_eq!(
            Parameters::parse("enable_type_names,client=false"),
            Ok(expected)
        );
    }

    #[test]
    fn lists_gather_their_values() {
        let expected = Parameters::new()
            .bytes(".a")
            .bytes(".b")
            .extern_path(".c", "::c")
            .type_name_domain(".", "example.org");
        let parsed = Parameters::parse(
            "bytes=.a,bytes=.b,extern_path=.c=::c,type_name_domain=.=example.org",
        );
        assert_eq!(parsed, Ok(expected));
    }

    #[test]
    fn values_may_have_equal_signs_and_escaped_commas() {
        let expected = Parameters::new()
            .type_attribute(".", "#[derive(Eq, Hash)]")
            .field_attribute(".a.B.c", r#"#[serde(rename = "d")]"#);
        let parsed = Parameters::parse(
            r#"type_attribute=.=#[derive(Eq\, Hash)],field_attribute=.a.B.c=#[serde(rename = "d")]"#,
        );
        assert_eq!(parsed, Ok(expected));
    }

    #[test]
    fn an_unknown_name_is_told_the_known_ones() {
        let errors = errors("mesages=false");
        assert!(
            errors.starts_with("unknown parameter `mesages`; the parameters are: messages, client")
        );
        assert!(errors.ends_with("enable_type_names, type_name_domain"));
    }

    #[test]
    fn all_errors_are_told_at_once() {
        assert_eq!(
            errors("client=no,bytes,type_attribute=.,extern_path=a=b,default_package_filename="),
            "parameter `client`: `no` is not valid; it takes `true` or `false`\n\
             parameter `bytes`: `` is not valid; it takes a proto path, such as `.package.Message`, or `.` for everything\n\
             parameter `type_attribute`: `.` is not valid; it takes PATH=ATTR\n\
             parameter `extern_path`: `a=b` is not valid; it takes a full proto path, such as `.package.Message`, and \
             a Rust path that starts with `::` or `crate`\n\
             parameter `default_package_filename`: `` is not valid; it takes the name of a file"
        );
    }

    #[test]
    fn help_tells_every_parameter_on_its_line() {
        let help = Parameters::help();
        assert_eq!(help.lines().count(), TABLE.len());
        for entry in TABLE {
            assert!(help.contains(&format!("  {}{}", entry.name, entry.kind.shape())));
        }
    }
}
