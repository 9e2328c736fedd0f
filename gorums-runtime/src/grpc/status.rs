//! Statuses that mean the same whatever tonic, hyper or h2 called them.

use std::error::Error;
use std::sync::Arc;

use http::{HeaderMap, StatusCode};
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Code, ConnectError, Status, TimeoutExpired};

use crate::deadline::Deadline;

/// The header that carries the details of a status.
const DETAILS: &str = "grpc-status-details-bin";

/// The status of a call for which there is no connection.
pub(crate) fn unavailable(error: Box<dyn Error + Send + Sync>) -> Status {
    let mut status = Status::unavailable(root_cause(&*error));
    status.set_source(Arc::from(error));
    status
}

/// Why a call failed, by the headers or the trailers of its response; none if it did not, or they do not tell.
pub(crate) fn failure(headers: &HeaderMap) -> Option<Status> {
    of_headers(headers).filter(|status| status.code() != Code::Ok)
}

/// How a call ended, by the headers or the trailers of its response, if they tell.
pub(super) fn of_headers(headers: &HeaderMap) -> Option<Status> {
    headers.get(Status::GRPC_STATUS)?;
    let metadata = MetadataMap::from_headers(headers.clone());
    match metadata.get_bin(DETAILS).map(MetadataValue::to_bytes) {
        // tonic panics at what is not base64.
        Some(Err(_)) => {
            let mut headers = metadata.into_headers();
            headers.remove(DETAILS);
            Status::from_header_map(&headers)
        }
        _ => Status::from_header_map(headers),
    }
}

/// What the status of an HTTP response stands for that has none of gRPC, by [gRPC's own table][table]; none if it is
/// that of a response to a call.
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
    let text = format!("the node answered with the HTTP status {status}, not by gRPC");
    Some(Status::new(code, text))
}

/// The status that a failed call has by the rules of this crate: `DeadlineExceeded` when the deadline had passed,
/// `Unavailable` when the connection was lost, and otherwise what the server said.
pub(super) fn normalise(status: Status, deadline: Deadline) -> Status {
    let timed_out = status
        .source()
        .is_some_and(|source| causes(source).any(|cause| cause.is::<TimeoutExpired>()));
    if timed_out || (status.code() == Code::Cancelled && deadline.has_passed()) {
        return Deadline::exceeded();
    }
    match status.source() {
        Some(_) if could_not_connect(&status) => unavailable(Box::new(status)),
        Some(source) if lost_connection(source) => {
            let mut lost = Status::unavailable(format!("connection lost: {}", root_cause(source)));
            lost.set_source(Arc::new(status));
            lost
        }
        _ => status,
    }
}

/// Whether the call ended because no connection could be made for it.
pub(crate) fn could_not_connect(status: &Status) -> bool {
    status
        .source()
        .is_some_and(|source| causes(source).any(|cause| cause.is::<ConnectError>()))
}

/// Whether the call ended because its connection did, as opposed to its own stream.
///
/// A status that a server sent has no source; one that was made on this side has the error it was made of.
fn lost_connection(source: &(dyn Error + 'static)) -> bool {
    causes(source).any(|cause| {
        if let Some(error) = cause.downcast_ref::<h2::Error>() {
            return error.is_io() || error.is_go_away();
        }
        if let Some(error) = cause.downcast_ref::<hyper::Error>() {
            return error.is_canceled() || error.is_closed() || error.is_incomplete_message();
        }
        cause.is::<std::io::Error>() || cause.is::<tower::buffer::error::Closed>()
    })
}

/// What an error comes down to.
pub(crate) fn root_cause(error: &(dyn Error + 'static)) -> String {
    causes(error)
        .last()
        .map_or_else(String::new, ToString::to_string)
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
    fn a_call_that_ended_well_or_has_not_ended_did_not_fail() {
        let mut headers = HeaderMap::new();
        assert!(failure(&headers).is_none());
        headers.insert(Status::GRPC_STATUS, HeaderValue::from_static("0"));
        assert!(failure(&headers).is_none());
    }
}
