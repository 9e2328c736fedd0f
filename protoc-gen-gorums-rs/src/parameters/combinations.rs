//! Checks which parameters go together.

use super::{ParameterError, ParameterErrors, Parameters};

impl Parameters {
    /// Adds what is wrong with the parameters together.
    pub(super) fn check_combinations(&self, errors: &mut ParameterErrors) {
        let mut refuse = |name, is_wrong: bool, text: &str| {
            if is_wrong {
                let text = text.to_owned();
                errors.push(ParameterError::Combination { name, text });
            }
        };
        let is_crate = self.gen_crate.is_some();
        refuse(
            "gen_crate",
            is_crate && !self.messages,
            "a crate needs the messages that its services name; leave out `messages=false`, or set `extern_path`",
        );
        refuse(
            "gen_crate",
            is_crate && self.extern_client,
            "protoc-gen-tonic does not write into the crate; leave out `extern_client`",
        );
        refuse(
            "gen_crate",
            is_crate && !is_feature_name(&self.default_package_filename),
            "`default_package_filename` names a feature of the crate; use letters, digits, `-` and `_` only",
        );
        refuse(
            "crate_template",
            self.crate_template.is_some() && !is_crate,
            "there is no crate; name it with `gen_crate`",
        );
        refuse(
            "insert_include",
            self.insert_include && self.messages,
            "messages are generated here, not by protoc-gen-prost; set `messages=false`, or leave it out",
        );
        refuse(
            "insert_include",
            self.insert_include && self.include_file.is_some(),
            "`include_file` would include the code a second time; leave out one of them",
        );
    }
}

fn is_feature_name(name: &str) -> bool {
    name.chars()
        .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(parameters: &str) -> String {
        match Parameters::parse(parameters) {
            Ok(_) => String::new(),
            Err(errors) => errors.to_string(),
        }
    }

    #[test]
    fn parameters_that_exclude_each_other_are_told() {
        for (parameters, name, wrong) in [
            (
                "gen_crate=a,messages=false",
                "gen_crate",
                "a crate needs the messages",
            ),
            (
                "gen_crate=a,extern_client",
                "gen_crate",
                "protoc-gen-tonic does not",
            ),
            (
                "gen_crate=a,default_package_filename=a.b",
                "gen_crate",
                "`default_package_filename` names a feature",
            ),
            (
                "crate_template=Cargo.toml",
                "crate_template",
                "there is no crate",
            ),
            (
                "insert_include",
                "insert_include",
                "messages are generated here",
            ),
            (
                "insert_include,messages=false,include_file=mod.rs",
                "insert_include",
                "`include_file` would include",
            ),
        ] {
            let told = errors(parameters);
            assert_eq!(told.lines().count(), 1, "{told}");
            let expected = format!("parameter `{name}`: {wrong}");
            assert!(told.starts_with(&expected), "{told}");
            assert!(told.contains("; "), "what to do: {told}");
        }
    }

    #[test]
    fn parameters_that_go_together_are_taken() {
        for parameters in [
            "gen_crate=a,crate_template=Cargo.toml,include_file=src/code/mod.rs,flat_output_dir=false",
            "messages=false,extern_client,flat_output_dir=false,insert_include",
        ] {
            assert_eq!(errors(parameters), "");
        }
    }
}
