//! Writes the code of a service: tonic's stubs, and ours.
//!
//! All code is a function of a [`ServiceCode`]: the model, with the Rust paths from prost-build.

mod calls_trait;
mod configuration;
mod doc;
mod gorums;
mod lints;
mod methods;
mod node;
mod quorum_spec;
mod replica;
mod rust_type;
mod service_code;
mod tonic;

pub(crate) use gorums::module;
pub(crate) use service_code::ServiceCode;
pub(crate) use tonic::{client, server};
