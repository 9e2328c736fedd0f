//! Node streams at both ends: the bytes of a message, and the queue of outgoing messages.
//!
//! Owns the protocol's encoding, its headers, and the order, bounds and cancellation of what is enqueued. Imports
//! `call` and `status`. Does not know which end it serves: neither the client's calls, which it reaches through the
//! trait `Requests`, nor the server's handlers.

mod call_number;
mod capacity;
mod client_id;
mod deframer;
mod frame;
mod gate;
mod head;
mod headers;
mod line;
mod message;
mod messages;
mod owner;
mod packed_queue;
mod payload;
mod pending;
mod queue;
mod queue_body;
mod queue_state;
mod reverse;
mod stream_number;
mod unread;

pub(crate) use call_number::{CallNumber, HashCallNumber};
pub(crate) use capacity::Capacity;
pub(crate) use client_id::ClientId;
#[cfg(feature = "_fuzz")]
pub(crate) use deframer::Deframer;
pub(crate) use deframer::Received;
pub(crate) use frame::Frame;
pub(crate) use head::{CANCEL, END, Head, MethodName};
pub(crate) use headers::{
    CLIENT, EXTENSIONS, HELD_TURN, KEEP_ALIVE, MAX_FRAME, PATH, SERVICE, STREAM,
};
pub(crate) use message::{
    MOST_ENTRIES, MOST_ENTRY_BYTES, MetadataEntry, RpcStatus, StreamMessage, replace_entries,
};
pub(crate) use messages::Messages;
pub(crate) use owner::{Owner, Requests};
pub(crate) use packed_queue::PackedQueue;
pub(crate) use payload::Payload;
pub(crate) use queue::Queue;
pub(crate) use queue_body::QueueBody;
pub(crate) use queue_state::IsFirst;
pub(crate) use reverse::{CarryingBody, FROM_SERVER, ReverseBody, renumbered};
pub(crate) use stream_number::{StreamNumber, StreamNumbers};
pub(crate) use unread::Unread;
