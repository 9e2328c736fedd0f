//! Encodes messages of node streams.

use prost::Message;
use prost::encoding::encoded_len_varint;
use tonic::Status;
use tonic::metadata::{KeyAndValueRef, MetadataMap};

use super::frame::Frame;
use super::message::RpcStatus;
use crate::call::MethodDescriptor;

/// A message's prefix: the flag for "not compressed" and its length in four bytes.
const PREFIX: usize = 5;

/// The keys of the fields of a `stream.Message`, and of its entries: all but the number are of variable length.
pub(super) mod key {
    pub(crate) const NUMBER: u8 = 1 << 3;
    pub(crate) const METHOD: u8 = 2 << 3 | 2;
    pub(crate) const STATUS: u8 = 3 << 3 | 2;
    pub(crate) const ENTRY: u8 = 4 << 3 | 2;
    pub(crate) const PAYLOAD: u8 = 5 << 3 | 2;
    pub(crate) const ENTRY_KEY: u8 = 1 << 3 | 2;
    pub(crate) const ENTRY_VALUE: u8 = 2 << 3 | 2;
}

/// The entry of a message that ends a stream of replies.
pub(crate) const END: &str = "gorums-end";
/// The entry of a message that withdraws a call.
pub(crate) const CANCEL: &str = "gorums-cancel";

/// A message without its payload.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Head<'a> {
    /// The call's number.
    pub(crate) number: u64,
    /// The method; `None` in messages about a call that the peer knows.
    pub(crate) method: Option<MethodName<'a>>,
    /// How the call failed.
    pub(crate) status: Option<&'a RpcStatus>,
    /// Metadata of the call.
    pub(crate) metadata: Option<&'a MetadataMap>,
    /// An entry of the protocol itself: its key and value.
    pub(crate) entry: Option<(&'a str, &'a str)>,
}

/// The full name of a method, with dots.
#[derive(Clone, Copy, Debug)]
pub(crate) enum MethodName<'a> {
    Of(&'a MethodDescriptor),
    /// As it was received.
    Received(&'a [u8]),
}

impl Head<'_> {
    /// Encodes the message without a payload.
    pub(crate) fn alone(&self) -> Result<Frame, Status> {
        self.with(&())
    }

    /// Encodes the message with `payload`.
    pub(crate) fn with(&self, payload: &impl Message) -> Result<Frame, Status> {
        let payload_len = payload.encoded_len();
        self.followed_by(field_len(payload_len), |frame| {
            if payload_len > 0 {
                frame.push(key::PAYLOAD);
                put_varint(payload_len as u64, frame);
                payload.encode_raw(frame);
            }
        })
    }

    /// Encodes the message with further `fields`, which are encoded already.
    pub(super) fn before(&self, fields: &[u8]) -> Result<Frame, Status> {
        self.followed_by(fields.len(), |frame| frame.extend_from_slice(fields))
    }

    /// Encodes the message with `more` bytes, which `write` appends.
    #[inline]
    fn followed_by(&self, more: usize, write: impl FnOnce(&mut Vec<u8>)) -> Result<Frame, Status> {
        let len = self.len()? + more;
        let prefix = u32::try_from(len).map_err(|_| {
            Status::resource_exhausted(format!(
                "the message has {len} bytes, and the limit of gRPC is 4 GiB"
            ))
        })?;
        Ok(Frame::written(PREFIX + len, |frame| {
            let [a, b, c, d] = prefix.to_be_bytes();
            frame.extend_from_slice(&[0, a, b, c, d]);
            self.write(frame);
            write(frame);
        }))
    }

    #[inline]
    fn len(&self) -> Result<usize, Status> {
        let number = match self.number {
            0 => 0,
            number => 1 + encoded_len_varint(number),
        };
        let method = self.method.map_or(0, |method| field_len(method.len()));
        let status = self
            .status
            .map_or(0, |status| message_len(status.encoded_len()));
        let mut len = number + method + status;
        for (key, value) in self.metadata_entries() {
            let value = std::str::from_utf8(value).map_err(|_| {
                Status::invalid_argument(format!(
                    "the value of the metadata {key:?} is not UTF-8, which node streams carry; give it a key that ends in -bin"
                ))
            })?;
            len += message_len(entry_len(key, value.as_bytes()));
        }
        if let Some((key, value)) = self.entry {
            len += message_len(entry_len(key, value.as_bytes()));
        }
        Ok(len)
    }

    fn write(&self, frame: &mut Vec<u8>) {
        if self.number != 0 {
            frame.push(key::NUMBER);
            put_varint(self.number, frame);
        }
        if let Some(method) = self.method
            && method.len() > 0
        {
            frame.push(key::METHOD);
            put_varint(method.len() as u64, frame);
            method.write(frame);
        }
        if let Some(status) = self.status {
            frame.push(key::STATUS);
            put_varint(status.encoded_len() as u64, frame);
            status.encode_raw(frame);
        }
        for (key, value) in self.metadata_entries() {
            write_entry(key, value, frame);
        }
        if let Some((key, value)) = self.entry {
            write_entry(key, value.as_bytes(), frame);
        }
    }

    /// The keys and values of the metadata. Binary values are in base64, as in HTTP headers.
    fn metadata_entries(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let entries = self.metadata.into_iter().flat_map(MetadataMap::iter);
        entries.map(|entry| match entry {
            KeyAndValueRef::Ascii(key, value) => (key.as_str(), value.as_bytes()),
            KeyAndValueRef::Binary(key, value) => (key.as_str(), value.as_encoded_bytes()),
        })
    }
}

