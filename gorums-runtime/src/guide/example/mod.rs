//! The services of the guide: their protos, and the code that is generated for them.

mod handlers;
pub mod log;
#[doc(hidden)]
pub mod prelude;
mod quorum_functions;
mod run;
pub mod storage;
