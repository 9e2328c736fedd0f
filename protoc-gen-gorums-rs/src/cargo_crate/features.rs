//! The cargo features of packages.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::descriptor::Sources;
use crate::parameters::Parameters;

/// The feature that has those of all packages.
pub(super) const ALL: &str = "proto_full";

/// Names that a package's feature cannot have.
pub(crate) const RESERVED: [&str; 2] = [ALL, "default"];

/// The cargo features of packages: each has those of the packages that it imports.
#[derive(Debug)]
pub(crate) struct Features(BTreeMap<String, BTreeSet<String>>);

/// The name of the package's feature, which for protos without a package is that of their file.
pub(crate) fn feature_name(package: &str, parameters: &Parameters) -> String {
    match package {
        "" => parameters.default_package_filename.clone(),
        // No package has a dash in its name, so that no two features have one name.
        package => package.replace('.', "-"),
    }
}

impl Features {
    /// The features of the packages `with_code`.
    pub(crate) fn new(
        sources: &Sources,
        with_code: &BTreeSet<&str>,
        parameters: &Parameters,
    ) -> Self {
        let imports = imports(sources);
        let features = with_code.iter().map(|package| {
            let needs = needs(package, &imports, with_code);
            let needs = needs.into_iter().map(|name| feature_name(name, parameters));
            (feature_name(package, parameters), needs.collect())
        });
        Self(features.collect())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &BTreeSet<String>)> {
        self.0.iter().map(|(name, needs)| (name.as_str(), needs))
    }
}

/// The packages that each package imports. What the options' own file imports has no part in the code.
fn imports(sources: &Sources) -> HashMap<&str, BTreeSet<&str>> {
    let package_of: HashMap<&str, &str> = sources
        .iter()
        .map(|file| (file.name(), file.package()))
        .collect();
    let mut imports = HashMap::<&str, BTreeSet<&str>>::new();
    for file in sources.iter().filter(|file| file.package() != "gorums") {
        let imported = file.proto.dependency.iter();
        let imported = imported.filter_map(|name| package_of.get(name.as_str()));
        imports.entry(file.package()).or_default().extend(imported);
    }
    imports
}

/// The packages with code that the package imports, directly or through packages without code. Through a package with code
/// its own feature leads.
fn needs<'a>(
    package: &'a str,
    imports: &HashMap<&'a str, BTreeSet<&'a str>>,
    with_code: &BTreeSet<&str>,
) -> BTreeSet<&'a str> {
    let mut needs = BTreeSet::new();
    let mut seen = BTreeSet::from([package]);
    let mut open = vec![package];
    while let Some(next) = open.pop() {
        for import in imports.get(next).into_iter().flatten() {
            if !seen.insert(import) {
                continue;
            }
            if with_code.contains(import) {
                needs.insert(*import);
            } else {
                open.push(import);
            }
        }
    }
    needs
}

#[cfg(test)]
mod tests {
    use super::*;
    use prost::Message;
    use prost_types::FileDescriptorProto;

    fn file(name: &str, package: &str, imports: &[&str]) -> Vec<u8> {
        FileDescriptorProto {
            name: Some(name.to_owned()),
            package: Some(package.to_owned()),
            dependency: imports.iter().map(|name| (*name).to_owned()).collect(),
            ..Default::default()
        }
        .encode_to_vec()
    }

    #[test]
    fn a_feature_has_those_of_the_packages_that_its_package_imports() {
        let files = [
            file("descriptor.proto", "google.protobuf", &[]),
            file("gorums.proto", "gorums", &["descriptor.proto"]),
            file("base.proto", "", &["gorums.proto"]),
            file("types.proto", "acme.types.v1", &["base.proto"]),
            file("more.proto", "acme.types.v1", &["types.proto"]),
            file("public.proto", "public", &["more.proto", "a.proto"]),
            file("a.proto", "a", &["public.proto"]),
            file("b.proto", "b", &["a.proto"]),
        ];
        let sources = Sources::decode(&files, &[]).expect("descriptors");
        let with_code = BTreeSet::from(["", "acme.types.v1", "a", "b", "google.protobuf"]);
        let parameters = Parameters::new().default_package_filename("root");
        let features = Features::new(&sources, &with_code, &parameters);
        let features: Vec<_> = features
            .iter()
            .map(|(name, needs)| (name, needs.iter().map(String::as_str).collect()))
            .collect();
        let expected: [(&str, Vec<&str>); 5] = [
            ("a", vec!["acme-types-v1"]),
            ("acme-types-v1", vec!["root"]),
            ("b", vec!["a"]),
            ("google-protobuf", vec![]),
            ("root", vec![]),
        ];
        assert_eq!(features, expected);
    }
}
