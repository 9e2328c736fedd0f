//! What a message of a node stream is.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use prost::Message;
use tonic::metadata::MetadataMap;
use tonic::{Code, Status};

/// A request or a reply: `stream.Message`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct StreamMessage {
    /// The call's number, which its replies carry back.
    #[prost(uint64, tag = "1")]
    pub(crate) number: u64,
    /// The method's full name with dots. It is taken as it is, since most messages are not read any further.
    #[prost(bytes = "bytes", tag = "2")]
    pub(crate) method: Bytes,
    /// How the call failed; on replies only.
    #[prost(message, optional, tag = "3")]
    pub(crate) status: Option<RpcStatus>,
    /// Metadata of this message.
    #[prost(message, repeated, tag = "4")]
    pub(crate) entries: Vec<Entry>,
    /// The application's message; absent when it encodes to nothing.
    #[prost(bytes = "bytes", tag = "5")]
    pub(crate) payload: Bytes,
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
    /// What tells that the call with this number failed.
    pub(crate) fn failure_of(number: u64, status: &Status) -> Self {
        Self {
            number,
            status: Some(RpcStatus::of(status)),
            ..Self::default()
        }
    }

    /// Whether the message carries an entry with this key.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.entries.iter().any(|entry| entry.key == key)
    }

    /// Why the call failed, if it did.
    pub(crate) fn failure(&self) -> Option<Status> {
        let status = self.status.as_ref()?;
        let code = Code::from_i32(status.code);
        (code != Code::Ok).then(|| {
            let details = match status.details.is_empty() {
                true => Bytes::new(),
                false => status.encode_to_vec().into(),
            };
            Status::with_details(code, status.message.clone(), details)
        })
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
