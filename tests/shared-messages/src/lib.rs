//! Generated from `golden/imports_types.proto`: messages that the services of another crate use.

include!("../../../golden/imports.types.rs");
