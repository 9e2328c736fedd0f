//! Why a server does not serve.

use std::io;

use crate::status::root_cause;

/// Why a server does not serve.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// The address cannot be listened on.
    #[error(
        "cannot listen on {address:?}: {source}; give host:port, of this machine and not in use"
    )]
    Bind {
        /// The address as it was given.
        address: String,
        /// Why it cannot be listened on.
        source: io::Error,
    },
    /// The server broke, or what it was set up with is not valid.
    #[error("the server failed: {}", root_cause(.0))]
    Transport(#[from] tonic::transport::Error),
    /// What the server was given for TLS is not valid.
    #[cfg(feature = "_tls-any")]
    #[error(
        "the TLS settings are not valid: {}; give a certificate and its key in PEM",
        root_cause(.0)
    )]
    Tls(#[source] tonic::transport::Error),
    /// A descriptor set for the reflection service is none.
    #[cfg(feature = "reflection")]
    #[error(
        "the reflection service cannot read its descriptor set: {0}; give an encoded FileDescriptorSet with all imports"
    )]
    DescriptorSet(#[from] tonic_reflection::server::Error),
}
