//! Node streams: one long-lived stream per node, on which all calls to it travel in order.

mod arrival;
mod call_number;
mod calls;
mod cancellations;
mod client_id;
mod deframer;
mod ending;
mod events;
mod fan_out;
mod frame;
mod gate;
mod head;
pub(crate) mod headers;
mod inbox;
mod line;
mod message;
mod messages;
mod node_stream;
mod one_way;
mod payload;
mod pending;
mod places;
mod queue;
mod queue_body;
mod refusals;
mod reply_limit;
mod silence;
mod stragglers;
mod stream_number;
mod unread;

#[cfg(feature = "_bench")]
pub(crate) use arrival::Arrival;
pub(crate) use calls::Calls;
#[cfg(feature = "_fuzz")]
pub(crate) use deframer::Deframer;
pub(crate) use deframer::Received;
pub(crate) use fan_out::StreamFanOut;
pub(crate) use frame::Frame;
pub(crate) use head::{CANCEL, END, Head, MethodName};
pub(crate) use message::{
    Entry, MOST_ENTRIES, MOST_ENTRY_BYTES, RpcStatus, StreamMessage, replace_entries,
};
pub(crate) use messages::Messages;
pub(crate) use node_stream::NodeStream;
pub(crate) use one_way::OneWayMessage;
pub(crate) use payload::Payload;
pub(crate) use pending::Owner;
pub(crate) use queue::{Capacity, Queue};
pub(crate) use queue_body::QueueBody;
pub(crate) use reply_limit::{Held, ReplyLimit};
#[cfg(feature = "_bench")]
pub(crate) use stream_number::StreamNumbers;
pub(crate) use unread::Unread;

/// The service that streams are calls of, and its only method.
pub(crate) const SERVICE: &str = "stream.Gorums";
/// The path of the method that a stream is a call of.
pub(crate) const PATH: &str = "/stream.Gorums/NodeStream";
