//! One `.proto` file.

use prost::{DecodeError, Message};
use prost_types::FileDescriptorProto;

use super::mirror;
use crate::problem::Problem;

/// One `.proto` file, from its descriptor.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// The parts that `prost_types` knows.
    pub(crate) proto: FileDescriptorProto,
    /// The parts that it does not know.
    pub(crate) mirror: mirror::File,
}

impl Source {
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        Ok(Self {
            proto: Message::decode(bytes)?,
            mirror: Message::decode(bytes)?,
        })
    }

    pub(crate) fn name(&self) -> &str {
        self.proto.name()
    }

    pub(crate) fn package(&self) -> &str {
        self.proto.package()
    }

    /// The full name of an element at the file's top level.
    pub(crate) fn full_name(&self, name: &str) -> String {
        qualified(self.package(), name)
    }

    /// A problem of the element at this path in the descriptor.
    pub(crate) fn problem(&self, path: &[i32], subject: &str, text: impl Into<String>) -> Problem {
        Problem::in_file(self.name(), text)
            .at(self.line(path))
            .about(subject)
    }

    /// The line of the element at this path in the descriptor.
    pub(crate) fn line(&self, path: &[i32]) -> Option<u32> {
        let info = self.proto.source_code_info.as_ref()?;
        let location = info
            .location
            .iter()
            .find(|location| location.path == path)?;
        let line = u32::try_from(*location.span.first()?).ok()?;
        Some(line + 1)
    }
}

/// `name` in the scope, which is empty for a file without a package.
pub(crate) fn qualified(scope: &str, name: &str) -> String {
    if scope.is_empty() {
        name.to_owned()
    } else {
        format!("{scope}.{name}")
    }
}
