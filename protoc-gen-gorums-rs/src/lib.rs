//! Generates Rust for the services of `.proto` files whose methods have Gorums options: calls to many
//! nodes at once, decided by a quorum of replies.
//!
//! This is the library behind the protoc plugin `protoc-gen-rust-gorums` and behind `gorums-build`, which
//! does the same in a build script. Both differ only in where descriptors come from:
//!
//! ```text
//! descriptors -> options, by name -> model, validated -> messages, tonic's stubs, our code -> file
//! ```
//!
//! * [`generate`] is that pipeline.
//! * [`respond`] is the plugin as a function.
//! * [`Parameters`] are what users can set.
//! * [`GORUMS_PROTO`] is the file that declares the options.
//!
//! All that is wrong with the input is reported at once, as [`Problems`]: each says where it is and what to do.
#![warn(missing_docs)]

mod cargo_crate;
mod check;
mod descriptor;
mod docs;
mod emit;
mod generate;
mod groups;
mod lower;
mod messages;
mod model;
mod names;
mod options;
mod output;
mod parameters;
mod plugin;
mod problem;
mod problems;

pub use descriptor::split_descriptor_set;
pub use generate::generate;
pub use output::GeneratedFile;
pub use parameters::{ParameterError, ParameterErrors, Parameters};
pub use plugin::{RequestError, respond};
pub use problem::Problem;
pub use problems::Problems;

/// The file `gorums.proto`, which declares the method options: what `.proto` files import.
pub const GORUMS_PROTO: &str = include_str!("../proto/gorums.proto");
