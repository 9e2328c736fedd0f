//! Who a message in a queue belongs to.

use std::fmt;
use std::sync::Arc;

use super::call_number::CallNumber;
use super::stream_number::StreamNumber;
use crate::call::Receipt;

/// The calls whose requests a queue carries. The queue notes on which stream it puts each request.
///
/// A server's queue carries replies, and has no such calls.
pub(crate) trait Requests: fmt::Debug + Send + Sync {
    /// Notes that the request of the call `number` to its node at `index` was put on `stream`.
    fn note_sent(&self, number: CallNumber, index: usize, stream: StreamNumber);

    /// Returns a handle for a request to hold while it waits for room.
    fn share(&self) -> Arc<dyn Requests>;
}

/// Who a message in a queue belongs to.
#[derive(Debug)]
pub(crate) enum Owner<'a> {
    /// A call that waits for replies. The message is its request to the node at `index`.
    Call {
        requests: &'a dyn Requests,
        number: CallNumber,
        index: usize,
    },
    /// A one-way call with this number. The receipt reports when it is sent.
    OneWay(CallNumber, Receipt),
    /// Nobody: the message is a reply, or belongs to the protocol itself.
    Nobody,
}

/// An [`Owner`] that does not borrow.
#[derive(Debug)]
pub(super) enum SharedOwner {
    Call {
        requests: Arc<dyn Requests>,
        number: CallNumber,
        index: usize,
    },
    OneWay(CallNumber, Receipt),
    Nobody,
}

impl Owner<'_> {
    /// The number by which the message can be withdrawn, if it can.
    pub(super) fn number(&self) -> Option<CallNumber> {
        match self {
            Self::Call { number, .. } | Self::OneWay(number, _) => Some(*number),
            Self::Nobody => None,
        }
    }

    /// Notes that the message is put on a stream.
    pub(super) fn note_sent(&self, stream: StreamNumber) {
        if let Self::Call {
            requests,
            number,
            index,
        } = self
        {
            requests.note_sent(*number, *index, stream);
        }
    }

    pub(super) fn into_receipt(self) -> Option<Receipt> {
        match self {
            Self::OneWay(_, receipt) => Some(receipt),
            Self::Call { .. } | Self::Nobody => None,
        }
    }
}

impl SharedOwner {
    pub(super) fn of(owner: Owner<'_>) -> Self {
        match owner {
            Owner::Call {
                requests,
                number,
                index,
            } => Self::Call {
                requests: requests.share(),
                number,
                index,
            },
            Owner::OneWay(number, receipt) => Self::OneWay(number, receipt),
            Owner::Nobody => Self::Nobody,
        }
    }

    pub(super) fn borrow(&self) -> Owner<'_> {
        match self {
            Self::Call {
                requests,
                number,
                index,
            } => Owner::Call {
                requests: &**requests,
                number: *number,
                index: *index,
            },
            Self::OneWay(number, receipt) => Owner::OneWay(*number, receipt.clone()),
            Self::Nobody => Owner::Nobody,
        }
    }
}
