//! How reads and writes are decided: by majorities, any two of which have a replica in common.

use gorums_runtime::Replies;
use gorums_runtime::prost_types::Timestamp;

use crate::proto::storage_gorums::StorageQuorumSpec;
use crate::proto::{ReadResponse, WriteResponse};

/// The quorum functions of a storage with a number of replicas.
#[derive(Debug)]
pub(crate) struct Majority {
    quorum: usize,
}

impl Majority {
    pub(crate) fn of(replicas: usize) -> Self {
        Self {
            quorum: replicas / 2 + 1,
        }
    }
}

impl StorageQuorumSpec for Majority {
    fn read_qf(&self, replies: &mut Replies<ReadResponse>) -> Option<ReadResponse> {
        if replies.len() < self.quorum {
            return None;
        }
        replies.take_max_by_key(|reply| (reply.ok, written_at(&reply.time)))
    }

    fn write_qf(&self, replies: &mut Replies<WriteResponse>) -> Option<WriteResponse> {
        if replies.len() < self.quorum {
            return None;
        }
        let new = replies.messages().all(|reply| reply.new);
        Some(WriteResponse { new })
    }
}

/// A key that is the greater the newer the time is.
pub(crate) fn written_at(time: &Option<Timestamp>) -> Option<(i64, i32)> {
    time.as_ref().map(|time| (time.seconds, time.nanos))
}

#[cfg(test)]
mod tests {
    use gorums_runtime::NodeId;

    use super::*;

    fn at(seconds: i64) -> ReadResponse {
        ReadResponse {
            ok: true,
            value: format!("written at {seconds}"),
            time: Some(Timestamp { seconds, nanos: 0 }),
        }
    }

    #[test]
    fn a_read_waits_for_a_majority_and_returns_the_newest() {
        let spec = Majority::of(4);
        let mut replies = Replies::from_iter([(NodeId::new(1), at(2)), (NodeId::new(2), at(3))]);
        assert_eq!(spec.read_qf(&mut replies), None);
        replies.extend([(NodeId::new(3), at(1))]);
        assert_eq!(spec.read_qf(&mut replies), Some(at(3)));
    }

    #[test]
    fn a_register_that_was_written_before_1970_counts_more_than_one_that_never_was() {
        let spec = Majority::of(3);
        let replies = [ReadResponse::default(), at(-5)];
        let mut replies = (1..).map(NodeId::new).zip(replies).collect();
        assert_eq!(spec.read_qf(&mut replies), Some(at(-5)));
    }

    #[test]
    fn a_write_is_new_when_every_replica_of_a_majority_accepts_it() {
        let spec = Majority::of(3);
        for (second, new) in [(true, true), (false, false)] {
            let replies = [true, second].map(|new| WriteResponse { new });
            let mut replies = (1..).map(NodeId::new).zip(replies).collect();
            assert_eq!(spec.write_qf(&mut replies), Some(WriteResponse { new }));
        }
    }
}
