//! Why a server cannot serve.

use std::io;

use crate::status::root_cause;
#[cfg(feature = "_tls-any")]
use crate::tls::CredentialsError;

/// Why a server cannot serve.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// The server cannot listen on the address.
    #[error(
        "cannot listen on {address:?}: {source}; give a host:port of this machine that is not in use"
    )]
    Bind {
        /// The address that the server was given.
        address: String,
        /// Why the server cannot listen on it.
        source: io::Error,
    },
    /// The server failed, or one of its options is not valid.
    #[error("the server failed: {}", root_cause(.0))]
    Transport(#[from] tonic::transport::Error),
    /// The credentials cannot be used to serve.
    #[cfg(any(feature = "tls-ring", feature = "tls-aws-lc"))]
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// The reflection service cannot read a descriptor set.
    #[cfg(feature = "reflection")]
    #[error(
        "the reflection service cannot read its descriptor set: {0}; give an encoded FileDescriptorSet with all imports"
    )]
    DescriptorSet(#[from] tonic_reflection::server::Error),
}
