//! TLS with the certificates of a directory.

use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io};

use gorums_runtime::errors::CredentialsError;
use gorums_runtime::{Credentials, System};

use crate::certificates::Directory;

/// How often a member looks for new certificates.
const LOOK: Duration = Duration::from_millis(500);

/// Why a directory of certificates cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {path}: {source}; `storage certificates` makes it")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file's content is not valid.
    #[error("{path}: {source}")]
    Credentials {
        /// The file with the certificate and its key.
        path: PathBuf,
        /// What is wrong.
        source: CredentialsError,
    },
}

/// The certificate and the key of one process, and the certificate of its authority, as they are in the files.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Files {
    own: String,
    authority: String,
}

impl Files {
    fn read(directory: &Directory, own: &Path) -> Result<Self, TlsError> {
        Ok(Self {
            own: read(own)?,
            authority: read(&directory.authority())?,
        })
    }

    fn credentials(&self, path: &Path) -> Result<Credentials, TlsError> {
        let credentials = Credentials::from_pem(&self.own, &self.own, &self.authority);
        credentials.map_err(|source| TlsError::Credentials {
            path: path.to_owned(),
            source,
        })
    }
}

fn read(path: &Path) -> Result<String, TlsError> {
    fs::read_to_string(path).map_err(|source| TlsError::File {
        path: path.to_owned(),
        source,
    })
}

/// The files of one member, which may be replaced.
#[derive(Debug)]
pub(crate) struct MemberFiles {
    directory: Directory,
    path: PathBuf,
    /// What is in use.
    used: Files,
}

impl MemberFiles {
    /// The files of member `id`.
    pub(crate) fn read(directory: Directory, id: u32) -> Result<Self, TlsError> {
        let path = directory.member(id);
        let used = Files::read(&directory, &path)?;
        Ok(Self {
            directory,
            path,
            used,
        })
    }

    pub(crate) fn credentials(&self) -> Result<Credentials, TlsError> {
        self.used.credentials(&self.path)
    }

    /// Gives `system` the certificates that replace those in the files, as long as this is polled.
    pub(crate) async fn follow(mut self, system: System) {
        loop {
            tokio::time::sleep(LOOK).await;
            let path = self.path.display();
            match Files::read(&self.directory, &self.path) {
                Ok(files) if files == self.used => {}
                Ok(files) => {
                    // What cannot be used is reported once.
                    self.used = files;
                    let replaced = self.credentials().map_err(|error| error.to_string());
                    let replaced = replaced.and_then(|credentials| {
                        let replaced = system.replace_credentials(credentials);
                        replaced.map_err(|error| format!("{path}: {error}"))
                    });
                    match replaced {
                        Ok(()) => println!("new connections use the new {path}"),
                        Err(error) => eprintln!("storage: the old certificates stay: {error}"),
                    }
                }
                Err(error) => eprintln!("storage: {error}"),
            }
        }
    }
}

/// The credentials of a client.
pub(crate) fn client(directory: &Directory) -> Result<Credentials, TlsError> {
    let path = directory.client();
    Files::read(directory, &path)?.credentials(&path)
}
