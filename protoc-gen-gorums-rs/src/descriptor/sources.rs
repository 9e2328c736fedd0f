//! The files of a run.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{Source, mirror};
use crate::parameters::Parameters;
use crate::problem::Problem;
use crate::problems::Problems;

use prost::{DecodeError, Message};

/// The files of a run, imports before the files that import them.
#[derive(Debug)]
pub(crate) struct Sources {
    files: Vec<Source>,
    to_generate: HashSet<String>,
}

impl Sources {
    /// Decodes the files' descriptors.
    pub(crate) fn decode<B: AsRef<[u8]>>(
        files: &[B],
        to_generate: &[String],
    ) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        let mut sources = Vec::with_capacity(files.len());
        for (index, bytes) in files.iter().enumerate() {
            match Source::decode(bytes.as_ref()) {
                Ok(source) => sources.push(source),
                Err(error) => problems.push(Problem::new(format!(
                    "the descriptor of file {} of {} cannot be read: {error}; use the output of protoc",
                    index + 1,
                    files.len(),
                ))),
            }
        }
        problems.into_result()?;

        let known: HashSet<&str> = sources.iter().map(Source::name).collect();
        let problems: Problems = to_generate
            .iter()
            .filter(|name| !known.contains(name.as_str()))
            .map(|name| {
                Problem::in_file(
                    name,
                    "there is no descriptor of this file; pass it with all its imports",
                )
            })
            .collect();
        problems.into_result()?;
        Ok(Self {
            files: sources,
            to_generate: to_generate.iter().cloned().collect(),
        })
    }

    pub(crate) fn iter(&self) -> std::slice::Iter<'_, Source> {
        self.files.iter()
    }

    /// The packages to generate, by name. Each has all its files, sorted by name: a package is one Rust module, and a
    /// part of it would not compile.
    ///
    /// With `compile_well_known_types`, they include the well-known types that the packages import.
    pub(crate) fn packages(&self, parameters: &Parameters) -> BTreeMap<&str, Vec<&Source>> {
        let mut packages = BTreeMap::<&str, Vec<&Source>>::new();
        let wanted: HashSet<&str> = self
            .files
            .iter()
            .filter(|file| self.to_generate.contains(file.name()))
            .map(Source::package)
            .filter(|package| !["gorums", WELL_KNOWN].contains(package))
            .collect();
        let mut files: Vec<&Source> = self
            .files
            .iter()
            .filter(|file| wanted.contains(file.package()))
            .collect();
        if parameters.compiles_well_known_types() {
            files.extend(self.well_known(&files));
        }
        for file in files {
            packages.entry(file.package()).or_default().push(file);
        }
        // The order of imports depends on the compiler; the code must not.
        for files in packages.values_mut() {
            files.sort_by_key(|file| file.name());
        }
        packages
    }

    /// The files of well-known types that the `files` need: those that they import, and those to generate. Files that
    /// only `gorums.proto` imports do not count.
    fn well_known(&self, files: &[&Source]) -> Vec<&Source> {
        let options = self.files.iter().filter(|file| file.package() == "gorums");
        let imported = self.imported(files.iter().copied());
        let by_options = self.imported(options);
        let belongs = |name: &str| {
            imported.contains(name) || self.to_generate.contains(name) && !by_options.contains(name)
        };
        let all = self.files.iter();
        all.filter(|file| file.package() == WELL_KNOWN && belongs(file.name()))
            .collect()
    }

    /// The names of all files that the files import, except through `gorums.proto`.
    fn imported<'a>(&'a self, files: impl Iterator<Item = &'a Source>) -> HashSet<&'a str> {
        let by_name: HashMap<&str, &Source> =
            self.files.iter().map(|file| (file.name(), file)).collect();
        let mut imported = HashSet::new();
        let mut open: Vec<&Source> = files.collect();
        while let Some(file) = open.pop() {
            for name in &file.proto.dependency {
                let Some(import) = by_name.get(name.as_str()) else {
                    continue;
                };
                if import.package() != "gorums" && imported.insert(import.name()) {
                    open.push(import);
                }
            }
        }
        imported
    }
}

/// The package of the well-known types.
const WELL_KNOWN: &str = "google.protobuf";

