//! The generator, with arbitrary requests in place of those of protoc.

use prost::Message;
use prost_types::compiler::CodeGeneratorResponse;
use protoc_gen_gorums_rs::respond;

use crate::panics;

/// The largest input: larger ones only make the generator slower.
const MOST: usize = 64 * 1024;

/// The imports of all files with services: a request with only the descriptors of `google/protobuf/descriptor.proto`
/// and `gorums.proto`.
const IMPORTS: &[u8] = include_bytes!("imports.bin");

/// The input is the rest of a `google.protobuf.compiler.CodeGeneratorRequest`, to which those imports are added.
pub fn run(data: &[u8]) {
    if data.len() > MOST {
        return;
    }
    panics::none_but(is_reported, || check(data));
}

/// Whether the generator turns this panic into an error: it does so for those of prost-build and of its dependencies.
fn is_reported(_: &str, file: &str) -> bool {
    file.contains("/prost-build-") || file.contains("/prost-types-")
}

fn check(data: &[u8]) {
    // Concatenated messages are one message.
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
