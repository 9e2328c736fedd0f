//! What is sent.

use crate::proto::Payload;

/// A payload of this many bytes.
pub(crate) fn of(bytes: usize) -> Payload {
    Payload {
        data: vec![0x5a; bytes],
    }
}
