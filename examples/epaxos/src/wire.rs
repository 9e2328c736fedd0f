//! Values as messages. What comes from others is checked.

use gorums_runtime::NodeId;
use gorums_runtime::prost::Message;
use gorums_runtime::tonic;

use crate::attributes::Attributes;
use crate::ballot::Ballot;
use crate::command::{Command, Operation};
use crate::commit::Commit;
use crate::instance::InstanceId;
use crate::map::Outcome;
use crate::prepare::Prepare;
use crate::proposal::Proposal;
use crate::proto::{self, command, outcome};
use crate::record::{Record, Status, Value, Vote, Write};

/// The highest number that instances, ballots and `seq` may have: far from overflow.
const HIGHEST: u64 = 1 << 62;

/// Why a message or a record on disk has no meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// A field is missing.
    #[error("the {0} is missing")]
    Missing(&'static str),
    /// A field has a value that it cannot have.
    #[error("the {0} is out of range")]
    OutOfRange(&'static str),
}

impl From<Malformed> for tonic::Status {
    fn from(malformed: Malformed) -> Self {
        Self::invalid_argument(malformed.to_string())
    }
}

/// The value of a field that has to be there.
fn required<T, U: TryFrom<T, Error = Malformed>>(
    field: Option<T>,
    name: &'static str,
) -> Result<U, Malformed> {
    field.ok_or(Malformed::Missing(name))?.try_into()
}

fn number(number: u64, name: &'static str) -> Result<u64, Malformed> {
    match number <= HIGHEST {
        true => Ok(number),
        false => Err(Malformed::OutOfRange(name)),
    }
}

/// Conversions of a message all of whose fields are messages that have to be there.
macro_rules! message {
    ($message:ident { $($field:ident),* }) => {
        impl From<$message> for proto::$message {
            fn from(message: $message) -> Self {
                Self { $($field: Some(message.$field.into())),* }
            }
        }

        impl TryFrom<proto::$message> for $message {
            type Error = Malformed;

            fn try_from(message: proto::$message) -> Result<Self, Malformed> {
                Ok(Self { $($field: required(message.$field, stringify!($field))?),* })
            }
        }
    };
}

message!(Proposal {
    instance,
    ballot,
    value
});
message!(Prepare { instance, ballot });
message!(Commit { instance, value });

impl From<InstanceId> for proto::Instance {
    fn from(instance: InstanceId) -> Self {
        Self {
            replica: instance.replica.get(),
            number: instance.number,
        }
    }
}

impl TryFrom<proto::Instance> for InstanceId {
    type Error = Malformed;

    fn try_from(instance: proto::Instance) -> Result<Self, Malformed> {
        match instance.number {
            0 => Err(Malformed::OutOfRange("instance's number")),
            of => Ok(Self {
                replica: NodeId::new(instance.replica),
                number: number(of, "instance's number")?,
            }),
        }
    }
}

impl From<Ballot> for proto::Ballot {
    fn from(ballot: Ballot) -> Self {
        Self {
            number: ballot.number,
            replica: ballot.replica.get(),
        }
    }
}

impl TryFrom<proto::Ballot> for Ballot {
    type Error = Malformed;

    fn try_from(ballot: proto::Ballot) -> Result<Self, Malformed> {
        Ok(Self {
            number: number(ballot.number, "ballot's number")?,
            replica: NodeId::new(ballot.replica),
        })
    }
}

impl From<&Command> for proto::Command {
    fn from(command: &Command) -> Self {
        let operation = match command.operation.clone() {
            Operation::Get => command::Operation::Get(()),
            Operation::Put(value) => command::Operation::Put(value),
            Operation::CompareAndSwap { expected, new } => {
                command::Operation::CompareAndSwap(proto::CompareAndSwap { expected, new })
            }
        };
        Self {
            client: command.client,
            sequence: command.sequence,
            key: command.key.clone(),
            operation: Some(operation),
        }
    }
}

impl TryFrom<proto::Command> for Command {
    type Error = Malformed;

    fn try_from(command: proto::Command) -> Result<Self, Malformed> {
        let operation = command.operation.ok_or(Malformed::Missing("operation"))?;
        Ok(Self {
            client: command.client,
            sequence: command.sequence,
            key: command.key,
            operation: match operation {
                command::Operation::Get(()) => Operation::Get,
                command::Operation::Put(value) => Operation::Put(value),
                command::Operation::CompareAndSwap(swap) => Operation::CompareAndSwap {
                    expected: swap.expected,
                    new: swap.new,
                },
            },
        })
    }
}

impl From<Outcome> for proto::Outcome {
    fn from(outcome: Outcome) -> Self {
        let outcome = match outcome {
            Outcome::Value(value) => outcome::Outcome::Value(outcome::Value { value }),
            Outcome::Written => outcome::Outcome::Written(()),
            Outcome::Swapped(swapped) => outcome::Outcome::Swapped(swapped),
            Outcome::Superseded => outcome::Outcome::Superseded(()),
        };
        Self {
            outcome: Some(outcome),
        }
    }
}

impl TryFrom<proto::Outcome> for Outcome {
    type Error = Malformed;

    fn try_from(outcome: proto::Outcome) -> Result<Self, Malformed> {
        Ok(
            match outcome.outcome.ok_or(Malformed::Missing("outcome"))? {
                outcome::Outcome::Value(outcome::Value { value }) => Self::Value(value),
                outcome::Outcome::Written(()) => Self::Written,
                outcome::Outcome::Swapped(swapped) => Self::Swapped(swapped),
                outcome::Outcome::Superseded(()) => Self::Superseded,
            },
        )
    }
}

impl From<Attributes> for proto::Attributes {
    fn from(attributes: Attributes) -> Self {
        let deps = attributes.deps.into_iter();
        Self {
            seq: attributes.seq,
            deps: deps
                .map(|(replica, number)| (replica.get(), number))
                .collect(),
        }
    }
}

impl TryFrom<proto::Attributes> for Attributes {
    type Error = Malformed;

    fn try_from(attributes: proto::Attributes) -> Result<Self, Malformed> {
        let deps = attributes.deps.into_iter();
        let deps = deps.map(|(replica, of)| Ok((NodeId::new(replica), number(of, "dependency")?)));
        Ok(Self {
            seq: number(attributes.seq, "seq")?,
            deps: deps.collect::<Result<_, Malformed>>()?,
        })
    }
}

impl From<Value> for proto::Value {
    fn from(value: Value) -> Self {
        Self {
            commands: value.commands.iter().map(Into::into).collect(),
            attributes: Some(value.attributes.into()),
        }
    }
}

impl TryFrom<proto::Value> for Value {
    type Error = Malformed;

    fn try_from(value: proto::Value) -> Result<Self, Malformed> {
        let commands = value.commands.into_iter().map(Command::try_from);
        Ok(Self {
            commands: commands.collect::<Result<_, Malformed>>()?,
            attributes: required(value.attributes, "attributes")?,
        })
    }
}

impl From<Record> for proto::Record {
    fn from(record: Record) -> Self {
        Self {
            bal: Some(record.bal.into()),
            vote: record.vote.map(Into::into),
        }
    }
}

impl TryFrom<proto::Record> for Record {
    type Error = Malformed;

    fn try_from(record: proto::Record) -> Result<Self, Malformed> {
        Ok(Self {
            bal: required(record.bal, "ballot")?,
            vote: record.vote.map(Vote::try_from).transpose()?,
        })
    }
}

impl From<Vote> for proto::Vote {
    fn from(vote: Vote) -> Self {
        let status = match vote.status {
            Status::PreAccepted { unchanged: false } => proto::Status::PreAccepted,
            Status::PreAccepted { unchanged: true } => proto::Status::PreAcceptedUnchanged,
            Status::Accepted => proto::Status::Accepted,
            Status::Committed => proto::Status::Committed,
        };
        Self {
            vbal: Some(vote.vbal.into()),
            status: status.into(),
            value: Some(vote.value.into()),
        }
    }
}

impl TryFrom<proto::Vote> for Vote {
    type Error = Malformed;

    fn try_from(vote: proto::Vote) -> Result<Self, Malformed> {
        let status = match vote.status() {
            proto::Status::Unspecified => return Err(Malformed::OutOfRange("status")),
            proto::Status::PreAccepted => Status::PreAccepted { unchanged: false },
            proto::Status::PreAcceptedUnchanged => Status::PreAccepted { unchanged: true },
            proto::Status::Accepted => Status::Accepted,
            proto::Status::Committed => Status::Committed,
        };
        Ok(Self {
            vbal: required(vote.vbal, "ballot of the vote")?,
            status,
            value: required(vote.value, "value")?,
        })
    }
}

/// A record as a key and a value on disk.
pub(crate) fn to_disk((instance, record): Write) -> (Vec<u8>, Vec<u8>) {
    let key = proto::Instance::from(instance).encode_to_vec();
    (key, proto::Record::from(record).encode_to_vec())
}

/// The record in a pair on disk.
pub(crate) fn from_disk(key: &[u8], value: &[u8]) -> Result<Write, Malformed> {
    let instance = proto::Instance::decode(key).map_err(|_| Malformed::OutOfRange("key"))?;
    let record = proto::Record::decode(value).map_err(|_| Malformed::OutOfRange("record"))?;
    Ok((instance.try_into()?, record.try_into()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(operation: Operation) -> Command {
        Command {
            client: 1,
            sequence: 2,
            key: "k".to_owned(),
            operation,
        }
    }

    #[test]
    fn a_record_is_read_from_disk_as_it_was_written() {
        let replica = NodeId::new(3);
        let instance = InstanceId { replica, number: 7 };
        let (expected, new) = (None, "new".to_owned());
        let operations = [
            Operation::Get,
            Operation::Put("v".to_owned()),
            Operation::CompareAndSwap { expected, new },
        ];
        let attributes = Attributes {
            seq: 4,
            deps: [(replica, 6)].into(),
        };
        for status in [
            Status::PreAccepted { unchanged: false },
            Status::PreAccepted { unchanged: true },
            Status::Accepted,
            Status::Committed,
        ] {
            let value = Value {
                commands: operations.iter().cloned().map(command).collect(),
                attributes: attributes.clone(),
            };
            let vbal = Ballot::default_of(instance);
            let vote = Some(Vote {
                vbal,
                status,
                value,
            });
            let bal = vbal.next_of(replica);
            let write = (instance, Record { bal, vote });
            let (key, value) = to_disk(write.clone());
            assert_eq!(from_disk(&key, &value), Ok(write));
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let error = Proposal::try_from(proto::Proposal::default()).unwrap_err();
        assert_eq!(error.to_string(), "the instance is missing");
        let error = from_disk(&[], &[0xff]).unwrap_err();
        assert_eq!(error.to_string(), "the record is out of range");
    }
}
