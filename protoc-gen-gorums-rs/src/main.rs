//! The protoc plugin `protoc-gen-rust-gorums`.
//!
//! protoc runs it without arguments, with a request on stdin. All arguments are for people.
#![warn(missing_docs)]

use std::error::Error;
use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{fs, panic};

use clap::{CommandFactory, Parser, Subcommand};
use protoc_gen_gorums_rs::{GORUMS_PROTO, Parameters, respond};

/// Generates quorum calls in Rust from .proto files.
///
/// protoc runs this program when it is given --rust-gorums_out=DIR.
#[derive(Debug, Parser)]
#[command(name = "protoc-gen-rust-gorums", version, after_help = after_help())]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Writes gorums.proto, which declares the method options, into a directory.
    Proto {
        /// The directory; it is created if need be.
        dir: PathBuf,
    },
}

fn after_help() -> String {
    format!(
        "Usage with protoc:\n  protoc --rust-gorums_out=DIR [--rust-gorums_opt=NAME=VALUE,...] FILE.proto\n\n\
         Parameters:\n{}\n\n\
         PATH is a proto path: `.package.Message.field`, the last parts of one, or `.` for everything.\n\
         A comma in a value is written `\\,`.\n\n\
         Each package becomes one file, and a call of protoc overwrites the files of the calls before it: name all files \
         of a package in one call, and with include_file or gen_crate those of all packages.",
        Parameters::help()
    )
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("protoc-gen-rust-gorums: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Option<Command>) -> Result<(), Box<dyn Error>> {
    match command {
        Some(Command::Proto { dir }) => write_proto(&dir),
        None if io::stdin().is_terminal() => Ok(Arguments::command().print_long_help()?),
        None => answer_protoc(),
    }
}

fn answer_protoc() -> Result<(), Box<dyn Error>> {
    let mut request = Vec::new();
    io::stdin().read_to_end(&mut request)?;
    // Panics become errors in the response, so their usual message would be noise.
    panic::set_hook(Box::new(|_| {}));
    let response = respond(&request)
        .map_err(|error| format!("{error}; protoc runs this program, --help tells how"))?;
    let mut stdout = io::stdout().lock();
    stdout.write_all(&response)?;
    Ok(stdout.flush()?)
}

fn write_proto(dir: &Path) -> Result<(), Box<dyn Error>> {
    let path = dir.join("gorums.proto");
    fs::create_dir_all(dir)
        .and_then(|()| fs::write(&path, GORUMS_PROTO))
        .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    writeln!(io::stdout(), "{}", path.display())?;
    Ok(())
}
