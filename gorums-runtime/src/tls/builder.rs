//! Reads credentials.

use std::fmt;
use std::sync::Arc;

use rustls::client::danger::ServerCertVerifier;
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use super::authorities;
use super::authority::SignedByAuthority;
use super::certificate::PeerCertificate;
use super::credentials::{Client, Credentials, CredentialsParts};
use super::cryptography::provider;
use super::error::{BoxError, CredentialsError};

/// The protocol that is spoken over TLS: HTTP/2.
const HTTP2: &[u8] = b"h2";

/// Sets up [`Credentials`].
///
/// ```no_run
/// # fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use gorums_runtime::Credentials;
///
/// let authorities = std::fs::read("ca.pem")?;
/// // A client without a certificate of its own.
/// let client = Credentials::builder().authorities(&authorities).build()?;
/// // A server that asks its clients for none.
/// let server = Credentials::builder()
///     .certificate(std::fs::read("replica.pem")?, std::fs::read("replica.key")?)
///     .build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
#[must_use = "a builder does nothing until it builds"]
pub struct CredentialsBuilder {
    own: Option<OwnPem>,
    authorities: Vec<Vec<u8>>,
    #[cfg(any(feature = "tls-native-roots", feature = "tls-webpki-roots"))]
    trusts_public: bool,
    server_name: Option<String>,
    takes_nameless_clients: bool,
}

/// A certificate and its key, in PEM.
#[derive(Clone)]
struct OwnPem {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

/// A certificate, those that lead to its authority, and its key.
struct Own {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl CredentialsBuilder {
    /// Presents this certificate, in PEM, to the other end. It may be followed by those that lead to its authority.
    pub fn certificate(mut self, certificate: impl AsRef<[u8]>, key: impl AsRef<[u8]>) -> Self {
        self.own = Some(OwnPem {
            certificate: certificate.as_ref().to_vec(),
            key: key.as_ref().to_vec(),
        });
        self
    }

    /// Trusts the authorities with these certificates, in PEM, besides those of earlier calls.
    pub fn authorities(mut self, authorities: impl AsRef<[u8]>) -> Self {
        self.authorities.push(authorities.as_ref().to_vec());
        self
    }

    /// Also trusts the authorities of the platform, with the crate's feature `tls-native-roots`, and of Mozilla, with
    /// `tls-webpki-roots`.
    #[cfg(any(feature = "tls-native-roots", feature = "tls-webpki-roots"))]
    pub fn public_authorities(mut self) -> Self {
        self.trusts_public = true;
        self
    }

    /// Expects `name`, a DNS name or an IP address, in the certificates of all servers, in place of the host in each
    /// server's address. Of members of a system, the id is expected instead.
    pub fn server_name(mut self, name: impl Into<String>) -> Self {
        self.server_name = Some(name.into());
        self
    }

    /// Lets clients connect that present no certificate. A certificate that a client does present still has to be valid.
    /// Has no effect on a server without authorities, which asks for none, and on systems.
    pub fn optional_client_certificates(mut self) -> Self {
        self.takes_nameless_clients = true;
        self
    }

