//! Background tasks, caught panics, bounded texts, and connections of any kind with their turns.
//!
//! Owns the end of a manager's background tasks, and what must not fail or grow because of the code or the data of
//! others. Imports nothing of the crate. Does not know calls, nodes or messages.

mod connection;
mod guard;
mod keep;
mod pipe;
mod tasks;
mod text;
mod turns;

pub(crate) use connection::BoxedConnection;
pub use connection::Connection;
pub(crate) use guard::{Panicked, guard, guarded};
pub(crate) use keep::{Keep, RuntimeWatch};
#[cfg(feature = "_tls-any")]
pub(crate) use pipe::InProcess;
pub(crate) use pipe::Pipe;
pub(crate) use tasks::Tasks;
#[cfg(test)]
pub(crate) use text::DECODE_ERROR;
pub(crate) use text::{cut, decode_error};
pub(crate) use turns::{LargeTransfer, Turns, begin_large};
