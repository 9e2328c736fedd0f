//! What makes a crate of the code: its `Cargo.toml`, and a cargo feature for each package.

mod features;
mod manifest;

pub(crate) use features::{Features, RESERVED, feature_name};
pub(crate) use manifest::manifest;
