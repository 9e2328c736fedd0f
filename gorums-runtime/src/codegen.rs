//! What only generated code names. It changes with the generator; do not use it by hand.

pub use tonic_prost::ProstCodec;

pub use crate::caller::{Caller, NodeCaller};
pub use crate::correctable::{Correct, CorrectableCall};
pub use crate::one_way::MulticastCall;
pub use crate::server::handler::Handlers;
pub use crate::server::replica_server::Serve;
