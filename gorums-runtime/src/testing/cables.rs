//! Connections in memory that can be cut and slowed, each direction by itself.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use crate::identity::NodeId;

/// How many bytes a connection holds that its receiver has not read.
const CAPACITY: usize = 64 * 1024;

/// How many pieces are under way at once on a slow connection.
const UNDER_WAY: usize = 1024;

/// What the network does to the bytes between the hosts. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Cables(Arc<watch::Sender<HashMap<Direction, Cable>>>);

/// From whom to whom bytes travel.
pub(super) type Direction = (NodeId, NodeId);

/// What happens to the bytes in one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Cable {
    /// Nothing arrives. What is sent is kept, as TCP does, until the cable is healed.
    pub(super) is_cut: bool,
    /// How long bytes travel.
    pub(super) delay: Duration,
}

impl Cables {
    pub(super) fn change(&self, direction: Direction, change: impl FnOnce(&mut Cable)) {
        self.0
            .send_modify(|cables| change(cables.entry(direction).or_default()));
    }

    /// Makes all cables as they were at the beginning.
    pub(super) fn heal(&self) {
        self.0.send_modify(HashMap::clear);
    }

    fn delay(&self, direction: Direction) -> Duration {
        let cables = self.0.borrow();
        cables.get(&direction).map_or(Duration::ZERO, |it| it.delay)
    }

    /// Waits until bytes arrive that travel in all of `directions`.
    pub(super) async fn open(&self, directions: &[Direction]) {
        let is_cut = |cables: &HashMap<Direction, Cable>, direction| {
            cables.get(direction).is_some_and(|cable| cable.is_cut)
        };
        let mut cables = self.0.subscribe();
        let opened = cables.wait_for(|cables| !directions.iter().any(|it| is_cut(cables, it)));
        // The sender is held by `self`.
        let _ = opened.await;
    }

    /// Creates both ends of a connection from one host to another, and what carries its bytes.
    pub(super) fn connection(
        &self,
        (client, server): Direction,
    ) -> (DuplexStream, DuplexStream, impl Future<Output = ()> + use<>) {
        let (client_end, near_client) = tokio::io::duplex(CAPACITY);
        let (server_end, near_server) = tokio::io::duplex(CAPACITY);
        let cables = self.clone();
        let carrying = async move {
            let (from_client, to_client) = tokio::io::split(near_client);
            let (from_server, to_server) = tokio::io::split(near_server);
            // An error is the end of the connection.
            let _ = tokio::try_join!(
                cables.carry((client, server), from_client, to_server),
                cables.carry((server, client), from_server, to_client),
            );
        };
        (client_end, server_end, carrying)
    }

    /// Carries bytes in one direction.
    async fn carry(
        &self,
        direction: Direction,
        mut from: impl AsyncRead + Unpin,
        mut to: impl AsyncWrite + Unpin,
    ) -> io::Result<()> {
        let (depart, mut arrive) = mpsc::channel::<(Instant, Bytes)>(UNDER_WAY);
        let departing = async move {
            let mut buffer = BytesMut::new();
            while from.read_buf(&mut buffer).await? > 0 {
                let arrival = Instant::now() + self.delay(direction);
                if depart
                    .send((arrival, buffer.split().freeze()))
                    .await
                    .is_err()
                {
                    break;
                }
            }
            Ok(())
        };
        let arriving = async {
            while let Some((arrival, bytes)) = arrive.recv().await {
                sleep_until(arrival).await;
                self.open(&[direction]).await;
                to.write_all(&bytes).await?;
            }
            self.open(&[direction]).await;
            to.shutdown().await
        };
        tokio::try_join!(departing, arriving).map(drop)
    }
}
