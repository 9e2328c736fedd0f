//! Whether a request was handed to the transport.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;
use tonic::Status;

/// Whether a request was handed to the transport: a connection has taken it, or there is none.
pub(crate) type HandedOver = Result<(), Status>;

/// Tells once whether a request was handed to the transport.
#[derive(Clone, Debug)]
pub(crate) struct Receipt(Arc<Mutex<Option<oneshot::Sender<HandedOver>>>>);

impl Receipt {
    /// A receipt, and who waits for it.
    pub(crate) fn new() -> (Self, oneshot::Receiver<HandedOver>) {
        let (sign, signed) = oneshot::channel();
        (Self(Arc::new(Mutex::new(Some(sign)))), signed)
    }

    /// Notes what became of the request, unless that is known. True if it was not.
    pub(crate) fn sign(&self, outcome: HandedOver) -> bool {
        let mut sign = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(sign) = sign.take() else {
            return false;
        };
        // Nobody waits any more for a request that is detached.
        let _ = sign.send(outcome);
        true
    }
}
