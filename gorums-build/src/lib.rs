//! Generates quorum calls from .proto files in a `build.rs`.
//!
//! ```no_run
//! fn main() -> Result<(), gorums_build::Error> {
//!     gorums_build::compile_protos("proto/storage.proto")
//! }
//! ```
//!
//! The crate then includes the code with `gorums_runtime::include_proto!("storage")`, where `storage` is the
//! package that the .proto file names. The code is the same as `protoc --rust-gorums_out` gives. The crate depends on
//! `gorums-runtime`, in which the code finds prost and tonic.
//!
//! `import "gorums.proto";` works without the file being there: it is built in.
//!
//! # Where descriptors come from
//!
//! The first of these that there is:
//!
//! 1. a descriptor set given with [`Builder::descriptor_set`],
//! 2. the compiler given with [`Builder::compiler`],
//! 3. the protoc that the environment variable `PROTOC` names,
//! 4. `protoc` on the `PATH`,
//! 5. [protox](https://docs.rs/protox), a compiler in pure Rust (the feature `protox`, on by default). It cannot
//!    compile files with an `edition`.
//!
//! # Code that is checked in
//!
//! A program that is no build script can write code to check in ([`Builder::out_dir`]), also as a whole crate with a cargo
//! feature for each package ([`Parameters::gen_crate`]).

mod builder;
mod error;
mod output;
mod source;

use std::path::Path;

pub use builder::Builder;
pub use error::Error;
pub use protoc_gen_gorums_rs::{ParameterErrors, Parameters};
pub use source::Compiler;

/// Compiles one .proto file, and what it imports, into `OUT_DIR`. The directory that the file is in is the include
/// path.
///
/// # Errors
///
/// When the file cannot be read or compiled, or when its options are wrong; see [`Error`].
pub fn compile_protos(proto: impl AsRef<Path>) -> Result<(), Error> {
    let proto = proto.as_ref();
    let directory = match proto.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    configure().compile_protos(&[proto], &[directory])
}

/// A builder, to set things up in detail.
pub fn configure() -> Builder {
    Builder::default()
}
