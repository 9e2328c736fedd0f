//! The names of packages.

use std::collections::{BTreeMap, HashMap};

use super::Scope;
use crate::cargo_crate::{RESERVED, feature_name};
use crate::descriptor::{Source, Sources, tag};
use crate::model::Package;
use crate::names;
use crate::output;
use crate::parameters::Parameters;
use crate::problem::Problem;
use crate::problems::Problems;

/// Reports packages that have no module or no file of their own.
pub(super) fn check(
    models: &[Package],
    sources: &Sources,
    packages: &BTreeMap<&str, Vec<&Source>>,
    parameters: &Parameters,
    problems: &mut Problems,
) {
    let unusable: Vec<_> = models
        .iter()
        .filter(|package| package.name.split('.').any(is_unusable))
        .map(|package| package.name.as_str())
        .collect();
    for file in packages.values().flatten() {
        let mut parts = file.package().split('.');
        if let Some(part) = parts.find(|part| is_unusable(part)) {
            let text = format!("its part `{part}` cannot become a Rust name; use letters");
            let subject = format!("package `{}`", file.package());
            problems.push(file.problem(&[tag::FILE_PACKAGE], &subject, text));
        }
    }

    let mut owners = taken_names(parameters);
    for package in models {
        if unusable.contains(&package.name.as_str()) {
            continue;
        }
        let name = output::file_name(package, parameters);
        let subject = format!("package `{}`", package.name);
        let file = packages
            .get(package.name.as_str())
            .and_then(|files| files.first());
        if let (Some(other), Some(file)) = (owners.insert(name.clone(), subject.clone()), file) {
            let text = format!("its code goes to `{name}`, as does that of {other}; rename one");
            problems.push(file.problem(&[tag::FILE_PACKAGE], &subject, text));
        }
        let feature = feature_name(&package.name, parameters);
        let is_taken = parameters.gen_crate.is_some() && RESERVED.contains(&feature.as_str());
        if let (true, Some(file)) = (is_taken, file) {
            let text =
                format!("every generated crate has a feature `{feature}`; rename the package");
            problems.push(file.problem(&[tag::FILE_PACKAGE], &subject, text));
        }
    }
    if parameters.included_by().is_some() {
        check_included(sources, packages, parameters, problems);
    }
}

/// The names of files that no package's file can have, and what has them.
fn taken_names(parameters: &Parameters) -> HashMap<String, String> {
    let mut taken = HashMap::new();
    if let Some(name) = parameters.included_by() {
        let owner = match parameters.include_file {
            Some(_) => "parameter `include_file`",
            None => "the root of the crate (see `include_file`)",
        };
        taken.insert(name.to_owned(), owner.to_owned());
    }
    if parameters.gen_crate.is_some() {
        for program in ["src/main.rs", "src/bin/bin.rs"] {
            taken.insert(program.to_owned(), "a program of the crate".to_owned());
        }
    }
    taken
}

/// Reports packages whose modules are missing in the include file, which has only those of this run.
fn check_included(
    sources: &Sources,
    packages: &BTreeMap<&str, Vec<&Source>>,
    parameters: &Parameters,
    problems: &mut Problems,
) {
    let by_name: HashMap<&str, &Source> = sources.iter().map(|file| (file.name(), file)).collect();
    for file in packages.values().flatten() {
        for (index, name) in file.proto.dependency.iter().enumerate() {
            let Some(import) = by_name.get(name.as_str()) else {
                continue;
            };
            let package = import.package();
            if packages.contains_key(package) || !has_module(import, parameters) {
                continue;
            }
            let text = format!(
                "package `{package}` is not among those to generate, so that the include file has no module of it; \
                 name its files in the same call of protoc (for buf, set `strategy: all`), or set `extern_path`"
            );
            let path = [tag::FILE_DEPENDENCY, crate::descriptor::path_index(index)];
            problems.push(Problem::in_file(file.name(), text).at(file.line(&path)));
        }
    }
}

/// The scope of the package's module, with the modules of the packages inside it.
pub(super) fn scope(package: &Package, sources: &Sources, parameters: &Parameters) -> Scope {
    let mut scope = Scope::default();
    let outer = package.modules();
    for file in sources.iter().filter(|file| has_module(file, parameters)) {
        let modules = names::package_modules(file.package());
        if let Some([module, ..]) = modules.strip_prefix(outer.as_slice()) {
            let parts = file.package().split('.').take(outer.len() + 1);
            let name = parts.collect::<Vec<_>>().join(".");
            scope.reserve(module.clone(), format!("package `{name}`"));
        }
    }
    scope
}

/// Whether the file has code in the module of its package.
fn has_module(file: &Source, parameters: &Parameters) -> bool {
    let package = file.package();
    let is_elsewhere = match package {
        "gorums" => true,
        "google.protobuf" if !parameters.compiles_well_known_types() => true,
        _ => parameters.is_extern(package),
    };
    let proto = &file.proto;
    let has_types = !proto.message_type.is_empty() || !proto.enum_type.is_empty();
    !is_elsewhere && (has_types || !proto.service.is_empty())
}

/// Whether no module name can be made of the part of a package's name. A package without a name has no parts.
fn is_unusable(part: &str) -> bool {
    !part.is_empty() && names::is_unusable(part)
}
