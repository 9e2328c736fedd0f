//! Statuses whose codes mean the same, whichever of tonic, hyper and h2 made them.
//!
//! Owns the mapping of HTTP's, HTTP/2's and tonic's failures to gRPC's codes, and the size limits of statuses. Imports
//! `call` (deadlines) and `support`. Does not know the connections and calls that failed.

mod bounds;

pub(crate) use bounds::{bounded, size};

use std::error::Error;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, StatusCode};
use tonic::metadata::MetadataMap;
use tonic::{Code, ConnectError, Status, TimeoutExpired};

use crate::call::Deadline;
use crate::support::cut;
use bounds::MESSAGE;

/// The header that carries the details of a status.
pub(super) const DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");

/// The message with which a tonic server cancels a call that takes longer than its own `timeout`.
const TIMEOUT_EXPIRED: &str = "Timeout expired";

/// The status of a call that got no connection.
pub(crate) fn unavailable(error: Box<dyn Error + Send + Sync>) -> Status {
    let cause = root_cause(&*error);
    let is_short = cause.len() <= MESSAGE;
    let mut status = Status::unavailable(cut(cause, MESSAGE));
    if is_short {
        status.set_source(Arc::from(error));
    }
    status
}

/// Returns why a call failed, from the headers or trailers of its response. `None` if it succeeded or they have no
/// status.
pub(crate) fn failure(headers: &HeaderMap) -> Option<Status> {
    of_headers(headers).filter(|status| status.code() != Code::Ok)
}

/// Returns how a call ended, from the headers or trailers of its response, if they say so.
pub(super) fn of_headers(headers: &HeaderMap) -> Option<Status> {
    headers.get(Status::GRPC_STATUS)?;
    if has_readable_details(headers) {
        return Status::from_header_map(headers).map(bounded);
    }
    let mut headers = headers.clone();
    headers.remove(DETAILS);
    Status::from_header_map(&headers).map(bounded)
}

/// Whether the details of a status are absent or readable. tonic panics on details that are not base64.
pub(super) fn has_readable_details(headers: &HeaderMap) -> bool {
    let Some(details) = headers.get(DETAILS) else {
        return true;
    };
    let alone = HeaderMap::from_iter([(DETAILS, details.clone())]);
    let alone = MetadataMap::from_headers(alone);
    let details = alone.get_bin(DETAILS.as_str());
    details.is_some_and(|details| details.to_bytes().is_ok())
}

/// Maps the status of an HTTP response without a gRPC status, by [gRPC's table][table]. `None` for `OK`, the status of
/// every response to a call.
///
/// [table]: https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md
pub(crate) fn of_http(status: StatusCode) -> Option<Status> {
    let code = match status {
        StatusCode::OK => return None,
        StatusCode::BAD_REQUEST => Code::Internal,
        StatusCode::UNAUTHORIZED => Code::Unauthenticated,
        StatusCode::FORBIDDEN => Code::PermissionDenied,
        StatusCode::NOT_FOUND => Code::Unimplemented,
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => Code::Unavailable,
        _ => Code::Unknown,
    };
    let text = format!("the node answered with the HTTP status {status} instead of gRPC");
    Some(Status::new(code, text))
}

/// Normalises the status of a failed call:
///
/// * `DeadlineExceeded` if its deadline or the timeout of a tonic server has passed;
/// * `Unavailable` if the connection, or the call's stream on it, was lost, whatever the transport called that;
/// * otherwise, the status that the server sent.
pub(super) fn normalise(status: Status, deadline: Deadline) -> Status {
    let timed_out = status
        .source()
        .is_some_and(|source| causes(source).any(|cause| cause.is::<TimeoutExpired>()));
    if timed_out || (status.code() == Code::Cancelled && deadline.has_passed()) {
        return Deadline::exceeded();
    }
    if status.code() == Code::Cancelled && status.message() == TIMEOUT_EXPIRED {
        return Status::deadline_exceeded("the handler takes longer than the server's timeout");
    }
    match status.source() {
        Some(_) if could_not_connect(&status) => unavailable(Box::new(status)),
        Some(source) if is_of_transport(source) => {
            let what = match resets_stream(source) {
                true => "the call's stream was reset",
                false => "connection lost",
            };
            let text = format!("{what}: {}", root_cause(source));
            let is_short = text.len() <= MESSAGE;
            let mut lost = Status::unavailable(cut(text, MESSAGE));
            if is_short {
                lost.set_source(Arc::new(status));
            }
            lost
        }
        _ => bounded(status),
    }
}

