//! Converts descriptors for prost-build, which does not know editions.
//!
//! A file of an edition becomes a proto3 file with the same meaning. What proto3 cannot express is an error.

mod features;
mod field;
mod file;

pub(crate) use file::{MAXIMUM_EDITION, MINIMUM_EDITION, lower};
