//! The client's end of node streams.
//!
//! Owns the stream to each node, the table of calls that wait for replies, and the stragglers. Imports `call`,
//! `connection`, `identity`, `node_info`, `status`, `telemetry` and `wire`. Does not know `Node` or `Configuration`: a call's nodes
//! are indices here.

mod arrival;
mod calls;
mod cancellations;
mod carrier;
mod driver;
mod ending;
mod events;
mod failures;
mod held_turn;
mod inbox;
mod one_way;
mod opener;
mod places;
mod reader;
mod refusals;
mod reverse;
mod silence;
mod stragglers;
mod stream;
mod stream_options;

#[cfg(feature = "_bench")]
pub(crate) use arrival::Arrival;
pub(crate) use calls::{Calls, Opened, Registration};
pub(crate) use carrier::Carrier;
pub(crate) use events::Event;
pub(crate) use one_way::OneWayMessage;
pub(crate) use reverse::{ReverseServer, ReverseService};
pub(crate) use stragglers::Straggler;
pub(crate) use stream::NodeStream;
pub(crate) use stream_options::StreamOptions;
