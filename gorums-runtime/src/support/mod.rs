//! Background tasks, caught panics and bounded texts.
//!
//! Imports nothing of the crate.

mod guard;
mod keep;
mod tasks;
mod text;

pub(crate) use guard::{Panicked, guard, guarded};
pub(crate) use keep::{Keep, RuntimeWatch};
pub(crate) use tasks::Tasks;
#[cfg(test)]
pub(crate) use text::DECODE_ERROR;
pub(crate) use text::{cut, decode_error};
