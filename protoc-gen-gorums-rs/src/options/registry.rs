//! Reads options by name.
//!
//! The numbers of the options differ between the generations of Gorums (50001 is `correctable` in one
//! and `rpc` in another), their names do not. The numbers that a run uses are in the descriptor of the
//! `gorums.proto` it imports, under whatever path.

use std::collections::{BTreeSet, HashMap, HashSet};

use prost_types::field_descriptor_proto::{Label, Type};

use super::MethodOption;
use crate::descriptor::{Malformed, Source, Sources, Value, read_fields};

const EXTENDEE: &str = ".google.protobuf.MethodOptions";

/// The first number of an extension in `MethodOptions`.
const FIRST_EXTENSION: u32 = 1000;

/// The options of a run's `gorums.proto`, by number.
#[derive(Debug)]
pub(crate) struct Registry {
    by_number: HashMap<u32, Declaration>,
    /// The numbers of all extensions, including those of other packages.
    known: HashSet<u32>,
    files: HashSet<String>,
}

#[derive(Debug)]
struct Declaration {
    name: String,
    value_type: Type,
    repeated: bool,
    file: String,
}

/// The options that a method sets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct MethodOptions {
    pub(crate) set: BTreeSet<MethodOption>,
    pub(crate) custom_return_type: Option<String>,
}

impl MethodOptions {
    pub(crate) fn has(&self, option: MethodOption) -> bool {
        self.set.contains(&option)
    }
}

impl Registry {
    /// Collects the declarations of the files.
    pub(crate) fn new(sources: &Sources) -> Self {
        let mut registry = Self {
            by_number: HashMap::new(),
            known: HashSet::new(),
            files: HashSet::new(),
        };
        for source in sources.iter() {
            registry.files.insert(source.name().to_owned());
            let extensions = source.proto.extension.iter();
            for extension in extensions.filter(|extension| extension.extendee() == EXTENDEE) {
                let Ok(number) = u32::try_from(extension.number()) else {
                    continue;
                };
                registry.known.insert(number);
                if source.package() == "gorums" {
                    let declaration = Declaration {
                        name: extension.name().to_owned(),
                        value_type: extension.r#type(),
                        repeated: extension.label() == Label::Repeated,
                        file: source.name().to_owned(),
                    };
                    registry.by_number.insert(number, declaration);
                }
            }
        }
        registry
    }

    /// The options that are set in the encoded `MethodOptions` of a method in `source`.
    ///
    /// # Errors
    ///
    /// What is wrong, each as "what; what to do".
    pub(crate) fn read(
        &self,
        source: &Source,
        encoded: &[u8],
    ) -> Result<MethodOptions, Vec<String>> {
        let mut options = MethodOptions::default();
        let mut wrong = Vec::new();
        let fields = read_fields(encoded).map_err(|Malformed| {
            vec!["its options cannot be read; use the output of protoc".to_owned()]
        })?;
        for (number, value) in fields {
            match self.by_number.get(&number) {
                Some(declaration) => {
                    if let Err(what) = declaration.apply(value, &mut options) {
                        wrong.push(what);
                    }
                }
                None => wrong.extend(self.explain_unknown(source, number)),
            }
        }
        if wrong.is_empty() {
            Ok(options)
        } else {
            Err(wrong)
        }
    }

    /// An extension that no file declares may be one of ours: never ignore it.
    fn explain_unknown(&self, source: &Source, number: u32) -> Option<String> {
        if number < FIRST_EXTENSION || self.known.contains(&number) {
            return None;
        }
        let missing = source
            .mirror
            .option_dependency
            .iter()
            .find(|file| !self.files.contains(*file))?;
        Some(format!(
            "option {number} cannot be read, for the descriptor of `{missing}` is missing; \
             write `import \"{missing}\";` instead of `import option`"
        ))
    }
}

impl Declaration {
    fn apply(&self, value: Value<'_>, options: &mut MethodOptions) -> Result<(), String> {
        let Some(option) = MethodOption::from_name(&self.name) else {
            let known: Vec<_> = MethodOption::ALL
                .iter()
                .map(|option| option.name())
                .collect();
            return Err(format!(
                "unknown option `gorums.{}`; the options are {}",
                self.name,
                known.join(", ")
            ));
        };
        let set = match (option.value_type(), value) {
            (expected, _) if self.repeated || self.value_type != expected => {
                return Err(self.wrong_type(expected));
            }
            (Type::Bool, Value::Varint(value)) => value != 0,
            (Type::String, Value::Bytes(value)) => {
                let name = String::from_utf8_lossy(value).trim().to_owned();
                options.custom_return_type = Some(name).filter(|name| !name.is_empty());
                options.custom_return_type.is_some()
            }
            (expected, _) => return Err(self.wrong_type(expected)),
        };
        if set {
            options.set.insert(option);
        } else {
            options.set.remove(&option);
        }
        Ok(())
    }

