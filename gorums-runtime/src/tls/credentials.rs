//! What a process proves its identity with, and whom it trusts.

use std::fmt;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ServerConfig};

use super::builder::CredentialsBuilder;
use super::certificate::PeerCertificate;
use super::error::CredentialsError;

/// A process's certificate and private key, and the authorities whose certificates it trusts: for the connections of a
/// [`Manager`](crate::ManagerBuilder::tls), of a [`Server`](crate::Server::tls), and for both of a
/// [`System`](crate::SystemBuilder::tls).
///
/// | | certificate | authorities |
/// |---|---|---|
/// | manager | if the servers require one | needed: one of them must have signed the server's certificate |
/// | server | needed | if there are any, clients must present a certificate that one of them has signed |
/// | system | needed | needed |
///
/// A cheap handle to something that does not change. [`RotatingCredentials`](crate::RotatingCredentials) gives managers
/// and servers others while they run, and [`System::replace_credentials`](crate::System::replace_credentials) does so for
/// systems.
///
/// Needs the crate's feature `tls-ring` or `tls-aws-lc`. If the process has not installed a [cryptography
/// provider](https://docs.rs/rustls/0.23/rustls/crypto/struct.CryptoProvider.html), ring is used if `tls-ring` is on, and
/// otherwise that of AWS.
#[derive(Clone)]
pub struct Credentials(Arc<CredentialsParts>);

pub(super) struct CredentialsParts {
    pub(super) certificate: Option<PeerCertificate>,
    /// The ends of a connection that the process can be.
    pub(super) client: Option<Client>,
    pub(super) server: Option<Arc<ServerConfig>>,
}

/// How a process with authorities connects to others.
#[derive(Clone)]
pub(super) struct Client {
    /// To servers that a certificate for their host proves.
    pub(super) to_hosts: Arc<ClientConfig>,
    /// To members of a system. Their ids are for the caller to check.
    pub(super) to_members: Arc<ClientConfig>,
    /// The name that servers must have in place of the host of their address.
    pub(super) server_name: Option<ServerName<'static>>,
    /// Whether the process presents a certificate.
    pub(super) has_certificate: bool,
}

impl Credentials {
    /// Reads a certificate and its private key, and the certificates of one or several authorities, all in PEM. The
    /// certificate may be followed by those that lead to its authority.
    ///
    /// Members of a system use the certificate as clients and as servers: if it restricts its use (extended key usage), it
    /// has to allow both.
    ///
    /// ```no_run
    /// # fn example() -> Result<gorums_runtime::Credentials, Box<dyn std::error::Error>> {
    /// use gorums_runtime::Credentials;
    ///
    /// let credentials = Credentials::from_pem(
    ///     std::fs::read("node-1.pem")?,
    ///     std::fs::read("node-1.key")?,
    ///     std::fs::read("ca.pem")?,
    /// )?;
    /// # Ok(credentials)
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If one of them cannot be read, or the key is not that of the certificate.
    pub fn from_pem(
        certificate: impl AsRef<[u8]>,
        key: impl AsRef<[u8]>,
        authorities: impl AsRef<[u8]>,
    ) -> Result<Self, CredentialsError> {
        Self::builder()
            .certificate(certificate, key)
            .authorities(authorities)
            .build()
    }

    /// Returns a builder, which has all options.
    pub fn builder() -> CredentialsBuilder {
        CredentialsBuilder::default()
    }

    pub(super) fn new(parts: CredentialsParts) -> Self {
        Self(Arc::new(parts))
    }

    /// The process's own certificate, if it has one.
    pub fn certificate(&self) -> Option<&PeerCertificate> {
        self.0.certificate.as_ref()
    }

    /// How the process connects to others.
    ///
    /// # Errors
    ///
    /// If it trusts no authority.
    pub(super) fn client(&self) -> Result<&Client, CredentialsError> {
        self.0.client.as_ref().ok_or(CredentialsError::NoAuthority)
    }

    /// How others connect to the process.
    ///
    /// # Errors
    ///
    /// If it has no certificate.
    pub(super) fn server(&self) -> Result<&Arc<ServerConfig>, CredentialsError> {
        let server = self.0.server.as_ref();
        server.ok_or(CredentialsError::NoCertificate)
    }

    /// Checks that the process can connect to others.
    pub(crate) fn check_client(&self) -> Result<(), CredentialsError> {
        self.client().map(drop)
    }

    /// Checks that others can connect to the process.
    pub(crate) fn check_server(&self) -> Result<(), CredentialsError> {
        self.server().map(drop)
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.certificate().map(PeerCertificate::to_string);
        f.debug_struct("Credentials")
            .field("certificate", &names)
            .field("has_authorities", &self.0.client.is_some())
            .finish()
    }
}
