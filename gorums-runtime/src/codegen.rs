//! What only generated code names. It changes with the generator; do not use it by hand.

use std::future::Ready;

pub use tonic_prost::ProstCodec;

pub use crate::caller::{Caller, NodeCaller};
pub use crate::correctable::{Correct, CorrectableCall};
pub use crate::one_way::MulticastCall;
pub use crate::server::handler::Handlers;
pub use crate::server::replica_server::Serve;

/// The body of a function that a mock does not implement.
///
/// # Panics
///
/// Always, with the name of the function.
pub fn not_mocked<T>(function: &str) -> T {
    panic!("the mock does not implement `{function}`")
}

/// The body of a function that a mock does not implement, if it returns a future.
///
/// # Panics
///
/// Always, with the name of the function.
pub fn not_mocked_future<T>(function: &str) -> Ready<T> {
    not_mocked(function)
}
