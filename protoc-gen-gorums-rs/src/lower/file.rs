//! Lowers one file.

use std::collections::HashSet;

use prost_types::{DescriptorProto, EnumDescriptorProto, FileDescriptorProto, MessageOptions};

use super::features::Features;
use super::field;
use crate::descriptor::{Source, mirror, path_index, qualified, tag};
use crate::names;
use crate::problem::Problem;
use crate::problems::Problems;

/// `EDITION_PROTO2`.
pub(crate) const MINIMUM_EDITION: i32 = 998;
/// `EDITION_2024`.
pub(crate) const MAXIMUM_EDITION: i32 = 1001;
const EDITION_2023: i32 = 1000;

/// Converts the file for prost-build, and reports what has no counterpart there. Such elements become something
/// similar, because types need names even if their code is not generated.
pub(crate) fn lower(source: &Source, problems: &mut Problems) -> FileDescriptorProto {
    let mut file = source.proto.clone();
    let features = features(source, problems);
    // A name without letters makes prost-build panic.
    file.package = file.package.filter(|package| !package.is_empty());
    // Other values than these make prost-build panic.
    file.syntax = match file.syntax.as_deref() {
        None | Some("" | "proto2") => Some("proto2".to_owned()),
        _ => Some("proto3".to_owned()),
    };

    let mut lowering = Lowering {
        source,
        problems,
        path: Vec::new(),
    };
    let nothing = mirror::MessageType::default();
    for (index, message) in file.message_type.iter_mut().enumerate() {
        let own = source.mirror.message_type.get(index).unwrap_or(&nothing);
        lowering.inside(tag::FILE_MESSAGE, index, |lowering| {
            lowering.message(message, own, source.package(), features);
        });
    }
    for (index, item) in file.enum_type.iter().enumerate() {
        let own = source.mirror.enum_type.get(index);
        lowering.inside(tag::FILE_ENUM, index, |lowering| {
            lowering.enumeration(item, own, source.package(), features);
        });
    }
    file
}

/// The features of a file of an edition; `None` for other files.
fn features(source: &Source, problems: &mut Problems) -> Option<Features> {
    let mut report = |what| problems.push(Problem::in_file(source.name(), what));
    match source.proto.syntax.as_deref() {
        None | Some("" | "proto2" | "proto3") => None,
        Some("editions") => {
            let edition = source.mirror.edition;
            if !(EDITION_2023..=MAXIMUM_EDITION).contains(&edition) {
                report(format!(
                    "edition {edition} is not supported; use edition 2023 or 2024"
                ));
            }
            let own = source
                .mirror
                .options
                .as_ref()
                .and_then(|options| options.features);
            Some(Features::EDITIONS.with(own))
        }
        Some(syntax) => {
            report(format!(
                "syntax `{syntax}` is not supported; use proto2, proto3 or an edition"
            ));
            None
        }
    }
}

struct Lowering<'a> {
    source: &'a Source,
    problems: &'a mut Problems,
    path: Vec<i32>,
}

impl Lowering<'_> {
    fn inside(&mut self, field: i32, index: usize, lower: impl FnOnce(&mut Self)) {
        self.path.extend([field, path_index(index)]);
        lower(self);
        self.path.truncate(self.path.len() - 2);
    }

    fn report(&mut self, subject: &str, what: &str) {
        self.problems
            .push(self.source.problem(&self.path, subject, what));
    }

    fn message(
        &mut self,
        message: &mut DescriptorProto,
        mirror: &mirror::MessageType,
        scope: &str,
        features: Option<Features>,
    ) {
        let name = qualified(scope, message.name());
        self.name(&name, message.name());
        let own = mirror.options.as_ref().and_then(|options| options.features);
        let features = features.map(|outer| outer.with(own));

        let entries: HashSet<String> = message
            .nested_type
            .iter()
            .filter(|nested| is_map_entry(nested))
            .map(|entry| format!(".{name}.{}", entry.name()))
            .collect();
        for (index, field) in message.field.iter_mut().enumerate() {
            let subject = qualified(&name, field.name());
            let own = mirror
                .field
                .get(index)
                .and_then(|field| field.options.as_ref());
            let own = own.and_then(|options| options.features);
            let oneof = field
                .oneof_index
                .and_then(|index| usize::try_from(index).ok());
            let oneof = oneof.and_then(|index| mirror.oneof_decl.get(index)?.options.as_ref());
            let oneof = oneof.and_then(|options| options.features);
            let features = features.map(|outer| outer.with(oneof).with(own));
            let is_map = entries.contains(field.type_name());
            field::normalize_default(field);
            self.inside(tag::MESSAGE_FIELD, index, |lowering| {
                lowering.name(&subject, field.name());
                if let Some(features) = features {
                    for what in field::lower(field, features, is_map) {
                        lowering.report(&subject, what);
                    }
                }
            });
        }
        for (index, oneof) in message.oneof_decl.iter().enumerate() {
            let subject = qualified(&name, oneof.name());
            self.inside(tag::MESSAGE_ONEOF, index, |lowering| {
                lowering.name(&subject, oneof.name())
            });
        }

        let nothing = mirror::MessageType::default();
        for (index, nested) in message.nested_type.iter_mut().enumerate() {
            // The fields of a map's entry are always present and always length-prefixed.
            if !is_map_entry(nested) {
                let mirror = mirror.nested_type.get(index).unwrap_or(&nothing);
                self.inside(tag::MESSAGE_NESTED, index, |lowering| {
                    lowering.message(nested, mirror, &name, features);
                });
            }
        }
        for (index, item) in message.enum_type.iter().enumerate() {
            let mirror = mirror.enum_type.get(index);
            self.inside(tag::MESSAGE_ENUM, index, |lowering| {
                lowering.enumeration(item, mirror, &name, features);
            });
        }
    }

    fn enumeration(
        &mut self,
        item: &EnumDescriptorProto,
        mirror: Option<&mirror::EnumType>,
        scope: &str,
        features: Option<Features>,
    ) {
        let name = qualified(scope, item.name());
        self.name(&name, item.name());
        for (index, value) in item.value.iter().enumerate() {
            let subject = qualified(&name, value.name());
            self.inside(tag::ENUM_VALUE, index, |lowering| {
                lowering.name(&subject, value.name())
            });
        }
        let own = mirror.and_then(|item| item.options.as_ref()?.features);
        if features.is_some_and(|outer| outer.with(own).closed_enum) {
            self.report(
                &name,
                "closed enums are not supported in editions; \
                 remove `features.enum_type = CLOSED`, or declare the enum in a proto2 file",
            );
        }
    }

    /// Reports a name of which prost would make an item without a name.
    fn name(&mut self, subject: &str, name: &str) {
        if names::is_unusable(name) {
            self.report(subject, "its name cannot become a Rust name; use letters");
        }
    }
}

