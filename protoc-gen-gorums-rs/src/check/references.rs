//! References to types that no descriptor declares.

use std::collections::{BTreeMap, HashSet};

use prost_types::DescriptorProto;
use prost_types::field_descriptor_proto::Type;

use super::required::walk;
use crate::descriptor::{Source, Sources, path_index, qualified, tag};
use crate::problems::Problems;

/// Reports fields and methods whose types are missing. protoc never produces these; other descriptors may.
pub(super) fn check(
    sources: &Sources,
    packages: &BTreeMap<&str, Vec<&Source>>,
    problems: &mut Problems,
) {
    let mut messages = HashSet::new();
    let mut enums = HashSet::new();
    for source in sources.iter() {
        let items = source.proto.enum_type.iter();
        enums.extend(items.map(|item| format!(".{}", source.full_name(item.name()))));
        walk(source, &mut |name, message, _| {
            messages.insert(format!(".{name}"));
            let items = message.enum_type.iter();
            enums.extend(items.map(|item| format!(".{}", qualified(name, item.name()))));
        });
    }
    for source in packages.values().flatten() {
        let mut report = |path: &[i32], subject: &str, kind: &str, name: &str| {
            let text = format!(
                "its type `{name}` is no {kind} here; pass the descriptors of all files, as protoc writes them"
            );
            problems.push(source.problem(path, subject, text));
        };
        walk(source, &mut |name, message: &DescriptorProto, path| {
            for (index, field) in message.field.iter().enumerate() {
                let (kind, names) = match field.r#type() {
                    Type::Message | Type::Group => ("message", &messages),
                    Type::Enum => ("enum", &enums),
                    _ => continue,
                };
                if !names.contains(field.type_name()) {
                    let path = [path, &[tag::MESSAGE_FIELD, path_index(index)]].concat();
                    report(
                        &path,
                        &qualified(name, field.name()),
                        kind,
                        field.type_name(),
                    );
                }
            }
        });
        for (service_index, service) in source.proto.service.iter().enumerate() {
            for (index, method) in service.method.iter().enumerate() {
                let service_path = [tag::FILE_SERVICE, path_index(service_index)];
                let path = [service_path, [tag::SERVICE_METHOD, path_index(index)]].concat();
                let subject = format!("{}.{}", service.name(), method.name());
                for name in [method.input_type(), method.output_type()] {
                    if !messages.contains(name) {
                        report(&path, &subject, "message", name);
                    }
                }
            }
        }
    }
}
