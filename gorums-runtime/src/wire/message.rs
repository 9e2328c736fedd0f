//! Decodes messages of node streams.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use prost::encoding::{self, DecodeContext, WireType};
use prost::{DecodeError, Message};
use tonic::metadata::MetadataMap;
use tonic::{Code, Status};

use super::head::key;
use super::payload::Payload;
use crate::status::bounded;

/// The most entries of metadata in a message.
pub(crate) const MOST_ENTRIES: usize = 256;

/// The most bytes of metadata in a message, encoded.
pub(crate) const MOST_ENTRY_BYTES: usize = 64 * 1024;

/// The most details of a status that are kept.
const MOST_DETAILS: usize = 256;

/// A received request or reply: a `stream.Message`.
///
/// Most have only a number, a method and a payload, which are borrowed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StreamMessage<'a> {
    number: u64,
    method: &'a [u8],
    payload: Payload<'a>,
    source: &'a Bytes,
    extras: Option<Box<Extras>>,
}

/// The fields that few messages have.
#[derive(Clone, Debug, Default, PartialEq)]
struct Extras {
    /// How the call failed. On replies only.
    status: Option<RpcStatus>,
    /// Metadata of this message.
    entries: Vec<MetadataEntry>,
    /// The size of the metadata in bytes, encoded.
    entry_bytes: usize,
    /// Whether there was more metadata than allowed. The excess was not kept.
    has_excess: bool,
}

/// One entry of a message's metadata: `stream.MetadataEntry`.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct MetadataEntry {
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
    /// Each a `google.protobuf.Any`, which is not decoded.
    #[prost(bytes = "bytes", repeated, tag = "3")]
    details: Vec<Bytes>,
}

impl<'a> StreamMessage<'a> {
    /// Decodes a message from all of `bytes`, which are a part of `source`.
    pub(crate) fn decode(bytes: &'a [u8], source: &'a Bytes) -> Result<Self, DecodeError> {
        let mut message = Self::empty(source);
        message.read(bytes)?;
        Ok(message)
    }

