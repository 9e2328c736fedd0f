//! Writing what was generated.

use std::fs;
use std::path::Path;

use protoc_gen_gorums_rs::GeneratedFile;

use crate::error::Error;

/// Writes `files` to `directory`.
pub(crate) fn write(directory: &Path, files: Vec<GeneratedFile>) -> Result<(), Error> {
    create_directory(directory)?;
    if let Some(file) = files.iter().find(|file| file.insertion_point.is_some()) {
        return Err(Error::Insertion {
            file: file.name.clone(),
        });
    }
    for file in files {
        let path = directory.join(&file.name);
        path.parent().map_or(Ok(()), create_directory)?;
        write_file(&path, file.content.as_bytes())?;
    }
    Ok(())
}

fn create_directory(directory: &Path) -> Result<(), Error> {
    fs::create_dir_all(directory).map_err(|source| Error::Io {
        path: directory.to_path_buf(),
        source,
    })
}

/// Writes a file. One that has its content already is not touched, so that nothing that depends on it is built again.
pub(crate) fn write_file(path: &Path, content: &[u8]) -> Result<(), Error> {
    if fs::read(path).is_ok_and(|there| there == content) {
        return Ok(());
    }
    fs::write(path, content).map_err(|source| Error::Io {
        path: path.to_path_buf(),
        source,
    })
}
