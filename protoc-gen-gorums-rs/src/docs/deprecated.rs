//! Finds deprecated types.

use std::collections::HashSet;

use prost_types::{
    DescriptorProto, EnumDescriptorProto, EnumOptions, FieldDescriptorProto, MessageOptions,
};

use crate::descriptor::{Sources, qualified};

/// The full names, with a leading dot, of the deprecated messages and enums.
#[derive(Debug, Default)]
pub(crate) struct Deprecated {
    names: HashSet<String>,
}

impl Deprecated {
    pub(crate) fn new(sources: &Sources) -> Self {
        let mut deprecated = Self::default();
        for source in sources.iter() {
            let file = &source.proto;
            deprecated.add(source.package(), &file.message_type, &file.enum_type);
        }
        deprecated
    }

    fn add(&mut self, scope: &str, messages: &[DescriptorProto], enums: &[EnumDescriptorProto]) {
        for message in messages {
            let name = qualified(scope, message.name());
            self.add(&name, &message.nested_type, &message.enum_type);
            let options = message.options.as_ref();
            if options.is_some_and(MessageOptions::deprecated) {
                self.names.insert(format!(".{name}"));
            }
        }
        for item in enums {
            let options = item.options.as_ref();
            if options.is_some_and(EnumOptions::deprecated) {
                let name = qualified(scope, item.name());
                self.names.insert(format!(".{name}"));
            }
        }
    }

    /// Whether the type with this full name, with a leading dot, is deprecated.
    pub(crate) fn contains(&self, full_name: &str) -> bool {
        self.names.contains(full_name)
    }

    /// Whether a field of the message has a deprecated type, directly or as a value of a map.
    pub(super) fn has_field<'a>(
        &self,
        message: &DescriptorProto,
        fields: impl IntoIterator<Item = &'a FieldDescriptorProto>,
    ) -> bool {
        fields.into_iter().any(|field| {
            let (_, last) = field.type_name().rsplit_once('.').unwrap_or_default();
            let mut entries = message.nested_type.iter().filter(|nested| {
                let options = nested.options.as_ref();
                options.is_some_and(MessageOptions::map_entry) && nested.name() == last
            });
            let mut values = entries.by_ref().flat_map(|entry| &entry.field);
            self.contains(field.type_name()) || values.any(|value| self.contains(value.type_name()))
        })
    }
}
