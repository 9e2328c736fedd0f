//! Splits the bytes of a stream into messages.

use std::ops::Range;

use bytes::{BufMut, Bytes, BytesMut};
use prost::DecodeError;
use tonic::Status;

use super::message::StreamMessage;

/// A message's prefix: a flag for compression, and its length in four bytes.
const PREFIX: usize = 5;

/// How many bytes of a message that is too large are read, to find out which call it belongs to.
const GIST: usize = 1024;

/// The most bytes that are allocated before they arrive. A peer may announce more than it sends.
const AHEAD: usize = 1024 * 1024;

/// Splits bytes into messages, however the bytes arrive. A message that arrived in one piece is not copied.
#[derive(Debug)]
pub(crate) struct Deframer {
    /// The limit on the size of a message.
    most: usize,
    /// The bytes that have arrived.
    bytes: Bytes,
    /// How many of them have been read.
    read: usize,
    /// Where the last message is among them, unless it is gathered.
    last: Range<usize>,
    /// The beginning of a message whose rest has not arrived.
    begun: BytesMut,
    /// The gathered message, or its beginning, while it is borrowed.
    gathered: Bytes,
    /// How many more bytes of a message that is too large have to be skipped.
    skipped: usize,
}

/// A message that was received.
#[derive(Debug)]
pub(crate) enum Received<'a> {
    /// A message that decodes.
    Message(StreamMessage<'a>),
    /// A message that does not decode. The next one still may.
    Malformed(DecodeError),
    /// A message beyond the limit: as much of it as its beginning shows, and how many bytes it has.
    TooLarge(StreamMessage<'a>, usize),
}

/// Where the next message is.
enum Next {
    /// In place, among the bytes that have arrived.
    InPlace(Range<usize>),
    Gathered,
    /// Its beginning is gathered. It has this many bytes.
    TooLarge(usize),
}

impl Deframer {
    /// Accepts messages of at most `most` bytes.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            most,
            bytes: Bytes::new(),
            read: 0,
            last: 0..0,
            begun: BytesMut::new(),
            gathered: Bytes::new(),
            skipped: 0,
        }
    }

    /// Adds the bytes that have arrived next. Call it only after [`next`](Self::next) has returned `None`.
    pub(crate) fn push(&mut self, bytes: Bytes) {
        debug_assert!(self.bytes.is_empty(), "the bytes before have been read");
        self.bytes = bytes;
    }

    /// Whether the bytes so far end with a message.
    pub(crate) fn is_between_messages(&self) -> bool {
        self.begun.is_empty() && self.bytes.is_empty() && self.skipped == 0
    }

    /// Returns the next message, if all of it has arrived. An error ends the stream, because nobody knows where the
    /// next message begins.
    pub(crate) fn next(&mut self) -> Result<Option<Received<'_>>, Status> {
        let Some(next) = self.find()? else {
            // Lets the reader reuse the memory.
            self.bytes = Bytes::new();
            self.gathered = Bytes::new();
            self.read = 0;
            self.last = 0..0;
            return Ok(None);
        };
        Ok(Some(match next {
            Next::InPlace(range) => {
                self.last = range.clone();
                decode(&self.bytes[range], &self.bytes)
            }
            Next::Gathered => {
                self.last = 0..0;
                decode(&self.gathered, &self.gathered)
            }
            Next::TooLarge(len) => {
                let beginning = StreamMessage::decode_beginning(&self.gathered);
                Received::TooLarge(beginning, len)
            }
        }))
    }

    /// The last message that [`next`](Self::next) returned whole, encoded.
    pub(crate) fn last(&self) -> &[u8] {
        match self.last.is_empty() {
            true => &self.gathered,
            false => &self.bytes[self.last.clone()],
        }
    }

    /// How many bytes of memory it holds.
    #[cfg(feature = "_fuzz")]
    pub(crate) fn memory(&self) -> usize {
        self.bytes.len() + self.begun.capacity() + self.gathered.len()
    }

    fn find(&mut self) -> Result<Option<Next>, Status> {
        if self.skipped > 0 {
            let skipped = self.skipped.min(self.bytes.len() - self.read);
            self.read += skipped;
            self.skipped -= skipped;
        }
        let rest = &self.bytes[self.read..];
        if rest.is_empty() {
            return Ok(None);
        }
        if self.begun.is_empty() && rest.len() >= PREFIX {
            let len = length(rest)?;
            if len <= self.most && len <= rest.len() - PREFIX {
                let begin = self.read + PREFIX;
                self.read = begin + len;
                return Ok(Some(Next::InPlace(begin..self.read)));
            }
        }
        self.find_begun()
    }

    /// Continues with a message that arrives in pieces or is too large.
    fn find_begun(&mut self) -> Result<Option<Next>, Status> {
        if !self.gather(PREFIX) {
            return Ok(None);
        }
        let len = length(&self.begun)?;
        if len > self.most {
            let gist = len.min(GIST);
            if !self.gather(PREFIX + gist) {
                return Ok(None);
            }
            self.skipped = len - gist;
            self.gathered = self.begun.split().freeze().slice(PREFIX..);
            return Ok(Some(Next::TooLarge(len)));
        }
        let whole = PREFIX + len;
        self.begun
            .reserve(whole.min(AHEAD).saturating_sub(self.begun.len()));
        if !self.gather(whole) {
            return Ok(None);
        }
        self.gathered = self.begun.split().freeze().slice(PREFIX..);
        Ok(Some(Next::Gathered))
    }

    /// Gathers up to `len` bytes of the message that has begun. Returns whether all have arrived.
    fn gather(&mut self, len: usize) -> bool {
        let missing = len.saturating_sub(self.begun.len());
        let rest = &self.bytes[self.read..];
        let piece = &rest[..missing.min(rest.len())];
        self.begun.put(piece);
        self.read += piece.len();
        self.begun.len() >= len
    }
}

