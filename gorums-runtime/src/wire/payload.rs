//! The application's message in a message of a node stream.

use bytes::Bytes;

/// The application's message in a message that was received, not decoded, where it lies.
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

    /// Its bytes, shared with those that came with them.
    pub(crate) fn share(&self) -> Bytes {
        self.source.slice_ref(self.bytes)
    }
}
