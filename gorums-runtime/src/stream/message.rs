//! What a message of a node stream is.

use std::ops::Range;

use bytes::{Buf, Bytes};
use http::{HeaderMap, HeaderName, HeaderValue};
use prost::encoding::{self, DecodeContext, WireType};
use prost::{DecodeError, Message};
use tonic::metadata::MetadataMap;
use tonic::{Code, Status};

/// A request or a reply that was received: a `stream.Message`.
///
/// Most have a number, a method and a payload and nothing else. They are read where they lie: taking messages apart is a
/// tenth of a client's instructions for a quorum call, and a seventh with prost's own decoder and its copies of the fields.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct StreamMessage {
    bytes: Bytes,
    number: u64,
    method: Range<usize>,
    payload: Range<usize>,
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

impl StreamMessage {
    /// Reads a message.
    pub(crate) fn decode(bytes: Bytes) -> Result<Self, DecodeError> {
        let mut message = Self::default();
        message.read(&bytes)?;
        message.bytes = bytes;
        Ok(message)
    }

    /// Reads what there is of a message whose end is missing.
    pub(crate) fn decode_beginning(bytes: Bytes) -> Self {
        let mut message = Self::default();
        // It ends somewhere within a field.
        let _ = message.read(&bytes);
        message.bytes = bytes;
        message
    }

    /// What tells that the call with this number failed.
    pub(crate) fn failure_of(number: u64, status: &Status) -> Self {
        let extras = Extras {
            status: Some(RpcStatus::of(status)),
            entries: Vec::new(),
        };
        Self {
            number,
            extras: Some(Box::new(extras)),
            ..Self::default()
        }
    }

    /// The call's number, which its replies carry back.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// The method's full name with dots.
    pub(crate) fn method(&self) -> &[u8] {
        self.bytes.get(self.method.clone()).unwrap_or_default()
    }

    /// About how many bytes of memory it keeps.
    pub(crate) fn size(&self) -> usize {
        let entries = self.extras.iter().flat_map(|extras| &extras.entries);
        let size_of = |entry: &Entry| size_of::<Entry>() + entry.key.len() + entry.value.len();
        self.bytes.len() + entries.map(size_of).sum::<usize>()
    }

    /// The application's message.
    pub(crate) fn into_payload(mut self) -> Bytes {
        self.bytes.truncate(self.payload.end);
        self.bytes.advance(self.payload.start);
        self.bytes
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
            Status::with_details(code, status.message.clone(), details)
        })
    }

    /// Reads the fields in `bytes`, as far as they can be. Of a field that is there twice the last counts.
    fn read(&mut self, bytes: &[u8]) -> Result<(), DecodeError> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let (tag, wire_type) = encoding::decode_key(&mut rest)?;
            let expected = match tag {
                1 => WireType::Varint,
                2..=5 => WireType::LengthDelimited,
                _ => wire_type,
            };
            encoding::check_wire_type(expected, wire_type)?;
            match tag {
                1 => self.number = encoding::decode_varint(&mut rest)?,
                2..=5 => {
                    let field = field(&mut rest)?;
                    let end = bytes.len() - rest.len();
                    let range = end - field.len()..end;
                    match tag {
                        2 => self.method = range,
                        3 => {
                            let status = &mut self.extras().status;
                            status.get_or_insert_default().merge(field)?;
                        }
                        4 => self.extras().entries.push(Entry::decode(field)?),
                        _ => self.payload = range,
                    }
                }
                _ => encoding::skip_field(wire_type, tag, &mut rest, DecodeContext::default())?,
            }
        }
        Ok(())
    }

    fn extras(&mut self) -> &mut Extras {
        self.extras.get_or_insert_default()
    }
}

/// Takes the bytes of a field off `rest`, which begins with their number.
fn field<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], DecodeError> {
    let mut after = *rest;
    let len = encoding::decode_varint(&mut after)?;
    match usize::try_from(len)
        .ok()
        .and_then(|len| after.split_at_checked(len))
    {
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

    fn decode(bytes: &'static [u8]) -> Result<StreamMessage, DecodeError> {
        StreamMessage::decode(Bytes::from_static(bytes))
    }

    #[test]
    fn fields_may_come_in_any_order_and_more_than_once() {
        let message = decode(b"\x2a\x01a\x0a0skipped").expect_err("a number is no string");
        assert!(message.to_string().contains("wire type"), "{message}");
        let message =
            decode(b"\x2a\x01a\x12\x03p.S\x08\x07\x2a\x02bc\x30\x01\x3a\x01x\x08\x85\x01");
        let message = message.expect("it is well-formed");
        assert_eq!((message.number(), message.method()), (133, &b"p.S"[..]));
        assert_eq!(message.size(), 22);
        assert_eq!(message.into_payload(), "bc");
    }

    #[test]
    fn what_is_missing_is_empty() {
        let message = decode(b"").expect("it is well-formed");
        assert_eq!((message.number(), message.method()), (0, &b""[..]));
        assert!(message.failure().is_none() && !message.has(""));
        assert!(message.into_payload().is_empty());
    }

    #[test]
    fn what_ends_too_early_cannot_be_read_but_its_beginning_can() {
        let whole = b"\x08\x07\x12\x03p.S\x2a\x05abcde";
        for end in [1, 3, 5, 8, 12] {
            decode(&whole[..end]).expect_err("its end is missing");
        }
        let beginning = StreamMessage::decode_beginning(Bytes::from_static(&whole[..10]));
        assert_eq!((beginning.number(), beginning.method()), (7, &b"p.S"[..]));
        assert!(beginning.into_payload().is_empty());
        let endless = b"\x2a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01";
        decode(endless).expect_err("nothing is as long");
    }
}
