//! The generator, given what protoc is said to have sent.

use prost::Message;
use prost_types::compiler::CodeGeneratorResponse;
use protoc_gen_gorums_rs::respond;

use crate::panics;

/// How large inputs may be: a generator is slower for larger ones, and not otherwise.
const MOST: usize = 64 * 1024;

/// What files of services import: a request with the descriptors of `google/protobuf/descriptor.proto` and
/// `gorums.proto`, and nothing else.
const IMPORTS: &[u8] = include_bytes!("imports.bin");

/// The input is the rest of a `google.protobuf.compiler.CodeGeneratorRequest`, whose imports of all services are there.
pub fn run(data: &[u8]) {
    if data.len() > MOST {
        return;
    }
    panics::none_but(is_reported, || check(data));
}

/// Whether the generator makes an error of this panic: those of prost-build, and of what it calls.
fn is_reported(_: &str, file: &str) -> bool {
    file.contains("/prost-build-") || file.contains("/prost-types-")
}

fn check(data: &[u8]) {
    // Messages that are strung together are one.
    let Ok(response) = respond(&[IMPORTS, data].concat()) else {
        return;
    };
    let response = CodeGeneratorResponse::decode(&response[..]).expect("a response");
    if let Some(error) = response.error {
        assert!(response.file.is_empty(), "there are files and an error");
        assert!(!error.trim().is_empty(), "an error without a text");
        assert!(!error.contains("report this as a bug"), "{error}");
        assert!(!error.contains("is no Rust code"), "{error}");
        return;
    }
    for file in response.file {
        if let Err(error) = syn::parse_file(file.content()) {
            panic!("{}: {error}", file.name());
        }
    }
}
