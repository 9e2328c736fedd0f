//! The cryptography that TLS uses.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;

/// Installs the process's cryptography provider, if there is none yet. rustls panics if two are compiled in and none is
/// installed, and a dependency may well have enabled the other one.
pub(crate) fn choose_cryptography() {
    if CryptoProvider::get_default().is_none() {
        // Fails only if another thread has just installed one.
        let _ = default_provider().install_default();
    }
}

/// The process's cryptography provider.
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