    /// Decodes as much as possible of a message whose end is missing.
    pub(crate) fn decode_beginning(bytes: &'a Bytes) -> Self {
        let mut message = Self::empty(bytes);
        // The bytes end somewhere within a field.
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

    /// The same message with another number.
    pub(crate) fn with_number(self, number: u64) -> Self {
        Self { number, ..self }
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

    /// Moves the message's metadata out.
    pub(crate) fn take_entries(&mut self) -> Vec<MetadataEntry> {
        let extras = self.extras.as_mut();
        extras.map_or_else(Vec::new, |extras| std::mem::take(&mut extras.entries))
    }

    /// Why the message is refused, if it has too much metadata.
    #[inline]
    pub(crate) fn excess(&self) -> Option<Status> {
        let extras = self.extras.as_ref()?;
        extras.has_excess.then(|| {
            Status::resource_exhausted(format!(
                "the message has too much metadata: the limit is {MOST_ENTRIES} entries and {MOST_ENTRY_BYTES} bytes"
            ))
        })
    }

    /// Whether the message carries an entry with this key.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.value_of(key).is_some()
    }

    /// The value of the first entry with this key.
    pub(crate) fn value_of(&self, key: &str) -> Option<&str> {
        let mut entries = self.extras.iter().flat_map(|extras| &extras.entries);
        let entry = entries.find(|entry| entry.key == key)?;
        Some(&entry.value)
    }

    /// Why the call failed, if it did, or why the message is refused.
    pub(crate) fn failure(&self) -> Option<Status> {
        let extras = self.extras.as_ref()?;
        if extras.has_excess {
            return self.excess();
        }
        let status = extras.status.as_ref()?;
        let code = Code::from_i32(status.code);
        (code != Code::Ok).then(|| {
            let details = match status.details.is_empty() {
                true => Bytes::new(),
                false => status.encode_to_vec().into(),
            };
            bounded(Status::with_details(code, status.message.clone(), details))
        })
    }

    /// Reads the fields in `rest`, up to the first error. Of a repeated field, the last value counts.
    ///
    /// Both ends spend much of their time here. With prost's decoder, and its copies of the fields, it takes a seventh
    /// of a client's instructions for a quorum call (`bench/benches/instructions.rs`).
    fn read(&mut self, mut rest: &'a [u8]) -> Result<(), DecodeError> {
        while let [key, after @ ..] = rest {
            match *key {
                key::NUMBER => {
                    rest = after;
                    self.number = varint(&mut rest)?;
                }
                key::METHOD | key::STATUS | key::ENTRY | key::PAYLOAD => {
                    rest = after;
                    self.read_field(*key >> 3, &mut rest)?;
                }
                _ => self.read_rare(&mut rest)?,
            }
        }
        Ok(())
    }

    /// Reads the length-delimited field with this tag from `rest`, which begins after its key.
    // A call would cost more than the work (`bench/benches/instructions.rs`).
    #[inline(always)]
    fn read_field(&mut self, tag: u8, rest: &mut &'a [u8]) -> Result<(), DecodeError> {
        let field = field(rest)?;
        match tag << 3 | 2 {
            key::METHOD => self.method = field,
            key::PAYLOAD => self.payload = Payload::of(field, self.source),
            key::STATUS => {
                let status = &mut self.extras().status;
                status.get_or_insert_default().read(field)?;
            }
            _ => self.extras().add_entry(field)?,
        }
        Ok(())
    }

    /// Reads a field that is unknown, or whose key has more bytes than it needs.
    #[cold]
    fn read_rare(&mut self, rest: &mut &'a [u8]) -> Result<(), DecodeError> {
        let (tag, wire_type) = encoding::decode_key(rest)?;
        match tag {
            1 => {
                encoding::check_wire_type(WireType::Varint, wire_type)?;
                self.number = varint(rest)?;
            }
            2..=5 => {
                encoding::check_wire_type(WireType::LengthDelimited, wire_type)?;
                self.read_field(tag as u8, rest)?;
            }
            _ => encoding::skip_field(wire_type, tag, rest, DecodeContext::default())?,
        }
        Ok(())
    }

    fn extras(&mut self) -> &mut Extras {
        self.extras.get_or_insert_default()
    }
}

/// Reads a varint from `rest`.
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

/// Reads the bytes of a field from `rest`, which begins with their number.
fn field<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], DecodeError> {
    let mut after = *rest;
    let len = varint(&mut after)?;
    let split = usize::try_from(len).ok();
    match split.and_then(|len| after.split_at_checked(len)) {
        Some((field, next)) => {
            *rest = next;
            Ok(field)
        }
        // prost creates the error.
        None => {
            encoding::skip_field(WireType::LengthDelimited, 1, rest, DecodeContext::default())?;
            Ok(&[])
        }
    }
}

impl Extras {
    /// Adds an entry, unless there are too many: each occupies more memory than it has bytes.
    fn add_entry(&mut self, entry: &[u8]) -> Result<(), DecodeError> {
        self.entry_bytes += entry.len();
        self.has_excess |=
            self.entries.len() >= MOST_ENTRIES || self.entry_bytes > MOST_ENTRY_BYTES;
        if !self.has_excess {
            self.entries.push(MetadataEntry::decode(entry)?);
        }
        Ok(())
    }
}

impl RpcStatus {
    /// Reads the fields in `rest`. Skips details beyond the limit: each occupies more memory than it has bytes.
    fn read(&mut self, mut rest: &[u8]) -> Result<(), DecodeError> {
        while !rest.is_empty() {
            let (tag, wire_type) = encoding::decode_key(&mut rest)?;
            let context = DecodeContext::default();
            if tag == 3 && self.details.len() >= MOST_DETAILS {
                encoding::skip_field(wire_type, tag, &mut rest, context)?;
            } else {
                self.merge_field(tag, wire_type, &mut rest, context)?;
            }
        }
        Ok(())
    }

