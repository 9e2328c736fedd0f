//! The plugin, run by the real protoc.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The directory of the golden files.
pub(crate) fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../golden")
}

/// What protoc and the plugin make of .proto files: the generated files by name, or what is printed.
pub(crate) fn generate(
    directory: &Path,
    protos: &[&str],
    parameter: &str,
) -> Result<BTreeMap<String, String>, String> {
    let out = tempfile::tempdir().expect("a temporary directory");
    let output = protoc(directory, protos, parameter, out.path());
    let printed = String::from_utf8(output.stderr).expect("UTF-8");
    if !output.status.success() {
        return Err(printed);
    }
    assert_eq!(printed, "", "protoc and the plugin are silent");
    let files = fs::read_dir(out.path()).expect("the output directory");
    Ok(files
        .map(|file| {
            let path = file.expect("an entry").path();
            let name = path.file_name().expect("a name").to_string_lossy();
            let content = fs::read_to_string(&path).expect("UTF-8");
            (name.into_owned(), content)
        })
        .collect())
}

fn protoc(directory: &Path, protos: &[&str], parameter: &str, out: &Path) -> Output {
    let protoc = protoc_bin_vendored::protoc_bin_path().expect("a protoc for this machine");
    let google = protoc_bin_vendored::include_path().expect("its include files");
    // The golden protos import gorums.proto by its name here and by its name in Go.
    let gorums = tempfile::tempdir().expect("a temporary directory");
    let in_go = gorums.path().join("github.com/relab/gorums");
    for directory in [gorums.path(), &in_go] {
        fs::create_dir_all(directory).expect("a writable directory");
        let proto = directory.join("gorums.proto");
        fs::write(proto, protoc_gen_gorums_rs::GORUMS_PROTO).expect("a writable directory");
    }
    let plugin = env!("CARGO_BIN_EXE_protoc-gen-rust-gorums");
    let mut command = Command::new(protoc);
    command
        .arg(format!("--plugin=protoc-gen-rust-gorums={plugin}"))
        .arg(format!("--rust-gorums_out={}", out.display()))
        .args([directory, gorums.path(), &google].map(|path| format!("-I{}", path.display())))
        .args(protos);
    if !parameter.is_empty() {
        command.arg(format!("--rust-gorums_opt={parameter}"));
    }
    command.output().expect("protoc runs")
}
