#![doc = include_str!("../README.md")]

mod bounds;
mod candidates;
mod error;
mod family;
mod kind;
mod metric;
mod node;
mod optimize;
mod program;
mod read_fractions;
mod resilience;
mod resilient;
mod rounded;
mod search;
mod sets;
mod strategy;
mod system;
mod trees;

pub use bounds::Bounds;
pub use error::Error;
pub use kind::Kind;
pub use metric::Metric;
pub use node::Node;
pub use optimize::Question;
pub use read_fractions::ReadFractions;
pub use resilience::Resilience;
pub use rounded::Rounded;
pub use search::{Found, Progress, Search};
pub use strategy::{Choice, Strategy};
pub use system::System;
