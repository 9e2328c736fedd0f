//! TODO

mod arrival;
mod calls;
mod cancellations;
mod ending;
mod events;
mod inbox;
#[expect(clippy::module_inception, reason = "it is what the module is about")]
mod node_stream;
mod one_way;
mod places;
mod refusals;
mod silence;
mod stragglers;

#[cfg(feature = "_bench")]
pub(crate) use arrival::Arrival;
pub(crate) use calls::{Calls, Opened, Registration};
pub(crate) use events::Event;
pub(crate) use node_stream::NodeStream;
pub(crate) use one_way::OneWayMessage;
pub(crate) use stragglers::Straggler;
