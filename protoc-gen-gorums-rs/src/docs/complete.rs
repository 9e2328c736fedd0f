//! Completes the source information of a file.
//!
//! prost-build reads comments from it, and panics if it is incomplete.

use std::collections::HashMap;

use prost_types::source_code_info::Location;
use prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto,
    MessageOptions, SourceCodeInfo,
};

use super::{Deprecated, Disabled, Docs, markdown};
use crate::descriptor::{path_index, qualified, tag};

/// Gives every element of the file a location, and every item of Rust code a placeholder for its comment in `docs`.
///
/// Services and methods without a comment get none here: their code has documentation of its own.
pub(crate) fn complete(
    file: &mut FileDescriptorProto,
    disabled: &Disabled<'_>,
    deprecated: &Deprecated,
    docs: &mut Docs,
) {
    let info = file.source_code_info.take().unwrap_or_default();
    let known = info
        .location
        .into_iter()
        .map(|location| (location.path.clone(), location))
        .collect();
    let mut completion = Completion {
        known,
        disabled,
        deprecated,
        docs,
        path: Vec::new(),
        done: Vec::new(),
    };

    let package = file.package();
    for (index, message) in file.message_type.iter().enumerate() {
        completion.inside(tag::FILE_MESSAGE, index, |inner| {
            inner.message(message, package)
        });
    }
    for (index, item) in file.enum_type.iter().enumerate() {
        completion.inside(tag::FILE_ENUM, index, |inner| {
            inner.enumeration(item, package)
        });
    }
    for (index, service) in file.service.iter().enumerate() {
        completion.inside(tag::FILE_SERVICE, index, |inner| {
            let name = qualified(package, service.name());
            inner.document(&name, "");
            for (index, method) in service.method.iter().enumerate() {
                inner.inside(tag::SERVICE_METHOD, index, |inner| {
                    inner.document(&qualified(&name, method.name()), "");
                });
            }
        });
    }
    file.source_code_info = Some(SourceCodeInfo {
        location: completion.done,
    });
}

const DEPRECATED: &str = "#[deprecated]";

struct Completion<'a> {
    known: HashMap<Vec<i32>, Location>,
    disabled: &'a Disabled<'a>,
    deprecated: &'a Deprecated,
    docs: &'a mut Docs,
    path: Vec<i32>,
    done: Vec<Location>,
}

