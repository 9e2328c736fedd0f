//! The names that prost gives to messages, enums and what is inside them.

use std::collections::HashSet;

use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, MessageOptions};

use super::{Element, Lowered, Scope};
use crate::descriptor::{path_index, qualified, tag};
use crate::names;
use crate::parameters::Parameters;
use crate::problems::Problems;

/// Reports names of messages, enums and their parts that collide. `scope` is the package's module.
pub(super) fn check(
    files: &[Lowered<'_>],
    scope: &mut Scope,
    parameters: &Parameters,
    problems: &mut Problems,
) {
    for file in files {
        let mut walk = Walk {
            file: *file,
            proto2: file.proto.syntax() == "proto2",
            parameters,
            problems,
            path: Vec::new(),
        };
        let package = file.source.package();
        for (index, message) in file.proto.message_type.iter().enumerate() {
            walk.inside(tag::FILE_MESSAGE, index, |walk| {
                walk.message(message, package, scope);
            });
        }
        for (index, item) in file.proto.enum_type.iter().enumerate() {
            walk.inside(tag::FILE_ENUM, index, |walk| {
                walk.enumeration(item, package, scope);
            });
        }
    }
}

struct Walk<'a> {
    file: Lowered<'a>,
    proto2: bool,
    parameters: &'a Parameters,
    problems: &'a mut Problems,
    path: Vec<i32>,
}

impl<'a> Walk<'a> {
    fn inside(&mut self, field: i32, index: usize, check: impl FnOnce(&mut Self)) {
        self.path.extend([field, path_index(index)]);
        check(self);
        self.path.truncate(self.path.len() - 2);
    }

