//! The protoc plugin as a function.

use std::panic::{AssertUnwindSafe, catch_unwind};

use prost::{DecodeError, Message};
use thiserror::Error;

use crate::descriptor::mirror;
use crate::generate::generate;
use crate::lower::{MAXIMUM_EDITION, MINIMUM_EDITION};
use crate::output::GeneratedFile;
use crate::parameters::Parameters;

/// `FEATURE_PROTO3_OPTIONAL` and `FEATURE_SUPPORTS_EDITIONS`.
const FEATURES: u64 = 1 | 2;

/// The plugin's input is not what protoc sends to plugins.
#[derive(Clone, Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum RequestError {
    /// It is not an encoded `CodeGeneratorRequest`.
    #[error("the input is not a request from protoc: {0}")]
    Malformed(#[from] DecodeError),
    /// It is one, but asks for no file, which protoc never does.
    #[error("the input is not a request from protoc: no file is to be generated")]
    Empty,
}

/// Answers an encoded `google.protobuf.compiler.CodeGeneratorRequest` with an encoded
/// `CodeGeneratorResponse`: the generated files, or all problems.
///
/// # Errors
///
/// If the input is not a request: then nobody waits for a response.
pub fn respond(request: &[u8]) -> Result<Vec<u8>, RequestError> {
    let request = mirror::Request::decode(request)?;
    if request.file_to_generate.is_empty() {
        return Err(RequestError::Empty);
    }
    // The last defence: protoc shows an error in a response well, but a panic badly.
    let answer = catch_unwind(AssertUnwindSafe(|| answer(&request)))
        .unwrap_or_else(|_| Err("the generator failed; please report this as a bug".to_owned()));
    let mut response = mirror::Response {
        supported_features: Some(FEATURES),
        minimum_edition: Some(MINIMUM_EDITION),
        maximum_edition: Some(MAXIMUM_EDITION),
        ..Default::default()
    };
    match answer {
        Ok(files) => {
            let files = files.into_iter().map(|file| mirror::ResponseFile {
                name: Some(file.name),
                insertion_point: file.insertion_point,
                content: Some(file.content),
            });
            response.file = files.collect();
        }
        Err(error) => response.error = Some(error),
    }
    Ok(response.encode_to_vec())
}

fn answer(request: &mirror::Request) -> Result<Vec<GeneratedFile>, String> {
    let parameters = Parameters::parse(&request.parameter).map_err(|errors| errors.to_string())?;
    generate(&request.proto_file, &request.file_to_generate, &parameters)
        .map_err(|problems| problems.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use prost_types::compiler::{CodeGeneratorRequest, CodeGeneratorResponse};
    use prost_types::{DescriptorProto, FileDescriptorProto};

    fn request(parameter: &str) -> Vec<u8> {
        let message = DescriptorProto {
            name: Some("M".to_owned()),
            ..Default::default()
        };
        CodeGeneratorRequest {
            file_to_generate: vec!["a.proto".to_owned()],
            parameter: Some(parameter.to_owned()),
            proto_file: vec![FileDescriptorProto {
                name: Some("a.proto".to_owned()),
                package: Some("a".to_owned()),
                syntax: Some("proto3".to_owned()),
                message_type: vec![message],
                ..Default::default()
            }],
            ..Default::default()
        }
        .encode_to_vec()
    }

    #[test]
    fn files_come_with_the_supported_features() {
        let response = respond(&request("")).unwrap();
        let decoded = CodeGeneratorResponse::decode(&response[..]).unwrap();
        assert_eq!(decoded.error, None);
        assert_eq!(decoded.supported_features, Some(3));
        assert_eq!(decoded.file[0].name(), "a.rs");
        assert!(decoded.file[0].content().contains("pub struct M {}"));
        let decoded = mirror::Response::decode(&response[..]).unwrap();
        assert_eq!(
            (decoded.minimum_edition, decoded.maximum_edition),
            (Some(998), Some(1001))
        );
    }

    #[test]
    fn errors_are_in_the_response() {
        let response = respond(&request("no_such")).unwrap();
        let decoded = CodeGeneratorResponse::decode(&response[..]).unwrap();
        assert!(decoded.error().starts_with("unknown parameter `no_such`"));
        assert!(decoded.file.is_empty());
    }

    #[test]
    fn other_input_is_no_request() {
        assert!(matches!(
            respond(b"\xff\xff"),
            Err(RequestError::Malformed(_))
        ));
        assert_eq!(respond(b""), Err(RequestError::Empty));
    }
}
