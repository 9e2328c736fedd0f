//! The messages of node streams.

use gorums_runtime::MethodDescriptor;
use gorums_runtime::bench::{decode, encode};
use prost::bytes::Bytes;

use super::payload;
use super::proto::Payload;

pub(super) const METHOD: MethodDescriptor =
    MethodDescriptor::new("bench.Bench", "Echo", "/bench.Bench/Echo");

/// A request of this many bytes.
pub(crate) fn request(bytes: usize) -> Payload {
    payload(bytes)
}

/// The request as it is sent.
pub(crate) fn encoded(request: &Payload) -> Bytes {
    encode(12_345, &METHOD, request).expect("it is small")
}

/// The payload of what was received.
pub(crate) fn decoded(message: Bytes) -> Bytes {
    decode(message).expect("it is a message")
}
