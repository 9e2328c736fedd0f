//! Messages out of the bytes that they travel in.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use prost::DecodeError;
use tonic::Status;

use super::message::StreamMessage;

/// The flag that tells whether a message is compressed, and its length in four bytes.
const PREFIX: usize = 5;

/// How many bytes of a message that is too large are looked at: they tell which call it is of.
const GIST: usize = 1024;

/// How many bytes are kept free for a message before they come. What a peer announces it need not send.
const AHEAD: usize = 1024 * 1024;

/// Takes messages out of bytes, however these are cut. A message that came in one piece is not copied.
#[derive(Debug)]
pub(super) struct Deframer {
    /// How many bytes a message may have.
    most: usize,
    /// What has come and is not looked at.
    bytes: Bytes,
    /// The beginning of a message whose rest has not come.
    begun: BytesMut,
    /// How many bytes of a message that is too large are still to come.
    skipped: usize,
}

/// A message that was received.
#[derive(Debug)]
pub(crate) enum Received {
    /// One that can be read.
    Message(StreamMessage),
    /// One that cannot. The next one can all the same.
    Malformed(DecodeError),
    /// One that is larger than it may be: what could be told without reading it all.
    TooLarge(StreamMessage, Status),
}

impl Deframer {
    /// Takes out messages of `most` bytes at most.
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            bytes: Bytes::new(),
            begun: BytesMut::new(),
            skipped: 0,
        }
    }

    /// Adds what has come next. Only once [`next`](Self::next) has none.
    pub(super) fn push(&mut self, bytes: Bytes) {
        debug_assert!(self.bytes.is_empty(), "what came before is not taken out");
        self.bytes = bytes;
    }

    /// Whether what has come ends with the end of a message.
    pub(super) fn is_between_messages(&self) -> bool {
        self.begun.is_empty() && self.bytes.is_empty() && self.skipped == 0
    }

    /// The next message, if all of it has come. An error ends the stream: where the next message begins is not known.
    pub(super) fn next(&mut self) -> Result<Option<Received>, Status> {
        let skipped = self.skipped.min(self.bytes.len());
        self.bytes.advance(skipped);
        self.skipped -= skipped;
        if self.bytes.is_empty() {
            return Ok(None);
        }
        if self.begun.is_empty() && self.bytes.len() >= PREFIX {
            let len = length(&self.bytes)?;
            if len <= self.most && len <= self.bytes.len() - PREFIX {
                self.bytes.advance(PREFIX);
                return Ok(Some(decode(self.bytes.split_to(len))));
            }
        }
        self.begin()
    }

    /// Goes on with a message that comes in pieces, or is too large.
    fn begin(&mut self) -> Result<Option<Received>, Status> {
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
            return Ok(Some(self.too_large(len)));
        }
        let whole = PREFIX + len;
        self.begun
            .reserve(whole.min(AHEAD).saturating_sub(self.begun.len()));
        if !self.gather(whole) {
            return Ok(None);
        }
        let message = self.begun.split().freeze();
        Ok(Some(decode(message.slice(PREFIX..))))
    }

    /// Gathers up to `len` bytes of the message that has begun. Whether they are there.
    fn gather(&mut self, len: usize) -> bool {
        let missing = len.saturating_sub(self.begun.len());
        let piece = self.bytes.split_to(missing.min(self.bytes.len()));
        self.begun.put(piece);
        self.begun.len() >= len
    }

    fn too_large(&mut self, len: usize) -> Received {
        let gist = self.begun.split().freeze().slice(PREFIX..);
        let text = format!("the message has {len} bytes, and {} are taken", self.most);
        Received::TooLarge(
            StreamMessage::decode_beginning(gist),
            Status::out_of_range(text),
        )
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

fn decode(message: Bytes) -> Received {
    match StreamMessage::decode(message) {
        Ok(message) => Received::Message(message),
        Err(error) => Received::Malformed(error),
    }
}

#[cfg(test)]
mod tests {
    use super::super::head::{Head, MethodName};
    use super::*;

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

    /// What comes out of `bytes` that come in pieces of `piece` bytes.
    fn received(bytes: &[u8], piece: usize) -> Vec<Received> {
        let mut deframer = Deframer::new(MOST);
        let mut received = Vec::new();
        for piece in bytes.chunks(piece) {
            deframer.push(Bytes::copy_from_slice(piece));
            while let Some(next) = deframer.next().expect("it is not compressed") {
                received.push(next);
            }
        }
        assert!(deframer.is_between_messages());
        received
    }

    #[test]
    fn messages_are_the_same_however_their_bytes_are_cut() {
        let frames = [framed(1, 3), framed(2, 0), framed(3, 1500), framed(4, 1)].concat();
        for piece in 1..=frames.len() {
            let received = received(&frames, piece);
            assert_eq!(received.len(), 4);
            for (number, message) in (1..).zip(received) {
                let Received::Message(message) = message else {
                    panic!("{message:?}");
                };
                assert_eq!(
                    (message.number(), message.method()),
                    (number, &b"p.S.M"[..])
                );
            }
        }
    }

    #[test]
    fn a_message_that_is_too_large_is_told_of_and_the_next_one_is_read() {
        let frames = [framed(1, 3), framed(2, 9000), framed(3, 3)].concat();
        for piece in [1, 5, 6, 100, 1029, 4096, frames.len()] {
            let received = received(&frames, piece);
            let [
                Received::Message(first),
                Received::TooLarge(large, status),
                Received::Message(last),
            ] = &received[..]
            else {
                panic!("{received:?}");
            };
            let numbers = [first, large, last].map(StreamMessage::number);
            assert_eq!((numbers, large.method()), ([1, 2, 3], &b"p.S.M"[..]));
            assert_eq!(status.code(), tonic::Code::OutOfRange);
        }
    }

    #[test]
    fn a_message_that_is_too_large_and_says_nothing_is_of_number_0() {
        let mut frame = BytesMut::new();
        frame.put_u8(0);
        frame.put_u32(5000);
        frame.put_bytes(0xff, 5000);
        let received = received(&frame, 777);
        assert!(matches!(&received[..], [Received::TooLarge(large, _)] if large.number() == 0));
    }

    #[test]
    fn a_message_that_cannot_be_read_does_not_hide_the_next_one() {
        let frames = [&[0, 0, 0, 0, 3, 0xff, 0xff, 0xff][..], &framed(2, 0)].concat();
        let received = received(&frames, 4);
        assert!(matches!(
            received[..],
            [Received::Malformed(_), Received::Message(_)]
        ));
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
}