impl Completion<'_> {
    fn inside(&mut self, field: i32, index: usize, complete: impl FnOnce(&mut Self)) {
        self.path.extend([field, path_index(index)]);
        complete(self);
        self.path.truncate(self.path.len() - 2);
    }

    /// Adds the location of the current element: with its comment, or else with `words`.
    fn document(&mut self, full_name: &str, words: &str) {
        self.document_with(full_name, words, Vec::new());
    }

    /// The same, with attributes after the documentation.
    fn document_with(&mut self, full_name: &str, words: &str, attributes: Vec<&'static str>) {
        let known = self
            .known
            .remove(&self.path)
            .filter(|_| !self.disabled.matches(full_name));
        let comments = known.map(|known| [known.leading_comments, known.trailing_comments]);
        let mut lines = Vec::new();
        for comment in comments.into_iter().flatten().flatten() {
            let comment = markdown::clean(&comment);
            if !lines.is_empty() && !comment.is_empty() {
                lines.push(String::new());
            }
            lines.extend(comment);
        }
        if lines.is_empty() && !words.is_empty() {
            lines.push(words.to_owned());
        }
        let location = Location {
            path: self.path.clone(),
            leading_comments: (!lines.is_empty()).then(|| self.docs.add(lines, attributes)),
            ..Default::default()
        };
        self.done.push(location);
    }

    /// The attributes for the message, or for a oneof of it, with these fields.
    fn attributes<'m>(
        &self,
        message: &DescriptorProto,
        name: &str,
        fields: impl IntoIterator<Item = &'m FieldDescriptorProto>,
    ) -> Vec<&'static str> {
        if self.deprecated.contains(&format!(".{name}")) {
            return vec![DEPRECATED];
        }
        let uses_deprecated = self.deprecated.has_field(message, fields);
        Vec::from_iter(uses_deprecated.then_some("#[allow(deprecated)]"))
    }

    fn message(&mut self, message: &DescriptorProto, scope: &str) {
        let name = qualified(scope, message.name());
        let words = format!("Message `{name}`.");
        let fields = message.field.iter();
        let mut attributes = self.attributes(message, &name, fields);
        if message.field.iter().any(|field| field.name() == "len") {
            // prost derives functions with the names of fields.
            attributes.push("#[allow(clippy::len_without_is_empty)]");
        }
        self.document_with(&name, &words, attributes);
        for (index, field) in message.field.iter().enumerate() {
            let words = format!("Field `{}`, number {}.", field.name(), field.number());
            self.inside(tag::MESSAGE_FIELD, index, |inner| {
                inner.document(&qualified(&name, field.name()), &words);
            });
        }
        for (index, oneof) in message.oneof_decl.iter().enumerate() {
            let words = format!("Oneof `{}` of message `{name}`.", oneof.name());
            let number = Some(path_index(index));
            let fields = message.field.iter();
            let fields = fields.filter(|field| field.oneof_index == number);
            let attributes = self.attributes(message, "", fields);
            self.inside(tag::MESSAGE_ONEOF, index, |inner| {
                inner.document_with(&qualified(&name, oneof.name()), &words, attributes);
            });
        }
        for (index, nested) in message.nested_type.iter().enumerate() {
            if !nested
                .options
                .as_ref()
                .is_some_and(MessageOptions::map_entry)
            {
                self.inside(tag::MESSAGE_NESTED, index, |inner| {
                    inner.message(nested, &name)
                });
            }
        }
        for (index, item) in message.enum_type.iter().enumerate() {
            self.inside(tag::MESSAGE_ENUM, index, |inner| {
                inner.enumeration(item, &name)
            });
        }
    }

    fn enumeration(&mut self, item: &EnumDescriptorProto, scope: &str) {
        let name = qualified(scope, item.name());
        let words = format!("Enum `{name}`.");
        let is_deprecated = self.deprecated.contains(&format!(".{name}"));
        self.document_with(
            &name,
            &words,
            Vec::from_iter(is_deprecated.then_some(DEPRECATED)),
        );
        for (index, value) in item.value.iter().enumerate() {
            let words = format!("Value `{}`, number {}.", value.name(), value.number());
            self.inside(tag::ENUM_VALUE, index, |inner| {
                inner.document(&qualified(&name, value.name()), &words);
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(locations: &[(&[i32], &str)]) -> FileDescriptorProto {
        let field = FieldDescriptorProto {
            name: Some("x".to_owned()),
            number: Some(7),
            ..Default::default()
        };
        let message = DescriptorProto {
            name: Some("M".to_owned()),
            field: vec![field],
            ..Default::default()
        };
        let location = locations.iter().map(|(path, comment)| Location {
            path: path.to_vec(),
            leading_comments: Some((*comment).to_owned()),
            ..Default::default()
        });
        FileDescriptorProto {
            package: Some("a".to_owned()),
            message_type: vec![message],
            source_code_info: Some(SourceCodeInfo {
                location: location.collect(),
            }),
            ..Default::default()
        }
    }

    fn comments(mut file: FileDescriptorProto, disabled: &[String]) -> Vec<String> {
        let mut docs = Docs::default();
        let none = Deprecated::default();
        complete(&mut file, &Disabled::new(disabled), &none, &mut docs);
        let info = file.source_code_info.unwrap();
        info.location
            .into_iter()
            .filter_map(|location| location.leading_comments)
            .map(|placeholder| docs.lines(&placeholder).unwrap().join("\n"))
            .collect()
    }

    #[test]
    fn what_has_no_comment_gets_a_line() {
        let expected = ["Message `a.M`.", "Field `x`, number 7."];
        assert_eq!(comments(file(&[]), &[]), expected);
    }

    #[test]
    fn comments_are_kept() {
        let expected = ["Message `a.M`.", "The x."];
        assert_eq!(
            comments(file(&[(&[4, 0, 2, 0], " The x.\n")]), &[]),
            expected
        );
    }

    #[test]
    fn disabled_comments_are_replaced() {
        let file = file(&[(&[4, 0, 2, 0], " The x.\n")]);
        let expected = ["Message `a.M`.", "Field `x`, number 7."];
        assert_eq!(comments(file, &[".a.M.x".to_owned()]), expected);
    }

    #[test]
    fn every_element_has_one_location_even_without_source_information() {
        let mut file = file(&[]);
        file.source_code_info = None;
        let (disabled, deprecated) = (Disabled::new(&[]), Deprecated::default());
        complete(&mut file, &disabled, &deprecated, &mut Docs::default());
        let paths: Vec<_> = file
            .source_code_info
            .unwrap()
            .location
            .into_iter()
            .map(|location| location.path)
            .collect();
        assert_eq!(paths, [vec![4, 0], vec![4, 0, 2, 0]]);
    }
}
