//! Serving connections, and shutting down.

use std::time::Duration;

use futures::{Stream, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;
use tonic::transport::server::Connected;

use super::accepting::Accepting;
use super::closable::{Closable, Closing};
use super::error::ServerError;
use super::services::Services;

/// A server that is ready to serve.
pub(super) struct Serving {
    pub(super) transport: tonic::transport::Server,
    pub(super) services: Services,
    pub(super) grace: Duration,
    pub(super) handshake_timeout: Duration,
    pub(super) max_connections: usize,
}

impl Serving {
    /// Serves the connections of `incoming` until `stop` completes. Then lets the calls in flight end, for at most
    /// `grace`.
    pub(super) async fn serve<C, E>(
        mut self,
        incoming: impl Stream<Item = Result<C, E>> + Send,
        stop: impl Future<Output = ()> + Send,
    ) -> Result<(), ServerError>
    where
        C: AsyncRead + AsyncWrite + Connected + Unpin + Send + 'static,
        C::ConnectInfo: Clone + Send + Sync + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let closing = Closing {
            close: CancellationToken::new(),
            stopping: CancellationToken::new(),
            handshake_timeout: self.handshake_timeout,
        };
        // No connection outlives this future, however it ends.
        let close = closing.close.clone().drop_guard();
        let stopping = closing.stopping.clone();
        let incoming = Accepting::new(incoming, self.max_connections).map(move |accepted| {
            accepted.map(|(connection, place)| Closable::new(connection, place, closing.clone()))
        });
        let farewell = self.services.farewell();
        let router = self.services.into_router();
        let streams = router.stop().clone();
        let stop = async {
            stop.await;
            farewell.await;
            streams.cancel();
            stopping.cancel();
        };
        let serving = self
            .transport
            .add_routes(router.into_routes())
            .serve_with_incoming_shutdown(incoming, stop);
        let late = async {
            stopping.cancelled().await;
            tokio::time::sleep(self.grace).await;
        };
        tokio::select! {
            served = serving => served?,
            () = late => {}
        }
        drop(close);
        Ok(())
    }
}
