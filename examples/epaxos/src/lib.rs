//! Egalitarian Paxos: a replicated map, any of whose replicas leads the commands that its clients send it.
//!
//! There is no designated leader and no global log. Each replica owns a sequence of [instances](InstanceId), and
//! gives each batch of commands one of its own. What is agreed upon is not only the commands of an instance, but also
//! their [`Attributes`]: on which other instances they depend, and a number `seq`. From these, all replicas derive
//! the same order of execution.
//!
//! | phase | quorum | what happens |
//! |---|---|---|
//! | PreAccept | `2F`, or `F + 1` | the replicas add what they know to the attributes |
//! | Accept | `F + 1` | the attributes are fixed; left out on the fast path |
//! | Commit | - | all replicas learn the commands with their attributes, and execute them |
//! | Prepare | `F + 1` | another replica takes an instance over whose leader has failed |
//!
//! `F` of the `n = 2F + 1` replicas may be down. With the fast path, a command is committed after one round trip.
//!
//! The papers:
//!
//! * Moraru, Andersen, Kaminsky: There Is More Consensus in Egalitarian Parliaments. SOSP 2013. Figures 2 and 3 are
//!   the phases here, and its execution algorithm is [`Execution`]. This is the basic protocol, whose fast quorums
//!   have `2F` replicas, not the optimised one.
//! * Moraru: A Proof of Correctness for Egalitarian Paxos. CMU-PDL-13-111, 2013, with a specification in TLA+.
//! * Sutra: On the correctness of Egalitarian Paxos. Information Processing Letters 156, 2020. A [`Record`] needs two
//!   ballots.
//!
//! Deviations:
//!
//! * PreAccepts go to all replicas, not to one fast quorum. The fast path therefore needs replies whose attributes
//!   are those that the leader proposed; see below.
//! * An instance that nobody has seen is finished by an Accept of the no-op, without a PreAccept: a no-op needs no
//!   attributes.
//! * Replicas may crash and come back: what a reply says is on disk before it leaves, and so is an instance before
//!   its PreAccepts leave, so that its number is never given away again. There are no epochs: the members stay the
//!   same.
//! * A command that its client sends again is executed once; see [`Map`].
//! * Nothing is thrown away: a replica keeps all instances in memory and on disk, and executes them again when it
//!   starts.
//!
//! # Recovery
//!
//! Whoever leads a recovery joins a new ballot `b`, asks all replicas to join it, and looks at the records of a
//! majority `Q`:
//!
//! 1. If one of them has a committed value, that is it.
//! 2. Otherwise only the votes with the highest `vbal` of all count. If one of these is accepted, its value is
//!    proposed by Accept.
//! 3. If that `vbal` is the default ballot, and at least `F` replicas other than the owner `L` have pre-accepted
//!    without a change to the attributes, then what `L` proposed is proposed by Accept.
//! 4. If there is any vote, its commands go through PreAccept, in ballot `b`, and without the fast path.
//! 5. If there is none, the no-op is proposed by Accept.
//!
//! **A value that was committed stays.** If a majority has accepted it in ballot `k`, this is the argument of Paxos:
//! each later `Q` has a vote of this majority, the votes above `k` are by induction for the same value, and all of
//! them are accepted, so that rule 2 finds it. If it was committed on the fast path, `2F - 1` replicas other than `L`
//! have pre-accepted it unchanged. A `Q` that includes `L` sees the commit, because `L` commits only while it has
//! joined no other ballot, and has the commit on disk before anybody acts on it. A `Q` without `L` has at least `F +
//! 1` others, of which at most one is not among the `2F - 1`. So rule 3 finds at least `F`, unless there are votes in
//! higher ballots. By induction these are accepted votes for the same value.
//!
//! Rule 3 finds one value only: there is one set of attributes that `L` proposed. If the fast path took replies that
//! are merely equal to each other, the only two survivors of three replicas could have pre-accepted different
//! attributes, either of which `L` may have committed.
//!
//! Rules 2 and 3 look at `vbal`, the ballot of the vote, and not at `bal`, which the replica has joined since. With a
//! single ballot, an old vote counts as a new one as soon as its voter has answered a Prepare, and wins against the
//! value that was chosen.
//!
//! **Of two interfering commands that are committed, one depends on the other.** The attributes of a committed value
//! were computed in some ballot `p` by a majority `M`, each member of which recorded the commands and added all that
//! it knew to interfere in one step. In the default ballot, `L` is one of `M`: with rule 3, `M` is `L` and the `F`
//! others. The majorities of two instances have a replica `R` in common, which recorded one of them first. It adds
//! that to the attributes of the other, provided that it still knows its commands then. It does: each `Q` of a ballot
//! above `p` has a member of `M`, whose vote is in `p` or above. So the highest `vbal` of `Q` is at least `p`, and by
//! induction all votes from there on are for the same commands. In particular, the no-op never replaces them.
//!
//! That is why rule 2 looks at the highest `vbal` whatever the phase of the votes. If an accepted value of a lower
//! ballot came first, a no-op could replace the commands at `R` between the two steps, and they could be committed
//! all the same.
//!
//! # Execution
//!
//! An instance is executed after all that it depends on. These dependencies have cycles, which are executed in the order
//! of `seq`. All replicas see the same graph, and so execute interfering commands in the same order.
//!
//! **A command that is proposed after an interfering one was committed is executed after it.** Let `I` be the earlier
//! one. It was recorded by its majority `M` before it was committed. The majority of the later one, `J`, has a replica
//! in common with `M`, so that `J` depends on `I`. If `I` does not depend on `J` in turn, `J` is executed later. If it
//! does, both are in one cycle, and the `seq` of `J` is higher: its majority also has a replica in common with the one
//! that has voted for `I` with its final attributes.
//!
//! That is why the client of a `put` gets its reply after the commit. Other commands are answered after their execution.
//!
//! # To read the code
//!
//! [`Replica`], [`PreAccepted`], [`recovery()`] and [`Execution`] decide everything, and do no I/O. They are one file
//! for each phase: `pre_accept`, `accept`, `commit`, `prepare`, `execution`. Around them, `leader` and `recover` are
//! straight-line code of quorum calls, `server` has the handlers, and `node` what they share. [`Client`] is the
//! client.

mod accept;
mod attributes;
mod ballot;
mod client;
mod command;
mod commit;
mod components;
mod conflicts;
mod execution;
mod flaw;
mod instance;
mod leader;
mod map;
mod node;
mod pre_accept;
mod prepare;
mod proposal;
mod quorums;
mod record;
mod recover;
mod replica;
mod server;
mod wire;

/// The messages, the calls and the replica traits, as generated by build.rs.
pub mod proto {
    #![allow(missing_docs, reason = "fields whose names say everything")]
    gorums_runtime::include_proto!("epaxos");
}

pub use attributes::Attributes;
pub use ballot::Ballot;
pub use client::{Client, ClientError};
pub use command::{Command, Commands, Operation, interfere};
pub use commit::Commit;
pub use execution::{Execution, Progress};
pub use flaw::Flaw;
pub use instance::InstanceId;
pub use map::{Map, Outcome};
pub use node::{Member, MemberError};
pub use pre_accept::{Phase1, PreAccepted};
pub use prepare::{Prepare, Recovery, recovery};
pub use proposal::Proposal;
pub use quorums::{EPaxosQuorums, NotOdd};
pub use record::{Record, Status, Value, Vote, Write};
pub use replica::{Refusal, Replica};
pub use wire::Malformed;
