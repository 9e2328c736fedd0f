//! What a message of a node stream is.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use prost::encoding::{self, DecodeContext, WireType};
use prost::{DecodeError, Message};
use tonic::metadata::MetadataMap;
use tonic::{Code, Status};

use super::head::key;
use super::payload::Payload;
use crate::grpc::bounded;

/// A request or a reply that was received: a `stream.Message`.
///
/// Most have a number, a method and a payload and nothing else. They are read where they lie.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StreamMessage<'a> {
    number: u64,
    method: &'a [u8],
    payload: Payload<'a>,
    source: &'a Bytes,
    extras: Option<Box<Extras>>,
}

/// What few messages have.
#[derive(Clone, Debug, Default, PartialEq)]
struct Extras {
    /// How the call failed; on replies only.
    status: Option<RpcStatus>,
    /// Metadata of this message.
    entries: Vec<Entry>,
}

/// One entry of a message's metadata: `stream.MetadataEntry`.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct Entry {
    #[prost(string, tag = "1")]
    pub(crate) key: String,
    #[prost(string, tag = "2")]
    pub(crate) value: String,
}

/// `google.rpc.Status`
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    /// Each a `google.protobuf.Any`, which is passed on as it is.
    #[prost(bytes = "bytes", repeated, tag = "3")]
    details: Vec<Bytes>,
}

impl<'a> StreamMessage<'a> {
    /// Reads the message that is all of `bytes`, which are a part of `source`.
    pub(crate) fn decode(bytes: &'a [u8], source: &'a Bytes) -> Result<Self, DecodeError> {
        let mut message = Self::empty(source);
        message.read(bytes)?;
        Ok(message)
    }

    /// Reads what there is in `bytes` of a message whose end is missing.
    pub(crate) fn decode_beginning(bytes: &'a Bytes) -> Self {
        let mut message = Self::empty(bytes);
        // It ends somewhere within a field.
        let _ = message.read(bytes);
        message
    }

    fn empty(source: &'a Bytes) -> Self {
        Self {
            number: 0,
            method: &[],
            payload: Payload::of(&[], source),
            source,
            extras: None,
        }
    }

    /// The same message, now failed with `status`.
    pub(crate) fn failed(mut self, status: &Status) -> Self {
        self.extras().status = Some(RpcStatus::of(status));
        self
    }

    /// The call's number, which its replies carry back.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// The method's full name with dots.
    pub(crate) fn method(&self) -> &'a [u8] {
        self.method
    }

    /// The application's message.
    pub(crate) fn payload(&self) -> Payload<'a> {
        self.payload
    }

    /// Takes the metadata of this message out.
    pub(crate) fn take_entries(&mut self) -> Vec<Entry> {
        let extras = self.extras.as_mut();
        extras.map_or_else(Vec::new, |extras| std::mem::take(&mut extras.entries))
    }

    /// Whether the message carries an entry with this key.
    pub(crate) fn has(&self, key: &str) -> bool {
        let mut entries = self.extras.iter().flat_map(|extras| &extras.entries);
        entries.any(|entry| entry.key == key)
    }

    /// Why the call failed, if it did.
    pub(crate) fn failure(&self) -> Option<Status> {
        let status = self.extras.as_ref()?.status.as_ref()?;
        let code = Code::from_i32(status.code);
        (code != Code::Ok).then(|| {
            let details = match status.details.is_empty() {
                true => Bytes::new(),
                false => status.encode_to_vec().into(),
            };
            bounded(Status::with_details(code, status.message.clone(), details))
        })
    }

    /// Reads the fields in `rest`, as far as they can be. Of a field that is there twice the last counts.
    ///
    /// Taking messages apart is what both ends do most: with prost's own decoder, and its copies of the fields, it is a
    /// seventh of a client's instructions for a quorum call.
    fn read(&mut self, mut rest: &'a [u8]) -> Result<(), DecodeError> {
        while let [key, after @ ..] = rest {
            match *key {
                key::NUMBER => {
                    rest = after;
                    self.number = varint(&mut rest)?;
                }
                key::METHOD | key::STATUS | key::ENTRY | key::PAYLOAD => {
                    rest = after;
                    let field = field(&mut rest)?;
                    match *key {
                        key::METHOD => self.method = field,
                        key::PAYLOAD => self.payload = Payload::of(field, self.source),
                        key::STATUS => {
                            let status = &mut self.extras().status;
                            status.get_or_insert_default().merge(field)?;
                        }
                        _ => self.extras().entries.push(Entry::decode(field)?),
                    }
                }
                _ => skip(&mut rest)?,
            }
        }
        Ok(())
    }

    fn extras(&mut self) -> &mut Extras {
        self.extras.get_or_insert_default()
    }
}

