//! What a certificate says about its owner.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use rustls::pki_types::CertificateDer;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::time::ASN1Time;

use crate::identity::NodeId;

/// What precedes a node's id in the URI by which a certificate proves it.
const NODE: &str = "gorums://node/";

/// How many names a certificate may have. Authorities of the web sign a few hundred at most.
const MOST_NAMES: usize = 1024;

/// How many bytes a certificate may have: no more fit into the messages of TLS that this crate's connections accept.
const MOST_BYTES: usize = 64 * 1024;

/// A certificate that a peer presented by TLS: its names, and until when it is valid.
///
/// The first one of [`Context::peer_certificates`](crate::Context::peer_certificates) is the caller's own, and can be relied
/// on: the handshake has verified that the peer has the certificate's private key, that an authority that this process trusts
/// signed it, and that it was valid then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerCertificate {
    der: CertificateDer<'static>,
    common_name: Option<String>,
    dns_names: Vec<String>,
    ip_addresses: Vec<IpAddr>,
    uris: Vec<String>,
    not_before: SystemTime,
    not_after: SystemTime,
}

impl PeerCertificate {
    /// Reads a certificate in DER. Verifies nothing.
    ///
    /// # Errors
    ///
    /// `InvalidData` if it is malformed, larger than 64 KiB, or has more than 1024 names.
    pub fn parse(der: &[u8]) -> io::Result<Self> {
        let malformed = |error: &dyn fmt::Display| {
            let message = format!("the certificate is malformed: {error}");
            io::Error::new(io::ErrorKind::InvalidData, message)
        };
        if der.len() > MOST_BYTES {
            return Err(malformed(&"it is larger than 64 KiB"));
        }
        let (rest, certificate) =
            X509Certificate::from_der(der).map_err(|error| malformed(&error))?;
        if !rest.is_empty() {
            return Err(malformed(&"something follows it"));
        }
        let validity = certificate.validity();
        let date = |time: &ASN1Time| date(time).ok_or_else(|| malformed(&"a date is out of range"));
        let mut common_names = certificate.subject().iter_common_name();
        let common_name = common_names.next().and_then(|name| name.as_str().ok());
        let mut names = Self {
            der: CertificateDer::from(der.to_vec()),
            common_name: common_name.map(str::to_string),
            dns_names: Vec::new(),
            ip_addresses: Vec::new(),
            uris: Vec::new(),
            not_before: date(&validity.not_before)?,
            not_after: date(&validity.not_after)?,
        };
        let alternatives = certificate
            .subject_alternative_name()
            .map_err(|error| malformed(&error))?;
        let count = alternatives.as_ref().map(|it| it.value.general_names.len());
        if count.is_some_and(|count| count > MOST_NAMES) {
            return Err(malformed(&"it has more than 1024 names"));
        }
        let alternatives = alternatives.iter().flat_map(|it| &it.value.general_names);
        for name in alternatives {
            match name {
                GeneralName::DNSName(name) => names.dns_names.push(name.to_string()),
                GeneralName::URI(uri) => names.uris.push(uri.to_string()),
                GeneralName::IPAddress(bytes) => names.ip_addresses.extend(ip_address(bytes)),
                _ => {}
            }
        }
        Ok(names)
    }

    /// Reads the certificates that a peer presented, its own first.
    ///
    /// # Errors
    ///
    /// Those of [`parse`](Self::parse).
    pub(crate) fn parse_all(chain: &[CertificateDer<'_>]) -> io::Result<Vec<Self>> {
        chain.iter().map(|der| Self::parse(der)).collect()
    }

    /// The certificate itself, in DER.
    pub fn der(&self) -> &CertificateDer<'static> {
        &self.der
    }

    /// The common name (CN) of the subject, if there is one. It is descriptive: anything can be in it.
    pub fn common_name(&self) -> Option<&str> {
        self.common_name.as_deref()
    }

    /// The DNS names among the subject's alternative names, wildcards included.
    pub fn dns_names(&self) -> &[String] {
        &self.dns_names
    }

    /// The IP addresses among the subject's alternative names.
    pub fn ip_addresses(&self) -> &[IpAddr] {
        &self.ip_addresses
    }

    /// The URIs among the subject's alternative names.
    pub fn uris(&self) -> &[String] {
        &self.uris
    }

    /// Since when the certificate is valid.
    pub fn not_before(&self) -> SystemTime {
        self.not_before
    }

    /// Until when the certificate is valid. A connection outlives it.
    pub fn not_after(&self) -> SystemTime {
        self.not_after
    }

    /// The node of the first URI `gorums://node/<id>`, if there is one.
    pub fn node_id(&self) -> Option<NodeId> {
        let mut ids = self.uris.iter().filter_map(|uri| {
            let id = uri.strip_prefix(NODE)?;
            let is_decimal = id.bytes().all(|byte| byte.is_ascii_digit());
            is_decimal.then(|| id.parse().ok()).flatten()
        });
        ids.next().map(NodeId::new)
    }

    /// Whether a URI says that the owner is a node, of whatever id.
    pub(super) fn names_nodes(&self) -> bool {
        self.uris.iter().any(|uri| uri.starts_with(NODE))
    }

    /// Whether `host` is one of the DNS names or IP addresses. A wildcard is not the host that it stands for.
    pub(super) fn has_host(&self, host: &str) -> bool {
        match host.parse::<IpAddr>() {
            Ok(address) => self.ip_addresses.contains(&address),
            Err(_) => self
                .dns_names
                .iter()
                .any(|name| name.eq_ignore_ascii_case(host)),
        }
    }
}

/// All names, with control characters escaped: `CN=replica, DNS:localhost, IP:127.0.0.1, URI:gorums://node/1`.
impl fmt::Display for PeerCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let common_name = self
            .common_name
            .iter()
            .map(|name| format!("CN={}", name.escape_debug()));
        let dns_names = self
            .dns_names
            .iter()
            .map(|name| format!("DNS:{}", name.escape_debug()));
        let addresses = self.ip_addresses.iter().map(|ip| format!("IP:{ip}"));
        let uris = self
            .uris
            .iter()
            .map(|uri| format!("URI:{}", uri.escape_debug()));
        let names = common_name.chain(dns_names).chain(addresses).chain(uris);
        let names: Vec<String> = names.collect();
        f.write_str(&names.join(", "))
    }
}

fn date(time: &ASN1Time) -> Option<SystemTime> {
    let seconds = Duration::from_secs(time.timestamp().unsigned_abs());
    match time.timestamp() < 0 {
        true => SystemTime::UNIX_EPOCH.checked_sub(seconds),
        false => SystemTime::UNIX_EPOCH.checked_add(seconds),
    }
}

/// The address that the octets of a certificate stand for. `None` if they have another length.
fn ip_address(octets: &[u8]) -> Option<IpAddr> {
    if let Ok(v4) = <[u8; 4]>::try_from(octets) {
        return Some(v4.into());
    }
    <[u8; 16]>::try_from(octets).ok().map(IpAddr::from)
}
