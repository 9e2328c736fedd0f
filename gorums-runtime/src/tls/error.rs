//! Why credentials cannot be used.

pub(super) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why a certificate, its key and authorities make no [`Credentials`](crate::Credentials), or none of the kind that is
/// needed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialsError {
    /// There is no certificate, or it cannot be read.
    #[error(
        "the certificate cannot be read: {0}; give it in PEM, followed by those that lead to the authority"
    )]
    Certificate(#[source] BoxError),
    /// There is no private key, or it cannot be read.
    #[error("the private key cannot be read: {0}; give it in PEM, as PKCS #8, PKCS #1 or SEC 1")]
    Key(#[source] BoxError),
    /// There is no certificate of an authority, or it cannot be read.
    #[error("the certificate of the authority cannot be read: {0}; give one or several in PEM")]
    Authority(#[source] BoxError),
    /// The certificate and the key do not belong together, or TLS does not support them.
    #[error(
        "the certificate and the private key cannot be used: {0}; give the key that the certificate was made for"
    )]
    Mismatch(#[source] BoxError),
    /// A server or a member of a system was given credentials without a certificate.
    #[error("servers need a certificate; give their credentials one and its private key")]
    NoCertificate,
    /// A manager or a member of a system was given credentials without authorities.
    #[error(
        "managers need the authorities of their servers; give the credentials their certificates"
    )]
    NoAuthority,
    /// The expected name of servers is none that a certificate can have.
    #[error("the server name {name:?} is not valid; give a DNS name or an IP address")]
    ServerName {
        /// The name as it was given.
        name: String,
    },
}
