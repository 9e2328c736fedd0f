//! Writing what was generated.

use std::fs;
use std::path::Path;

use protoc_gen_gorums_rs::GeneratedFile;

use crate::error::Error;

/// Writes `files` to `directory`. Files that have their content already are not touched, so that nothing that
/// depends on them is built again.
pub(crate) fn write(directory: &Path, files: Vec<GeneratedFile>) -> Result<(), Error> {
    let io = |path: &Path, source| Error::Io {
        path: path.to_path_buf(),
        source,
    };
    fs::create_dir_all(directory).map_err(|source| io(directory, source))?;
    for file in files {
        let path = directory.join(&file.name);
        if fs::read(&path).is_ok_and(|content| content == file.content.as_bytes()) {
            continue;
        }
        fs::write(&path, &file.content).map_err(|source| io(&path, source))?;
    }
    Ok(())
}
