//! Replicas of the register service of 2017, and its quorum functions.

use std::sync::Mutex;
use std::time::Duration;

use gorums_runtime::{Context, Correction, Replies, ReplySink};
use tonic::Status;

use crate::golden::register_2017::register_gorums::{RegisterQuorumSpec, RegisterReplica};
use crate::golden::register_2017::{MyState, ReadRequest, State, WriteResponse};

/// The level of one reply.
pub const LEVEL_WEAK: i32 = 1;
/// The level of a quorum.
pub const LEVEL_STRONG: i32 = 2;

/// Stores a state, and answers after a delay.
#[derive(Debug, Default)]
pub struct Replica {
    state: Mutex<State>,
    /// The status that it returns instead of handling requests.
    fails: Option<Status>,
    delay: Duration,
}

impl Replica {
    /// A replica that answers with `status`.
    pub fn failing(status: Status) -> Self {
        Self {
            fails: Some(status),
            ..Self::default()
        }
    }

    /// A replica that takes this long to answer.
    pub fn slow(milliseconds: u64) -> Self {
        Self {
            delay: Duration::from_millis(milliseconds),
            ..Self::default()
        }
    }

    async fn read(&self) -> Result<State, Status> {
        tokio::time::sleep(self.delay).await;
        match &self.fails {
            Some(status) => Err(status.clone()),
            None => Ok(self.state.lock().expect("not poisoned").clone()),
        }
    }

    /// Stores `state` if it is newer.
    pub fn write(&self, state: State) -> WriteResponse {
        let mut current = self.state.lock().expect("not poisoned");
        let new = state.timestamp > current.timestamp;
        if new {
            *current = state;
        }
        WriteResponse { new }
    }
}

impl RegisterReplica for Replica {
    async fn read_no_qc(&self, _: &Context, _: ReadRequest) -> Result<State, Status> {
        self.read().await
    }

    async fn read(&self, _: &Context, _: ReadRequest) -> Result<State, Status> {
        self.read().await
    }

    async fn read_future(&self, _: &Context, _: ReadRequest) -> Result<State, Status> {
        self.read().await
    }

    async fn read_custom_return(&self, _: &Context, _: ReadRequest) -> Result<State, Status> {
        self.read().await
    }

    async fn read_correctable(&self, _: &Context, _: ReadRequest) -> Result<State, Status> {
        self.read().await
    }

    /// Streams its state and a newer one, each after its delay.
    async fn read_prelim(
        &self,
        _: &Context,
        _: ReadRequest,
        replies: ReplySink<State>,
    ) -> Result<(), Status> {
        let mut state = self.read().await?;
        for _ in 0..2 {
            if replies.send(state.clone()).await.is_err() {
                break;
            }
            tokio::time::sleep(self.delay).await;
            state.timestamp += 1;
        }
        Ok(())
    }

    async fn write(&self, _: &Context, state: State) -> Result<WriteResponse, Status> {
        Ok(self.write(state))
    }

    async fn write_future(&self, _: &Context, state: State) -> Result<WriteResponse, Status> {
        Ok(self.write(state))
    }

    async fn write_async(&self, _: &Context, state: State) {
        self.write(state);
    }

    async fn write_per_node(&self, _: &Context, state: State) -> Result<WriteResponse, Status> {
        Ok(self.write(state))
    }
}

/// Reads and writes with quorums of a size.
#[derive(Clone, Copy, Debug)]
pub struct Quorums {
    /// How many replies a read needs.
    pub read: usize,
    /// How many replies a write needs.
    pub write: usize,
}

fn newest(replies: &Replies<State>) -> Option<&State> {
    replies.messages().max_by_key(|state| state.timestamp)
}

impl RegisterQuorumSpec for Quorums {
    fn read_qf(&self, replies: &mut Replies<State>) -> Option<State> {
        if replies.len() < self.read {
            return None;
        }
        replies.take_max_by_key(|state| state.timestamp)
    }

    fn read_future_qf(&self, replies: &mut Replies<State>) -> Option<State> {
        self.read_qf(replies)
    }

    fn read_custom_return_qf(&self, replies: &mut Replies<State>) -> Option<MyState> {
        let extra = replies.len() as i64;
        self.read_qf(replies).map(|state| MyState {
            value: state.value,
            timestamp: state.timestamp,
            extra,
        })
    }

    fn read_correctable_qf(&self, replies: &mut Replies<State>) -> Option<Correction<State>> {
        let state = newest(replies)?.clone();
        Some(match replies.len() < self.read {
            true => Correction::preliminary(state, LEVEL_WEAK),
            false => Correction::last(state, LEVEL_STRONG),
        })
    }

    /// The level is the number of replies: each node sends two.
    fn read_prelim_qf(&self, replies: &mut Replies<State>) -> Option<Correction<State>> {
        let state = newest(replies)?.clone();
        let level = replies.len() as i32;
        Some(match replies.len() < 2 * self.read {
            true => Correction::preliminary(state, level),
            false => Correction::last(state, level),
        })
    }

    fn write_qf(&self, _: &State, replies: &mut Replies<WriteResponse>) -> Option<WriteResponse> {
        self.write_per_node_qf(replies)
    }

    fn write_future_qf(
        &self,
        _: &State,
        replies: &mut Replies<WriteResponse>,
    ) -> Option<WriteResponse> {
        self.write_per_node_qf(replies)
    }

    fn write_per_node_qf(&self, replies: &mut Replies<WriteResponse>) -> Option<WriteResponse> {
        (replies.len() >= self.write).then(|| replies.take_latest())?
    }
}

/// A register's state.
pub fn state(value: &str, timestamp: i64) -> State {
    State {
        value: value.to_string(),
        timestamp,
    }
}
