//! The plugin, run by the real protoc.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

pub(crate) mod protoc;

pub(crate) use protoc::golden;
use protoc::protoc;

/// What protoc and the plugin make of .proto files: the generated files by name, or what is printed.
pub(crate) fn generate(
    directory: &Path,
    protos: &[&str],
    parameter: &str,
) -> Result<BTreeMap<String, String>, String> {
    let out = tempfile::tempdir().expect("a temporary directory");
    let plugin = env!("CARGO_BIN_EXE_protoc-gen-rust-gorums");
    let mut arguments = vec![
        format!("--plugin=protoc-gen-rust-gorums={plugin}"),
        format!("--rust-gorums_out={}", out.path().display()),
    ];
    if !parameter.is_empty() {
        arguments.push(format!("--rust-gorums_opt={parameter}"));
    }
    arguments.extend(protos.iter().map(|proto| (*proto).to_owned()));
    let output = protoc(directory, arguments);
    let printed = String::from_utf8(output.stderr).expect("UTF-8");
    if !output.status.success() {
        return Err(printed);
    }
    assert_eq!(printed, "", "protoc and the plugin are silent");
    let mut files = BTreeMap::new();
    read_all(out.path(), "", &mut files);
    Ok(files)
}

/// Adds the files of the directory, whose names begin with `prefix`.
fn read_all(directory: &Path, prefix: &str, files: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(directory).expect("the output directory") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy();
        let name = format!("{prefix}{name}");
        if path.is_dir() {
            read_all(&path, &format!("{name}/"), files);
        } else {
            files.insert(name, fs::read_to_string(&path).expect("UTF-8"));
        }
    }
}
