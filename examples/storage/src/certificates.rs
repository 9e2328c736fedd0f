//! Makes certificates for the members of a system and their clients.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};

use crate::args::Certificates;

/// Why certificates cannot be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CertificatesError {
    /// A file cannot be read or written.
    #[error("cannot access {path}: {source}")]
    File {
        /// The file, or its directory.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A key in a file, or a host's name, is not valid.
    #[error("cannot make {what}: {source}")]
    Invalid {
        /// What was to be made.
        what: String,
        /// Why it cannot be made.
        source: rcgen::Error,
    },
}

/// The files in a directory of certificates.
#[derive(Clone, Debug)]
pub(crate) struct Directory(pub(crate) PathBuf);

impl Directory {
    /// The certificate of the authority.
    pub(crate) fn authority(&self) -> PathBuf {
        self.0.join("ca.pem")
    }

    /// The private key of the authority.
    fn authority_key(&self) -> PathBuf {
        self.0.join("ca.key")
    }

    /// The certificate and the private key of a member.
    pub(crate) fn member(&self, id: u32) -> PathBuf {
        self.0.join(format!("node-{id}.pem"))
    }

    /// The certificate and the private key of clients.
    pub(crate) fn client(&self) -> PathBuf {
        self.0.join("client.pem")
    }
}

/// Writes a certificate for each member and one for clients, signed by the directory's authority. Makes the authority if
/// there is none.
pub(crate) fn make(options: &Certificates) -> Result<(), CertificatesError> {
    let directory = Directory(options.dir.clone());
    let access = |source| CertificatesError::File {
        path: options.dir.clone(),
        source,
    };
    fs::create_dir_all(&options.dir).map_err(access)?;
    let authority = authority(&directory)?;
    for &id in &options.ids {
        let uri = format!("gorums://node/{id}");
        let path = directory.member(id);
        issue(
            &authority,
            &path,
            &format!("node {id}"),
            Some(uri),
            &options.hosts,
        )?;
        println!("{}: member {id}", path.display());
    }
    let path = directory.client();
    issue(&authority, &path, "client", None, &[])?;
    println!("{}: clients", path.display());
    Ok(())
}

type Authority = Issuer<'static, KeyPair>;

/// The directory's authority.
fn authority(directory: &Directory) -> Result<Authority, CertificatesError> {
    let (path, certificate) = (directory.authority_key(), directory.authority());
    let what = "the certificate of the authority";
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
        .distinguished_name
        .push(DnType::CommonName, "storage example");
    let key = match fs::read_to_string(&path) {
        Ok(pem) => KeyPair::from_pem(&pem).map_err(|error| invalid(what, error))?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let key = KeyPair::generate().map_err(|error| invalid(what, error))?;
            write(&path, &key.serialize_pem())?;
            let signed = params.self_signed(&key);
            let signed = signed.map_err(|error| invalid(what, error))?;
            write(&certificate, &signed.pem())?;
            println!("{}: the authority", certificate.display());
            key
        }
        Err(source) => return Err(CertificatesError::File { path, source }),
    };
    Ok(Issuer::new(params, key))
}

/// Writes a new certificate and its private key to `path`.
fn issue(
    authority: &Authority,
    path: &Path,
    name: &str,
    uri: Option<String>,
    hosts: &[String],
) -> Result<(), CertificatesError> {
    let make = || {
        let mut params = CertificateParams::new(hosts)?;
        if let Some(uri) = uri {
            params.subject_alt_names.push(SanType::URI(uri.try_into()?));
        }
        params.distinguished_name.push(DnType::CommonName, name);
        // Members are servers, and clients of each other.
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, authority)?;
        Ok(certificate.pem() + &key.serialize_pem())
    };
    let pem = make().map_err(|error| invalid(&format!("the certificate of {name}"), error))?;
    write(path, &pem)
}

fn invalid(what: &str, source: rcgen::Error) -> CertificatesError {
    let what = what.to_owned();
    CertificatesError::Invalid { what, source }
}

/// Replaces a file, so that whoever reads it meanwhile gets all of the old one or all of the new one. Only the user may
/// read it.
fn write(path: &Path, text: &str) -> Result<(), CertificatesError> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let new = path.with_extension("new");
    let written = options
        .open(&new)
        .and_then(|mut file| io::Write::write_all(&mut file, text.as_bytes()))
        .and_then(|()| fs::rename(&new, path));
    written.map_err(|source| CertificatesError::File {
        path: path.to_owned(),
        source,
    })
}
