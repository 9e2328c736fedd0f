//! The messages of node streams, for prost.

use bytes::{BufMut, Bytes, BytesMut};
use prost::Message as _;

/// `stream.Message`. The method may be any bytes: it is only compared with known names.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Envelope {
    #[prost(uint64, tag = "1")]
    pub(crate) number: u64,
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) method: Vec<u8>,
    #[prost(message, optional, tag = "3")]
    pub(crate) status: Option<RpcStatus>,
    /// Each a [`MetadataEntry`].
    #[prost(bytes = "vec", repeated, tag = "4")]
    pub(crate) entries: Vec<Vec<u8>>,
    #[prost(bytes = "vec", tag = "5")]
    pub(crate) payload: Vec<u8>,
}

/// `stream.MetadataEntry`
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
    pub(crate) code: i32,
    #[prost(string, tag = "2")]
    pub(crate) message: String,
    #[prost(bytes = "vec", repeated, tag = "3")]
    pub(crate) details: Vec<Vec<u8>>,
}

impl Envelope {
    /// The same message with one more entry.
    pub(crate) fn with_entry(mut self, key: &str, value: &str) -> Self {
        let (key, value) = (key.to_string(), value.to_string());
        self.entries
            .push(MetadataEntry { key, value }.encode_to_vec());
        self
    }

    /// Whether an entry has this key.
    pub(crate) fn has(&self, key: &str) -> bool {
        let entries = self.entries.iter();
        let mut entries = entries.filter_map(|entry| MetadataEntry::decode(&entry[..]).ok());
        entries.any(|entry| entry.key == key)
    }

    /// The message in its frame.
    pub(crate) fn framed(&self) -> Bytes {
        framed(&self.encode_to_vec())
    }
}

/// The bytes in the frame of a message.
pub(crate) fn framed(message: &[u8]) -> Bytes {
    let mut frame = BytesMut::new();
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.len()).expect("inputs are small"));
    frame.put(message);
    frame.freeze()
}

/// The messages of complete frames, and the bytes after them.
pub(crate) fn unframed(mut bytes: &[u8]) -> (Vec<&[u8]>, &[u8]) {
    let mut messages = Vec::new();
    while let [0, a, b, c, d, rest @ ..] = bytes {
        let len = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
        let Some((message, rest)) = rest.split_at_checked(len) else {
            break;
        };
        messages.push(message);
        bytes = rest;
    }
    (messages, bytes)
}
