//! What a process proves its identity with, and whom it trusts.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use super::authority::SignedByAuthority;
use super::certificate::PeerCertificate;
use super::cryptography::provider;
use super::error::CredentialsError;

/// The protocol that is spoken over TLS: HTTP/2.
const HTTP2: &[u8] = b"h2";

/// A process's certificate and private key, and the authorities whose certificates it trusts, for
/// [`SystemBuilder::tls`](crate::SystemBuilder::tls).
///
/// A cheap handle to something that does not change:
/// [`System::replace_credentials`](crate::System::replace_credentials) gives a running system others.
///
/// Needs the crate's feature `tls-ring` or `tls-aws-lc`.
#[derive(Clone)]
pub struct Credentials(Arc<CredentialsParts>);

struct CredentialsParts {
    certificate: PeerCertificate,
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
}

impl Credentials {
    /// Reads a certificate and its private key, and the certificates of one or several authorities, all in PEM. The
    /// certificate may be followed by those that lead to its authority.
    ///
    /// Members use the certificate as clients and as servers: if it restricts its use (extended key usage), it has to
    /// allow both.
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
        let chain = certificates(certificate.as_ref()).map_err(CredentialsError::Certificate)?;
        let own = chain.first().map(|first| PeerCertificate::parse(first));
        let own = own.unwrap_or_else(|| PeerCertificate::parse(&[]));
        let own = own.map_err(|error| CredentialsError::Certificate(error.into()))?;
        let key = PrivateKeyDer::from_pem_slice(key.as_ref());
        let key = key.map_err(|error| CredentialsError::Key(error.into()))?;
        let mut roots = RootCertStore::empty();
        for root in certificates(authorities.as_ref()).map_err(CredentialsError::Authority)? {
            let added = roots.add(root);
            added.map_err(|error| CredentialsError::Authority(error.into()))?;
        }
        let (client, server) = configure(chain, key, roots).map_err(CredentialsError::Mismatch)?;
        Ok(Self(Arc::new(CredentialsParts {
            certificate: own,
            client: Arc::new(client),
            server: Arc::new(server),
        })))
    }

    /// The names in the certificate.
    pub fn certificate(&self) -> &PeerCertificate {
        &self.0.certificate
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.certificate().to_string();
        f.debug_tuple("Credentials").field(&names).finish()
    }
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The certificates in `pem`, of which there is at least one.
fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, BoxError> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match certificates? {
        none if none.is_empty() => Err("it has no section CERTIFICATE".into()),
        some => Ok(some),
    }
}

fn configure(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    roots: RootCertStore,
) -> Result<(ClientConfig, ServerConfig), BoxError> {
    let roots = Arc::new(roots);
    let provider = provider();
    let server_verifier = SignedByAuthority {
        roots: Arc::clone(&roots),
        provider: Arc::clone(&provider),
    };
    let client_verifier =
        WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(&provider)).build()?;
    let mut client = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(server_verifier))
        .with_client_auth_cert(chain.clone(), key.clone_key())?;
    client.alpn_protocols = vec![HTTP2.to_vec()];
    let mut server = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(client_verifier)
        .with_single_cert(chain, key)?;
    server.alpn_protocols = vec![HTTP2.to_vec()];
    Ok((client, server))
}

/// The credentials of the connections that are made from now on. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct CurrentCredentials(Arc<RwLock<Credentials>>);

impl CurrentCredentials {
    pub(crate) fn new(credentials: Credentials) -> Self {
        Self(Arc::new(RwLock::new(credentials)))
    }

    pub(crate) fn replace(&self, credentials: Credentials) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = credentials;
    }

    pub(crate) fn get(&self) -> Credentials {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(super) fn client(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.get().0.client)
    }

    pub(super) fn server(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.get().0.server)
    }
}
