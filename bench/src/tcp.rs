//! Raw TCP frames: the lower bound. A frame is its length, the number of its call, and the payload.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, oneshot};

/// The bytes of a frame's length and number.
const HEAD: usize = 12;

/// Echoes frames.
pub(crate) async fn serve(listener: TcpListener, delay: Duration) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        // The client handles a broken connection.
        tokio::spawn(async move { drop(echo(stream, delay).await) });
    }
}

async fn echo(stream: TcpStream, delay: Duration) -> io::Result<()> {
    let (mut from, mut to) = stream.into_split();
    let mut buffer = BytesMut::with_capacity(64 * 1024);
    while from.read_buf(&mut buffer).await? > 0 {
        let mut whole = 0;
        while let Some(len) = frame_len(&buffer[whole..]) {
            whole += len;
        }
        let frames = buffer.split_to(whole);
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        to.write_all(&frames).await?;
    }
    Ok(())
}

/// The length of the first frame, if it is complete.
fn frame_len(mut bytes: &[u8]) -> Option<usize> {
    let available = bytes.len();
    let len = HEAD + bytes.try_get_u32().ok()? as usize;
    (available >= len).then_some(len)
}

/// Calls servers of raw TCP.
#[derive(Clone)]
pub(crate) struct TcpClient {
    nodes: Arc<[Arc<Outgoing>]>,
    calls: Arc<Calls>,
    quorum: usize,
}

/// The calls that wait for replies, by number.
#[derive(Default)]
struct Calls {
    waiting: Mutex<HashMap<u64, Waiting>>,
    next: AtomicU64,
}

struct Waiting {
    missing: usize,
    decided: oneshot::Sender<Bytes>,
}

/// The frames for one node.
#[derive(Default)]
struct Outgoing {
    frames: Mutex<BytesMut>,
    more: Notify,
}

impl TcpClient {
    pub(crate) async fn connect(addresses: &[String], quorum: usize) -> io::Result<Self> {
        let calls = Arc::new(Calls::default());
        let mut nodes = Vec::new();
        for address in addresses {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            let (from, to) = stream.into_split();
            let outgoing = Arc::new(Outgoing::default());
            tokio::spawn(read(from, Arc::clone(&calls)));
            tokio::spawn(write(to, Arc::clone(&outgoing)));
            nodes.push(outgoing);
        }
        Ok(Self {
            nodes: nodes.into(),
            calls,
            quorum,
        })
    }

    /// Sends the payload to all nodes, and waits for the replies of a quorum.
    pub(crate) fn call(
        &self,
        payload: &[u8],
    ) -> impl Future<Output = Result<(), String>> + Send + use<> {
        let number = self.calls.next.fetch_add(1, Ordering::Relaxed);
        let (decided, decision) = oneshot::channel();
        let waiting = Waiting {
            missing: self.quorum,
            decided,
        };
        self.calls
            .waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(number, waiting);
        for node in self.nodes.iter() {
            let mut frames = node.frames.lock().unwrap_or_else(PoisonError::into_inner);
            frames.put_u32(payload.len() as u32);
            frames.put_u64(number);
            frames.put_slice(payload);
            drop(frames);
            node.more.notify_one();
        }
        async move {
            let reply = decision.await;
            reply
                .map(drop)
                .map_err(|_| "the connection broke".to_string())
        }
    }
}

async fn write(mut to: OwnedWriteHalf, outgoing: Arc<Outgoing>) {
    loop {
        outgoing.more.notified().await;
        // Frames that are sent at the same time share a packet.
        tokio::task::yield_now().await;
        let frames = {
            let mut frames = outgoing
                .frames
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            frames.split()
        };
        if to.write_all(&frames).await.is_err() {
            return;
        }
    }
}

async fn read(mut from: OwnedReadHalf, calls: Arc<Calls>) {
    let mut buffer = BytesMut::with_capacity(64 * 1024);
    while from
        .read_buf(&mut buffer)
        .await
        .is_ok_and(|bytes| bytes > 0)
    {
        while let Some(len) = frame_len(&buffer) {
            let mut frame = buffer.split_to(len).freeze();
            frame.advance(4);
            let number = frame.get_u64();
            calls.take_in(number, frame);
        }
    }
}

impl Calls {
    fn take_in(&self, number: u64, payload: Bytes) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(call) = waiting.get_mut(&number) else {
            return;
        };
        call.missing -= 1;
        if call.missing == 0
            && let Some(call) = waiting.remove(&number)
        {
            // The caller may have given up.
            let _ = call.decided.send(payload);
        }
    }
}
