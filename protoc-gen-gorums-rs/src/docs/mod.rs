//! Documentation of the generated code: the proto's comments, and a line for what has none.

mod complete;
mod disabled;
mod escape;
mod markdown;

pub(crate) use complete::complete;
pub(crate) use disabled::Disabled;
