//! Node streams of a server, with arbitrary input from a client.

use std::collections::{HashMap, HashSet};
use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use gorums_runtime::fuzz::Message;
use gorums_runtime::server::StreamLimits;
use http_body::{Body as _, Frame};
use prost::Message as _;
use tests::numbered::Request;
use tokio::runtime::{Builder, Handle};
use tokio::time::timeout;
use tonic::body::Body;
use tonic::service::Routes;
use tonic::{Code, Status};
use tower::ServiceExt;

use crate::body::{Frames, body};
use crate::envelope::{Envelope, framed, unframed};
use crate::input::Input;
use crate::panics;
use crate::replica::{MOST_PADDING, MOST_REPLIES, Replica, WISHED};

/// The methods of the service: the first four have one reply, the next three none, and the last many.
const METHODS: [&str; 9] = [
    "Call",
    "ConcurrentCall",
    "Quorum",
    "Aggregate",
    "Async",
    "Unicast",
    "Multicast",
    "MulticastStream",
    "Watch",
];

/// The largest input, with which all handlers end within an hour.
const MOST: usize = 16 * 1024;
const MESSAGE_SIZE: usize = 2000;

/// What a message may have beside its request.
const ENVELOPE: usize = 64 * 1024;
const REPLY_BYTES: usize = 64 * 1024;
const HANDLERS: usize = 4;
const MOST_STREAMS: usize = 4;
const FROM_SERVER: u64 = 1 << 63;
const HOUR: Duration = Duration::from_secs(60 * 60);
const MOMENT: Duration = Duration::from_millis(1);

/// The first byte chooses how the client opens streams, the second how it disconnects. The rest is its program, or the
/// bytes that it sends.
pub fn run(data: &[u8]) {
    if data.len() > MOST {
        return;
    }
    panics::none_but(
        |text, _| text == WISHED,
        || {
            let mut runtime = Builder::new_current_thread();
            let runtime = runtime.enable_time().start_paused(true).build();
            let runtime = runtime.expect("a runtime");
            runtime.block_on(session(&mut Input::new(data)));
        },
    );
}

async fn session(input: &mut Input<'_>) {
    let replica = Replica::new();
    let limits = StreamLimits::new()
        .handlers(HANDLERS)
        .backlog(8, 4096)
        .replies(32, REPLY_BYTES);
    let routes = replica
        .router(limits)
        .max_message_size(MESSAGE_SIZE)
        .into_routes();
    let opening = input.byte();
    let going = input.byte();
    let mut client = Client {
        routes,
        opening,
        reads: going & 1 != 0,
        streams: Vec::new(),
    };
    client.open(1).await;
    if going & 2 == 0 {
        while !input.is_empty() {
            client.step(input, &replica).await;
        }
    } else {
        let cut = usize::from(input.byte()) + 1;
        for piece in input.rest().chunks(cut) {
            client.send(0, Bytes::copy_from_slice(piece)).await;
        }
    }
    tokio::time::sleep(MOMENT).await;
    // Handlers of ended streams run until they are cancelled, which they are.
    assert!(
        replica.live() <= HANDLERS * client.streams.len(),
        "{} handlers run",
        replica.live()
    );
    for stream in &mut client.streams {
        if !client.reads {
            stream.check_unread();
        }
        if going & 4 != 0 {
            stream.requests = None;
        }
    }
    if going & 8 != 0 {
        replica.gate.open();
        for stream in &mut client.streams {
            stream.requests = None;
        }
        for stream in &mut client.streams {
            stream.read(HOUR).await;
            stream.check_replies();
        }
    } else {
        client.streams.iter_mut().for_each(Stream::go);
    }
    tokio::time::sleep(HOUR).await;
    assert_eq!(replica.live(), 0, "handlers are left");
    drop(client);
    let tasks = Handle::current().metrics().num_alive_tasks();
    assert_eq!(tasks, 0, "tasks are left");
}

/// A client, with all its streams.
struct Client {
    routes: Routes,
    /// Its headers when it opens a stream.
    opening: u8,
    /// Whether it reads the replies as they arrive.
    reads: bool,
    streams: Vec<Stream>,
}

struct Stream {
    /// None once they have ended.
    requests: Option<Frames>,
    /// None once the client has stopped reading.
    replies: Option<Body>,
    sent: Vec<u8>,
    received: Vec<u8>,
    /// The status that it ended with.
    end: Option<Code>,
    extended: bool,
    accepts_calls: bool,
}