impl MethodName<'_> {
    fn len(&self) -> usize {
        match self {
            Self::Of(method) => method.service().len() + 1 + method.name().len(),
            Self::Received(name) => name.len(),
        }
    }

    fn write(&self, frame: &mut Vec<u8>) {
        match self {
            Self::Of(method) => {
                frame.extend_from_slice(method.service().as_bytes());
                frame.push(b'.');
                frame.extend_from_slice(method.name().as_bytes());
            }
            Self::Received(name) => frame.extend_from_slice(name),
        }
    }
}

/// Appends `value` as a varint. prost's own function checks the capacity for each byte, which
/// `bench/benches/instructions.rs` shows.
#[inline]
fn put_varint(mut value: u64, frame: &mut Vec<u8>) {
    while value >= 0x80 {
        frame.push(value as u8 | 0x80);
        value >>= 7;
    }
    frame.push(value as u8);
}

/// The length of a field with its key. Empty fields are absent.
fn field_len(len: usize) -> usize {
    match len {
        0 => 0,
        len => message_len(len),
    }
}

/// The length of a message field with its key. Empty messages are present.
fn message_len(len: usize) -> usize {
    1 + encoded_len_varint(len as u64) + len
}

fn entry_len(key: &str, value: &[u8]) -> usize {
    field_len(key.len()) + field_len(value.len())
}

fn write_entry(key: &str, value: &[u8], frame: &mut Vec<u8>) {
    frame.push(key::ENTRY);
    put_varint(entry_len(key, value) as u64, frame);
    for (field, text) in [(key::ENTRY_KEY, key.as_bytes()), (key::ENTRY_VALUE, value)] {
        if !text.is_empty() {
            frame.push(field);
            put_varint(text.len() as u64, frame);
            frame.extend_from_slice(text);
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use prost::Message;

    use super::*;
    use crate::wire::message::MetadataEntry;
    use crate::wire::message::StreamMessage;

    const READ: MethodDescriptor = MethodDescriptor::new("/proto.Storage/ReadQC");

    /// The message in a frame, and that its prefix tells its length.
    fn message(frame: &Frame) -> &[u8] {
        let (prefix, message) = frame.as_slice().split_at(PREFIX);
        assert_eq!(prefix[0], 0);
        assert_eq!(prefix[1..], (message.len() as u32).to_be_bytes());
        message
    }

    #[test]
    fn a_request_is_what_go_sends() {
        let head = Head {
            number: 1,
            method: Some(MethodName::Of(&READ)),
            ..Head::default()
        };
        let key = MetadataEntry {
            key: "k".to_string(),
            ..MetadataEntry::default()
        };
        let frame = head.with(&key).expect("it is small");
        let recorded = b"\x08\x01\x12\x14proto.Storage.ReadQC\x2a\x03\x0a\x01k";
        assert_eq!(message(&frame), recorded);
        let empty = head.alone().expect("it is small");
        assert_eq!(message(&empty), &recorded[..24]);
    }

    #[test]
    fn what_is_written_is_read_back() {
        let mut metadata = MetadataMap::new();
        metadata.insert("trace", "abc".parse().expect("ASCII"));
        metadata.insert_bin(
            "raw-bin",
            tonic::metadata::MetadataValue::from_bytes(&[0, 255]),
        );
        let status = RpcStatus::of(&Status::aborted("no"));
        let head = Head {
            number: 1 << 63 | 5,
            method: Some(MethodName::Of(&READ)),
            status: Some(&status),
            metadata: Some(&metadata),
            entry: Some((END, "")),
        };
        let payload = MetadataEntry {
            key: "k".repeat(300),
            value: String::new(),
        };
        let frame = head.with(&payload).expect("it is small");
        let bytes = Bytes::copy_from_slice(message(&frame));
        let mut read = StreamMessage::decode(&bytes, &bytes).expect("it is well-formed");
        assert_eq!(read.number(), head.number);
        assert_eq!(read.method(), b"proto.Storage.ReadQC");
        assert_eq!(
            read.failure().map(|status| status.code()),
            Some(tonic::Code::Aborted)
        );
        assert!(read.has(END) && read.has("trace") && !read.has(CANCEL));
        let mut back = MetadataMap::new();
        super::super::message::replace_entries(&mut back, &read.take_entries());
        assert_eq!(MetadataEntry::decode(read.payload().bytes()), Ok(payload));
        assert_eq!(back.get("trace"), metadata.get("trace"));
        assert_eq!(back.get_bin("raw-bin"), metadata.get_bin("raw-bin"));
    }

    #[test]
    fn number_0_is_absent() {
        assert!(message(&Head::default().alone().expect("it is small")).is_empty());
    }

    #[test]
    fn what_is_empty_is_counted_as_it_is_written() {
        let status = RpcStatus::of(&Status::ok(""));
        let head = Head {
            method: Some(MethodName::Received(b"")),
            status: Some(&status),
            entry: Some(("", "")),
            ..Head::default()
        };
        let frame = head.alone().expect("it is small");
        assert_eq!(message(&frame), b"\x1a\x00\x22\x00");
    }
}