/// Takes a number off `rest`.
fn varint(rest: &mut &[u8]) -> Result<u64, DecodeError> {
    match *rest {
        [byte @ 0..0x80, after @ ..] => {
            let number = u64::from(*byte);
            *rest = after;
            Ok(number)
        }
        _ => encoding::decode_varint(rest),
    }
}

/// Takes the bytes of a field off `rest`, which begins with their number.
fn field<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], DecodeError> {
    let mut after = *rest;
    let len = varint(&mut after)?;
    let split = usize::try_from(len).ok();
    match split.and_then(|len| after.split_at_checked(len)) {
        Some((field, next)) => {
            *rest = next;
            Ok(field)
        }
        // prost has the words for it.
        None => {
            encoding::skip_field(WireType::LengthDelimited, 1, rest, DecodeContext::default())?;
            Ok(&[])
        }
    }
}

/// Takes a field off `rest`, with its key, that a message does not have.
fn skip(rest: &mut &[u8]) -> Result<(), DecodeError> {
    let (tag, wire_type) = encoding::decode_key(rest)?;
    let expected = match tag {
        1 => WireType::Varint,
        2..=5 => WireType::LengthDelimited,
        _ => wire_type,
    };
    encoding::check_wire_type(expected, wire_type)?;
    encoding::skip_field(wire_type, tag, rest, DecodeContext::default())
}

impl RpcStatus {
    /// The form in which `status` travels.
    pub(crate) fn of(status: &Status) -> Self {
        // By gRPC's convention a status' details are a `google.rpc.Status` with the same code.
        let details = Self::decode(status.details()).map(|status| status.details);
        Self {
            code: status.code().into(),
            message: status.message().to_string(),
            details: details.unwrap_or_default(),
        }
    }
}

/// Adds `entries` to `metadata`. An entry that is no valid metadata is left out: no header could have carried it.
pub(crate) fn add_entries(metadata: &mut MetadataMap, entries: &[Entry]) {
    let headers: &mut HeaderMap = metadata.as_mut();
    for Entry { key, value } in entries {
        if let (Ok(key), Ok(value)) = (key.parse::<HeaderName>(), value.parse::<HeaderValue>()) {
            headers.append(key, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(bytes: &Bytes) -> Result<StreamMessage<'_>, DecodeError> {
        StreamMessage::decode(bytes, bytes)
    }

    #[test]
    fn fields_may_come_in_any_order_and_more_than_once() {
        let bytes = Bytes::from_static(b"\x2a\x01a\x0a0skipped");
        let message = decode(&bytes).expect_err("a number is no string");
        assert!(message.to_string().contains("wire type"), "{message}");
        let bytes = Bytes::from_static(
            b"\x2a\x01a\x12\x03p.S\x08\x07\x2a\x02bc\x30\x01\x3a\x01x\x08\x85\x01",
        );
        let message = decode(&bytes).expect("it is well-formed");
        assert_eq!((message.number(), message.method()), (133, &b"p.S"[..]));
        assert_eq!(message.payload().bytes(), b"bc");
    }

    #[test]
    fn what_is_missing_is_empty() {
        let bytes = Bytes::new();
        let message = decode(&bytes).expect("it is well-formed");
        assert_eq!((message.number(), message.method()), (0, &b""[..]));
        assert!(message.failure().is_none() && !message.has(""));
        assert!(message.payload().bytes().is_empty());
    }

    #[test]
    fn what_ends_too_early_cannot_be_read_but_its_beginning_can() {
        let whole = Bytes::from_static(b"\x08\x07\x12\x03p.S\x2a\x05abcde");
        for end in [1, 3, 5, 8, 12] {
            decode(&whole.slice(..end)).expect_err("its end is missing");
        }
        let beginning = whole.slice(..10);
        let beginning = StreamMessage::decode_beginning(&beginning);
        assert_eq!((beginning.number(), beginning.method()), (7, &b"p.S"[..]));
        assert!(beginning.payload().bytes().is_empty());
        let endless = Bytes::from_static(b"\x2a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
        decode(&endless).expect_err("nothing is as long");
    }
}
