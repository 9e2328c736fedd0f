//! A node that answers with garbage. It reads the requests on node streams, so that it can answer them wrongly.

use std::collections::VecDeque;
use std::error::Error;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::time::Duration;

use fastrand::Rng;
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use prost::bytes::Bytes;
use prost::encoding::encode_varint;
use tokio::net::{TcpListener, TcpStream};
use tonic::codegen::http::{Request, Response};

use crate::garbage_grpc;

/// How many request numbers are remembered.
const NUMBERS: usize = 1024;

/// Serves until the process is killed.
pub(crate) async fn serve(address: SocketAddr, seed: u64) -> Result<(), Box<dyn Error>> {
    let mut rng = Rng::with_seed(seed);
    let mut attempts = 0;
    let listener = loop {
        match TcpListener::bind(address).await {
            Err(_) if attempts < 50 => tokio::time::sleep(Duration::from_millis(100)).await,
            bound => break bound?,
        }
        attempts += 1;
    };
    loop {
        let (connection, _) = listener.accept().await?;
        tokio::spawn(connected(connection, rng.fork()));
    }
}

async fn connected(connection: TcpStream, mut rng: Rng) {
    let Ok(mut connection) = h2::server::handshake(connection).await else {
        return;
    };
    while let Some(Ok((request, respond))) = connection.accept().await {
        tokio::spawn(answer(request, respond, rng.fork()));
    }
}

async fn answer(request: Request<RecvStream>, respond: SendResponse<Bytes>, rng: Rng) {
    // The client has ended it.
    let _ = match request.uri().path() {
        "/stream.Gorums/NodeStream" => stream(request.into_body(), respond, rng).await,
        _ => garbage_grpc::answer(request.into_body(), respond, rng).await,
    };
}

/// Ways to answer on a stream.
#[derive(Clone, Copy, Debug)]
enum Manner {
    RandomBytes,
    RandomMessages,
    WrongNumbers,
    TooLarge,
    Endless,
    Statuses,
    Silence,
    End,
}

const MANNERS: [Manner; 8] = [
    Manner::RandomBytes,
    Manner::RandomMessages,
    Manner::WrongNumbers,
    Manner::TooLarge,
    Manner::Endless,
    Manner::Statuses,
    Manner::Silence,
    Manner::End,
];

async fn stream(
    mut requests: RecvStream,
    mut respond: SendResponse<Bytes>,
    mut rng: Rng,
) -> Result<(), h2::Error> {
    let mut response = Response::builder().header("content-type", "application/grpc");
    if rng.bool() {
        response = response.header("gorums-ext", "1");
    }
    if rng.bool() {
        let promise = ["5000", "1", "0", "-1", "99999999999999999999", "x"];
        response = response.header("gorums-keep-alive", promise[rng.usize(..promise.len())]);
    }
    let Ok(response) = response.body(()) else {
        return Ok(());
    };
    let mut replies = respond.send_response(response, false)?;
    let mut numbers = Numbers::default();
    let manner = MANNERS[rng.usize(..MANNERS.len())];
    loop {
        tokio::select! {
            data = requests.data() => match data {
                Some(data) => {
                    let data = data?;
                    requests.flow_control().release_capacity(data.len())?;
                    numbers.read(&data);
                }
                None => return Ok(()),
            },
            () = tokio::time::sleep(Duration::from_millis(rng.u64(1..10))) => {
                if rng.u8(..) == 0 {
                    replies.send_reset(Reason::INTERNAL_ERROR);
                    return Ok(());
                }
            }
        }
        let garbage = match manner {
            Manner::RandomBytes => random(&mut rng, 2000),
            Manner::RandomMessages => {
                let content = random(&mut rng, 500);
                frame(&content)
            }
            Manner::WrongNumbers => {
                let known = numbers.any(&mut rng);
                let near = known.wrapping_add(rng.u64(0..8)).wrapping_sub(4);
                let number = [near, rng.u64(..), known | 1 << 63, known | 1 << 62, 0];
                reply(number[rng.usize(..number.len())], &payload(&mut rng))
            }
            Manner::TooLarge => {
                let mut start = vec![0];
                let length = [5 << 20, 300 << 20, u32::MAX];
                start.extend(length[rng.usize(..length.len())].to_be_bytes());
                start.extend(random(&mut rng, 100_000));
                start
            }
            Manner::Endless => {
                let number = numbers.any(&mut rng);
                reply(number, &payload(&mut rng)).repeat(256)
            }
            Manner::Statuses => status(numbers.any(&mut rng), &mut rng),
            Manner::Silence => continue,
            Manner::End => {
                return garbage_grpc::end(&mut replies, &mut rng);
            }
        };
        send(&mut replies, garbage.into()).await?;
    }
}

