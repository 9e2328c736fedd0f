//! A node that answers according to a program.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::{Ready, poll_fn, ready};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use gorums_runtime::server::Router;
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body::{Body as _, Frame};
use prost::Message as _;
use tests::numbered::{Reply, Request};
use tonic::Status;
use tonic::body::Body;
use tonic::server::NamedService;
use tower::Service;

use crate::body::{Frames, body};
use crate::envelope::{Envelope, RpcStatus, framed, unframed};

/// The start of the padding of a reply that contains the number that it answers.
const MARK: [u8; 8] = *b"\xffnumber\xff";

/// Names and values of headers and trailers, some of which are invalid in gRPC.
const HEADERS: [(&str, &str); 12] = [
    ("grpc-status", "0"),
    ("grpc-status", "14"),
    ("grpc-status", "x"),
    ("grpc-message", "%ff%00%"),
    ("grpc-status-details-bin", "!!!"),
    ("grpc-status-details-bin", "AAAA"),
    ("grpc-encoding", "gzip"),
    ("grpc-encoding", "identity"),
    ("grpc-encoding", "none"),
    ("gorums-ext", "2"),
    ("gorums-keep-alive", "0m"),
    ("x-bin", "!"),
];

/// A node that answers according to a program, on node streams and to plain gRPC calls.
#[derive(Clone, Debug)]
pub(crate) struct Hostile(Arc<Mutex<Node>>);

#[derive(Debug)]
struct Node {
    /// The rest of its program.
    program: Vec<u8>,
    /// How it begins its responses.
    beginning: u8,
    /// The numbers of messages, and the numbers in their payloads.
    seen: HashMap<u64, u64>,
    calls: u64,
}

impl Hostile {
    pub(crate) fn new(beginning: u8, program: &[u8]) -> Self {
        Self(Arc::new(Mutex::new(Node {
            program: program.to_vec(),
            beginning,
            seen: HashMap::new(),
            calls: 0,
        })))
    }

    /// The router that serves it.
    pub(crate) fn router(&self) -> Router {
        Router::new()
            .add_service(Streams(self.clone()))
            .add_service(Calls(self.clone()))
    }

