//! The payload of a message of a node stream.

use bytes::Bytes;

/// The encoded application message in a received message, borrowed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Payload<'a> {
    bytes: &'a [u8],
    source: &'a Bytes,
}

impl<'a> Payload<'a> {
    /// A part of `source`.
    pub(crate) fn of(bytes: &'a [u8], source: &'a Bytes) -> Self {
        Self { bytes, source }
    }

    /// All of `source`.
    pub(crate) fn whole(source: &'a Bytes) -> Self {
        Self::of(source, source)
    }

    /// Its bytes.
    pub(crate) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Its bytes as a shared handle to the buffer that they arrived in.
    pub(crate) fn share(&self) -> Bytes {
        self.source.slice_ref(self.bytes)
    }
}
