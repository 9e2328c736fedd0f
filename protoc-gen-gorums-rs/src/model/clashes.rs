//! Names that are different in protos and equal in Rust.

use std::collections::HashMap;

use prost_types::{DescriptorProto, MessageOptions, MethodDescriptorProto};

use super::{Package, Service};
use crate::descriptor::{Source, Sources, path_index, qualified, tag};
use crate::names;
use crate::problems::Problems;

/// Names in the modules that tonic generates: a service called like one of them hides it.
const TONIC_NAMES: [&str; 20] = [
    "Arc",
    "Body",
    "Box",
    "BoxFuture",
    "BoxStream",
    "Bytes",
    "Clone",
    "CompressionEncoding",
    "Context",
    "Default",
    "EnabledCompressionEncodings",
    "GrpcMethod",
    "InterceptedService",
    "Into",
    "Option",
    "Poll",
    "Result",
    "StdError",
    "TryInto",
    "Uri",
];

/// Reports services and methods of the package whose Rust names are taken or cannot be made.
pub(super) fn check(
    package: &Package,
    files: &[&Source],
    sources: &Sources,
    problems: &mut Problems,
) {
    // Rust modules in the package's module, and what gave them their name.
    let mut modules = HashMap::new();
    for message in files.iter().flat_map(|file| &file.proto.message_type) {
        if has_module(message) {
            modules.insert(
                names::snake(message.name()),
                format!("message `{}`", message.name()),
            );
        }
    }
    for inner in sources
        .iter()
        .filter_map(|source| sub_package(&package.name, source.package()))
    {
        modules.insert(
            names::snake(inner),
            format!("package `{}`", qualified(&package.name, inner)),
        );
    }

    let mut types = HashMap::new();
    let by_name: HashMap<&str, &Source> = files.iter().map(|file| (file.name(), *file)).collect();
    for service in &package.services {
        let Some(file) = by_name.get(service.file.as_str()) else {
            continue;
        };
        let path = [tag::FILE_SERVICE, path_index(service.index)];
        let mut report = |what: String| problems.push(file.problem(&path, &service.name, what));
        if names::is_unusable(&service.name) {
            report("its name gives no Rust name; use letters".to_owned());
            continue;
        }
        let type_name = service.type_name();
        if TONIC_NAMES.contains(&type_name.as_str()) {
            report(format!(
                "`{type_name}` is a name that tonic's code uses itself; rename the service"
            ));
        }
        if let Some(other) = types.insert(type_name.clone(), &service.name) {
            report(format!(
                "it is `{type_name}` in Rust, as is service `{other}`; rename one"
            ));
        } else {
            for module in service.modules() {
                if let Some(other) = modules.get(&module) {
                    report(format!(
                        "its Rust module `{module}` is also that of {other}; rename one of them"
                    ));
                }
            }
        }
        check_methods(service, file, problems);
    }
}

fn check_methods(service: &Service, file: &Source, problems: &mut Problems) {
    let mut functions = HashMap::new();
    let mut types = HashMap::new();
    // Those in the model are only the methods without other problems.
    let Some(declared) = file.proto.service.get(service.index) else {
        return;
    };
    for (index, method) in declared
        .method
        .iter()
        .map(MethodDescriptorProto::name)
        .enumerate()
    {
        let service_path = [tag::FILE_SERVICE, path_index(service.index)];
        let path = [service_path, [tag::SERVICE_METHOD, path_index(index)]].concat();
        let subject = format!("{}.{method}", service.name);
        let mut report = |what: String| problems.push(file.problem(&path, &subject, what));
        if names::is_unusable(method) {
            report("its name gives no Rust name; use letters".to_owned());
            continue;
        }
        let (function, type_name) = (names::snake(method), names::upper_camel(method));
        let same_function = functions.insert(function.clone(), method);
        let same_type = types.insert(type_name.clone(), method);
        if let Some(other) = same_function {
            report(format!(
                "it is `{function}` in Rust, as is method `{other}`; rename one"
            ));
        } else if let Some(other) = same_type {
            report(format!(
                "it is `{type_name}` in Rust, as is method `{other}`; rename one"
            ));
        }
    }
}

/// Whether prost makes a module for what is inside the message.
fn has_module(message: &DescriptorProto) -> bool {
    let is_entry = |nested: &DescriptorProto| {
        nested
            .options
            .as_ref()
            .is_some_and(MessageOptions::map_entry)
    };
    let has_oneof = message
        .field
        .iter()
        .any(|field| field.oneof_index.is_some() && !field.proto3_optional());
    !message.enum_type.is_empty()
        || has_oneof
        || message.nested_type.iter().any(|nested| !is_entry(nested))
}

/// The next part of the name of a package inside `outer`.
fn sub_package<'a>(outer: &str, inner: &'a str) -> Option<&'a str> {
    let rest = if outer.is_empty() {
        inner
    } else {
        inner.strip_prefix(outer)?.strip_prefix('.')?
    };
    rest.split('.').next().filter(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sub_packages_are_found_by_whole_parts() {
        assert_eq!(sub_package("a", "a.b.c"), Some("b"));
        assert_eq!(sub_package("", "a.b"), Some("a"));
        assert_eq!(sub_package("a", "ab.c"), None);
        assert_eq!(sub_package("a", "a"), None);
        assert_eq!(sub_package("", ""), None);
    }

    #[test]
    fn only_what_is_nested_makes_a_module() {
        let mut message = DescriptorProto::default();
        assert!(!has_module(&message));
        let options = MessageOptions {
            map_entry: Some(true),
            ..Default::default()
        };
        message.nested_type.push(DescriptorProto {
            options: Some(options),
            ..Default::default()
        });
        assert!(!has_module(&message));
        message.nested_type.push(DescriptorProto::default());
        assert!(has_module(&message));
    }
}
