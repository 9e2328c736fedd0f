//! Garbage as answers to plain gRPC calls.

use std::time::Duration;

use fastrand::Rng;
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use prost::bytes::Bytes;
use tonic::codegen::http::{HeaderMap, HeaderName, HeaderValue, Response};

use crate::garbage::{frame, payload, random, send};

/// Headers and trailers that may confuse a client.
const HEADERS: [(&str, &str); 12] = [
    ("grpc-status", "0"),
    ("grpc-status", "14"),
    ("grpc-status", "banana"),
    ("grpc-status", "-1"),
    ("grpc-status", "99999999999999999999"),
    ("grpc-message", "%zz%f%%00%ff%fe"),
    ("grpc-status-details-bin", "!!! no base64 !!!"),
    ("grpc-status-details-bin", "AAAA"),
    ("grpc-encoding", "gzip"),
    ("grpc-encoding", "no-such-encoding"),
    ("grpc-accept-encoding", "\t"),
    ("garbage-bin", "===="),
];

/// Answers a call of any type.
pub(crate) async fn answer(
    mut requests: RecvStream,
    mut respond: SendResponse<Bytes>,
    mut rng: Rng,
) -> Result<(), h2::Error> {
    if rng.u8(..8) == 0 {
        tokio::time::sleep(Duration::from_millis(rng.u64(0..5000))).await;
    }
    if rng.u8(..8) == 0 {
        respond.send_reset(Reason::REFUSED_STREAM);
        return Ok(());
    }
    let mut response = Response::new(());
    *response.headers_mut() = headers(&mut rng);
    let types = ["application/grpc", "application/grpc", "text/html", ""];
    let content_type = HeaderValue::from_static(types[rng.usize(..types.len())]);
    response.headers_mut().insert("content-type", content_type);
    if rng.u8(..8) == 0 {
        *response.status_mut() = tonic::codegen::http::StatusCode::BAD_GATEWAY;
    }
    let mut replies = respond.send_response(response, rng.u8(..8) == 0)?;
    let endless = rng.u8(..8) == 0;
    loop {
        let garbage = match rng.u8(..4) {
            0 => random(&mut rng, 5000),
            1 => [0, 255, 255, 255, 255].to_vec(),
            2 => [1, 0, 0, 0, 3, 1, 2, 3].to_vec(),
            _ => frame(&payload(&mut rng)).repeat(rng.usize(1..20)),
        };
        send(&mut replies, garbage.into()).await?;
        if !endless {
            break;
        }
        let pause = Duration::from_millis(rng.u64(1..10));
        let gone = tokio::time::timeout(pause, requests.data()).await;
        if let Ok(Some(Err(error))) = gone {
            return Err(error);
        }
    }
    end(&mut replies, &mut rng)
}

/// Ends a response with wrong trailers, or without any.
pub(crate) fn end(replies: &mut SendStream<Bytes>, rng: &mut Rng) -> Result<(), h2::Error> {
    match rng.u8(..4) {
        0 => replies.send_data(Bytes::new(), true),
        _ => replies.send_trailers(headers(rng)),
    }
}

fn headers(rng: &mut Rng) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for _ in 0..rng.usize(0..4) {
        let (name, value) = HEADERS[rng.usize(..HEADERS.len())];
        headers.append(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    headers
}