fn is_map_entry(message: &DescriptorProto) -> bool {
    message
        .options
        .as_ref()
        .is_some_and(MessageOptions::map_entry)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::descriptor::mirror::{FeatureSet, FileOptions, MessageOptions as MirrorOptions};
    use prost_types::FieldDescriptorProto;
    use prost_types::field_descriptor_proto::{Label, Type};

    fn field(name: &str, r#type: Type) -> FieldDescriptorProto {
        FieldDescriptorProto {
            name: Some(name.to_owned()),
            label: Some(Label::Optional.into()),
            r#type: Some(r#type.into()),
            ..Default::default()
        }
    }

    fn message(name: &str, field: FieldDescriptorProto) -> DescriptorProto {
        DescriptorProto {
            name: Some(name.to_owned()),
            field: vec![field],
            ..Default::default()
        }
    }

    /// `message Outer { int32 x = 1; message Inner { int32 y = 1; } }`
    fn nested(syntax: &str, edition: i32) -> Source {
        let mut outer = message("Outer", field("x", Type::Int32));
        outer
            .nested_type
            .push(message("Inner", field("y", Type::Int32)));
        let proto = FileDescriptorProto {
            name: Some("a.proto".to_owned()),
            syntax: Some(syntax.to_owned()),
            message_type: vec![outer],
            ..Default::default()
        };
        let mirror = mirror::File {
            edition,
            ..Default::default()
        };
        Source { proto, mirror }
    }

    fn lowered(source: &Source) -> (FileDescriptorProto, String) {
        let mut problems = Problems::default();
        let file = lower(source, &mut problems);
        (file, problems.to_string())
    }

    #[test]
    fn files_of_editions_become_proto3_with_explicit_presence() {
        let (file, problems) = lowered(&nested("editions", EDITION_2023));
        assert_eq!((file.syntax(), problems.as_str()), ("proto3", ""));
        let outer = &file.message_type[0];
        assert!(
            outer.field[0].proto3_optional() && outer.nested_type[0].field[0].proto3_optional()
        );
    }

    #[test]
    fn features_of_an_outer_element_hold_inside() {
        let implicit = Some(FeatureSet {
            field_presence: Some(2),
            ..Default::default()
        });
        let mut source = nested("editions", MAXIMUM_EDITION);
        source.mirror.message_type.push(mirror::MessageType {
            options: Some(MirrorOptions { features: implicit }),
            ..Default::default()
        });
        let (file, _) = lowered(&source);
        let outer = &file.message_type[0];
        assert!(
            !outer.field[0].proto3_optional() && !outer.nested_type[0].field[0].proto3_optional()
        );
    }

    #[test]
    fn proto2_and_proto3_files_stay_as_they_are() {
        for syntax in ["proto2", "proto3"] {
            let source = nested(syntax, 0);
            assert_eq!(lowered(&source), (source.proto.clone(), String::new()));
        }
    }

    #[test]
    fn unknown_editions_and_syntaxes_are_told() {
        assert_eq!(
            lowered(&nested("editions", 1002)).1,
            "a.proto: edition 1002 is not supported; use edition 2023 or 2024"
        );
        assert!(
            lowered(&nested("proto4", 0))
                .1
                .starts_with("a.proto: syntax `proto4`")
        );
    }

    #[test]
    fn closed_enums_are_told_with_their_names() {
        let mut source = nested("editions", EDITION_2023);
        let item = EnumDescriptorProto {
            name: Some("E".to_owned()),
            ..Default::default()
        };
        source.proto.message_type[0].enum_type.push(item);
        let closed = FeatureSet {
            enum_type: Some(2),
            ..Default::default()
        };
        source.mirror.options = Some(FileOptions {
            features: Some(closed),
        });
        let (_, problems) = lowered(&source);
        assert!(problems.starts_with("a.proto: Outer.E: closed enums are not supported"));
    }

    #[test]
    fn names_of_underscores_are_told() {
        let mut source = nested("proto3", 0);
        source.proto.message_type[0].field[0].name = Some("_".to_owned());
        assert_eq!(
            lowered(&source).1,
            "a.proto: Outer._: its name cannot become a Rust name; use letters"
        );
    }
}
