//! Finds messages by the names that protos use.

use std::collections::HashSet;

use prost_types::{DescriptorProto, MessageOptions};

use crate::descriptor::{Sources, qualified};

/// The full names of all messages of a run, without the entries of maps, which have no Rust types.
#[derive(Debug, Default)]
pub(crate) struct MessageNames {
    names: HashSet<String>,
}

impl MessageNames {
    pub(crate) fn new(sources: &Sources) -> Self {
        let mut messages = Self::default();
        for source in sources.iter() {
            for message in &source.proto.message_type {
                messages.add(source.package(), message);
            }
        }
        messages
    }

    fn add(&mut self, scope: &str, message: &DescriptorProto) {
        if message
            .options
            .as_ref()
            .is_some_and(MessageOptions::map_entry)
        {
            return;
        }
        let name = qualified(scope, message.name());
        for nested in &message.nested_type {
            self.add(&name, nested);
        }
        self.names.insert(name);
    }

    /// The full name, with a leading dot, of the message that `name` means in the scope `package`.
    ///
    /// A name with a leading dot is full. Any other is looked up in the package, then in the packages around it.
    pub(crate) fn resolve(&self, package: &str, name: &str) -> Option<String> {
        if let Some(full) = name.strip_prefix('.') {
            return self.names.contains(full).then(|| name.to_owned());
        }
        let mut scope = package;
        loop {
            let candidate = qualified(scope, name);
            if self.names.contains(&candidate) {
                return Some(format!(".{candidate}"));
            }
            if scope.is_empty() {
                return None;
            }
            scope = scope.rsplit_once('.').map_or("", |(outer, _)| outer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> MessageNames {
        let names = ["a.b.M", "a.b.M.Inner", "a.M", "a.Outer", "M", "b.Other"];
        MessageNames {
            names: names.map(str::to_owned).into(),
        }
    }

    #[test]
    fn the_innermost_scope_wins() {
        let names = names();
        assert_eq!(names.resolve("a.b", "M").as_deref(), Some(".a.b.M"));
        assert_eq!(names.resolve("a", "M").as_deref(), Some(".a.M"));
        assert_eq!(names.resolve("", "M").as_deref(), Some(".M"));
        assert_eq!(names.resolve("a.b", "Outer").as_deref(), Some(".a.Outer"));
    }

    #[test]
    fn partial_names_are_looked_for_in_each_scope() {
        let names = names();
        assert_eq!(
            names.resolve("a", "b.M.Inner").as_deref(),
            Some(".a.b.M.Inner")
        );
        assert_eq!(names.resolve("a.b", "b.Other").as_deref(), Some(".b.Other"));
    }

    #[test]
    fn a_dot_before_makes_it_a_full_name() {
        let names = names();
        assert_eq!(names.resolve("a.b", ".M").as_deref(), Some(".M"));
        assert_eq!(names.resolve("a.b", ".Outer"), None);
    }

    #[test]
    fn what_is_nowhere_does_not_resolve() {
        assert_eq!(names().resolve("a.b", "Nowhere"), None);
    }
}
