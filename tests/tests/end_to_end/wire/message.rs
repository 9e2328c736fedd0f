//! The messages of node streams, as the protocol declares them.

use prost::Message as _;
use prost::bytes::Bytes;

/// `stream.Message`
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Message {
    #[prost(uint64, tag = "1")]
    pub(crate) message_seq_no: u64,
    #[prost(string, tag = "2")]
    pub(crate) method: String,
    #[prost(message, optional, tag = "3")]
    pub(crate) status: Option<Status>,
    #[prost(message, repeated, tag = "4")]
    pub(crate) entry: Vec<MetadataEntry>,
    #[prost(bytes = "bytes", tag = "5")]
    pub(crate) payload: Bytes,
}

/// `google.rpc.Status`, without details.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Status {
    #[prost(int32, tag = "1")]
    pub(crate) code: i32,
    #[prost(string, tag = "2")]
    pub(crate) message: String,
}

/// `stream.MetadataEntry`
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct MetadataEntry {
    #[prost(string, tag = "1")]
    pub(crate) key: String,
    #[prost(string, tag = "2")]
    pub(crate) value: String,
}

impl Message {
    /// Decodes these bytes.
    pub(crate) fn of(bytes: &Bytes) -> Self {
        Self::decode(bytes.clone()).expect("a message")
    }

    /// An empty reply to the request in these bytes.
    pub(crate) fn reply_to(request: &Bytes) -> Self {
        let request = Self::of(request);
        Self {
            message_seq_no: request.message_seq_no,
            method: request.method,
            ..Self::default()
        }
    }

    /// The same message with this payload.
    pub(crate) fn with(self, payload: &impl prost::Message) -> Self {
        Self {
            payload: payload.encode_to_vec().into(),
            ..self
        }
    }

    /// The same message with this status.
    pub(crate) fn failed(self, code: i32, message: &str) -> Self {
        let message = message.to_string();
        Self {
            status: Some(Status { code, message }),
            ..self
        }
    }

    /// The same message with one more entry.
    pub(crate) fn entry(mut self, key: &str, value: &str) -> Self {
        self.entry.push(MetadataEntry {
            key: key.to_string(),
            value: value.to_string(),
        });
        self
    }

    /// The encoded message.
    pub(crate) fn bytes(&self) -> Bytes {
        self.encode_to_vec().into()
    }
}

/// An empty request of the storage service's `method`.
pub(crate) fn request(number: u64, method: &str) -> Message {
    Message {
        message_seq_no: number,
        method: format!("proto.Storage.{method}"),
        ..Message::default()
    }
}

/// The message that withdraws the call with this number.
pub(crate) fn cancel(number: u64) -> Message {
    let message = Message {
        message_seq_no: number,
        ..Message::default()
    };
    message.entry("gorums-cancel", "")
}
