//! Generated from `golden/imports_types.proto` with `prost_path=::prost`: messages that the services of another crate use.

include!("../../../golden/shared_types.rs");
