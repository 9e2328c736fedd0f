//! The errors of a build script.

use std::fmt;
use std::io;
use std::path::PathBuf;

use protoc_gen_gorums_rs::Problems;

/// Why no code was generated.
///
/// `{:?}` prints the same as `{}`, so a `main` that returns the error prints a readable message.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The code does not run in a build script, and no directory was given.
    #[error(
        "OUT_DIR is not set; run this from a build.rs, or give a directory with Builder::out_dir"
    )]
    NoOutDir,
    /// A crate would be written to `OUT_DIR`, where no other crate can depend on it.
    #[error(
        "the crate `{name}` would be written to OUT_DIR, where no other crate can depend on it; give a directory with \
         Builder::out_dir, or leave out the parameter gen_crate"
    )]
    CrateInOutDir {
        /// The name of the crate.
        name: String,
    },
    /// Code would be inserted into a file of another plugin.
    #[error(
        "only protoc and buf can insert code into {file}, which another plugin writes; leave out the parameter \
         insert_include"
    )]
    Insertion {
        /// The file of the other plugin.
        file: String,
    },
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The given protoc, or the one in `PROTOC`, cannot be run.
    #[error("cannot run the protoc {}: {source}; correct its path, in the environment variable PROTOC or the build script", path.display())]
    Protoc {
        /// Its path.
        path: PathBuf,
        /// Why it cannot be run.
        source: io::Error,
    },
    /// The .proto files do not compile.
    #[error("{compiler} cannot compile the .proto files:\n{message}")]
    Compile {
        /// The name of the compiler.
        compiler: String,
        /// The output of the compiler.
        message: String,
    },
    /// There is no protoc, which a file with an edition needs.
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
    /// A file is not a descriptor set.
    #[error("{} is not a descriptor set: {source}; make one with protoc --include_imports --include_source_info --descriptor_set_out", path.display())]
    DescriptorSet {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: prost::DecodeError,
    },
    /// The .proto files have problems.
    #[error("{0}")]
    Problems(#[from] Problems),
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
