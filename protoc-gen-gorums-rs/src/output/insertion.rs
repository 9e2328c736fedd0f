//! How the code of a package gets into the file of protoc-gen-prost.

use super::GeneratedFile;
use super::layout::{prost_file_name, relative};
use crate::model::Package;
use crate::parameters::Parameters;

/// The point at the end of a file of protoc-gen-prost, where protoc-gen-tonic includes its code, too.
const POINT: &str = "module";

/// Includes the package's file `name` in that of protoc-gen-prost.
pub(crate) fn insertion(package: &Package, name: &str, parameters: &Parameters) -> GeneratedFile {
    let file = prost_file_name(package, parameters);
    let content = format!("include!({:?});\n", relative(name, &file));
    GeneratedFile {
        insertion_point: Some(POINT.to_owned()),
        ..GeneratedFile::new(file, content)
    }
}
