//! Whether a request was handed to the transport.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;
use tonic::Status;

/// Whether the transport has taken a request, or why not.
pub(crate) type HandedOver = Result<(), Status>;

/// Reports, once, whether the transport has taken a request.
#[derive(Clone, Debug)]
pub(crate) struct Receipt(Arc<Mutex<Option<oneshot::Sender<HandedOver>>>>);

impl Receipt {
    /// A receipt, and the receiver that waits for it.
    pub(crate) fn new() -> (Self, oneshot::Receiver<HandedOver>) {
        let (sign, signed) = oneshot::channel();
        (Self(Arc::new(Mutex::new(Some(sign)))), signed)
    }

    /// Reports the outcome, unless it was reported before. Returns whether it was not.
    pub(crate) fn sign(&self, outcome: HandedOver) -> bool {
        let mut sign = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(sign) = sign.take() else {
            return false;
        };
        // Nobody waits for a detached request.
        let _ = sign.send(outcome);
        true
    }
}
