//! One replica.

use std::sync::{Mutex, PoisonError};

use gorums_runtime::Context;
use gorums_runtime::tonic::Status;

use crate::grid::Position;
use crate::proto::register_gorums::RegisterReplica;
use crate::proto::{ReadRequest, ReadResponse, State, WriteResponse};

/// The state and the position of one replica.
#[derive(Debug)]
pub(crate) struct Replica {
    position: Position,
    state: Mutex<State>,
}

impl Replica {
    pub(crate) fn new(position: Position) -> Self {
        Self {
            position,
            state: Mutex::default(),
        }
    }
}

impl RegisterReplica for Replica {
    async fn read(&self, _: &Context, _: ReadRequest) -> Result<ReadResponse, Status> {
        let Position { row, column } = self.position;
        // A change is a single assignment, so a panic cannot leave it half done.
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let state = Some(state.clone());
        Ok(ReadResponse { row, column, state })
    }

    async fn write(&self, _: &Context, written: State) -> Result<WriteResponse, Status> {
        let Position { row, column } = self.position;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let new = written.timestamp > state.timestamp;
        if new {
            *state = written;
        }
        Ok(WriteResponse { row, column, new })
    }
}
