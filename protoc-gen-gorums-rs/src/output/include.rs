//! The file that includes the others as nested modules.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::HEADER;

/// A module and those inside it.
#[derive(Debug, Default)]
struct Tree<'a> {
    file: Option<&'a str>,
    inner: BTreeMap<&'a str, Tree<'a>>,
}

/// The content of the file that includes others, each in the module of this path.
pub(crate) fn include_file(files: &[(Vec<String>, String)]) -> String {
    let mut tree = Tree::default();
    for (modules, file) in files {
        let mut place = &mut tree;
        for module in modules {
            place = place.inner.entry(module).or_default();
        }
        place.file = Some(file);
    }
    let mut content = HEADER.to_owned();
    tree.write(&mut content, &mut Vec::new());
    content
}

impl<'a> Tree<'a> {
    fn write(&self, content: &mut String, path: &mut Vec<&'a str>) {
        let indent = "    ".repeat(path.len());
        if let Some(file) = self.file {
            // Writing to a string cannot fail.
            let _ = writeln!(content, "{indent}include!({file:?});");
        }
        for (&name, inner) in &self.inner {
            path.push(name);
            let package = path.join(".");
            let _ = writeln!(content, "{indent}/// Package `{package}`.");
            let _ = writeln!(content, "{indent}pub mod {name} {{");
            inner.write(content, path);
            let _ = writeln!(content, "{indent}}}");
            path.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_are_nested_as_packages_are() {
        let file = |path: &[&str], name: &str| {
            (
                path.iter().map(|part| (*part).to_owned()).collect(),
                name.to_owned(),
            )
        };
        let files = [
            file(&["a", "b"], "a.b.rs"),
            file(&[], "_.rs"),
            file(&["a"], "a.rs"),
        ];
        let expected = "\
include!(\"_.rs\");
/// Package `a`.
pub mod a {
    include!(\"a.rs\");
    /// Package `a.b`.
    pub mod b {
        include!(\"a.b.rs\");
    }
}
";
        assert_eq!(include_file(&files), format!("{HEADER}{expected}"));
    }
}
