//! Makes responses safe for tonic to read.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{HeaderMap, HeaderName};
use http_body::{Frame, SizeHint};
use tokio::task::coop::cooperative;
use tonic::Status;
use tonic::body::Body;

use crate::call::Deadline;
use crate::status;

/// How many headers or trailers of a response are accepted. tonic merges the two, and a header map panics beyond its
/// capacity.
const MOST_HEADERS: usize = 1024;

/// The headers and trailers that gRPC itself needs.
const NEEDED: [HeaderName; 4] = [
    HeaderName::from_static("content-type"),
    HeaderName::from_static("grpc-encoding"),
    HeaderName::from_static("grpc-message"),
    HeaderName::from_static("grpc-status"),
];

/// Removes from the response what tonic would panic on, and normalises its errors. The body holds `keep` until it is
/// dropped.
pub(crate) fn checked<K: Send + Unpin + 'static>(
    response: http::Response<Body>,
    deadline: Deadline,
    keep: K,
) -> http::Response<Body> {
    let mut response = response.map(|body| {
        Body::new(Checked {
            body,
            deadline,
            _keep: keep,
        })
    });
    check(response.headers_mut());
    response
}

/// Removes what tonic would panic on.
fn check(headers: &mut HeaderMap) {
    if headers.contains_key(status::DETAILS) && !status::has_readable_details(headers) {
        headers.remove(status::DETAILS);
    }
    if headers.len() > MOST_HEADERS {
        let needed = NEEDED.into_iter().filter_map(|name| {
            let value = headers.get(&name)?.clone();
            Some((name, value))
        });
        *headers = needed.collect();
    }
}

/// A body with safe trailers.
struct Checked<K> {
    body: Body,
    deadline: Deadline,
    _keep: K,
}

impl<K: Unpin> http_body::Body for Checked<K> {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        // tonic reads on while frames are ready, and a node may send empty frames without end.
        let body = &mut self.body;
        let next = cooperative(poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)));
        let frame = ready!(pin!(next).poll(cx));
        Poll::Ready(frame.map(|frame| {
            let mut frame = frame.map_err(|error| status::normalise(error, self.deadline))?;
            if let Some(trailers) = frame.trailers_mut() {
                check(trailers);
            }
            Ok(frame)
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn details_that_are_not_base64_are_removed_and_others_stay() {
        for (details, stays) in [("%%%", false), ("aGVsbG8", true), ("aGVsbG8=", true)] {
            let mut headers = HeaderMap::new();
            headers.insert("grpc-status", HeaderValue::from_static("5"));
            headers.insert(status::DETAILS, HeaderValue::from_static(details));
            check(&mut headers);
            assert_eq!(headers.contains_key(status::DETAILS), stays, "{details}");
            assert!(Status::from_header_map(&headers).is_some());
        }
    }

    #[test]
    fn of_too_many_headers_those_of_grpc_stay() {
        let mut headers = HeaderMap::new();
        for number in 0..20_000 {
            let name = format!("x-{number}").parse::<HeaderName>().expect("a name");
            headers.insert(name, HeaderValue::from_static(""));
        }
        headers.insert("grpc-status", HeaderValue::from_static("5"));
        headers.insert("grpc-message", HeaderValue::from_static("gone"));
        check(&mut headers);
        assert_eq!(headers.len(), 2);
        let status = Status::from_header_map(&headers).expect("a status");
        assert_eq!(status.message(), "gone");
    }
}
