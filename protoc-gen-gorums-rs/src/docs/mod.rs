//! Documentation of the generated code: the proto's comments, and a line for what has none.
//!
//! prost-build changes comments, also the text of code in them. It is given [placeholders](Docs) in their place.

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
