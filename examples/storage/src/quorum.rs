//! The quorum functions, which decide by majorities: any two of them have a replica in common.

use gorums_runtime::prost_types::Timestamp;
use gorums_runtime::quorum::Quorums;
use gorums_runtime::{Configuration, Correction, NodeId, Replies};

use crate::proto::storage_gorums::StorageQuorumSpec;
use crate::proto::{ReadResponse, WriteResponse};

/// The quorum functions.
#[derive(Debug)]
pub(crate) struct Majority {
    quorums: Quorums<NodeId>,
}

impl Majority {
    pub(crate) fn of(replicas: &Configuration) -> Self {
        Self {
            quorums: replicas.majority(),
        }
    }
}

impl StorageQuorumSpec for Majority {
    fn read_qc_qf(&self, replies: &mut Replies<ReadResponse>) -> Option<ReadResponse> {
        if !replies.form(&self.quorums) {
            return None;
        }
        newest(replies)
    }

    fn write_qc_qf(&self, replies: &mut Replies<WriteResponse>) -> Option<WriteResponse> {
        if !replies.form(&self.quorums) {
            return None;
        }
        let new = replies.messages().all(|reply| reply.new);
        Some(WriteResponse { new })
    }

    fn read_correctable_qf(
        &self,
        replies: &mut Replies<ReadResponse>,
    ) -> Option<Correction<ReadResponse>> {
        let level = i32::try_from(replies.distinct_nodes()).unwrap_or(i32::MAX);
        let newest = replies
            .messages()
            .max_by_key(|reply| (reply.ok, written_at(&reply.time)))?
            .clone();
        Some(if replies.form(&self.quorums) {
            Correction::last(newest, level)
        } else {
            Correction::preliminary(newest, level)
        })
    }
}

/// Takes the newest value out of the replies.
pub(crate) fn newest(replies: &mut Replies<ReadResponse>) -> Option<ReadResponse> {
    replies.take_max_by_key(|reply| (reply.ok, written_at(&reply.time)))
}

/// A sort key, greater for newer times.
pub(crate) fn written_at(time: &Option<Timestamp>) -> Option<(i64, i32)> {
    time.as_ref().map(|time| (time.seconds, time.nanos))
}

#[cfg(test)]
mod tests {
    use gorums_runtime::testing;

    use super::*;

    fn majority_of(replicas: u32) -> Majority {
        Majority {
            quorums: Quorums::majority((1..=replicas).map(NodeId::new)),
        }
    }

    fn at(seconds: i64) -> ReadResponse {
        ReadResponse {
            ok: true,
            value: format!("written at {seconds}"),
            time: Some(Timestamp { seconds, nanos: 0 }),
        }
    }

    #[test]
    fn a_read_waits_for_a_majority_and_returns_the_newest() {
        let spec = majority_of(4);
        let mut replies = testing::replies([at(2), at(3)]);
        assert_eq!(spec.read_qc_qf(&mut replies), None);
        replies.extend([(NodeId::new(3), at(1))]);
        assert_eq!(spec.read_qc_qf(&mut replies), Some(at(3)));
    }

    #[test]
    fn the_level_of_a_correctable_read_is_the_number_of_replies_up_to_a_majority() {
        let spec = majority_of(3);
        let mut replies = testing::replies([at(2)]);
        let first = spec.read_correctable_qf(&mut replies).expect("a level");
        assert_eq!(first, Correction::preliminary(at(2), 1));
        replies.extend([(NodeId::new(2), at(1))]);
        let second = spec.read_correctable_qf(&mut replies).expect("a level");
        assert_eq!(second, Correction::last(at(2), 2));
    }

    #[test]
    fn a_register_that_was_written_before_1970_counts_more_than_one_that_never_was() {
        let spec = majority_of(3);
        let mut replies = testing::replies([ReadResponse::default(), at(-5)]);
        assert_eq!(spec.read_qc_qf(&mut replies), Some(at(-5)));
    }

    #[test]
    fn a_write_is_new_when_every_replica_of_a_majority_accepts_it() {
        let spec = majority_of(3);
        for (second, new) in [(true, true), (false, false)] {
            let replies = [true, second].map(|new| WriteResponse { new });
            let mut replies = testing::replies(replies);
            assert_eq!(spec.write_qc_qf(&mut replies), Some(WriteResponse { new }));
        }
    }
}