/// The length of the message that `prefix` announces.
fn length(prefix: &[u8]) -> Result<usize, Status> {
    let [flag, a, b, c, d, ..] = *prefix else {
        return Ok(0);
    };
    match flag {
        0 => Ok(u32::from_be_bytes([a, b, c, d]) as usize),
        1 => Err(Status::unimplemented(
            "a message of the stream is compressed, which node streams do not have",
        )),
        flag => Err(Status::internal(format!(
            "a message of the stream begins with {flag}, where 0 says that it is not compressed"
        ))),
    }
}

fn decode<'a>(message: &'a [u8], source: &'a Bytes) -> Received<'a> {
    match StreamMessage::decode(message, source) {
        Ok(message) => Received::Message(message),
        Err(error) => Received::Malformed(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::head::{Head, MethodName};

    const MOST: usize = 2000;

    /// A message with `bytes` of payload, in its frame.
    fn framed(number: u64, bytes: usize) -> Bytes {
        let head = Head {
            number,
            method: Some(MethodName::Received(b"p.S.M")),
            ..Head::default()
        };
        let frame = head.with(&vec![7; bytes]).expect("it is small");
        Bytes::copy_from_slice(frame.as_slice())
    }

    /// What a message tells of itself: its number and method, and why it is not taken.
    type Told = (u64, Vec<u8>, Option<usize>);

    /// What comes out of `bytes` that come in pieces of `piece` bytes; none of a message that cannot be read.
    fn received(bytes: &[u8], piece: usize) -> Vec<Option<Told>> {
        let mut deframer = Deframer::new(MOST);
        let mut received = Vec::new();
        for piece in bytes.chunks(piece) {
            deframer.push(Bytes::copy_from_slice(piece));
            while let Some(next) = deframer.next().expect("it is not compressed") {
                let told = |message: &StreamMessage<'_>, len| {
                    Some((message.number(), message.method().to_vec(), len))
                };
                received.push(match next {
                    Received::Message(message) => told(&message, None),
                    Received::TooLarge(message, len) => told(&message, Some(len)),
                    Received::Malformed(_) => None,
                });
            }
        }
        assert!(deframer.is_between_messages());
        received
    }

    fn told(number: u64) -> Option<Told> {
        Some((number, b"p.S.M".to_vec(), None))
    }

    #[test]
    fn messages_are_the_same_however_their_bytes_are_cut() {
        let frames = [framed(1, 3), framed(2, 0), framed(3, 1500), framed(4, 1)].concat();
        for piece in 1..=frames.len() {
            assert_eq!(received(&frames, piece), [1, 2, 3, 4].map(told));
        }
    }

    #[test]
    fn a_message_that_is_too_large_is_told_of_and_the_next_one_is_read() {
        let frames = [framed(1, 3), framed(2, 9000), framed(3, 3)].concat();
        let len = framed(2, 9000).len() - PREFIX;
        for piece in [1, 5, 6, 100, 1029, 4096, frames.len()] {
            let large = Some((2, b"p.S.M".to_vec(), Some(len)));
            assert_eq!(received(&frames, piece), [told(1), large, told(3)]);
        }
    }

    #[test]
    fn a_message_that_is_too_large_and_says_nothing_is_of_number_0() {
        let mut frame = BytesMut::new();
        frame.put_u8(0);
        frame.put_u32(5000);
        frame.put_bytes(0xff, 5000);
        let told = Some((0, Vec::new(), Some(5000)));
        assert_eq!(received(&frame, 777), [told]);
    }

    #[test]
    fn a_message_that_cannot_be_read_does_not_hide_the_next_one() {
        let frames = [&[0, 0, 0, 0, 3, 0xff, 0xff, 0xff][..], &framed(2, 0)].concat();
        assert_eq!(received(&frames, 4), [None, told(2)]);
    }

    #[test]
    fn what_is_no_frame_or_is_compressed_ends_the_stream() {
        for flag in [1, 2, 255] {
            let mut deframer = Deframer::new(MOST);
            deframer.push(Bytes::from(vec![flag, 0, 0, 0, 0]));
            deframer.next().expect_err("it is not taken");
        }
    }

    #[test]
    fn what_is_announced_takes_no_memory_before_it_comes() {
        let mut deframer = Deframer::new(usize::MAX);
        deframer.push(Bytes::from_static(&[0, 0xff, 0xff, 0xff, 0xff, 1]));
        assert!(deframer.next().expect("it is a beginning").is_none());
        assert!(deframer.begun.capacity() < 2 * AHEAD);
        assert!(!deframer.is_between_messages());
    }

    #[test]
    fn bytes_that_are_looked_at_are_not_kept() {
        let mut deframer = Deframer::new(MOST);
        let bytes = framed(1, 3);
        deframer.push(bytes.clone());
        while deframer.next().expect("it is a message").is_some() {}
        assert!(bytes.is_unique());
    }
}
