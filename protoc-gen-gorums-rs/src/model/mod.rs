//! The model of a run: its packages, services and methods, with the meaning of their options.
//!
//! [`read`] makes it from descriptors and reports every broken rule. Later stages do not look at options again.

mod call_type;
mod message_names;
mod method;
mod package;
mod read;
mod rules;
mod service;

pub(crate) use call_type::CallType;
pub(crate) use message_names::MessageNames;
pub(crate) use method::{Form, Method, Shape, Start};
pub(crate) use package::Package;
pub(crate) use read::read;
pub(crate) use service::Service;
