//! What a replica does with the requests that all algorithms have. Those of one algorithm are in its module.

use gorums_runtime::AggregateCall;

use crate::proto::register_gorums::{RegisterConfiguration, methods};
use crate::proto::{At, Blueprint, Known, NewCur, Read, Write, WriteNext};
use crate::register::Register;
use crate::request::{Reply, Request};

impl Reply for Known {
    fn known(&self) -> Option<&Known> {
        Some(self)
    }
}

impl Request for Read {
    type Method = methods::ReadS;
    type Reply = Known;

    fn at(&self) -> Option<&At> {
        self.at.as_ref()
    }

    fn blueprints(&self) -> Vec<Option<&Blueprint>> {
        Vec::new()
    }

    fn apply(self, this: &Blueprint, register: &mut Register) -> Known {
        register.known(this)
    }

    fn call(self, replicas: &RegisterConfiguration) -> AggregateCall<Self::Method> {
        replicas.read_s(self)
    }
}

impl Request for Write {
    type Method = methods::WriteS;
    type Reply = Known;

    fn at(&self) -> Option<&At> {
        self.at.as_ref()
    }

    fn blueprints(&self) -> Vec<Option<&Blueprint>> {
        vec![self.la_state.as_ref()]
    }

    fn apply(self, this: &Blueprint, register: &mut Register) -> Known {
        register.store(self.stored.unwrap_or_default());
        register.join(&self.la_state.unwrap_or_default());
        register.known(this)
    }

    fn call(self, replicas: &RegisterConfiguration) -> AggregateCall<Self::Method> {
        replicas.write_s(self)
    }
}

impl Request for WriteNext {
    type Method = methods::WriteN;
    type Reply = Known;

    fn at(&self) -> Option<&At> {
        self.at.as_ref()
    }

    fn blueprints(&self) -> Vec<Option<&Blueprint>> {
        self.next.iter().map(Some).collect()
    }

    fn apply(self, this: &Blueprint, register: &mut Register) -> Known {
        register.change(this, |state| {
            for next in self.next {
                if !state.next.contains(&next) {
                    state.next.push(next);
                }
            }
        });
        register.known(this)
    }

    fn call(self, replicas: &RegisterConfiguration) -> AggregateCall<Self::Method> {
        replicas.write_n(self)
    }
}

impl Request for NewCur {
    type Method = methods::SetCur;
    type Reply = Known;

    fn at(&self) -> Option<&At> {
        self.at.as_ref()
    }

    fn blueprints(&self) -> Vec<Option<&Blueprint>> {
        Vec::new()
    }

    /// A replica that knows a newer one knows enough, and counts as one of the quorum.
    fn is_settled_by(&self, _: &Known) -> bool {
        false
    }

    fn apply(self, this: &Blueprint, register: &mut Register) -> Known {
        register.install(this);
        register.known(this)
    }

    fn call(self, replicas: &RegisterConfiguration) -> AggregateCall<Self::Method> {
        replicas.set_cur(self)
    }
}

impl Known {
    /// Joins what two replicas know.
    pub(crate) fn merge(&mut self, other: Self) {
        let Self {
            cur,
            next,
            stored,
            la_state,
        } = other;
        self.cur = self
            .cur
            .take()
            .into_iter()
            .chain(cur)
            .max_by_key(Blueprint::rank);
        for next in next {
            if !self.next.contains(&next) {
                self.next.push(next);
            }
        }
        if let Some(stored) = stored {
            self.stored.get_or_insert_default().advance(stored);
        }
        if let Some(state) = la_state {
            let joined = self.la_state.get_or_insert_default().merge(&state);
            self.la_state = Some(joined);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::{
        AcceptRequest, Algorithm, Ballot, Collect, PrepareRequest, Stored, Tag, Vote,
    };
    use crate::request::InvalidRequest;

    fn at(this: &Blueprint) -> Option<At> {
        Some(Algorithm::Rambo.at(this))
    }

    fn stored(number: u64) -> Stored {
        let tag = Some(Tag { number, writer: 1 });
        let value = number.to_string();
        Stored { tag, value }
    }

    #[test]
    fn a_replica_keeps_the_greatest_tag_and_goes_on_from_its_disk() {
        let this = Blueprint::of([1, 2, 3]);
        let mut register = Register::default();
        let mut disk = std::collections::BTreeMap::new();
        for number in [2, 1, 3] {
            let request = Write {
                at: at(&this),
                stored: Some(stored(number)),
                la_state: None,
            };
            request.handle(&mut register).expect("it is valid");
        }
        let next = vec![Blueprint::of([1, 2, 3, 4])];
        let request = WriteNext {
            at: at(&this),
            next: next.clone(),
        };
        let known = request.handle(&mut register).expect("it is valid");
        assert_eq!((known.stored, &known.next), (Some(stored(3)), &next));
        for (key, value) in register.take_writes() {
            disk.insert(key, value.expect("nothing is removed yet"));
        }
        let mut register = Register::load(disk).expect("it has written this");
        let known = Read { at: at(&this) }
            .handle(&mut register)
            .expect("it is valid");
        assert_eq!((known.stored, known.next), (Some(stored(3)), next));
    }

    #[test]
    fn an_abandoned_configuration_only_names_the_newer_one() {
        let [this, cur] = [3, 4].map(|n| Blueprint::of(1..=n));
        let mut register = Register::default();
        let next = vec![cur.clone()];
        let request = WriteNext {
            at: at(&this),
            next,
        };
        request.handle(&mut register).expect("it is valid");
        NewCur { at: at(&cur) }
            .handle(&mut register)
            .expect("it is valid");
        assert_eq!(register.next().count(), 0);
        let request = Write {
            at: at(&this),
            stored: Some(stored(1)),
            la_state: None,
        };
        let known = request.handle(&mut register).expect("it is valid");
        let only_cur = Known {
            cur: Some(cur),
            ..Known::default()
        };
        assert_eq!(known, only_cur);
        assert_eq!(register.stored(), Stored::default());
    }

    #[test]
    fn broken_requests_are_refused_and_change_nothing() {
        let this = Blueprint::of([1, 2, 3]);
        let broken = || Blueprint {
            added: vec![2, 1],
            ..Blueprint::default()
        };
        let mut register = Register::default();
        let no_configuration = Err(InvalidRequest::NoConfiguration);
        for at in [
            None,
            Some(At::default()),
            at(&Blueprint::default()),
            at(&broken()),
        ] {
            assert_eq!(Read { at }.handle(&mut register), no_configuration);
        }
        let next = vec![broken()];
        let request = WriteNext {
            at: at(&this),
            next,
        };
        assert_eq!(
            request.handle(&mut register),
            Err(InvalidRequest::NotNormal)
        );
        let vote = Some(Vote {
            ballot: None,
            value: Some(broken()),
        });
        let request = AcceptRequest {
            at: at(&this),
            vote,
        };
        assert!(request.handle(&mut register).is_err());
        assert!(register.take_writes().is_empty());
        // These are wild, but harmless.
        let ballot = Some(Ballot {
            round: u64::MAX,
            proposer: u64::MAX,
        });
        let request = PrepareRequest {
            at: at(&this),
            ballot,
        };
        assert!(request.handle(&mut register).is_ok());
        let request = Collect {
            at: at(&this),
            round: u32::MAX,
            ..Collect::default()
        };
        assert!(request.handle(&mut register).is_ok());
    }
}
