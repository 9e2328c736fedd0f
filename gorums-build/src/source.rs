//! Where descriptors come from.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use prost::{DecodeError, Message};
use prost_types::FileDescriptorProto;
use protoc_gen_gorums_rs::GORUMS_PROTO;

use crate::error::Error;

/// The names under which .proto files import the method options: ours, and that of Gorums in Go.
const GORUMS_PROTO_NAMES: [&str; 2] = ["gorums.proto", "github.com/relab/gorums/gorums.proto"];

/// What to do about a protoc that was installed by halves.
const NO_INCLUDE_FILES: &str = "this protoc lacks its include files: install them (Debian's package \
                                libprotobuf-dev), or take it off the PATH to do without protoc";

/// Compiled .proto files: the ones asked for and all that they import.
#[derive(Debug)]
pub(crate) struct Descriptors {
    /// The `FileDescriptorSet`, encoded.
    pub(crate) set: Vec<u8>,
    /// Each file's `FileDescriptorProto`, encoded.
    pub(crate) files: Vec<Vec<u8>>,
    /// The files' names, in the same order.
    pub(crate) names: Vec<String>,
}

/// The descriptors in a file that protoc wrote.
pub(crate) fn from_file(path: &Path) -> Result<Descriptors, Error> {
    let set = fs::read(path).map_err(|source| Error::Io {
        path: path.to_path_buf(),
        source,
    })?;
    decode(set).map_err(|source| Error::DescriptorSet {
        path: path.to_path_buf(),
        source,
    })
}

/// What compiles .proto files.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Compiler {
    /// The protoc at this path.
    Protoc(PathBuf),
    /// The compiler in pure Rust, which is built in. It cannot compile files with an edition.
    #[cfg(feature = "protox")]
    Protox,
}

/// The descriptors of .proto files, by the given compiler or the first one that there is.
pub(crate) fn compile(
    compiler: Option<&Compiler>,
    protos: &[&Path],
    includes: &[&Path],
) -> Result<Descriptors, Error> {
    let named = env::var_os("PROTOC").map(|path| Compiler::Protoc(path.into()));
    let (name, set) = match compiler.or(named.as_ref()) {
        Some(Compiler::Protoc(path)) => {
            let set = run_protoc(path, protos, includes)?.map_err(|source| Error::Protoc {
                path: path.clone(),
                source,
            })?;
            (path.display().to_string(), set)
        }
        #[cfg(feature = "protox")]
        Some(Compiler::Protox) => ("protox".to_string(), pure_rust(protos, includes)?),
        None => match run_protoc(Path::new("protoc"), protos, includes)? {
            Ok(set) => ("protoc".to_string(), set),
            Err(_) => ("protox".to_string(), pure_rust(protos, includes)?),
        },
    };
    decode(set).map_err(|error| Error::Compile {
        compiler: name,
        message: format!("what it wrote is not a descriptor set: {error}"),
    })
}

/// The descriptor set that `protoc` writes. The inner error says that it cannot be run.
fn run_protoc(
    protoc: &Path,
    protos: &[&Path],
    includes: &[&Path],
) -> Result<io::Result<Vec<u8>>, Error> {
    let directory = tempfile::tempdir().map_err(|source| Error::Io {
        path: env::temp_dir(),
        source,
    })?;
    let io = |path: &Path| {
        let path = path.to_path_buf();
        move |source| Error::Io { path, source }
    };
    let built_in = directory.path().join("include");
    for name in GORUMS_PROTO_NAMES {
        let path = built_in.join(name);
        let parent = path.parent().unwrap_or(&built_in);
        fs::create_dir_all(parent).map_err(io(parent))?;
        fs::write(&path, GORUMS_PROTO).map_err(io(&path))?;
    }
    let set = directory.path().join("descriptor-set");
    // The built-in file comes last, so that one of the user's own is preferred.
    let include = |path: &Path| {
        let mut argument = OsString::from("--proto_path=");
        argument.push(path);
        argument
    };
    let output = Command::new(protoc)
        .args(["--include_imports", "--include_source_info"])
        .arg("-o")
        .arg(&set)
        .args(includes.iter().copied().chain([&*built_in]).map(include))
        .args(protos)
        .output();
    let output = match output {
        Ok(output) => output,
        Err(error) => return Ok(Err(error)),
    };
    if !output.status.success() {
        let mut message = String::from_utf8_lossy(&output.stderr).into_owned();
        if message.contains(r#"Import "google/protobuf/descriptor.proto" was not found"#) {
            message.push_str(NO_INCLUDE_FILES);
        }
        return Err(Error::Compile {
            compiler: protoc.display().to_string(),
            message: message.trim_end().to_string(),
        });
    }
    fs::read(&set).map(Ok).map_err(io(&set))
}

#[cfg(not(feature = "protox"))]
fn pure_rust(_: &[&Path], _: &[&Path]) -> Result<Vec<u8>, Error> {
    Err(Error::NoCompiler)
}

#[cfg(feature = "protox")]
fn pure_rust(protos: &[&Path], includes: &[&Path]) -> Result<Vec<u8>, Error> {
    use protox::file::{
        ChainFileResolver, File, FileResolver, GoogleFileResolver, IncludeFileResolver,
    };

    struct BuiltIn;

    impl FileResolver for BuiltIn {
        fn open_file(&self, name: &str) -> Result<File, protox::Error> {
            if GORUMS_PROTO_NAMES.contains(&name) {
                File::from_source(name, GORUMS_PROTO)
            } else {
                Err(protox::Error::file_not_found(name))
            }
        }
    }

    let mut resolver = ChainFileResolver::new();
    for include in includes {
        resolver.add(IncludeFileResolver::new(include.to_path_buf()));
    }
    resolver.add(BuiltIn);
    resolver.add(GoogleFileResolver::new());

    let mut compiler = protox::Compiler::with_file_resolver(resolver);
    compiler.include_imports(true).include_source_info(true);
    match compiler.open_files(protos) {
        // Decoded options would lose the extensions that say what a method is: take the bytes.
        Ok(compiler) => Ok(compiler.encode_file_descriptor_set()),
        Err(error) => Err(match file_with_edition(&error, protos, includes) {
            Some(file) => Error::EditionNeedsProtoc { file },
            None => Error::Compile {
                compiler: "protox".to_string(),
                message: format!("{error:?}"),
            },
        }),
    }
}

/// The file that protox could not parse, if that is because it declares an edition.
#[cfg(feature = "protox")]
fn file_with_edition(
    error: &protox::Error,
    protos: &[&Path],
    includes: &[&Path],
) -> Option<String> {
    let name = error.is_parse().then(|| error.file())??;
    let candidates = includes.iter().map(|include| include.join(name));
    let path = candidates
        .chain(protos.iter().map(PathBuf::from))
        .find(|path| path.ends_with(name) && path.exists())?;
    let source = fs::read_to_string(path).ok()?;
    source
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("edition"))
        .any(|rest| rest.trim_start().starts_with('='))
        .then(|| name.to_string())
}

fn decode(set: Vec<u8>) -> Result<Descriptors, DecodeError> {
    let files = protoc_gen_gorums_rs::split_descriptor_set(&set)?;
    let name = |file: &Vec<u8>| {
        FileDescriptorProto::decode(file.as_slice()).map(|file| file.name().to_string())
    };
    let names = files.iter().map(name).collect::<Result<_, _>>()?;
    Ok(Descriptors { set, files, names })
}
