//! TODO

mod arrival;
mod calls;
mod cancellations;
mod driver;
mod ending;
mod events;
mod failures;
mod inbox;
mod one_way;
mod opener;
mod places;
mod refusals;
mod silence;
mod stragglers;
mod stream;

#[cfg(feature = "_bench")]
pub(crate) use arrival::Arrival;
pub(crate) use calls::{Calls, Opened, Registration};
pub(crate) use events::Event;
pub(crate) use one_way::OneWayMessage;
pub(crate) use stragglers::Straggler;
pub(crate) use stream::NodeStream;
