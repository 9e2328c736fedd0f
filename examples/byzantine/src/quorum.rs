//! The quorum functions, which tolerate lying replicas.

use gorums_runtime::Replies;
use prost::Message;

use crate::proto::register_gorums::RegisterQuorumSpec;
use crate::proto::{SignedState, State, WriteResponse};
use crate::signing::Verifier;

/// Quorums of `n` replicas of which `f` may lie, with `n > 3f`.
///
/// Any two quorums of more than `(n + f) / 2` replicas have more than `f` in common, at least one of which is honest.
/// The `n - f` honest replicas form a quorum.
#[derive(Debug)]
pub(crate) struct Byzantine {
    verifier: Verifier,
    replicas: usize,
}

/// There are too few replicas to tolerate a lying one.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a Byzantine quorum needs n > 3f replicas with f at least 1; n={0} yields f=0, so give at least 4"
)]
pub(crate) struct TooFewReplicas(usize);

impl Byzantine {
    /// Quorums of `replicas` replicas, which store what the writer of `verifier` signed.
    ///
    /// # Errors
    ///
    /// When there are fewer than four replicas.
    pub(crate) fn new(replicas: usize, verifier: Verifier) -> Result<Self, TooFewReplicas> {
        let quorums = Self { verifier, replicas };
        match quorums.liars() {
            0 => Err(TooFewReplicas(replicas)),
            _ => Ok(quorums),
        }
    }

    /// The number of replicas that may lie.
    pub(crate) fn liars(&self) -> usize {
        self.replicas.saturating_sub(1) / 3
    }

    /// The number of replicas in a quorum.
    pub(crate) fn quorum(&self) -> usize {
        (self.replicas + self.liars()) / 2 + 1
    }
}

impl RegisterQuorumSpec for Byzantine {
    /// The newest state of a quorum whose states are all verified.
    fn read_qf(&self, replies: &mut Replies<SignedState>) -> Option<State> {
        // Earlier replies were verified when they arrived.
        let (_, latest) = replies.latest()?;
        if self.verifier.verified(latest).is_none() {
            replies.take_latest();
        }
        if replies.len() < self.quorum() {
            return None;
        }
        let states = replies.messages();
        let states = states.filter_map(|signed| State::decode(&*signed.state).ok());
        states.max_by_key(|state| state.timestamp)
    }

    /// An acknowledgement, once a quorum has acknowledged this write.
    fn write_qf(
        &self,
        request: &SignedState,
        replies: &mut Replies<WriteResponse>,
    ) -> Option<WriteResponse> {
        let written = State::decode(&*request.state).ok()?;
        let acknowledged = replies.messages();
        let acknowledged = acknowledged.filter(|reply| reply.timestamp == written.timestamp);
        (acknowledged.count() >= self.quorum()).then_some(WriteResponse {
            timestamp: written.timestamp,
        })
    }
}

#[cfg(test)]
mod tests {
    use gorums_runtime::NodeId;

    use super::*;
    use crate::signing::Writer;

    /// How a replica answers a read.
    #[derive(Clone, Copy, Debug)]
    enum Reply {
        /// With the state that has this timestamp.
        Honest(i64),
        /// With the initial state.
        Unwritten,
        /// With a state of this timestamp that another writer signed.
        Forged(i64),
        /// With a state of this timestamp under the signature of another one.
        Altered(i64),
        /// With bytes that are not a state.
        Nonsense,
    }
    use Reply::{Altered, Forged, Honest, Nonsense, Unwritten};

    fn state(timestamp: i64) -> State {
        State {
            value: format!("written at {timestamp}"),
            timestamp,
        }
    }

    /// The result of a read when replicas give these answers in turn, and the number of answers that it took.
    fn read(replicas: usize, answers: &[Reply]) -> Option<(usize, State)> {
        let writer = Writer::new().expect("a key");
        let other = Writer::new().expect("a key");
        let quorums = Byzantine::new(replicas, writer.verifier()).expect("enough replicas");
        let signed = |answer: &Reply| match *answer {
            Honest(timestamp) => writer.sign(&state(timestamp)),
            Unwritten => SignedState::default(),
            Forged(timestamp) => other.sign(&state(timestamp)),
            Altered(timestamp) => SignedState {
                state: state(timestamp).encode_to_vec(),
                ..writer.sign(&state(1))
            },
            Nonsense => SignedState {
                state: b"nonsense".to_vec(),
                signature: b"nonsense".to_vec(),
            },
        };
        let mut replies = Replies::default();
        (1..).zip(answers).find_map(|(number, answer)| {
            replies.extend([(NodeId::new(number), signed(answer))]);
            let decided = quorums.read_qf(&mut replies)?;
            Some((number as usize, decided))
        })
    }

