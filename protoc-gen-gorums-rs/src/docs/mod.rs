//! Documentation of the generated code: the proto's comments, and a line for items without one.
//!
//! prost-build changes comments, including the code in them. It gets [placeholders](Docs) instead.

mod complete;
mod deprecated;
mod disabled;
mod escape;
mod line;
mod markdown;
mod table;

pub(crate) use complete::complete;
pub(crate) use deprecated::Deprecated;
pub(crate) use disabled::Disabled;
pub(crate) use table::Docs;
