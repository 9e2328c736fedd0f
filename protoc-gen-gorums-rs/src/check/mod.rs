//! What prost, tonic or rustc would refuse, or what would fail at run time.
//!
//! Different names in protos can become the same name in Rust. [`Scope`] finds these: the walks over
//! [messages](messages) and [services](services) register the name of every generated item in its Rust scope.

mod messages;
mod packages;
mod references;
mod required;
mod scope;
mod services;

use std::collections::BTreeMap;

use prost_types::FileDescriptorProto;

use crate::descriptor::{Source, Sources};
use crate::model::Package;
use crate::parameters::Parameters;
use crate::problems::Problems;

use scope::{Element, Scope};

/// A file of a package to generate: its declaration, and the form that prost-build gets.
#[derive(Clone, Copy, Debug)]
struct Lowered<'a> {
    source: &'a Source,
    proto: &'a FileDescriptorProto,
}

/// Reports everything in the packages whose code would not compile or not work. `lowered` has all their files, in the
/// order of the packages.
pub(crate) fn check(
    models: &[Package],
    sources: &Sources,
    packages: &BTreeMap<&str, Vec<&Source>>,
    lowered: &[FileDescriptorProto],
    parameters: &Parameters,
    problems: &mut Problems,
) {
    packages::check(models, sources, packages, parameters, problems);
    references::check(sources, packages, problems);
    if parameters.messages {
        required::check(sources, packages, problems);
    }
    let files = packages.values().flatten().zip(lowered);
    let files: Vec<Lowered<'_>> = files
        .map(|(source, proto)| Lowered { source, proto })
        .collect();
    for package in models {
        let files = files.iter().copied();
        let files: Vec<_> = files
            .filter(|file| file.source.package() == package.name)
            .collect();
        let mut scope = packages::scope(package, sources, parameters);
        let mut others = Problems::default();
        let of_messages = match parameters.messages {
            true => &mut *problems,
            // Extern types have their problems elsewhere, but their names count here.
            false => &mut others,
        };
        messages::check(&files, &mut scope, parameters, of_messages);
        services::check(package, &files, &mut scope, parameters, problems);
    }
}
