//! Certificates for TLS.

use std::fmt;

use gorums_runtime::{Credentials, CredentialsBuilder};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, SanType,
    date_time_ymd,
};
use tonic::transport::{Certificate, Identity};

/// Signs certificates.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    /// A new authority. All have one name, and each has a key of its own.
    #[expect(clippy::new_without_default, reason = "each one is another")]
    pub fn new() -> Self {
        Self::named("authority")
    }

    /// A new authority with this name.
    pub fn named(name: &str) -> Self {
        // tonic's own servers use this one. There are two to choose from.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
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

    /// The certificate of the authority, in PEM.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate that has `names`, URIs among them, and its private key, both in PEM. The first one is its common
    /// name, too.
    pub fn issue_pem(&self, names: &[&str]) -> (String, String) {
        self.issue_between([2000, 4000], names)
    }

    /// The same, valid from the first of the `years` until before the second.
    pub fn issue_between(&self, years: [i32; 2], names: &[&str]) -> (String, String) {
        let (mut params, key) = Self::params(names);
        [params.not_before, params.not_after] = years.map(|year| date_time_ymd(year, 1, 1));
        let certificate = params.signed_by(&key, &self.0).expect("a certificate");
        (certificate.pem(), key.serialize_pem())
    }

    /// The same certificate in DER.
    pub fn issue_der(&self, names: &[&str]) -> Vec<u8> {
        let (params, key) = Self::params(names);
        let certificate = params.signed_by(&key, &self.0).expect("a certificate");
        certificate.der().to_vec()
    }

    fn params(names: &[&str]) -> (CertificateParams, KeyPair) {
        let key = KeyPair::generate().expect("a key");
        let is_uri = |name: &&&str| name.contains("://");
        let hosts = names.iter().filter(|name| !is_uri(name));
        let hosts: Vec<String> = hosts.map(ToString::to_string).collect();
        let mut params = CertificateParams::new(hosts).expect("names");
        let uris = names.iter().filter(is_uri);
        let uris = uris.map(|&uri| SanType::URI(uri.try_into().expect("ASCII")));
        params.subject_alt_names.extend(uris);
        params
            .distinguished_name
            .push(DnType::CommonName, *names.first().expect("a name"));
        (params, key)
    }

    /// Credentials that trust this authority and have no certificate, if nothing is added.
    pub fn trusting(&self) -> CredentialsBuilder {
        Credentials::builder().authorities(self.pem())
    }

    /// Credentials whose certificate has `names`, and that trust nobody, if nothing is added.
    pub fn presenting(&self, names: &[&str]) -> CredentialsBuilder {
        let (certificate, key) = self.issue_pem(names);
        Credentials::builder().certificate(certificate, key)
    }

    /// The credentials of a process whose certificate has `names`, and who trusts this authority.
    pub fn credentials(&self, names: &[&str]) -> Credentials {
        self.credentials_trusting(names, &[self])
    }

    /// The credentials of a process whose certificate has `names`, and who trusts `authorities`.
    pub fn credentials_trusting(&self, names: &[&str], authorities: &[&Self]) -> Credentials {
        let (certificate, key) = self.issue_pem(names);
        let trusted: String = authorities
            .iter()
            .map(|authority| authority.pem())
            .collect();
        Credentials::from_pem(certificate, key, trusted).expect("valid")
    }

    /// The credentials of the member `id` of a system.
    pub fn member(&self, id: u32) -> Credentials {
        self.credentials(&[&format!("gorums://node/{id}")])
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
