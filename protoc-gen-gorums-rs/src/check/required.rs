//! Messages that require themselves.

use std::collections::{BTreeMap, HashMap, HashSet};

use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, FieldDescriptorProto};

use crate::descriptor::{Source, Sources, path_index, qualified, tag};
use crate::problems::Problems;

/// The messages that each message requires, by full names.
type Requirements = HashMap<String, Vec<String>>;

/// Reports required fields whose message, in turn, requires the message that they are in. Such a message has no finite
/// value: creating its default, with which every decoding begins, would overflow the stack.
pub(super) fn check(
    sources: &Sources,
    packages: &BTreeMap<&str, Vec<&Source>>,
    problems: &mut Problems,
) {
    let mut requirements = Requirements::new();
    for source in sources.iter() {
        walk(source, &mut |name, message, _| {
            let required = message.field.iter().filter_map(required_message);
            requirements.insert(name.to_owned(), required.map(str::to_owned).collect());
        });
    }
    for source in packages.values().flatten() {
        walk(source, &mut |name, message, path| {
            for (index, field) in message.field.iter().enumerate() {
                let Some(required) = required_message(field) else {
                    continue;
                };
                let text = if required == name {
                    "every message has another one of its type in it, without end; make it optional"
                        .to_owned()
                } else if requires(&requirements, required, name) {
                    format!(
                        "it requires a `{required}`, which requires a `{name}` again, without end; make one of the \
                         fields between them optional"
                    )
                } else {
                    continue;
                };
                let path = [path, &[tag::MESSAGE_FIELD, path_index(index)]].concat();
                problems.push(source.problem(&path, &qualified(name, field.name()), text));
            }
        });
    }
}

/// Calls `visit` with the full name of each message of the file, the message and its path.
pub(super) fn walk(source: &Source, visit: &mut impl FnMut(&str, &DescriptorProto, &[i32])) {
    fn inner(
        message: &DescriptorProto,
        scope: &str,
        path: &mut Vec<i32>,
        visit: &mut impl FnMut(&str, &DescriptorProto, &[i32]),
    ) {
        let name = qualified(scope, message.name());
        visit(&name, message, path);
        for (index, nested) in message.nested_type.iter().enumerate() {
            path.extend([tag::MESSAGE_NESTED, path_index(index)]);
            inner(nested, &name, path, visit);
            path.truncate(path.len() - 2);
        }
    }
    for (index, message) in source.proto.message_type.iter().enumerate() {
        let mut path = vec![tag::FILE_MESSAGE, path_index(index)];
        inner(message, source.package(), &mut path, visit);
    }
}

/// The full name of the message that the field requires.
fn required_message(field: &FieldDescriptorProto) -> Option<&str> {
    let is_message = matches!(field.r#type(), Type::Message | Type::Group);
    let required = is_message && field.label() == Label::Required;
    required.then(|| field.type_name().trim_start_matches('.'))
}

/// Whether the message `from` requires the message `to`, directly or through others.
fn requires(requirements: &Requirements, from: &str, to: &str) -> bool {
    let mut seen = HashSet::new();
    let mut open = vec![from];
    while let Some(message) = open.pop() {
        if message == to {
            return true;
        }
        if seen.insert(message) {
            let next = requirements.get(message).into_iter().flatten();
            open.extend(next.map(String::as_str));
        }
    }
    false
}