impl Client {
    /// Runs one step of the program.
    async fn step(&mut self, input: &mut Input<'_>, replica: &Replica) {
        let step = input.byte();
        let stream = usize::from(step >> 4) % self.streams.len();
        match step & 0xf {
            0..=6 => {
                let request = request(input).framed();
                // Usually in two pieces.
                let cut = input.below(64).min(request.len());
                self.send(stream, request.slice(..cut)).await;
                self.send(stream, request.slice(cut..)).await;
            }
            7 => {
                let cancel = Envelope {
                    number: input.number(),
                    ..Envelope::default()
                };
                let cancel = cancel.with_entry("gorums-cancel", "");
                self.send(stream, cancel.framed()).await;
            }
            8 => {
                let len = input.number() as usize;
                self.send(stream, framed(input.take(len))).await;
            }
            9 => {
                let len = input.number() as usize;
                let bytes = Bytes::copy_from_slice(input.take(len));
                self.send(stream, bytes).await;
            }
            10 => {
                let len = input.number() as usize * 16;
                self.send(stream, framed(&vec![0x0a; len])).await;
            }
            11 => tokio::time::sleep(Duration::from_millis(input.number() * 100)).await,
            12 => replica.gate.open(),
            13 if self.streams.len() < MOST_STREAMS => self.open(input.byte()).await,
            14 => self.streams[stream].requests = None,
            15 => self.streams[stream].go(),
            _ => self.streams[stream].read(MOMENT).await,
        }
    }

    /// Opens a stream with this number.
    async fn open(&mut self, number: u8) {
        let (requests, body) = body();
        let mut request = http::Request::new(body);
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = http::Uri::from_static("http://node/stream.Gorums/NodeStream");
        let mut header = |bit: u8, name: &'static str, value: &str| {
            let is_set = self.opening >> bit & 1 != 0;
            if is_set {
                let value = value.parse().expect("ASCII");
                request.headers_mut().insert(name, value);
            }
            is_set
        };
        header(0, "content-type", "application/grpc");
        let extended = header(1, "gorums-ext", "1");
        header(2, "gorums-client", "00000000000000000000000000000001");
        header(3, "gorums-stream", &number.to_string());
        header(4, "gorums-keep-alive", "5000m");
        let accepts_calls = header(5, "gorums-node-id", "0");
        header(6, "grpc-timeout", "7S");
        let Ok(response) = self.routes.clone().oneshot(request).await;
        let (head, replies) = response.into_parts();
        self.streams.push(Stream {
            requests: Some(requests),
            replies: Some(replies),
            sent: Vec::new(),
            received: Vec::new(),
            end: Status::from_header_map(&head.headers).map(|status| status.code()),
            extended,
            accepts_calls,
        });
    }

    async fn send(&mut self, stream: usize, bytes: Bytes) {
        let stream = &mut self.streams[stream];
        if let Some(requests) = &stream.requests {
            stream.sent.extend(&bytes);
            // The server may have ended the stream.
            let _ = requests.send(Ok(Frame::data(bytes)));
        }
        match self.reads {
            true => stream.read(MOMENT).await,
            false => tokio::task::yield_now().await,
        }
    }
}

fn request(input: &mut Input<'_>) -> Envelope {
    let method = METHODS.get(input.below(METHODS.len() + 1));
    let options = input.byte();
    let request = Request {
        number: 0,
        wish: i32::from(options & 7),
        size: u32::try_from(input.number()).expect("it is small"),
    };
    let request = Envelope {
        number: input.number(),
        method: format!("numbered.Numbered.{}", method.unwrap_or(&"None")).into(),
        payload: request.encode_to_vec(),
        ..Envelope::default()
    };
    match options & 8 {
        0 => request,
        _ => request.with_entry("grpc-timeout", "300m"),
    }
}

impl Stream {
    /// Reads until nothing arrives for `time`, or to the end.
    async fn read(&mut self, time: Duration) {
        while let Some(replies) = &mut self.replies
            && let Ok(frame) = timeout(time, next(replies)).await
        {
            self.take(frame);
        }
    }

    fn take(&mut self, frame: Option<Frame<Bytes>>) {
        match frame.map(Frame::into_data) {
            Some(Ok(bytes)) => self.received.extend(bytes),
            Some(Err(frame)) => {
                let trailers = frame.into_trailers().ok();
                let status = trailers.and_then(|trailers| Status::from_header_map(&trailers));
                assert_eq!(self.end, None, "it ends twice");
                self.end = Some(status.expect("a status").code());
            }
            None => {
                assert!(self.end.is_some(), "it ends without a status");
                self.replies = None;
            }
        }
    }

