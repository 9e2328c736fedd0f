//! The method options, and which of them a method sets.

mod method_option;
mod registry;

pub(crate) use method_option::MethodOption;
pub(crate) use registry::{MethodOptions, Registry};
