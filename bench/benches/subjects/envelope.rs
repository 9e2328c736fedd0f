//! The messages of node streams.

use bytes::Bytes;
use gorums_runtime::MethodDescriptor;
use gorums_runtime::bench::{Encoded, decode, encode};

use super::payload;
use super::proto::Payload;

pub(super) static METHOD: MethodDescriptor = MethodDescriptor::new("/bench.Bench/Echo");

/// A request of this many bytes.
pub(crate) fn request(bytes: usize) -> Payload {
    payload(bytes)
}

/// The request as it is sent.
pub(crate) fn encoded(request: &Payload) -> Encoded {
    encode(12_345, &METHOD, request).expect("it is small")
}

/// A request of this many bytes, as it is received.
pub(crate) fn received(bytes: usize) -> Bytes {
    Bytes::copy_from_slice(encoded(&request(bytes)).as_ref())
}

/// The payload of a received message.
pub(crate) fn decoded(message: Bytes) -> Bytes {
    decode(&message).expect("it is a message")
}
