//! The quorum functions of unsigned states: a masking system.
//!
//! A read believes a state that `f + 1` replicas report identically: one of them is honest, so the writer wrote it.
//! With one writer, and at most `f` liars, that makes a safe register:
//!
//! * A read that overlaps no write returns the last state written. Its quorum and that of the write have `2f + 1`
//!   replicas in common, and at least `f + 1` of these are honest and report that state.
//! * A read that overlaps a write returns a state that was written, or the initial one. It may miss the write, and even
//!   those before it, because liars may report an old state, too. If no `f + 1` replicas agree at all, it fails.
//!
//! More than `f` liars can agree on a lie, and then reads return it. Replicas believe whoever writes to them. So only the
//! writer may be able to, for example because it has a client certificate.
//!
//! The paper: Malkhi, Reiter: Byzantine quorum systems. Distributed Computing 11(4), 1998. There, a read takes the replies
//! of one quorum. Here, a read that believes none of them waits for the replies of more replicas.

use gorums_runtime::quorum::{QuorumError, Quorums};
use gorums_runtime::{NodeId, Replies};

use crate::proto::masking_register_gorums::MaskingRegisterQuorumSpec;
use crate::proto::{State, WriteResponse};
use crate::quorum::Tolerant;

/// Decides with the quorums of a masking system.
#[derive(Debug)]
pub(crate) struct Masking {
    pub(crate) tolerant: Tolerant,
    one_correct: Quorums<NodeId>,
}

impl Masking {
    /// Quorums of `replicas`, which store whatever is newer.
    ///
    /// # Errors
    ///
    /// When there are fewer than five replicas.
    pub(crate) fn new(replicas: Vec<NodeId>) -> Result<Self, QuorumError> {
        let tolerant = Tolerant::masking(replicas.clone())?;
        Ok(Self {
            one_correct: Quorums::one_correct(tolerant.liars, replicas)?,
            tolerant,
        })
    }

    /// Whether an honest replica is among those that report `state`.
    fn is_genuine(&self, state: &State, replies: &Replies<State>) -> bool {
        let reporting = replies.iter().filter(|&(_, reply)| reply == state);
        let reporting: Vec<NodeId> = reporting.map(|(node, _)| node).collect();
        self.one_correct.is_quorum_of(&reporting)
    }
}

impl MaskingRegisterQuorumSpec for Masking {
    /// The newest genuine state, once a quorum has replied.
    fn read_qf(&self, replies: &mut Replies<State>) -> Option<State> {
        if !replies.form(&self.tolerant.quorums) {
            return None;
        }
        let genuine = replies
            .messages()
            .filter(|state| self.is_genuine(state, replies));
        genuine.max_by_key(|state| state.timestamp).cloned()
    }

