//! The parameters of the generator.
//!
//! [`table`] lists them once, for the parser of `--rust-gorums_opt=`, its errors and the help text. A build script sets
//! the same parameters with the methods of [`Parameters`].

mod check;
mod combinations;
mod error;
mod parse;
mod set;
mod table;

pub use error::{ParameterError, ParameterErrors};
pub use set::Parameters;