/// Whether the call failed because no connection could be made for it.
pub(crate) fn could_not_connect(status: &Status) -> bool {
    status
        .source()
        .is_some_and(|source| causes(source).any(|cause| cause.is::<ConnectError>()))
}

/// Whether the call failed because its connection was lost or could not be made.
pub(crate) fn has_lost_connection(status: &Status) -> bool {
    status
        .source()
        .is_some_and(|source| is_of_transport(source) && !resets_stream(source))
        || could_not_connect(status)
}

/// Whether the call's connection, or its stream on it, failed. Otherwise a server sent the status.
///
/// A status that a server sent has no source. One that was made at this side has the error that it was made from.
fn is_of_transport(source: &(dyn Error + 'static)) -> bool {
    causes(source).any(|cause| {
        cause.is::<h2::Error>()
            || cause.is::<hyper::Error>()
            || cause.is::<std::io::Error>()
            || cause.is::<tonic::transport::Error>()
            || cause.is::<tower::buffer::error::Closed>()
    })
}

/// Whether HTTP/2 reset only this call's stream.
fn resets_stream(source: &(dyn Error + 'static)) -> bool {
    let mut errors = causes(source).filter_map(|cause| cause.downcast_ref::<h2::Error>());
    errors.any(h2::Error::is_reset)
}

/// Returns the text of the innermost source of an error.
pub(crate) fn root_cause(error: &(dyn Error + 'static)) -> String {
    causes(error)
        .last()
        .map_or_else(String::new, ToString::to_string)
}

/// Returns the innermost source of a status that is a `T`.
pub(crate) fn find_cause<T: Error + 'static>(status: &Status) -> Option<&T> {
    let causes = causes(status.source()?);
    causes.filter_map(|cause| cause.downcast_ref()).last()
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn details_that_are_not_base64_are_left_out_of_a_status() {
        let mut headers = HeaderMap::new();
        headers.insert(Status::GRPC_STATUS, HeaderValue::from_static("5"));
        headers.insert(DETAILS, HeaderValue::from_static("%%%"));
        let status = failure(&headers).expect("the call failed");
        assert_eq!(status.code(), Code::NotFound);
        assert!(status.details().is_empty());
    }

    #[test]
    fn errors_of_http2_are_unavailable_whatever_their_reason() {
        for reason in [
            h2::Reason::NO_ERROR,
            h2::Reason::CANCEL,
            h2::Reason::PROTOCOL_ERROR,
            h2::Reason::INADEQUATE_SECURITY,
            h2::Reason::ENHANCE_YOUR_CALM,
            h2::Reason::from(4711),
        ] {
            let status = Status::from_error(Box::new(h2::Error::from(reason)));
            let status = normalise(status, Deadline::none());
            assert_eq!(status.code(), Code::Unavailable, "{reason:?}");
        }
    }

    #[test]
    fn a_long_text_of_an_error_is_cut_and_its_source_dropped() {
        let error = std::io::Error::other("x".repeat(1 << 20));
        let status = normalise(Status::from_error(Box::new(error)), Deadline::none());
        assert_eq!(status.code(), Code::Unavailable);
        assert!(status.message().len() <= MESSAGE);
        assert!(status.source().is_none());
    }

    #[test]
    fn what_tonic_says_of_its_own_timeout_is_what_is_known_of_it() {
        assert_eq!(TimeoutExpired(()).to_string(), TIMEOUT_EXPIRED);
        let normal = |text| normalise(Status::cancelled(text), Deadline::none()).code();
        assert_eq!(normal(TIMEOUT_EXPIRED), Code::DeadlineExceeded);
        assert_eq!(normal("by the handler"), Code::Cancelled);
    }

    #[test]
    fn a_call_that_ended_well_or_has_not_ended_did_not_fail() {
        let mut headers = HeaderMap::new();
        assert!(failure(&headers).is_none());
        headers.insert(Status::GRPC_STATUS, HeaderValue::from_static("0"));
        assert!(failure(&headers).is_none());
    }
}