    /// Whether a write of timestamp 3 is decided when replicas acknowledge these timestamps.
    fn write(replicas: usize, acknowledged: &[i64]) -> bool {
        let writer = Writer::new().expect("a key");
        let quorums = Byzantine::new(replicas, writer.verifier()).expect("enough replicas");
        let replies = acknowledged
            .iter()
            .map(|&timestamp| WriteResponse { timestamp });
        let mut replies = (1..).map(NodeId::new).zip(replies).collect();
        let decided = quorums.write_qf(&writer.sign(&state(3)), &mut replies);
        decided.is_some_and(|reply| reply.timestamp == 3)
    }

    #[test]
    fn a_third_of_the_replicas_may_lie_and_there_must_be_one_that_may() {
        let verifier = Writer::new().expect("a key").verifier();
        let of = |replicas| {
            let quorums = Byzantine::new(replicas, verifier)?;
            Ok((quorums.liars(), quorums.quorum()))
        };
        for replicas in 0..4 {
            assert_eq!(of(replicas), Err(TooFewReplicas(replicas)));
        }
        assert_eq!(
            TooFewReplicas(3).to_string(),
            "a Byzantine quorum needs n > 3f replicas with f at least 1; n=3 yields f=0, so give at least 4"
        );
        let sizes = [
            (4, (1, 3)),
            (5, (1, 4)),
            (6, (1, 4)),
            (7, (2, 5)),
            (8, (2, 6)),
            (9, (2, 6)),
            (10, (3, 7)),
            (11, (3, 8)),
            (12, (3, 8)),
            (13, (4, 9)),
            (14, (4, 10)),
        ];
        for (replicas, expected) in sizes {
            assert_eq!(of(replicas), Ok(expected), "{replicas} replicas");
        }
    }

    #[test]
    fn two_quorums_have_more_replicas_in_common_than_lie_and_the_honest_ones_are_a_quorum() {
        let verifier = Writer::new().expect("a key").verifier();
        for replicas in 4..=100 {
            let quorums = Byzantine::new(replicas, verifier).expect("enough replicas");
            assert!(2 * quorums.quorum() > replicas + quorums.liars());
            assert!(quorums.quorum() <= replicas - quorums.liars());
        }
    }

    #[test]
    fn a_read_waits_for_more_replies_than_half_of_n_and_f() {
        let undecided: [&[Reply]; 4] = [
            &[],
            &[Honest(1)],
            &[Honest(1), Honest(2)],
            &[Unwritten, Honest(1)],
        ];
        for answers in undecided {
            assert_eq!(read(4, answers), None, "{answers:?}");
        }
        assert_eq!(read(7, &[Honest(1); 4]), None);
    }

    #[test]
    fn a_read_returns_the_newest_state_of_a_quorum() {
        let decided: [(&[Reply], i64); 6] = [
            (&[Honest(1), Honest(1), Honest(1)], 1),
            (&[Honest(1), Honest(2), Honest(3)], 3),
            (&[Honest(3), Honest(2), Honest(1)], 3),
            (&[Honest(2), Honest(3), Honest(2)], 3),
            (&[Honest(1), Unwritten, Unwritten], 1),
            (&[Honest(1), Honest(1), Honest(1), Honest(2)], 1),
        ];
        for (answers, newest) in decided {
            let expected = Some((3, state(newest)));
            assert_eq!(read(4, answers), expected, "{answers:?}");
        }
        let nothing = read(4, &[Unwritten; 3]);
        assert_eq!(nothing, Some((3, State::default())));
        assert_eq!(read(7, &[Honest(4); 5]), Some((5, state(4))));
    }

    #[test]
    fn replies_that_are_not_verified_are_neither_returned_nor_counted() {
        for lie in [Forged(42), Altered(42), Nonsense] {
            let answers = [lie, Honest(1), Honest(2), Unwritten];
            assert_eq!(read(4, &answers), Some((4, state(2))), "{lie:?}");
            let answers = [Honest(1), Honest(2), lie];
            assert_eq!(read(4, &answers), None, "{lie:?}");
            let answers = [Honest(1), Honest(2), lie, Honest(3)];
            assert_eq!(read(4, &answers), Some((4, state(3))), "{lie:?}");
        }
        assert_eq!(read(4, &[Forged(1), Altered(2), Nonsense, Forged(3)]), None);
    }

    #[test]
    fn a_write_needs_a_quorum_of_acknowledgements_of_its_own_timestamp() {
        let undecided: [&[i64]; 8] = [
            &[],
            &[3],
            &[3, 3],
            &[1, 1, 1, 1],
            &[3, 1, 1],
            &[3, 3, 1],
            &[1, 3, 3, 4],
            &[4, 4, 4, 4],
        ];
        for acknowledged in undecided {
            assert!(!write(4, acknowledged), "{acknowledged:?}");
        }
        let decided: [&[i64]; 4] = [&[3, 3, 3], &[3, 3, 3, 3], &[1, 3, 3, 3], &[3, 4, 3, 3]];
        for acknowledged in decided {
            assert!(write(4, acknowledged), "{acknowledged:?}");
        }
        assert!(!write(7, &[3; 4]));
        assert!(write(7, &[3; 5]));
    }
}
