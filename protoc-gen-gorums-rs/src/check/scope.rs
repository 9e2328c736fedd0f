//! The names in one Rust scope.

use std::collections::HashMap;

use crate::descriptor::Source;
use crate::problems::Problems;

/// An element of a proto that Rust items are named after.
#[derive(Clone, Debug)]
pub(super) struct Element<'a> {
    pub(super) file: &'a Source,
    /// Its path in the file's descriptor.
    pub(super) path: Vec<i32>,
    /// The subject of its problems.
    pub(super) subject: String,
    /// How the problems of other elements refer to it, such as ``message `M` ``.
    pub(super) title: String,
}

impl Element<'_> {
    pub(super) fn report(&self, text: impl Into<String>, problems: &mut Problems) {
        problems.push(self.file.problem(&self.path, &self.subject, text));
    }
}

/// The names in one Rust scope and namespace, and the elements that have them.
#[derive(Debug, Default)]
pub(super) struct Scope {
    owners: HashMap<String, String>,
}

impl Scope {
    /// Registers a name that does not come from an element of a file.
    pub(super) fn reserve(&mut self, name: String, owner: String) {
        self.owners.entry(name).or_insert(owner);
    }

    /// Registers the name of the element's Rust item. Reports the problem and returns false if the name is taken.
    pub(super) fn item(
        &mut self,
        name: String,
        element: &Element<'_>,
        problems: &mut Problems,
    ) -> bool {
        let Some(owner) = self.take(&name, element) else {
            return true;
        };
        let text = format!("it is `{name}` in Rust, as is {owner}; rename one");
        element.report(text, problems);
        false
    }

    /// Registers the names of the `kind`s that are generated beside the element's Rust item. Reports those that are
    /// taken, at most one for each other element.
    pub(super) fn companions(
        &mut self,
        kind: &str,
        names: impl IntoIterator<Item = String>,
        element: &Element<'_>,
        problems: &mut Problems,
    ) {
        let mut reported = Vec::new();
        for name in names {
            let Some(owner) = self.take(&name, element) else {
                continue;
            };
            if reported.contains(&owner) {
                continue;
            }
            let text = if owner == element.title {
                format!("its Rust {kind} `{name}` has the name of its type; rename it")
            } else {
                format!("its Rust {kind} `{name}` is also that of {owner}; rename one of them")
            };
            element.report(text, problems);
            reported.push(owner);
        }
    }

    /// Registers the name. Returns its owner if it is taken.
    fn take(&mut self, name: &str, element: &Element<'_>) -> Option<String> {
        let owner = self.owners.get(name).cloned();
        if owner.is_none() {
            self.owners.insert(name.to_owned(), element.title.clone());
        }
        owner
    }
}
