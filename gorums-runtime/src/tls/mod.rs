//! TLS: certificates, whom they prove, and the handshakes at both ends.
//!
//! Owns credentials, what certificates prove, and why handshakes fail. Imports `identity` and `support`. Does not know what
//! the connections are used for. Without the features for TLS, there is only [`TlsError`]: a process without TLS may well
//! connect to a node that uses it.

#[cfg(feature = "_tls-any")]
mod accepted;
#[cfg(feature = "_tls-any")]
mod authorities;
#[cfg(feature = "_tls-any")]
mod authority;
#[cfg(feature = "_tls-any")]
mod builder;
#[cfg(feature = "_tls-any")]
mod certificate;
#[cfg(feature = "_tls-any")]
mod credentials;
#[cfg(feature = "_tls-any")]
mod cryptography;
#[cfg(feature = "_tls-any")]
mod diagnosis;
#[cfg(feature = "_tls-any")]
mod dialled;
#[cfg(feature = "_tls-any")]
mod error;
mod failure;
#[cfg(feature = "_tls-any")]
mod proof;
#[cfg(feature = "_tls-any")]
mod rotating;

pub use failure::TlsError;

#[cfg(feature = "_tls-any")]
pub(crate) use accepted::{Accepted, AcceptedPeer, PeerCertificates};
#[cfg(feature = "_tls-any")]
pub use builder::CredentialsBuilder;
#[cfg(feature = "_tls-any")]
pub use certificate::PeerCertificate;
#[cfg(feature = "_tls-any")]
pub use credentials::Credentials;
#[cfg(feature = "_tls-any")]
pub(crate) use dialled::{Dialled, Proves};
#[cfg(feature = "_tls-any")]
pub use error::CredentialsError;
#[cfg(feature = "_tls-any")]
pub(crate) use proof::{Claimed, Proof};
#[cfg(feature = "_tls-any")]
pub use rotating::RotatingCredentials;
