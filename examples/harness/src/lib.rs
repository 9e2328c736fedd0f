//! What the examples share.
//!
//! | | |
//! |---|---|
//! | the program | [`program`], [`cluster`], [`serve`], [`peer`], [`prompt`], [`disk`] |
//! | its tests | [`seeds`], `simulation`, `processes`, [`run`], [`workload`] |
//! | what tests check | [`history`], [`linearizability`], [`registers`] |
//!
//! Clients record their operations in a [`history`]. [`linearizability`] checks it against a specification, for instance
//! that of [`registers`]:
//!
//! ```
//! use harness::history::Recorder;
//! use harness::linearizability::check;
//! use harness::registers::{Operation, Outcome, Registers};
//!
//! let recorder = Recorder::new();
//! let write = recorder.invoke(1, Operation::Write("x", 5));
//! let read = recorder.invoke(2, Operation::Read("x"));
//! read.returned(Outcome::Read(5));
//! // The write timed out: it may have taken effect, and did in the eyes of the read.
//! write.lost();
//! check(&recorder.history(), &Registers::new(0))?;
//!
//! recorder.invoke(2, Operation::Read("x")).returned(Outcome::Read(0));
//! let error = check(&recorder.history(), &Registers::new(0)).unwrap_err();
//! println!("{error}");
//! # Ok::<(), harness::linearizability::CheckError>(())
//! ```
//!
//! It prints which read fits nowhere, and what came before it:
//!
//! ```text
//! not linearizable: key "x"
//! The last operations of the longest linearization found:
//!   #  client  invoked  returned  operation      outcome  state
//!   0       1        0         -  Write("x", 5)  -        5
//!   1       2        1         2  Read("x")      Read(5)  5
//! No linearization has the operation marked with >, among those concurrent with it:
//!   0       1        0         -  Write("x", 5)  -
//! > 2       2        3         4  Read("x")      Read(0)
//! ```

pub mod cluster;
pub mod disk;
pub mod history;
pub mod linearizability;
pub mod peer;
#[cfg(unix)]
pub mod processes;
pub mod program;
pub mod prompt;
pub mod registers;
pub mod run;
pub mod seeds;
pub mod serve;
#[cfg(feature = "simulation")]
pub mod simulation;
pub mod workload;
