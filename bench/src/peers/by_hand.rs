//! Messages of all to all over raw TCP: frames of a length and a payload, one connection for each pair and direction, and
//! a channel for those to oneself.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::{Counted, Loops, per_second};

/// How many messages a sender has ahead of what the connections have taken.
pub(super) const AHEAD: usize = 64;

/// Lets each of `n` processes send to all, itself included, as fast as it can. Returns how many messages arrive per second.
pub(super) async fn spread(n: u32, loops: &Loops) -> io::Result<f64> {
    let counted = Counted::default();
    let mut tasks = JoinSet::new();
    let mut addresses = Vec::new();
    for _ in 0..n {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        addresses.push(listener.local_addr()?);
        let counted = counted.clone();
        tasks.spawn(async move {
            let mut readers = JoinSet::new();
            while let Ok((connection, _)) = listener.accept().await {
                readers.spawn(read(connection, counted.clone()));
            }
        });
    }
    let mut frame = u32::try_from(loops.payload.data.len())
        .map_err(io::Error::other)?
        .to_be_bytes()
        .to_vec();
    frame.extend(&loops.payload.data);
    let frame = Bytes::from(frame);
    for from in 0..addresses.len() {
        let mut queues = Vec::new();
        for (to, address) in addresses.iter().enumerate() {
            let (queue, frames) = mpsc::channel(AHEAD);
            queues.push(queue);
            if from == to {
                tasks.spawn(take(frames, counted.clone()));
            } else {
                let connection = TcpStream::connect(address).await?;
                connection.set_nodelay(true)?;
                tasks.spawn(write(connection, frames));
            }
        }
        let frame = frame.clone();
        tasks.spawn(async move {
            let queues = Arc::new(queues);
            loop {
                for queue in queues.iter() {
                    if queue.send(frame.clone()).await.is_err() {
                        return;
                    }
                }
            }
        });
    }
    let rate = per_second(loops, || counted.get()).await;
    tasks.shutdown().await;
    Ok(rate)
}

/// Writes all frames that wait at once.
async fn write(mut connection: TcpStream, mut frames: mpsc::Receiver<Bytes>) {
    let (mut waiting, mut bytes) = (Vec::new(), Vec::new());
    while frames.recv_many(&mut waiting, AHEAD).await > 0 {
        bytes.clear();
        waiting.drain(..).for_each(|frame| bytes.extend(&frame));
        if connection.write_all(&bytes).await.is_err() {
            return;
        }
    }
}

async fn read(connection: TcpStream, counted: Counted) {
    let mut connection = BufReader::with_capacity(64 * 1024, connection);
    let mut payload = Vec::new();
    while let Ok(len) = connection.read_u32().await {
        payload.resize(len as usize, 0);
        if connection.read_exact(&mut payload).await.is_err() {
            return;
        }
        counted.count();
    }
}

async fn take(mut frames: mpsc::Receiver<Bytes>, counted: Counted) {
    while frames.recv().await.is_some() {
        counted.count();
    }
}