/// The numbers of the latest requests.
#[derive(Default)]
struct Numbers {
    unread: Vec<u8>,
    latest: VecDeque<u64>,
}

impl Numbers {
    fn read(&mut self, data: &[u8]) {
        self.unread.extend_from_slice(data);
        while let Some((prefix, rest)) = self.unread.split_at_checked(5) {
            let length = [prefix[1], prefix[2], prefix[3], prefix[4]];
            let length = u32::from_be_bytes(length) as usize;
            let Some(mut message) = rest.get(..length) else {
                break;
            };
            // Field 1, a varint.
            if let [8, number @ ..] = message {
                message = number;
                if let Ok(number) = prost::encoding::decode_varint(&mut message) {
                    self.latest.push_back(number);
                }
            }
            self.unread.drain(..5 + length);
        }
        while self.latest.len() > NUMBERS {
            self.latest.pop_front();
        }
    }

    fn any(&self, rng: &mut Rng) -> u64 {
        match self.latest.len() {
            0 => rng.u64(..1000),
            len => self.latest[rng.usize(..len)],
        }
    }
}

pub(crate) fn random(rng: &mut Rng, most: usize) -> Vec<u8> {
    let length = rng.usize(0..most);
    std::iter::repeat_with(|| rng.u8(..)).take(length).collect()
}

/// A reply, or something similar.
pub(crate) fn payload(rng: &mut Rng) -> Vec<u8> {
    match rng.u8(..3) {
        0 => Vec::new(),
        1 => {
            let mut reply = vec![8];
            encode_varint(rng.u64(..), &mut reply);
            reply
        }
        _ => random(rng, 100),
    }
}

/// A message with its length before it.
pub(crate) fn frame(message: &[u8]) -> Vec<u8> {
    let mut frame = vec![0];
    frame.extend((message.len() as u32).to_be_bytes());
    frame.extend_from_slice(message);
    frame
}

fn reply(number: u64, payload: &[u8]) -> Vec<u8> {
    let mut message = vec![8];
    encode_varint(number, &mut message);
    field(5, payload, &mut message);
    frame(&message)
}

/// A status with a long text, and maybe the mark that ends a stream of replies.
fn status(number: u64, rng: &mut Rng) -> Vec<u8> {
    let mut status = vec![8];
    encode_varint(rng.u64(0..40), &mut status);
    field(2, &vec![b'x'; rng.usize(0..50_000)], &mut status);
    field(3, &random(rng, 1000), &mut status);
    let mut message = vec![8];
    encode_varint(number, &mut message);
    field(3, &status, &mut message);
    if rng.bool() {
        let mut entry = Vec::new();
        field(1, b"gorums-end", &mut entry);
        field(4, &entry, &mut message);
    }
    frame(&message)
}

fn field(tag: u8, content: &[u8], message: &mut Vec<u8>) {
    message.push(tag << 3 | 2);
    encode_varint(content.len() as u64, message);
    message.extend_from_slice(content);
}

/// Sends as the client's window allows.
pub(crate) async fn send(stream: &mut SendStream<Bytes>, mut data: Bytes) -> Result<(), h2::Error> {
    while !data.is_empty() {
        stream.reserve_capacity(data.len());
        let Some(room) = poll_fn(|cx| stream.poll_capacity(cx)).await else {
            return Err(Reason::CANCEL.into());
        };
        let part = data.split_to(room?.min(data.len()));
        stream.send_data(part, false)?;
    }
    Ok(())
}
