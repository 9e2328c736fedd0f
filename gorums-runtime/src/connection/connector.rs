//! Dials nodes.

use std::fmt;
use std::io;
use std::net::SocketAddr;
#[cfg(unix)]
use std::path::Path;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;

use super::guarded_connection::GuardedConnection;
use crate::support::{BoxedConnection, Connection, Panicked, guarded};

type Dial = dyn Fn(SocketAddr) -> BoxFuture<'static, io::Result<BoxedConnection>> + Send + Sync;

/// Makes connections, over TCP or with a function of the user.
#[derive(Clone)]
pub(crate) struct Connector(Arc<Dial>);

impl Connector {
    pub(crate) fn tcp() -> Self {
        Self(Arc::new(|address| {
            async move {
                let stream = TcpStream::connect(address).await?;
                // Nagle's algorithm would delay small messages by a round trip.
                stream.set_nodelay(true)?;
                Ok(Box::pin(stream) as _)
            }
            .boxed()
        }))
    }

    /// Connects to the Unix socket at `path`.
    #[cfg(unix)]
    pub(super) fn unix(path: Arc<Path>) -> Self {
        Self(Arc::new(move |_| {
            let path = Arc::clone(&path);
            async move { Ok(Box::pin(UnixStream::connect(path).await?) as _) }.boxed()
        }))
    }

    /// Makes no connections, for the reason given.
    pub(crate) fn none(reason: &'static str) -> Self {
        let refused = move || io::Error::new(io::ErrorKind::Unsupported, reason);
        Self(Arc::new(move |_| {
            std::future::ready(Err(refused())).boxed()
        }))
    }

    /// Makes connections with `dial`. A panic of `dial` is a failed attempt, and a panic of its connection a lost
    /// connection.
    pub(crate) fn new<F, Fut, C>(dial: F) -> Self
    where
        F: Fn(SocketAddr) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = io::Result<C>> + Send + 'static,
        C: Connection,
    {
        let dial = Arc::new(dial);
        Self(Arc::new(move |address| {
            let dial = Arc::clone(&dial);
            let connecting = guarded(async move { dial(address).await });
            async move {
                let connection = connecting.await.unwrap_or_else(|Panicked(message)| {
                    let error = format!("the connector panicked for {address}: {message}");
                    Err(io::Error::other(error))
                });
                Ok(Box::pin(GuardedConnection::new(connection?)) as _)
            }
            .boxed()
        }))
    }

    pub(crate) fn connect(
        &self,
        address: SocketAddr,
    ) -> BoxFuture<'static, io::Result<BoxedConnection>> {
        (self.0)(address)
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector").finish_non_exhaustive()
    }
}
