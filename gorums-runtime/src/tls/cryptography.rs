//! The cryptography that TLS uses.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;

/// Returns the process's cryptography provider, if one is installed, or else the default one. rustls itself panics if two
/// are compiled in and none is installed, and a dependency may well have enabled the other one.
pub(super) fn provider() -> Arc<CryptoProvider> {
    let installed = CryptoProvider::get_default().cloned();
    installed.unwrap_or_else(|| Arc::new(default_provider()))
}

fn default_provider() -> CryptoProvider {
    #[cfg(not(feature = "tls-ring"))]
    use rustls::crypto::aws_lc_rs::default_provider;
    #[cfg(feature = "tls-ring")]
    use rustls::crypto::ring::default_provider;

    default_provider()
}