/// Splits an encoded `google.protobuf.FileDescriptorSet` into the descriptors of its files, for
/// [`generate`](crate::generate).
///
/// # Errors
///
/// When the bytes are not a file descriptor set.
pub fn split_descriptor_set(set: &[u8]) -> Result<Vec<Vec<u8>>, DecodeError> {
    mirror::FileSet::decode(set).map(|set| set.file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use prost_types::FileDescriptorProto;

    fn file(name: &str, package: &str) -> Vec<u8> {
        FileDescriptorProto {
            name: Some(name.into()),
            package: Some(package.into()),
            ..Default::default()
        }
        .encode_to_vec()
    }

    #[test]
    fn a_package_is_generated_whole_and_others_are_not() {
        let files = [
            file("a.proto", "one"),
            file("b.proto", "two"),
            file("c.proto", "one"),
        ];
        let sources = Sources::decode(&files, &["c.proto".to_owned()]).unwrap();
        let packages = sources.packages(&Parameters::new());
        assert_eq!(packages.len(), 1);
        let names: Vec<_> = packages["one"].iter().map(|file| file.name()).collect();
        assert_eq!(names, ["a.proto", "c.proto"]);
    }

    #[test]
    fn googles_package_and_our_own_are_not_generated() {
        let files = [
            file("a.proto", "google.protobuf"),
            file("gorums.proto", "gorums"),
        ];
        let wanted = ["a.proto".to_owned(), "gorums.proto".to_owned()];
        let sources = Sources::decode(&files, &wanted).unwrap();
        assert!(sources.packages(&Parameters::new()).is_empty());
        let parameters = Parameters::new().compile_well_known_types(true);
        assert_eq!(sources.packages(&parameters).len(), 1);
    }

    #[test]
    fn well_known_types_are_generated_with_those_that_import_them() {
        let file = |name: &str, package: &str, imports: &[&str]| {
            FileDescriptorProto {
                name: Some(name.into()),
                package: Some(package.into()),
                dependency: imports.iter().map(|name| (*name).to_owned()).collect(),
                ..Default::default()
            }
            .encode_to_vec()
        };
        let files = [
            file("any.proto", "google.protobuf", &[]),
            file("type.proto", "google.protobuf", &["any.proto"]),
            file("descriptor.proto", "google.protobuf", &[]),
            file("other.proto", "google.protobuf", &[]),
            file("gorums.proto", "gorums", &["descriptor.proto"]),
            file("a.proto", "a", &["type.proto", "gorums.proto"]),
        ];
        let parameters = Parameters::new().compile_well_known_types(true);
        let names = |wanted: &[&str]| {
            let wanted: Vec<_> = wanted.iter().map(|name| (*name).to_owned()).collect();
            let sources = Sources::decode(&files, &wanted).unwrap();
            let packages = sources.packages(&parameters);
            let files = packages.get("google.protobuf").into_iter().flatten();
            files.map(|file| file.name().to_owned()).collect::<Vec<_>>()
        };
        let imported = ["any.proto", "type.proto"];
        assert_eq!(names(&["a.proto"]), imported);
        assert_eq!(names(&["a.proto", "descriptor.proto"]), imported);
        assert_eq!(names(&["other.proto"]), ["other.proto"]);
    }

    #[test]
    fn every_file_without_a_descriptor_is_a_problem() {
        let wanted = ["a.proto".to_owned(), "b.proto".to_owned()];
        let problems = Sources::decode(&[file("a.proto", "")], &wanted).unwrap_err();
        assert_eq!(
            problems.to_string(),
            "b.proto: there is no descriptor of this file; pass it with all its imports"
        );
        let problems = Sources::decode(&[[0xff]], &[]).unwrap_err();
        assert!(
            problems
                .to_string()
                .starts_with("the descriptor of file 1 of 1 cannot be read")
        );
    }

    #[test]
    fn a_descriptor_set_is_its_files() {
        let files = vec![file("a.proto", "one"), file("b.proto", "two")];
        let set = mirror::FileSet {
            file: files.clone(),
        }
        .encode_to_vec();
        assert_eq!(split_descriptor_set(&set), Ok(files));
        assert!(split_descriptor_set(&[0xff]).is_err());
    }
}