    /// Disconnects the client.
    fn go(&mut self) {
        self.replies = None;
        if let Some(requests) = self.requests.take() {
            // The server may have ended the stream.
            let _ = requests.send(Err(Status::cancelled("reset")));
        }
    }

    /// Checks that the unread replies are within their limits.
    fn check_unread(&mut self) {
        let read = self.received.len();
        while let Some(replies) = &mut self.replies
            && let Some(frame) = next(replies).now_or_never()
        {
            self.take(frame);
        }
        let unread = self.received.len() - read;
        assert!(
            unread <= REPLY_BYTES + MOST_PADDING as usize + 1024,
            "{unread} bytes are kept"
        );
    }

    /// Checks that each request has its replies, or the stream has failed.
    fn check_replies(&self) {
        if self.replies.is_none() && self.end.is_none() {
            // The client did not read.
            return;
        }
        let end = self.end.expect("the stream ends");
        let mut expected = Expected::default();
        let (messages, rest) = unframed(&self.sent);
        for message in messages {
            let message = Bytes::copy_from_slice(message);
            expected.add(&message, self.extended, self.accepts_calls);
        }
        // A request that is too large is answered before it has arrived completely.
        expected.too_large += u64::from(rest.len() > 5);
        if end == Code::Ok {
            assert!(!expected.malformed, "it ends well with a malformed message");
        }
        let mut received: HashMap<u64, u64> = HashMap::new();
        let (replies, rest) = unframed(&self.received);
        assert!(rest.is_empty(), "replies are cut");
        for reply in &replies {
            let reply = Envelope::decode(*reply).expect("a reply");
            let is_held_turn = reply.has("gorums-held-turn");
            assert!(self.extended || !is_held_turn, "an extension for all");
            if !is_held_turn && !reply.has("gorums-keep-alive") {
                *received.entry(reply.number).or_default() += 1;
            }
        }
        for (&number, &count) in &received {
            let (_, most) = expected.replies.get(&number).copied().unwrap_or_default();
            assert!(
                count <= most + expected.too_large,
                "{count} replies of number {number}, {most} expected: {:?}",
                replies
                    .iter()
                    .map(|reply| Envelope::decode(*reply))
                    .collect::<Vec<_>>()
            );
        }
        if end == Code::Ok {
            for (&number, &(least, _)) in &expected.replies {
                let count = received.get(&number).copied().unwrap_or_default();
                assert!(
                    count >= least || expected.cancelled.contains(&number),
                    "{count} replies of number {number}, {least} expected"
                );
            }
        }
    }
}

/// The next frame; none at the end.
async fn next(body: &mut Body) -> Option<Frame<Bytes>> {
    let frame = poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await;
    frame.map(|frame| frame.expect("a response does not fail"))
}

/// The replies that requests must have.
#[derive(Default)]
struct Expected {
    /// The minimum and the maximum for each number.
    replies: HashMap<u64, (u64, u64)>,
    cancelled: HashSet<u64>,
    /// The number of messages that are too large to reveal their numbers.
    too_large: u64,
    /// Whether a message does not decode. Everything after it is ignored.
    malformed: bool,
}

impl Expected {
    fn add(&mut self, bytes: &Bytes, extended: bool, accepts_calls: bool) {
        if self.malformed {
            return;
        }
        if bytes.len() > MESSAGE_SIZE + ENVELOPE {
            self.too_large += 1;
            return;
        }
        let Some(message) = Message::decode(bytes) else {
            self.malformed = true;
            return;
        };
        let is_cancel = message
            .entries
            .iter()
            .any(|(key, _)| key == "gorums-cancel");
        if extended && message.method.is_empty() && is_cancel {
            self.cancelled.insert(message.number);
            return;
        }
        if accepts_calls && message.number & FROM_SERVER != 0 {
            return;
        }
        let method = message.method.strip_prefix(b"numbered.Numbered.");
        let method = METHODS
            .iter()
            .position(|name| method == Some(name.as_bytes()));
        let request = Request::decode(&message.payload[..]);
        let (least, most) = match (method, request) {
            _ if message.has_excess => (1, 1),
            (None | Some(0..=4), _) => (1, 1),
            (Some(5..=7), Ok(_)) => (0, 0),
            (Some(_), Err(_)) => (1, 1),
            (Some(_), Ok(request)) => {
                let most = u64::from(request.size.min(MOST_REPLIES)) + 1;
                (extended.into(), most)
            }
        };
        let sum = self.replies.entry(message.number).or_default();
        *sum = (sum.0 + least, sum.1 + most);
    }
}