    /// The current element; `None` if it has no Rust name, which is reported elsewhere.
    fn element(&self, kind: &str, scope: &str, name: &str) -> Option<Element<'a>> {
        (!names::is_unusable(name)).then(|| Element {
            file: self.file.source,
            path: self.path.clone(),
            subject: qualified(scope, name),
            title: format!("{kind} `{name}`"),
        })
    }

    fn message(&mut self, message: &DescriptorProto, outer: &str, scope: &mut Scope) {
        let full_name = qualified(outer, message.name());
        if self.parameters.is_extern(&full_name) {
            return;
        }
        if let Some(element) = self.element("message", outer, message.name()) {
            let named = scope.item(names::upper_camel(message.name()), &element, self.problems);
            if named && has_module(message) {
                let module = names::snake(message.name());
                scope.companions("module", [module], &element, self.problems);
            }
        }
        let mut inner = Scope::default();
        for (index, nested) in message.nested_type.iter().enumerate() {
            if !is_map_entry(nested) {
                self.inside(tag::MESSAGE_NESTED, index, |walk| {
                    walk.message(nested, &full_name, &mut inner);
                });
            }
        }
        for (index, item) in message.enum_type.iter().enumerate() {
            self.inside(tag::MESSAGE_ENUM, index, |walk| {
                walk.enumeration(item, &full_name, &mut inner);
            });
        }
        let mut fields = Scope::default();
        self.fields(message, &full_name, &mut fields);
        self.oneofs(message, &full_name, &mut fields, &mut inner);
    }

    /// The fields of the struct, and the functions that prost makes for them.
    fn fields(&mut self, message: &DescriptorProto, full_name: &str, fields: &mut Scope) {
        let mut functions = Scope::default();
        for (index, field) in message.field.iter().enumerate() {
            if in_oneof(field) {
                continue;
            }
            self.inside(tag::MESSAGE_FIELD, index, |walk| {
                let Some(element) = walk.element("field", full_name, field.name()) else {
                    return;
                };
                if !fields.item(names::snake(field.name()), &element, walk.problems) {
                    return;
                }
                match walk.functions(message, field, full_name) {
                    Some(names) => {
                        functions.companions("function", names, &element, walk.problems);
                    }
                    None => element.report(
                        "prost cannot make a map to enums whose name is a keyword in Rust; rename it",
                        walk.problems,
                    ),
                }
            });
        }
    }

    /// The fields that stand for oneofs, and the types of the oneofs, in the message's module.
    fn oneofs(
        &mut self,
        message: &DescriptorProto,
        full_name: &str,
        fields: &mut Scope,
        module: &mut Scope,
    ) {
        for (index, oneof) in message.oneof_decl.iter().enumerate() {
            if fields_of_oneof(message, index).next().is_none() {
                continue;
            }
            self.inside(tag::MESSAGE_ONEOF, index, |walk| {
                let Some(element) = walk.element("oneof", full_name, oneof.name()) else {
                    return;
                };
                if fields.item(names::snake(oneof.name()), &element, walk.problems) {
                    module.item(oneof_type(message, oneof.name()), &element, walk.problems);
                }
            });
            let mut variants = Scope::default();
            for (index, field) in fields_of_oneof(message, index) {
                self.inside(tag::MESSAGE_FIELD, index, |walk| {
                    if let Some(element) = walk.element("field", full_name, field.name()) {
                        variants.item(names::upper_camel(field.name()), &element, walk.problems);
                    }
                });
            }
        }
    }

    /// The names of the functions that prost derives for the field; `None` if it cannot name them.
    fn functions(
        &self,
        message: &DescriptorProto,
        field: &FieldDescriptorProto,
        full_name: &str,
    ) -> Option<Vec<String>> {
        let name = names::snake(field.name());
        let bare = name.strip_prefix("r#").unwrap_or(&name);
        let repeated = field.label() == Label::Repeated;
        let entry = message.nested_type.iter().find(|nested| {
            is_map_entry(nested)
                && field.type_name() == format!(".{}", qualified(full_name, nested.name()))
        });
        if let Some(entry) = entry {
            let to_enum = entry
                .field
                .iter()
                .any(|field| field.number() == 2 && field.r#type() == Type::Enum);
            return match to_enum {
                true if bare != name => None,
                true => Some(vec![format!("get_{name}"), format!("insert_{name}")]),
                false => Some(Vec::new()),
            };
        }
        let is_optional =
            field.proto3_optional() || (self.proto2 && field.label() == Label::Optional);
        Some(match field.r#type() {
            Type::Enum if repeated => vec![format!("push_{bare}"), name],
            Type::Enum => vec![format!("set_{bare}"), name],
            Type::Message | Type::Group => Vec::new(),
            _ if is_optional => vec![name],
            _ => Vec::new(),
        })
    }

    fn enumeration(&mut self, item: &EnumDescriptorProto, outer: &str, scope: &mut Scope) {
        let full_name = qualified(outer, item.name());
        if self.parameters.is_extern(&full_name) {
            return;
        }
        if let Some(element) = self.element("enum", outer, item.name()) {
            scope.item(names::upper_camel(item.name()), &element, self.problems);
        }
        let mut variants = Scope::default();
        let mut numbers = HashSet::new();
        for (index, value) in item.value.iter().enumerate() {
            // prost skips further names of the same number.
            if !numbers.insert(value.number()) {
                continue;
            }
            self.inside(tag::ENUM_VALUE, index, |walk| {
                if let Some(element) = walk.element("value", &full_name, value.name()) {
                    let retain_prefix = walk.parameters.retain_enum_prefix;
                    let name = names::enum_value(item.name(), value.name(), retain_prefix);
                    variants.item(name, &element, walk.problems);
                }
            });
        }
    }
}

/// Whether the field is a variant of a oneof. The oneof of a proto3 `optional` field exists in descriptors only.
fn in_oneof(field: &FieldDescriptorProto) -> bool {
    field.oneof_index.is_some() && !field.proto3_optional()
}

/// The fields of a oneof, with their indexes in the message.
fn fields_of_oneof(
    message: &DescriptorProto,
    oneof: usize,
) -> impl Iterator<Item = (usize, &FieldDescriptorProto)> {
    let oneof = path_index(oneof);
    let fields = message.field.iter().enumerate();
    fields.filter(move |(_, field)| in_oneof(field) && field.oneof_index == Some(oneof))
}

/// The name of the type of a oneof.
fn oneof_type(message: &DescriptorProto, oneof: &str) -> String {
    let name = names::upper_camel(oneof);
    let messages = message.nested_type.iter().map(DescriptorProto::name);
    let enums = message.enum_type.iter().map(EnumDescriptorProto::name);
    if messages
        .chain(enums)
        .any(|other| names::upper_camel(other) == name)
    {
        format!("{name}OneOf")
    } else {
        name
    }
}

fn is_map_entry(message: &DescriptorProto) -> bool {
    let options = message.options.as_ref();
    options.is_some_and(MessageOptions::map_entry)
}

/// Whether prost makes a module for what is inside the message.
fn has_module(message: &DescriptorProto) -> bool {
    !message.enum_type.is_empty()
        || message.field.iter().any(in_oneof)
        || message
            .nested_type
            .iter()
            .any(|nested| !is_map_entry(nested))
}