    fn wrong_type(&self, expected: Type) -> String {
        let expected = if expected == Type::String {
            "string"
        } else {
            "bool"
        };
        format!(
            "option `gorums.{}` has the wrong type in `{}`; declare it as `{expected} {} = ...;`",
            self.name, self.file, self.name
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prost::Message;
    use prost_types::{FieldDescriptorProto, FileDescriptorProto};

    fn declare(package: &str, options: &[(&str, i32, Type)]) -> FileDescriptorProto {
        let extension = options
            .iter()
            .map(|(name, number, value_type)| FieldDescriptorProto {
                name: Some((*name).to_owned()),
                number: Some(*number),
                extendee: Some(EXTENDEE.to_owned()),
                r#type: Some((*value_type).into()),
                ..Default::default()
            });
        FileDescriptorProto {
            name: Some(format!("some/where/{package}.proto")),
            package: Some(package.to_owned()),
            extension: extension.collect(),
            ..Default::default()
        }
    }

    fn registry(files: &[FileDescriptorProto]) -> (Registry, Sources) {
        let files: Vec<_> = files.iter().map(Message::encode_to_vec).collect();
        let sources = Sources::decode(&files, &[]).unwrap();
        (Registry::new(&sources), sources)
    }

    fn read(files: &[FileDescriptorProto], bytes: &[u8]) -> Result<MethodOptions, Vec<String>> {
        let (registry, sources) = registry(files);
        registry.read(sources.iter().next().unwrap(), bytes)
    }

    fn bool_option(number: u32, value: u8) -> Vec<u8> {
        let mut bytes = Vec::new();
        prost::encoding::encode_varint(u64::from(number << 3), &mut bytes);
        bytes.push(value);
        bytes
    }

    fn string_option(number: u32, value: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        prost::encoding::string::encode(number, &value.to_owned(), &mut bytes);
        bytes
    }

    #[test]
    fn options_are_found_by_name_whatever_their_numbers() {
        for number in [50000, 70000] {
            let files = [declare("gorums", &[("qc", number, Type::Bool)])];
            let options = read(&files, &bool_option(number as u32, 1)).unwrap();
            assert!(options.has(MethodOption::Qc));
        }
    }

    #[test]
    fn extensions_of_other_packages_mean_nothing() {
        let files = [declare("other", &[("qc", 50000, Type::Bool)])];
        assert_eq!(
            read(&files, &bool_option(50000, 1)),
            Ok(MethodOptions::default())
        );
    }

    #[test]
    fn false_and_empty_are_not_set_and_the_last_value_wins() {
        let files = [declare(
            "gorums",
            &[
                ("qc", 50000, Type::Bool),
                ("custom_return_type", 51000, Type::String),
            ],
        )];
        let unset = [
            bool_option(50000, 1),
            bool_option(50000, 0),
            string_option(51000, ""),
        ]
        .concat();
        assert_eq!(read(&files, &unset), Ok(MethodOptions::default()));
        let set = [string_option(51000, "A"), string_option(51000, "B")].concat();
        assert_eq!(
            read(&files, &set).unwrap().custom_return_type.as_deref(),
            Some("B")
        );
    }

    #[test]
    fn unknown_options_of_package_gorums_are_told() {
        let files = [declare("gorums", &[("qcc", 50000, Type::Bool)])];
        let wrong = read(&files, &bool_option(50000, 1)).unwrap_err();
        let wrong = wrong.first().unwrap();
        assert!(wrong.starts_with("unknown option `gorums.qcc`; the options are qc, correctable,"));
    }

    #[test]
    fn options_declared_with_a_wrong_type_are_told() {
        let files = [declare("gorums", &[("qc", 50000, Type::Int32)])];
        let wrong = read(&files, &bool_option(50000, 1)).unwrap_err();
        assert_eq!(
            wrong.first().unwrap(),
            "option `gorums.qc` has the wrong type in `some/where/gorums.proto`; \
             declare it as `bool qc = ...;`"
        );
    }

    #[test]
    fn an_option_import_without_its_descriptor_is_told() {
        let (registry, sources) = registry(&[declare("a", &[])]);
        let mut source = sources.iter().next().unwrap().clone();
        assert_eq!(
            registry.read(&source, &bool_option(50000, 1)),
            Ok(MethodOptions::default())
        );
        source
            .mirror
            .option_dependency
            .push("gorums.proto".to_owned());
        let wrong = registry.read(&source, &bool_option(50000, 1)).unwrap_err();
        assert_eq!(
            wrong.first().unwrap(),
            "option 50000 cannot be read, for the descriptor of `gorums.proto` is missing; \
             write `import \"gorums.proto\";` instead of `import option`"
        );
    }
}
