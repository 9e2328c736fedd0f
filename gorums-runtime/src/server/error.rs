//! Why a server does not serve.

use std::io;

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
    /// A descriptor set for the reflection service is none.
    #[cfg(feature = "reflection")]
    #[error(
        "the reflection service cannot read its descriptor set: {0}; give an encoded FileDescriptorSet with all imports"
    )]
    DescriptorSet(#[from] tonic_reflection::server::Error),
}

/// tonic's own text does not tell more than that there was an error.
fn root_cause(error: &tonic::transport::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
