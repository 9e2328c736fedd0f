//! The authorities that a process trusts.

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::error::{BoxError, CredentialsError};

/// Reads the certificates in `pem`, of which there is at least one.
pub(super) fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, BoxError> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match certificates? {
        none if none.is_empty() => Err("it has no section CERTIFICATE".into()),
        some => Ok(some),
    }
}

/// Adds the certificates in `pem` to `roots`.
pub(super) fn add(roots: &mut RootCertStore, pem: &[u8]) -> Result<(), CredentialsError> {
    for root in certificates(pem).map_err(CredentialsError::Authority)? {
        let added = roots.add(root);
        added.map_err(|error| CredentialsError::Authority(error.into()))?;
    }
    Ok(())
}

/// Adds the authorities that the platform or Mozilla trusts, as the crate's features say.
#[cfg(any(feature = "tls-native-roots", feature = "tls-webpki-roots"))]
pub(super) fn add_public(roots: &mut RootCertStore) -> Result<(), CredentialsError> {
    #[cfg(feature = "tls-native-roots")]
    {
        let native = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(native.certs);
        // Mozilla's are enough.
        if roots.is_empty() && cfg!(not(feature = "tls-webpki-roots")) {
            let why = native.errors.into_iter().next();
            let why: BoxError = match why {
                Some(error) => error.into(),
                None => "the platform has none".into(),
            };
            return Err(CredentialsError::Authority(why));
        }
    }
    #[cfg(feature = "tls-webpki-roots")]
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    Ok(())
}
