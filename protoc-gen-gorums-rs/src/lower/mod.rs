//! Makes descriptors into what prost-build understands, which does not know editions.
//!
//! A file of an edition becomes a proto3 file that means the same. What proto3 cannot say is an error.

mod features;
mod field;
mod file;

pub(crate) use file::{MAXIMUM_EDITION, MINIMUM_EDITION, lower};
