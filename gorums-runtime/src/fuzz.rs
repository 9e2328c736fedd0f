//! The decoder of node streams, for this repository's fuzzing. Not a public interface: it changes with the code that it
//! tests.

use bytes::Bytes;
use tonic::{Code, Status};

use crate::wire::{Deframer, Head, MethodName, Received, RpcStatus, StreamMessage};

/// Splits bytes into messages as both ends of a node stream do.
#[derive(Debug)]
pub struct Deframing(Deframer);

/// What the bytes contain.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A message.
    Message(Message),
    /// A message that does not decode.
    Malformed,
    /// A message that is too large.
    TooLarge {
        /// Its number, if that is in its beginning.
        number: u64,
        /// Its method, if that is in its beginning.
        method: Vec<u8>,
    },
}

/// A message, copied.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// The call's number.
    pub number: u64,
    /// The method's name.
    pub method: Vec<u8>,
    /// The code and text of its failure, unless it has too much metadata.
    pub failure: Option<(Code, String)>,
    /// The keys and values of its metadata.
    pub entries: Vec<(String, String)>,
    /// Whether it has more metadata than is accepted.
    pub has_excess: bool,
    /// The application's message.
    pub payload: Vec<u8>,
}

impl Deframing {
    /// Accepts messages of at most `most` bytes.
    pub fn new(most: usize) -> Self {
        Self(Deframer::new(most))
    }

    /// Adds bytes. Call it only after [`next`](Self::next) has returned `None`.
    pub fn push(&mut self, bytes: Bytes) {
        self.0.push(bytes);
    }

    /// Returns the next message, if all of it has arrived.
    ///
    /// # Errors
    ///
    /// If the stream cannot go on.
    #[expect(clippy::should_implement_trait, reason = "it is no iterator")]
    pub fn next(&mut self) -> Result<Option<Event>, Status> {
        let received = self.0.next()?;
        Ok(received.map(|received| match received {
            Received::Message(message) => Event::Message(Message::of(message)),
            Received::Malformed(_) => Event::Malformed,
            Received::TooLarge(message, _) => Event::TooLarge {
                number: message.number(),
                method: message.method().to_vec(),
            },
        }))
    }

    /// Whether the bytes so far end with a message.
    pub fn is_between_messages(&self) -> bool {
        self.0.is_between_messages()
    }

    /// How many bytes of memory it holds.
    pub fn memory(&self) -> usize {
        self.0.memory()
    }
}

impl Message {
    /// Decodes a message without a frame. `None` if the bytes do not decode.
    pub fn decode(bytes: &Bytes) -> Option<Self> {
        StreamMessage::decode(bytes, bytes).ok().map(Self::of)
    }

    fn of(mut message: StreamMessage<'_>) -> Self {
        let has_excess = message.excess().is_some();
        let failure = message.failure().filter(|_| !has_excess);
        Self {
            number: message.number(),
            method: message.method().to_vec(),
            failure: failure.map(|status| (status.code(), status.message().to_string())),
            entries: message
                .take_entries()
                .into_iter()
                .map(|entry| (entry.key, entry.value))
                .collect(),
            has_excess,
            payload: message.payload().bytes().to_vec(),
        }
    }

    /// Encodes the message with its frame, with its first entry only and without payload. `None` if it is larger than
    /// gRPC's limit.
    pub fn encode(&self) -> Option<Vec<u8>> {
        let failure = self.failure.as_ref();
        let status = failure.map(|(code, text)| RpcStatus::of(&Status::new(*code, text.as_str())));
        let entry = self.entries.first();
        let head = Head {
            number: self.number,
            method: Some(MethodName::Received(&self.method)),
            status: status.as_ref(),
            entry: entry.map(|(key, value)| (key.as_str(), value.as_str())),
            ..Head::default()
        };
        let frame = head.alone().ok()?;
        Some(frame.as_slice().to_vec())
    }
}