    /// Reads the credentials.
    ///
    /// # Errors
    ///
    /// If a certificate or the key cannot be read, they do not belong together, or the server name is not valid.
    pub fn build(self) -> Result<Credentials, CredentialsError> {
        let mut roots = RootCertStore::empty();
        for pem in &self.authorities {
            authorities::add(&mut roots, pem)?;
        }
        #[cfg(any(feature = "tls-native-roots", feature = "tls-webpki-roots"))]
        if self.trusts_public {
            authorities::add_public(&mut roots)?;
        }
        let server_name = self.server_name.map(|name| {
            let parsed = ServerName::try_from(name.clone());
            parsed.map_err(|_| CredentialsError::ServerName { name })
        });
        let server_name = server_name.transpose()?;
        let own = self.own.as_ref().map(OwnPem::read).transpose()?;
        let certificate = match own.as_ref().and_then(|own| own.chain.first()) {
            Some(first) => Some(PeerCertificate::parse(first).map_err(unreadable)?),
            None => None,
        };
        let roots = (!roots.is_empty()).then(|| Arc::new(roots));
        let client = match &roots {
            Some(roots) => Some(client(roots, own.as_ref(), server_name)?),
            None => None,
        };
        let server = match &own {
            Some(own) => Some(server(roots, own, self.takes_nameless_clients)?),
            None => None,
        };
        Ok(Credentials::new(CredentialsParts {
            certificate,
            client,
            server,
        }))
    }
}

impl OwnPem {
    fn read(&self) -> Result<Own, CredentialsError> {
        let chain = authorities::certificates(&self.certificate);
        let key = PrivateKeyDer::from_pem_slice(&self.key);
        Ok(Own {
            chain: chain.map_err(unreadable)?,
            key: key.map_err(|error| CredentialsError::Key(error.into()))?,
        })
    }
}

fn unreadable(error: impl Into<BoxError>) -> CredentialsError {
    CredentialsError::Certificate(error.into())
}

fn client(
    roots: &Arc<RootCertStore>,
    own: Option<&Own>,
    server_name: Option<ServerName<'static>>,
) -> Result<Client, CredentialsError> {
    let provider = provider();
    let hosts =
        WebPkiServerVerifier::builder_with_provider(Arc::clone(roots), Arc::clone(&provider));
    let hosts = hosts.build().map_err(unusable)?;
    let members = SignedByAuthority {
        roots: Arc::clone(roots),
        provider,
    };
    Ok(Client {
        to_hosts: connecting(hosts, own).map_err(unusable)?,
        to_members: connecting(Arc::new(members), own).map_err(unusable)?,
        server_name,
        has_certificate: own.is_some(),
    })
}

fn unusable(error: impl Into<BoxError>) -> CredentialsError {
    CredentialsError::Mismatch(error.into())
}

fn connecting(
    verifier: Arc<dyn ServerCertVerifier>,
    own: Option<&Own>,
) -> Result<Arc<ClientConfig>, rustls::Error> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut client = match own {
        Some(own) => builder.with_client_auth_cert(own.chain.clone(), own.key.clone_key())?,
        None => builder.with_no_client_auth(),
    };
    client.alpn_protocols = vec![HTTP2.to_vec()];
    // A resumed session would not verify the node's certificate again.
    client.resumption = Resumption::disabled();
    Ok(Arc::new(client))
}

fn server(
    roots: Option<Arc<RootCertStore>>,
    own: &Own,
    takes_nameless_clients: bool,
) -> Result<Arc<ServerConfig>, CredentialsError> {
    let builder = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(unusable)?;
    let builder = match roots {
        Some(roots) => {
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider());
            let verifier = match takes_nameless_clients {
                true => verifier.allow_unauthenticated(),
                false => verifier,
            };
            builder.with_client_cert_verifier(verifier.build().map_err(unusable)?)
        }
        None => builder.with_no_client_auth(),
    };
    let server = builder.with_single_cert(own.chain.clone(), own.key.clone_key());
    let mut server = server.map_err(unusable)?;
    server.alpn_protocols = vec![HTTP2.to_vec()];
    // A resumed session would not verify the client's certificate again.
    server.session_storage = Arc::new(NoServerSessionStorage {});
    server.send_tls13_tickets = 0;
    Ok(Arc::new(server))
}

impl fmt::Debug for CredentialsBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CredentialsBuilder")
            .field("has_certificate", &self.own.is_some())
            .field("server_name", &self.server_name)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    #[cfg(feature = "tls-webpki-roots")]
    #[test]
    fn with_public_authorities_a_client_needs_none_of_its_own() {
        use crate::tls::Credentials;

        let nobody = Credentials::builder()
            .build()
            .expect("there is nothing wrong");
        nobody.check_client().expect_err("nobody is trusted");
        let everybody = Credentials::builder().public_authorities().build();
        everybody
            .expect("valid")
            .check_client()
            .expect("they are trusted");
    }
}
