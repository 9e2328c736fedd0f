//! Bounds the size of the statuses that nodes send.

use bytes::Bytes;
use http::HeaderMap;
use tonic::Status;
use tonic::metadata::MetadataMap;

use crate::support::cut;

/// How many bytes of a status's message are kept.
pub(crate) const MESSAGE: usize = 4 * 1024;

/// How many bytes the details of a status may have, and likewise its metadata: as many as all headers of a plain gRPC
/// response.
pub(crate) const DETAILS: usize = 16 * 1024;

/// What HTTP/2 adds to the size of a header's name and value.
const ENTRY: usize = 32;

/// Cuts the message of a status, and drops its details or metadata if they are too long. Nodes choose all of these, and
/// the client keeps them: as a node's last error, in the errors of calls, and in events.
///
/// A status that is changed loses its source, which may be as large.
pub(crate) fn bounded(status: Status) -> Status {
    let details = status.details().len();
    let metadata = metadata_size(&status);
    if status.message().len() <= MESSAGE && details <= DETAILS && metadata <= DETAILS {
        return status;
    }
    let mut message = status.message().to_string();
    if details > DETAILS {
        message += &format!(" [{details} bytes of details dropped]");
    }
    if metadata > DETAILS {
        message += &format!(" [{metadata} bytes of metadata dropped]");
    }
    let kept_details = match details <= DETAILS {
        true => Bytes::copy_from_slice(status.details()),
        false => Bytes::new(),
    };
    let kept_metadata = match metadata <= DETAILS {
        true => status.metadata().clone(),
        false => MetadataMap::new(),
    };
    Status::with_details_and_metadata(
        status.code(),
        cut(message, MESSAGE),
        kept_details,
        kept_metadata,
    )
}

/// The bytes that a status keeps in memory, without its source.
pub(crate) fn size(status: &Status) -> usize {
    status.message().len() + status.details().len() + metadata_size(status)
}

fn metadata_size(status: &Status) -> usize {
    let headers: &HeaderMap = status.metadata().as_ref();
    let entries = headers.iter();
    entries
        .map(|(name, value)| name.as_str().len() + value.len() + ENTRY)
        .sum()
}

#[cfg(test)]
mod tests {
    use tonic::Code;
    use tonic::metadata::MetadataValue;

    use super::*;

    #[test]
    fn a_status_within_the_bounds_stays_as_it_is() {
        let details = Bytes::from(vec![7; DETAILS]);
        let status = Status::with_details(Code::Aborted, "x".repeat(MESSAGE), details);
        let kept = bounded(status);
        assert_eq!(kept.message().len(), MESSAGE);
        assert_eq!(kept.details().len(), DETAILS);
    }

    #[test]
    fn of_a_status_beyond_the_bounds_the_code_and_what_fits_is_kept() {
        let details = Bytes::from(vec![7; DETAILS + 1]);
        let mut status = Status::with_details(Code::Aborted, "x".repeat(1 << 20), details);
        let key = "key".parse::<tonic::metadata::MetadataKey<_>>();
        let value = MetadataValue::try_from("y".repeat(DETAILS)).expect("ASCII");
        status.metadata_mut().insert(key.expect("a key"), value);
        let kept = bounded(status);
        assert_eq!(kept.code(), Code::Aborted);
        assert!(kept.message().len() <= MESSAGE);
        assert!(kept.message().starts_with("xxx"), "{}", kept.message());
        let end = "[16385 bytes of details dropped] [16419 bytes of metadata dropped]";
        assert!(kept.message().ends_with(end), "{}", kept.message());
        assert!(kept.details().is_empty());
        assert!(kept.metadata().is_empty());
        assert!(size(&kept) <= MESSAGE);
    }
}