    /// Converts `status` into its form on the wire.
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

/// Adds `entries` to `metadata`, where they replace values with the same keys. Entries that no header could carry are
/// left out.
pub(crate) fn replace_entries(metadata: &mut MetadataMap, entries: &[MetadataEntry]) {
    let headers: &mut HeaderMap = metadata.as_mut();
    let entries = entries.iter().filter_map(|MetadataEntry { key, value }| {
        let key = key.parse::<HeaderName>().ok()?;
        Some((key, value.parse::<HeaderValue>().ok()?))
    });
    for (key, _) in entries.clone() {
        headers.remove(key);
    }
    for (key, value) in entries {
        // The map has room for many more entries than a message and its stream may have.
        if headers.try_append(key, value).is_err() {
            return;
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
    fn keys_may_have_more_bytes_than_they_need() {
        let bytes = Bytes::from_static(
            b"\x88\x00\x07\x92\x80\x00\x03p.S\xaa\x00\x02bc\xa2\x00\x03\x0a\x01k",
        );
        let mut message = decode(&bytes).expect("it is well-formed");
        assert_eq!((message.number(), message.method()), (7, &b"p.S"[..]));
        assert_eq!(message.payload().bytes(), b"bc");
        assert_eq!(message.take_entries()[0].key, "k");
        decode(&Bytes::from_static(b"\x8a\x00\x00")).expect_err("a number is no string");
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

    /// An entry with this key and value, as a field of a message.
    fn entry(key: &str, value: &str) -> Vec<u8> {
        let (key, value) = (key.to_string(), value.to_string());
        let mut field = vec![key::ENTRY];
        let encoded = MetadataEntry { key, value }.encode_length_delimited_to_vec();
        field.extend(encoded);
        field
    }

    #[test]
    fn a_message_has_no_more_entries_than_may_be_and_says_if_there_were_more() {
        let most = Bytes::from(entry("k", "").repeat(MOST_ENTRIES));
        let mut message = decode(&most).expect("it is well-formed");
        assert!(message.excess().is_none() && message.failure().is_none());
        assert_eq!(message.take_entries().len(), MOST_ENTRIES);

        let many = Bytes::from(entry("", "").repeat(100 * MOST_ENTRIES));
        let mut message = decode(&many).expect("it is well-formed");
        let failure = message.failure().expect("too many entries");
        assert_eq!(failure.code(), Code::ResourceExhausted);
        assert_eq!(message.take_entries().len(), MOST_ENTRIES);
    }

    #[test]
    fn a_message_has_no_more_bytes_of_entries_than_may_be_and_says_if_there_were_more() {
        // A key and a value have a byte for the field, and one or three for their lengths.
        let fits = "v".repeat(MOST_ENTRY_BYTES - 1 - 2 - 4);
        let message = Bytes::from(entry("k", &fits));
        assert!(
            decode(&message)
                .expect("it is well-formed")
                .excess()
                .is_none()
        );
        let message = Bytes::from(entry("k", &(fits + "v")));
        assert!(
            decode(&message)
                .expect("it is well-formed")
                .excess()
                .is_some()
        );
    }

    #[test]
    fn a_status_has_no_more_details_than_are_kept() {
        let mut status = vec![8, 10];
        status.extend(b"\x1a\x00".repeat(100 * MOST_DETAILS));
        status.extend(b"\x12\x02no");
        let mut field = vec![key::STATUS];
        prost::encoding::encode_varint(status.len() as u64, &mut field);
        let message = Bytes::from([field, status].concat());
        let message = decode(&message).expect("it is well-formed");
        let failure = message.failure().expect("it failed");
        assert_eq!((failure.code(), failure.message()), (Code::Aborted, "no"));
        let details = RpcStatus::decode(failure.details()).expect("it is a status");
        assert_eq!(details.details.len(), MOST_DETAILS);
    }

    #[test]
    fn entries_count_before_metadata_of_the_same_keys_also_if_they_are_binary() {
        let mut metadata = MetadataMap::new();
        metadata.insert("a", "stream".parse().expect("ASCII"));
        metadata.insert("b", "stream".parse().expect("ASCII"));
        metadata.insert_bin(
            "c-bin",
            tonic::metadata::MetadataValue::from_bytes(b"stream"),
        );
        let entries = [
            ("A", "call"),
            ("c-bin", "AAA"),
            ("a", "more"),
            ("no key", "x"),
        ];
        let entries = entries.map(|(key, value)| MetadataEntry {
            key: key.to_string(),
            value: value.to_string(),
        });
        replace_entries(&mut metadata, &entries);
        let of_a: Vec<_> = metadata.get_all("a").iter().collect();
        assert_eq!(of_a, ["call", "more"]);
        assert_eq!(metadata.get("b").expect("it is kept"), "stream");
        let of_c: Vec<_> = metadata.get_all_bin("c-bin").iter().collect();
        assert_eq!(of_c[0].to_bytes().expect("base64"), &[0, 0][..]);
        assert_eq!(of_c.len(), 1);
    }
}
