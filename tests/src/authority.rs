//! Certificates for TLS.

use std::fmt;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tonic::transport::{Certificate, Identity};

/// Signs certificates.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    /// A new authority.
    #[expect(clippy::new_without_default, reason = "each one is another")]
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("a certificate"))
    }

    /// The certificate of the authority, for those who trust it.
    pub fn certificate(&self) -> Certificate {
        Certificate::from_pem(self.0.pem())
    }

    /// An identity with a certificate for `name`.
    pub fn identity(&self, name: &str) -> Identity {
        let (_, identity) = self.issue(name);
        identity
    }

    /// A certificate for `name`, in DER, and the identity that has it.
    pub fn issue(&self, name: &str) -> (Vec<u8>, Identity) {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new([name.to_string()]).expect("a name");
        let certificate = params.signed_by(&key, &self.0).expect("a certificate");
        let identity = Identity::from_pem(certificate.pem(), key.serialize_pem());
        (certificate.der().to_vec(), identity)
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authority")
    }
}