    /// Checks that a reply of the node answers no call but the one with this number.
    pub(crate) fn check(&self, reply: &Reply, number: u64) {
        if let Some(answered) = reply.padding.strip_prefix(&MARK)
            && let Ok(answered) = answered.try_into()
            && let Some(&answered) = self.lock().seen.get(&u64::from_le_bytes(answered))
        {
            assert_eq!(answered, number, "a call gets another's reply");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Node> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, request: http::Request<Body>, on_stream: bool) -> http::Response<Body> {
        let (frames, body) = body();
        let mut response = http::Response::new(body);
        let beginning = self.lock().beginning;
        let headers = response.headers_mut();
        headers.insert("content-type", HeaderValue::from_static("application/grpc"));
        if beginning & 1 != 0 {
            headers.insert("gorums-ext", HeaderValue::from_static("1"));
        }
        if beginning & 2 != 0 {
            headers.insert("gorums-keep-alive", HeaderValue::from_static("5000m"));
        }
        if beginning & 4 != 0 {
            for _ in 0..self.byte() & 3 {
                put_header(headers, self.byte());
            }
        }
        tokio::spawn(self.clone().answer(request.into_body(), frames, on_stream));
        response
    }

    async fn answer(self, mut requests: Body, frames: Frames, on_stream: bool) {
        let mut received = Vec::new();
        let mut read = 0;
        while let Some(bytes) = data(&mut requests).await {
            received.extend(bytes);
            let (messages, rest) = unframed(&received[read..]);
            let numbers: Vec<_> = messages
                .into_iter()
                .filter_map(|message| self.see(message, on_stream))
                .collect();
            read = received.len() - rest.len();
            for number in numbers {
                if !self.act(number, &frames, on_stream).await {
                    return;
                }
            }
        }
    }

    /// Records a request, and returns its number.
    fn see(&self, message: &[u8], on_stream: bool) -> Option<u64> {
        let mut node = self.lock();
        node.calls += 1;
        let (number, payload) = match on_stream {
            true => {
                let envelope = Envelope::decode(message).expect("a message");
                if envelope.method.is_empty() {
                    return None;
                }
                (envelope.number, envelope.payload)
            }
            false => (node.calls, message.to_vec()),
        };
        let request = Request::decode(&payload[..]).expect("a request");
        node.seen.insert(number, request.number);
        Some(number)
    }

    /// Runs the program up to the point where it waits for the next request. Returns false if the response has ended.
    async fn act(&self, number: u64, frames: &Frames, on_stream: bool) -> bool {
        loop {
            let step = {
                let mut node = self.lock();
                match node.program.is_empty() {
                    true => return true,
                    false => node.program.remove(0),
                }
            };
            let frame = match step & 0x1f {
                0..=5 => self.reply(number, number, on_stream),
                6 if on_stream => {
                    // A number close to it, or that of another request.
                    let other = number.wrapping_add(u64::from(step >> 5)).wrapping_sub(3);
                    self.reply(other, other, on_stream)
                }
                7 => {
                    let reply = self.reply(number, number, on_stream);
                    let times = 1 << (step >> 5);
                    reply.repeat(times).into()
                }
                8 => framed_envelope(number, on_stream, |it| it.payload = vec![0xff]),
                9 => framed_envelope(number, on_stream, |it| {
                    it.method = b"numbered.Numbered.Watch".into();
                }),
                10 => framed_envelope(number, on_stream, |it| {
                    let code = i32::from(self.byte());
                    it.status = Some(RpcStatus {
                        code,
                        message: "as it likes".into(),
                        details: vec![vec![0xff; 3]],
                    });
                }),
                11 => framed_envelope(number, on_stream, |it| {
                    *it = it.clone().with_entry("gorums-end", "")
                }),
                12 => framed_envelope(0, on_stream, |it| {
                    it.method.clear();
                    *it = it.clone().with_entry("gorums-keep-alive", "");
                }),
                13 => framed_envelope(number, on_stream, |it| it.entries = vec![vec![]; 300]),
                14 => framed_envelope(number | 1 << 63, on_stream, |_| {}),
                15 => framed(&self.bytes()),
                16 => self.bytes().into(),
                17 => framed(&vec![0; 64 << (step >> 5)]),
                18 => {
                    let mut reply = self.reply(number, number, on_stream);
                    reply.truncate(self.byte().into());
                    reply
                }
                19 => {
                    tokio::time::sleep(Duration::from_millis(1 << (2 * (step >> 5)))).await;
                    continue;
                }
                20 => {
                    let mut trailers = HeaderMap::new();
                    for _ in 0..=step >> 5 {
                        put_header(&mut trailers, self.byte());
                    }
                    let _ = frames.send(Ok(Frame::trailers(trailers)));
                    return false;
                }
                21 => {
                    let _ = frames.send(Err(Status::aborted("as it likes")));
                    return false;
                }
                22 => return false,
                _ => return true,
            };
            if frames.send(Ok(Frame::data(frame))).is_err() {
                return false;
            }
        }
    }

    /// A reply with this number, which says that it answers `answered`.
    fn reply(&self, number: u64, answered: u64, on_stream: bool) -> Bytes {
        let reply = Reply {
            number: self.lock().seen.get(&answered).copied().unwrap_or(u64::MAX),
            padding: [MARK, answered.to_le_bytes()].concat(),
        };
        framed_envelope(number, on_stream, |it| it.payload = reply.encode_to_vec())
    }

    fn byte(&self) -> u8 {
        self.next_bytes(1).first().copied().unwrap_or(0)
    }

    fn bytes(&self) -> Vec<u8> {
        let len = self.byte().into();
        self.next_bytes(len)
    }

    fn next_bytes(&self, len: usize) -> Vec<u8> {
        let mut node = self.lock();
        let len = len.min(node.program.len());
        node.program.drain(..len).collect()
    }
}

/// A message of a node stream, or the payload of one.
fn framed_envelope(number: u64, on_stream: bool, set: impl FnOnce(&mut Envelope)) -> Bytes {
    let mut envelope = Envelope {
        number,
        method: b"numbered.Numbered.Call".into(),
        ..Envelope::default()
    };
    set(&mut envelope);
    match on_stream {
        true => envelope.framed(),
        false => framed(&envelope.payload),
    }
}

/// Adds one of the headers.
fn put_header(headers: &mut HeaderMap, choice: u8) {
    let (name, value) = HEADERS[usize::from(choice) % HEADERS.len()];
    headers.append(
        HeaderName::from_static(name),
        HeaderValue::from_static(value),
    );
}

/// The next data of a body; none at its end.
async fn data(body: &mut Body) -> Option<Bytes> {
    loop {
        let frame = poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await;
        match frame?.ok()?.into_data() {
            Ok(bytes) => return Some(bytes),
            Err(_trailers) => continue,
        }
    }
}

/// Node streams.
#[derive(Clone)]
struct Streams(Hostile);

/// Plain gRPC calls.
#[derive(Clone)]
struct Calls(Hostile);

impl NamedService for Streams {
    const NAME: &'static str = "stream.Gorums";
}

impl NamedService for Calls {
    const NAME: &'static str = "numbered.Numbered";
}

impl Service<http::Request<Body>> for Streams {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        ready(Ok(self.0.serve(request, true)))
    }
}

impl Service<http::Request<Body>> for Calls {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        ready(Ok(self.0.serve(request, false)))
    }
}
