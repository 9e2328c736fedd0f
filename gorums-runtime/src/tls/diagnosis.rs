//! What the errors of rustls mean to whoever runs a client or a server.

use std::io;

use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError, Error, InvalidMessage};
use x509_parser::time::ASN1Time;

use super::failure::TlsError;
use crate::support::cut;

/// How many bytes of a text are kept that a peer decides.
const TEXT: usize = 256;

/// How many names of a certificate are kept.
const NAMES: usize = 8;

/// Returns the error of rustls in `error`, if TLS failed and not the connection below.
fn of_tls(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref()
}

/// Returns why the client's end of a connection failed by `error`, whose process `has_certificate` of its own or not.
/// `None` if the connection below failed.
pub(super) fn at_client(error: &io::Error, has_certificate: bool) -> Option<TlsError> {
    Some(match of_tls(error)? {
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => TlsError::NotSpoken,
        Error::InvalidCertificate(problem) => of_certificate(problem),
        Error::AlertReceived(alert) => of_alert(*alert, has_certificate),
        other => TlsError::Handshake {
            why: cut(other.to_string(), TEXT),
        },
    })
}

/// Returns why the server's end of a connection failed by `error`.
pub(super) fn at_server(error: &io::Error) -> String {
    match of_tls(error) {
        Some(Error::InvalidMessage(InvalidMessage::InvalidContentType)) => {
            "the client connects without TLS; give it credentials".to_owned()
        }
        Some(Error::NoCertificatesPresented) => {
            "the client has no certificate; give it one that a trusted authority has signed".into()
        }
        Some(Error::InvalidCertificate(problem)) => {
            format!("the client's certificate {}", wrong_with(problem))
        }
        Some(Error::AlertReceived(alert)) if is_about_certificate(*alert) => {
            format!(
                "the client does not accept this server's certificate: {}",
                meaning(*alert)
            )
        }
        Some(Error::AlertReceived(alert)) => format!("the client says: {}", meaning(*alert)),
        _ => cut(error.to_string(), TEXT),
    }
}

/// Returns what an alert of the node says to a client. Some servers have no alert for a missing certificate, and send one for
/// an unacceptable one.
fn of_alert(alert: AlertDescription, has_certificate: bool) -> TlsError {
    match alert {
        AlertDescription::CertificateRequired | AlertDescription::NoCertificate => {
            TlsError::ClientCertificateRequired
        }
        AlertDescription::HandshakeFailure if !has_certificate => TlsError::Handshake {
            why: "the node says: alert HandshakeFailure; it may require a client certificate"
                .into(),
        },
        AlertDescription::DecryptError if has_certificate => TlsError::ClientCertificateRefused {
            why: "its signature is not that of a trusted authority".to_owned(),
        },
        alert if !is_about_certificate(alert) => TlsError::Handshake {
            why: format!("the node says: {}", meaning(alert)),
        },
        alert if has_certificate => TlsError::ClientCertificateRefused {
            why: meaning(alert),
        },
        _ => TlsError::ClientCertificateRequired,
    }
}

fn of_certificate(problem: &CertificateError) -> TlsError {
    match problem {
        // An authority of the same name has another key.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            TlsError::UnknownAuthority
        }
        CertificateError::NotValidForNameContext {
            expected,
            presented,
        } => {
            let names = presented.iter().take(NAMES);
            TlsError::WrongName {
                expected: expected.to_str().into_owned(),
                names: names.map(|name| cut(plain(name), TEXT)).collect(),
            }
        }
        other => TlsError::InvalidCertificate {
            why: wrong_with(other),
        },
    }
}

/// Returns a name as it is in the certificate: rustls shows `DnsName("host")` and `IpAddress(127.0.0.1)`.
fn plain(shown: &str) -> String {
    let inner = shown
        .split_once('(')
        .and_then(|(_, it)| it.strip_suffix(')'));
    inner.unwrap_or(shown).trim_matches('"').to_owned()
}

/// Returns what is wrong with a certificate, as the rest of a sentence that begins with it.
fn wrong_with(problem: &CertificateError) -> String {
    match problem {
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "is not signed by a trusted authority".to_owned()
        }
        CertificateError::Expired => "has expired".to_owned(),
        CertificateError::ExpiredContext { not_after, .. } => {
            format!("expired at {}", date(*not_after))
        }
        CertificateError::NotValidYet => "is not valid yet".to_owned(),
        CertificateError::NotValidYetContext { not_before, .. } => {
            format!("is not valid before {}", date(*not_before))
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "is not for this use (extended key usage)".to_owned()
        }
        CertificateError::Revoked => "has been revoked".to_owned(),
        other => format!("is not valid: {}", cut(other.to_string(), TEXT)),
    }
}

fn date(time: UnixTime) -> String {
    let time = i64::try_from(time.as_secs()).ok();
    let date = time.and_then(|time| ASN1Time::from_timestamp(time).ok());
    date.map_or_else(|| "an unknown time".to_owned(), |date| date.to_string())
}

/// Whether an alert says that its receiver's certificate is not accepted.
fn is_about_certificate(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied
    )
}

fn meaning(alert: AlertDescription) -> String {
    match alert {
        AlertDescription::CertificateExpired => "it has expired, or is not valid yet".to_owned(),
        AlertDescription::CertificateRevoked => "it has been revoked".to_owned(),
        AlertDescription::UnknownCA => "its authority is unknown".to_owned(),
        AlertDescription::BadCertificate => "it is malformed, or for another name".to_owned(),
        AlertDescription::CertificateUnknown => "it is not acceptable".to_owned(),
        AlertDescription::AccessDenied => "access is denied".to_owned(),
        AlertDescription::UnsupportedCertificate => {
            "it is of an unsupported kind, or not for this use".to_owned()
        }
        other => format!("alert {other:?}"),
    }
}
