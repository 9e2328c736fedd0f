//! Background tasks, caught panics and bounded texts.
//!
//! Owns the end of a manager's background tasks, and what must not fail or grow because of the code or the data of
//! others. Imports nothing of the crate. Does not know calls, nodes or messages.

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