    /// An acknowledgement, once a quorum has acknowledged this write.
    fn write_qf(
        &self,
        request: &State,
        replies: &mut Replies<WriteResponse>,
    ) -> Option<WriteResponse> {
        self.tolerant.acknowledged(request.timestamp, replies)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How a replica answers a read.
    #[derive(Clone, Copy, Debug)]
    enum Reply {
        /// With the state that has this timestamp, or the initial one at 0.
        Written(i64),
        /// With a state of this timestamp that nobody wrote.
        Forged(i64),
    }
    use Reply::{Forged, Written};

    fn state(reply: Reply) -> State {
        match reply {
            Written(0) => State::default(),
            Written(timestamp) => State {
                value: format!("written at {timestamp}"),
                timestamp,
            },
            Forged(timestamp) => State {
                value: "a lie".to_string(),
                timestamp,
            },
        }
    }

    fn masking(replicas: u32) -> Masking {
        Masking::new((1..=replicas).map(NodeId::new).collect()).expect("enough replicas")
    }

    /// The result of a read when replicas give these answers in turn, and the number of answers that it took.
    fn read(replicas: u32, answers: &[Reply]) -> Option<(usize, State)> {
        let quorums = masking(replicas);
        let mut replies = Replies::default();
        (1..).zip(answers).find_map(|(number, &answer)| {
            replies.extend([(NodeId::new(number), state(answer))]);
            let decided = quorums.read_qf(&mut replies)?;
            Some((number as usize, decided))
        })
    }

    /// Whether a write of timestamp 3 is decided when replicas acknowledge these timestamps.
    fn write(replicas: u32, acknowledged: &[i64]) -> bool {
        let replies = acknowledged
            .iter()
            .map(|&timestamp| WriteResponse { timestamp });
        let mut replies = (1..).map(NodeId::new).zip(replies).collect();
        let decided = masking(replicas).write_qf(&state(Written(3)), &mut replies);
        decided.is_some_and(|reply| reply.timestamp == 3)
    }

    /// All ways to choose `count` of `answers`, each chosen any number of times.
    fn sequences(count: u32, answers: &[Reply]) -> Vec<Vec<Reply>> {
        (0..count).fold(vec![vec![]], |sequences, _| {
            let longer = sequences.iter().flat_map(|start| {
                answers
                    .iter()
                    .map(|&next| [start.as_slice(), &[next]].concat())
            });
            longer.collect()
        })
    }

    #[test]
    fn four_times_as_many_replicas_as_liars_are_too_few() {
        let four = (1..=4).map(NodeId::new).collect();
        let error = Masking::new(four).expect_err("too few").to_string();
        assert_eq!(error, "4 nodes, of which 1 may be Byzantine: 5 are needed");
    }

    #[test]
    fn a_read_waits_for_a_masking_quorum() {
        assert_eq!(read(5, &[Written(1); 3]), None);
        assert_eq!(read(5, &[Written(1); 4]), Some((4, state(Written(1)))));
        assert_eq!(read(5, &[Written(0); 4]), Some((4, State::default())));
        assert_eq!(read(9, &[Written(1); 6]), None);
        assert_eq!(read(9, &[Written(1); 7]), Some((7, state(Written(1)))));
    }

    #[test]
    fn a_read_that_overlaps_no_write_returns_the_last_state_written() {
        // The quorum of the last write missed one replica; another one lies.
        for lie in [Written(0), Written(1), Forged(2), Forged(42)] {
            for old in [Written(0), Written(1), Written(2)] {
                let mut answers = [lie, old, Written(2), Written(2)];
                for _ in 0..answers.len() {
                    answers.rotate_left(1);
                    let expected = Some((4, state(Written(2))));
                    assert_eq!(read(5, &answers), expected, "{answers:?}");
                }
            }
        }
    }

    #[test]
    fn a_liar_with_the_right_timestamp_and_a_wrong_value_is_not_counted() {
        let answers = [Forged(2), Written(2), Written(1), Written(1)];
        assert_eq!(read(5, &answers), Some((4, state(Written(1)))));
        let answers = [Forged(2), Written(2), Written(1), Written(0)];
        assert_eq!(read(5, &answers), None);
        let answers = [Forged(2), Written(2), Written(1), Written(0), Written(2)];
        assert_eq!(read(5, &answers), Some((5, state(Written(2)))));
    }

    #[test]
    fn liars_that_agree_on_a_lie_are_not_believed_unless_there_are_too_many() {
        let honest = [Written(1); 5];
        let lie = Forged(i64::MAX);
        let answers = [[lie; 2].as_slice(), &honest].concat();
        assert_eq!(read(9, &answers), Some((7, state(Written(1)))));
        let answers = [[lie; 3].as_slice(), &honest].concat();
        assert_eq!(read(9, &answers), Some((7, state(lie))));
    }

    #[test]
    fn a_forged_state_is_never_returned() {
        let honest = sequences(4, &[Written(0), Written(1), Written(2), Written(3)]);
        for honest in honest {
            for lie in [Forged(2), Forged(42)] {
                for at in 0..=honest.len() {
                    let mut answers = honest.clone();
                    answers.insert(at, lie);
                    let decided = read(5, &answers);
                    let forged = decided.is_some_and(|(_, decided)| decided == state(lie));
                    assert!(!forged, "{answers:?}");
                }
            }
        }
    }

    #[test]
    fn a_read_waits_until_enough_replicas_agree() {
        let answers = [Written(3), Written(2), Written(1), Written(0)];
        assert_eq!(read(5, &answers), None);
        for agreeing in answers {
            let answers = [answers.as_slice(), &[agreeing]].concat();
            assert_eq!(read(5, &answers), Some((5, state(agreeing))));
        }
        let answers = [answers.as_slice(), &[Forged(42)]].concat();
        assert_eq!(read(5, &answers), None);
    }

    #[test]
    fn a_read_that_overlaps_a_write_may_return_an_older_state() {
        // State 1 was written, and the write of state 2 has begun. The first replica missed both, and the second one lies.
        let answers = [Written(0), Written(0), Written(1), Written(2)];
        assert_eq!(read(5, &answers), Some((4, State::default())));
    }

    #[test]
    fn a_write_needs_a_masking_quorum_of_acknowledgements_of_its_own_timestamp() {
        let undecided: [&[i64]; 6] = [
            &[],
            &[3, 3, 3],
            &[1, 1, 1, 1, 1],
            &[4, 4, 4, 4, 4],
            &[3, 3, 3, 1],
            &[3, 3, 1, 3, 4],
        ];
        for acknowledged in undecided {
            assert!(!write(5, acknowledged), "{acknowledged:?}");
        }
        let decided: [&[i64]; 4] = [&[3; 4], &[3; 5], &[1, 3, 3, 3, 3], &[3, 4, 3, 3, 3]];
        for acknowledged in decided {
            assert!(write(5, acknowledged), "{acknowledged:?}");
        }
        assert!(!write(9, &[3; 6]));
        assert!(write(9, &[3; 7]));
    }
}
