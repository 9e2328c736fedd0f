//! One generated file.

/// One generated file, or an insertion into a file of another plugin.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct GeneratedFile {
    /// The name, relative to the output directory.
    pub name: String,
    /// The content: Rust code, except in a `Cargo.toml`.
    pub content: String,
    /// Where protoc inserts the content into the file that another plugin wrote; `None` for a file of its own.
    pub insertion_point: Option<String>,
}

impl GeneratedFile {
    /// A file of its own.
    pub(crate) fn new(name: impl Into<String>, content: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            content: content.into(),
            insertion_point: None,
        }
    }
}
