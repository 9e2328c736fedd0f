//! Replicas of both registers, honest and lying.

use std::sync::{Mutex, PoisonError};

use gorums_runtime::Context;
use gorums_runtime::prost::Message;
use gorums_runtime::tonic::Status;

use crate::proto::masking_register_gorums::MaskingRegisterReplica;
use crate::proto::register_gorums::RegisterReplica;
use crate::proto::{ReadRequest, SignedState, State, WriteResponse};
use crate::signing::{Verifier, Writer};

/// Keeps the newest of the states that it is given, and its timestamp.
#[derive(Debug, Default)]
struct Newest<T>(Mutex<(i64, T)>);

impl<T: Clone> Newest<T> {
    fn state(&self) -> T {
        // A change is a single assignment, so a panic cannot leave it half done.
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.1.clone()
    }

    fn store(&self, timestamp: i64, state: T) -> WriteResponse {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if timestamp > kept.0 {
            *kept = (timestamp, state);
        }
        WriteResponse { timestamp }
    }
}

/// Keeps the newest state that the writer signed.
#[derive(Debug)]
pub(crate) struct Replica {
    verifier: Verifier,
    newest: Newest<SignedState>,
}

impl Replica {
    pub(crate) fn new(verifier: Verifier) -> Self {
        Self {
            verifier,
            newest: Newest::default(),
        }
    }
}

impl RegisterReplica for Replica {
    async fn read(&self, _: &Context, _: ReadRequest) -> Result<SignedState, Status> {
        Ok(self.newest.state())
    }

    async fn write(&self, _: &Context, signed: SignedState) -> Result<WriteResponse, Status> {
        let state = self.verifier.verified(&signed);
        let state = state.ok_or_else(|| Status::permission_denied("not signed by the writer"))?;
        Ok(self.newest.store(state.timestamp, signed))
    }
}

/// Keeps the newest state, whoever wrote it.
#[derive(Debug, Default)]
pub(crate) struct MaskingReplica(Newest<State>);

impl MaskingRegisterReplica for MaskingReplica {
    async fn read(&self, _: &Context, _: ReadRequest) -> Result<State, Status> {
        Ok(self.0.state())
    }

    async fn write(&self, _: &Context, state: State) -> Result<WriteResponse, Status> {
        Ok(self.0.store(state.timestamp, state))
    }
}

/// What all liars say.
fn lie() -> State {
    State {
        value: "a lie".to_string(),
        timestamp: i64::MAX,
    }
}

/// Stores nothing, and answers reads with a state that it signed itself.
#[derive(Debug)]
pub(crate) struct Liar(pub(crate) Writer);

impl RegisterReplica for Liar {
    async fn read(&self, _: &Context, _: ReadRequest) -> Result<SignedState, Status> {
        Ok(self.0.sign(&lie()))
    }

    async fn write(&self, _: &Context, signed: SignedState) -> Result<WriteResponse, Status> {
        let state = State::decode(&*signed.state);
        let State { timestamp, .. } = state.unwrap_or_default();
        Ok(WriteResponse { timestamp })
    }
}

/// Stores nothing, and answers reads with the same forged state as the other liars.
#[derive(Debug)]
pub(crate) struct MaskingLiar;

impl MaskingRegisterReplica for MaskingLiar {
    async fn read(&self, _: &Context, _: ReadRequest) -> Result<State, Status> {
        Ok(lie())
    }

    async fn write(
        &self,
        _: &Context,
        State { timestamp, .. }: State,
    ) -> Result<WriteResponse, Status> {
        Ok(WriteResponse { timestamp })
    }
}
