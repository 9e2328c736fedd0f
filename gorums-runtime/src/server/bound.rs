//! Servers that have an address: bound, and running in the background.

use std::net::SocketAddr;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::accepting::incoming;
use super::error::ServerError;
use super::server::Server;

/// A server that listens on an address but does not serve yet. [`Server::bind`] creates it.
#[derive(Debug)]
#[must_use = "a server does nothing until it serves"]
pub struct BoundServer {
    server: Server,
    listener: TcpListener,
    address: SocketAddr,
}

impl BoundServer {
    pub(super) fn new(server: Server, listener: TcpListener, address: SocketAddr) -> Self {
        Self {
            server,
            listener,
            address,
        }
    }

    /// The address that the server listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves while the returned future is polled.
    ///
    /// # Errors
    ///
    /// When the server breaks.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the server's connections at once.
    pub async fn serve(self) -> Result<(), ServerError> {
        self.serve_until(std::future::pending()).await
    }

    /// Serves until `stop` completes. Then the server accepts no more connections and calls, and the future ends once
    /// the calls in flight have ended. Calls that take longer than the server's [`grace`](Server::grace) lose their
    /// connections.
    ///
    /// # Errors
    ///
    /// When the server breaks.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the server's connections at once.
    pub async fn serve_until(
        self,
        stop: impl Future<Output = ()> + Send,
    ) -> Result<(), ServerError> {
        let serving = self.server.into_serving().await?;
        let pipes = futures::stream::empty();
        serving.serve(incoming(self.listener), pipes, stop).await
    }

    /// Serves in the background, on the current tokio runtime.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub fn start(self) -> RunningServer {
        let address = self.address;
        let stop = CancellationToken::new();
        let stopped = stop.clone().cancelled_owned();
        RunningServer {
            address,
            task: tokio::spawn(self.serve_until(stopped)),
            stop: stop.drop_guard(),
        }
    }
}

/// A server that runs in the background. [`BoundServer::start`] starts it.
///
/// Dropping it shuts the server down like [`shutdown`](Self::shutdown), but does not wait.
#[derive(Debug)]
#[must_use = "dropping a running server shuts it down"]
pub struct RunningServer {
    address: SocketAddr,
    task: JoinHandle<Result<(), ServerError>>,
    stop: DropGuard,
}

impl RunningServer {
    /// The address that the server listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Shuts the server down and waits until it has ended: see [`BoundServer::serve_until`].
    ///
    /// # Errors
    ///
    /// If the server failed.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the server still shuts down.
    pub async fn shutdown(self) -> Result<(), ServerError> {
        let Self { task, stop, .. } = self;
        drop(stop);
        match task.await {
            Ok(outcome) => outcome,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime is shutting down, and the server with it.
                Err(_) => Ok(()),
            },
        }
    }
}
