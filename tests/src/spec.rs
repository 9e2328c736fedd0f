//! Quorum functions, and the states that they decide on.

use gorums_runtime::Replies;

use crate::numbered;
use crate::numbered::numbered_gorums::NumberedQuorumSpec;
use crate::register::register_gorums::RegisterQuorumSpec;
use crate::register::{AgreedState, ReadRequest, State, WriteResponse};

/// Decides after a number of replies; reads return the newest state.
#[derive(Clone, Copy, Debug)]
pub struct Count(pub usize);

impl RegisterQuorumSpec for Count {
    fn read_qf(&self, replies: &mut Replies<State>) -> Option<State> {
        if replies.len() < self.0 {
            return None;
        }
        replies.take_max_by_key(|state| state.timestamp)
    }

    fn write_qf(
        &self,
        request: &State,
        replies: &mut Replies<WriteResponse>,
    ) -> Option<WriteResponse> {
        assert_ne!(request.value, "panic", "asked to panic");
        (replies.len() >= self.0).then(|| replies.take_latest())?
    }

    fn write_per_node_qf(&self, replies: &mut Replies<WriteResponse>) -> Option<WriteResponse> {
        (replies.len() >= self.0).then(|| replies.take_latest())?
    }

    fn read_agreed_qf(&self, replies: &mut Replies<State>) -> Option<AgreedState> {
        let nodes = replies.len() as u32;
        let state = self.read_qf(replies)?;
        Some(AgreedState {
            state: Some(state),
            nodes,
        })
    }

    fn read_for_write_qf(
        &self,
        _: &ReadRequest,
        replies: &mut Replies<State>,
    ) -> Option<AgreedState> {
        self.read_agreed_qf(replies)
    }
}

impl NumberedQuorumSpec for Count {
    fn quorum_qf(&self, replies: &mut Replies<numbered::Reply>) -> Option<numbered::Reply> {
        (replies.len() >= self.0).then(|| replies.take_latest())?
    }
}

/// A register's state.
pub fn state(value: &str, timestamp: i64) -> State {
    State {
        value: value.to_string(),
        timestamp,
    }
}
