//! The quorum functions of signed states: a dissemination system.
//!
//! A liar cannot forge a state, only hide the newest one. So it suffices that a read and the last write have an honest
//! replica in common.
//!
//! The paper: Malkhi, Reiter: Byzantine quorum systems. Distributed Computing 11(4), 1998.

use gorums_runtime::Replies;
use gorums_runtime::prost::Message;

use crate::proto::register_gorums::RegisterQuorumSpec;
use crate::proto::{SignedState, State, WriteResponse};
use crate::quorum::Tolerant;
use crate::signing::Verifier;

/// Decides with the quorums of a dissemination system.
#[derive(Debug)]
pub(crate) struct Dissemination {
    /// The replicas, which store what the writer of `verifier` signed.
    pub(crate) tolerant: Tolerant,
    pub(crate) verifier: Verifier,
}

impl RegisterQuorumSpec for Dissemination {
    /// The newest state of a quorum whose states are all verified.
    fn read_qf(&self, replies: &mut Replies<SignedState>) -> Option<State> {
        // Earlier replies were verified when they arrived.
        let (_, latest) = replies.latest()?;
        if self.verifier.verified(latest).is_none() {
            replies.take_latest();
        }
        if !replies.form(&self.tolerant.quorums) {
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
        self.tolerant.acknowledged(written.timestamp, replies)
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
    fn read(replicas: u32, answers: &[Reply]) -> Option<(usize, State)> {
        let writer = Writer::new().expect("a key");
        let other = Writer::new().expect("a key");
        let quorums = dissemination(replicas, writer.verifier());
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
    fn write(replicas: u32, acknowledged: &[i64]) -> bool {
        let writer = Writer::new().expect("a key");
        let quorums = dissemination(replicas, writer.verifier());
        let replies = acknowledged
            .iter()
            .map(|&timestamp| WriteResponse { timestamp });
        let mut replies = (1..).map(NodeId::new).zip(replies).collect();
        let decided = quorums.write_qf(&writer.sign(&state(3)), &mut replies);
        decided.is_some_and(|reply| reply.timestamp == 3)
    }

    fn dissemination(replicas: u32, verifier: Verifier) -> Dissemination {
        let replicas = (1..=replicas).map(NodeId::new).collect();
        let tolerant = Tolerant::dissemination(replicas).expect("enough replicas");
        Dissemination { tolerant, verifier }
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
