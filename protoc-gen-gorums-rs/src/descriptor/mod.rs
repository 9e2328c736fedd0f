//! The descriptors of the `.proto` files, with which every run begins.

mod fields;
pub(crate) mod mirror;
mod source;
mod sources;

pub(crate) use fields::{Malformed, Value, read as read_fields};
pub(crate) use source::{Source, qualified};
pub(crate) use sources::Sources;
pub use sources::split_descriptor_set;

/// Numbers of fields in the descriptor messages. The paths of source locations consist of them.
pub(crate) mod tag {
    pub(crate) const FILE_PACKAGE: i32 = 2;
    pub(crate) const FILE_DEPENDENCY: i32 = 3;
    pub(crate) const FILE_MESSAGE: i32 = 4;
    pub(crate) const FILE_ENUM: i32 = 5;
    pub(crate) const FILE_SERVICE: i32 = 6;
    pub(crate) const MESSAGE_FIELD: i32 = 2;
    pub(crate) const MESSAGE_NESTED: i32 = 3;
    pub(crate) const MESSAGE_ENUM: i32 = 4;
    pub(crate) const MESSAGE_ONEOF: i32 = 8;
    pub(crate) const ENUM_VALUE: i32 = 2;
    pub(crate) const SERVICE_METHOD: i32 = 2;
}

/// An index as an element of a source location's path.
pub(crate) fn path_index(index: usize) -> i32 {
    i32::try_from(index).unwrap_or(i32::MAX)
}
