//! The names of the code that tonic and this crate generate for services.

use std::collections::HashMap;

use super::{Element, Lowered, Scope};
use crate::descriptor::{Source, path_index, tag};
use crate::model::{Package, Service};
use crate::names;
use crate::parameters::Parameters;
use crate::problems::Problems;

/// Reports names of services and methods that collide or cannot become Rust names. `scope` is the package's module.
pub(super) fn check(
    package: &Package,
    files: &[Lowered<'_>],
    scope: &mut Scope,
    parameters: &Parameters,
    problems: &mut Problems,
) {
    let by_name: HashMap<&str, &Source> = files
        .iter()
        .map(|file| (file.source.name(), file.source))
        .collect();
    let mut types = Scope::default();
    for service in &package.services {
        let Some(file) = by_name.get(service.file.as_str()) else {
            continue;
        };
        let element = Element {
            file,
            path: vec![tag::FILE_SERVICE, path_index(service.index)],
            subject: service.name.clone(),
            title: format!("service `{}`", service.name),
        };
        if names::is_unusable(&service.name) {
            element.report("its name cannot become a Rust name; use letters", problems);
            continue;
        }
        if types.item(service.type_name(), &element, problems) {
            let modules = service.modules(parameters.client, parameters.server);
            scope.companions("module", modules, &element, problems);
        }
        check_methods(service, &element, problems);
    }
}

fn check_methods(service: &Service, of: &Element<'_>, problems: &mut Problems) {
    // The model has only the methods without other problems.
    let Some(declared) = of.file.proto.service.get(service.index) else {
        return;
    };
    let mut functions = Scope::default();
    let mut types = Scope::default();
    for (index, method) in declared.method.iter().enumerate() {
        let name = method.name();
        let element = Element {
            file: of.file,
            path: [&of.path[..], &[tag::SERVICE_METHOD, path_index(index)]].concat(),
            subject: format!("{}.{name}", service.name),
            title: format!("method `{name}`"),
        };
        if names::is_unusable(name) {
            element.report("its name cannot become a Rust name; use letters", problems);
        } else if functions.item(names::snake(name), &element, problems) {
            types.item(names::upper_camel(name), &element, problems);
        }
    }
}
