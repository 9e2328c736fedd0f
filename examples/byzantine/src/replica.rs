//! Replicas, honest and lying.

use std::sync::{Mutex, PoisonError};

use gorums_runtime::Context;
use gorums_runtime::prost::Message;
use gorums_runtime::tonic::Status;

use crate::proto::register_gorums::RegisterReplica;
use crate::proto::{ReadRequest, SignedState, State, WriteResponse};
use crate::signing::{Verifier, Writer};

/// Keeps the newest state that the writer signed.
#[derive(Debug)]
pub(crate) struct Replica {
    verifier: Verifier,
    kept: Mutex<(State, SignedState)>,
}

impl Replica {
    pub(crate) fn new(verifier: Verifier) -> Self {
        Self {
            verifier,
            kept: Mutex::default(),
        }
    }
}

impl RegisterReplica for Replica {
    async fn read(&self, _: &Context, _: ReadRequest) -> Result<SignedState, Status> {
        // A change is a single assignment, so a panic cannot leave it half done.
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(kept.1.clone())
    }

    async fn write(&self, _: &Context, signed: SignedState) -> Result<WriteResponse, Status> {
        let state = self.verifier.verified(&signed);
        let state = state.ok_or_else(|| Status::permission_denied("not signed by the writer"))?;
        let timestamp = state.timestamp;
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if timestamp > kept.0.timestamp {
            *kept = (state, signed);
        }
        Ok(WriteResponse { timestamp })
    }
}

/// Stores nothing, and answers reads with a state that it signed itself.
#[derive(Debug)]
pub(crate) struct Liar(pub(crate) Writer);

impl RegisterReplica for Liar {
    async fn read(&self, _: &Context, _: ReadRequest) -> Result<SignedState, Status> {
        Ok(self.0.sign(&State {
            value: "a lie".to_string(),
            timestamp: i64::MAX,
        }))
    }

    async fn write(&self, _: &Context, signed: SignedState) -> Result<WriteResponse, Status> {
        let state = State::decode(&*signed.state);
        let State { timestamp, .. } = state.unwrap_or_default();
        Ok(WriteResponse { timestamp })
    }
}
