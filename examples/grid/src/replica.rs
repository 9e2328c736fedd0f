//! One replica.

use std::sync::{Mutex, PoisonError};

use gorums_runtime::Context;
use gorums_runtime::tonic::Status;
use grid_proto::grid::register_gorums::RegisterReplica;
use grid_proto::grid::{ReadRequest, State, WriteResponse};

/// The state of one replica.
#[derive(Debug, Default)]
pub(crate) struct Replica(Mutex<State>);

impl RegisterReplica for Replica {
    async fn read(&self, _: &Context, _: ReadRequest) -> Result<State, Status> {
        // A change is a single assignment, so a panic cannot leave it half done.
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(state.clone())
    }

    async fn write(&self, _: &Context, written: State) -> Result<WriteResponse, Status> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let new = written.timestamp > state.timestamp;
        if new {
            *state = written;
        }
        Ok(WriteResponse { new })
    }
}
