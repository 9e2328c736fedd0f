//! The files of a run.

use std::collections::{BTreeMap, HashSet};

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

    /// The packages to generate, by name, each with all its files: a package is one Rust module, so
    /// half of it would not compile. The files are sorted by name.
    pub(crate) fn packages(&self, parameters: &Parameters) -> BTreeMap<&str, Vec<&Source>> {
        let mut packages = BTreeMap::<&str, Vec<&Source>>::new();
        let wanted: HashSet<&str> = self
            .files
            .iter()
            .filter(|file| self.to_generate.contains(file.name()))
            .map(Source::package)
            .filter(|package| match *package {
                "gorums" => false,
                "google.protobuf" => parameters.compiles_well_known_types(),
                _ => true,
            })
            .collect();
        for file in &self.files {
            if wanted.contains(file.package()) {
                packages.entry(file.package()).or_default().push(file);
            }
        }
        // The order of imports depends on who made the descriptors; the code should not.
        for files in packages.values_mut() {
            files.sort_by_key(|file| file.name());
        }
        packages
    }
}

/// Takes an encoded `google.protobuf.FileDescriptorSet` apart into the descriptors of its files, which
/// is what [`generate`](crate::generate) takes.
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
