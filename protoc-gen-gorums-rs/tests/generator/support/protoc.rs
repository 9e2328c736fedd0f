//! The real protoc.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The directory of the golden files.
pub(crate) fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../golden")
}

/// Runs protoc on .proto files of the directory.
pub(crate) fn protoc(directory: &Path, arguments: impl IntoIterator<Item = String>) -> Output {
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
    Command::new(protoc)
        .args([directory, gorums.path(), &google].map(|path| format!("-I{}", path.display())))
        .args(arguments)
        .output()
        .expect("protoc runs")
}
