//! One generated file.

/// One generated file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct GeneratedFile {
    /// The name, relative to the output directory.
    pub name: String,
    /// The Rust code.
    pub content: String,
}
