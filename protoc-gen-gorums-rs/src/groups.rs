//! Groups that contain themselves.

use std::collections::{HashMap, HashSet};

use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, FieldDescriptorProto, FileDescriptorProto};

use crate::descriptor::qualified;

/// The paths of the group fields that must be boxed, for prost-build's configuration. prost-build boxes messages that
/// contain themselves, but overlooks groups.
pub(crate) fn recursive<'a>(
    files: impl IntoIterator<Item = &'a FileDescriptorProto>,
) -> Vec<String> {
    let mut messages = HashMap::new();
    for file in files {
        for message in &file.message_type {
            add(message, &format!(".{}", file.package()), &mut messages);
        }
    }
    let mut paths = Vec::new();
    for (name, message) in &messages {
        let groups = contained(message).filter(|field| field.r#type() == Type::Group);
        for group in groups.filter(|group| contains(&messages, group.type_name(), name)) {
            let oneof = group
                .oneof_index
                .and_then(|index| usize::try_from(index).ok());
            let oneof = oneof.and_then(|index| message.oneof_decl.get(index));
            let scope = oneof.map_or(name.clone(), |oneof| qualified(name, oneof.name()));
            paths.push(qualified(&scope, group.name()));
        }
    }
    paths
}

fn add<'a>(
    message: &'a DescriptorProto,
    scope: &str,
    messages: &mut HashMap<String, &'a DescriptorProto>,
) {
    // A file without a package has only the dot in its scope.
    let name = format!("{}.{}", scope.trim_end_matches('.'), message.name());
    for nested in &message.nested_type {
        add(nested, &name, messages);
    }
    messages.insert(name, message);
}

/// The fields whose messages are part of the message.
fn contained(message: &DescriptorProto) -> impl Iterator<Item = &FieldDescriptorProto> {
    message.field.iter().filter(|field| {
        let is_message = matches!(field.r#type(), Type::Message | Type::Group);
        is_message && field.label() != Label::Repeated
    })
}

/// Whether the message `outer` contains the message `inner`, or is the same.
fn contains(messages: &HashMap<String, &DescriptorProto>, outer: &str, inner: &str) -> bool {
    let mut seen = HashSet::new();
    let mut open = vec![outer];
    while let Some(name) = open.pop() {
        if name == inner {
            return true;
        }
        if seen.insert(name) {
            let fields = messages.get(name).into_iter();
            open.extend(
                fields
                    .flat_map(|message| contained(message))
                    .map(FieldDescriptorProto::type_name),
            );
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use prost_types::OneofDescriptorProto;

    fn field(name: &str, of: Type, type_name: &str) -> FieldDescriptorProto {
        FieldDescriptorProto {
            name: Some(name.to_owned()),
            r#type: Some(of.into()),
            type_name: Some(type_name.to_owned()),
            label: Some(Label::Optional.into()),
            ..Default::default()
        }
    }

    fn message(name: &str, fields: Vec<FieldDescriptorProto>) -> DescriptorProto {
        DescriptorProto {
            name: Some(name.to_owned()),
            field: fields,
            ..Default::default()
        }
    }

    #[test]
    fn groups_on_a_way_back_to_their_message_are_boxed() {
        let mut outer = message(
            "M",
            vec![
                field("g", Type::Group, ".p.M.G"),
                field("apart", Type::Group, ".p.M.Apart"),
                FieldDescriptorProto {
                    oneof_index: Some(0),
                    ..field("in_oneof", Type::Group, ".p.M.G")
                },
                FieldDescriptorProto {
                    label: Some(Label::Repeated.into()),
                    ..field("repeated", Type::Group, ".p.M.G")
                },
            ],
        );
        outer.oneof_decl.push(OneofDescriptorProto {
            name: Some("o".to_owned()),
            ..Default::default()
        });
        outer.nested_type = vec![
            message("G", vec![field("m", Type::Message, ".p.M")]),
            message("Apart", Vec::new()),
        ];
        let file = FileDescriptorProto {
            package: Some("p".to_owned()),
            message_type: vec![outer],
            ..Default::default()
        };
        let mut paths = recursive([&file]);
        paths.sort();
        assert_eq!(paths, [".p.M.g", ".p.M.o.in_oneof"]);
    }
}
