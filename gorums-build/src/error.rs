//! What can go wrong in a build script.

use std::fmt;
use std::io;
use std::path::PathBuf;

use protoc_gen_gorums_rs::Problems;

/// Why no code was generated.
///
/// It prints the same with `{:?}` as with `{}`, so that a `main` that returns it gives a readable message.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Neither was the code run from a build script nor a directory given.
    #[error(
        "OUT_DIR is not set; run this from a build.rs, or give a directory with Builder::out_dir"
    )]
    NoOutDir,
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The protoc that was given, or that `PROTOC` names, cannot be run.
    #[error("cannot run the protoc {}: {source}; correct its path, in the environment variable PROTOC or the build script", path.display())]
    Protoc {
        /// Where it should be.
        path: PathBuf,
        /// Why it cannot be run.
        source: io::Error,
    },
    /// The .proto files do not compile.
    #[error("{compiler} cannot compile the .proto files:\n{message}")]
    Compile {
        /// What compiled them.
        compiler: String,
        /// What it said.
        message: String,
    },
    /// There is no protoc, and without it a file with an edition cannot be compiled.
    #[error(
        "{file} declares an edition, which only protoc can compile; install protoc 27 or later (for edition 2024: 32 or \
         later), and put it on the PATH or name it in the environment variable PROTOC"
    )]
    EditionNeedsProtoc {
        /// The .proto file.
        file: String,
    },
    /// There is no protoc, and the feature `protox` is off.
    #[error(
        "there is no protoc; install it and put it on the PATH or name it in the environment variable PROTOC, or turn \
         on the feature `protox` of gorums-build"
    )]
    NoCompiler,
    /// A descriptor set is not one.
    #[error("{} is not a descriptor set: {source}; make one with protoc --include_imports --include_source_info --descriptor_set_out", path.display())]
    DescriptorSet {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: prost::DecodeError,
    },
    /// What the .proto files say of gorums is wrong.
    #[error("{0}")]
    Problems(#[from] Problems),
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
