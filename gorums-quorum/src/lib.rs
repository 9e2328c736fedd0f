#![doc = include_str!("../README.md")]

mod acknowledged;
mod display;
mod error;
mod intersection;
mod matching;
mod minimal;
mod node_set;
mod parse;
mod pick;
mod quorums;
mod read_write;
mod rule;
mod shapes;
mod system;
mod universe;
mod verdict;
mod votes;
mod weights;

pub use acknowledged::Acknowledged;
pub use error::{Disjoint, QuorumError};
pub use intersection::check_common;
pub use matching::Matching;
pub use minimal::Minimal;
pub use node_set::NodeSet;
pub use parse::ParseError;
pub use quorums::Quorums;
pub use read_write::ReadWrite;
pub use system::QuorumSystem;
pub use universe::Universe;
pub use verdict::Verdict;
pub use votes::Votes;
pub use weights::Share;
