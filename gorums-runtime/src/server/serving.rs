//! Serving connections, and shutting down.

use std::convert::Infallible;
use std::time::Duration;

use futures::future::try_join;
use futures::{Stream, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;
use tonic::transport::server::Connected;

use super::accepting::{AcceptError, Accepting};
use super::closable::{Closable, Closing};
use super::error::ServerError;
use super::services::Services;
use crate::support::Pipe;

/// A server that is ready to serve.
pub(super) struct Serving {
    pub(super) transport: tonic::transport::Server,
    #[cfg(feature = "_tls-any")]
    pub(super) tls: Option<tonic::transport::ServerTlsConfig>,
    pub(super) services: Services,
    pub(super) grace: Duration,
    pub(super) handshake_timeout: Duration,
    pub(super) max_connections: usize,
}

impl Serving {
    /// Serves the connections of `incoming` and `pipes` until `stop` completes. Then lets the calls in flight end, for
    /// at most `grace`. Pipes stay within the process, and are not encrypted.
    pub(super) async fn serve<C, E>(
        mut self,
        incoming: impl Stream<Item = Result<C, E>> + Send,
        pipes: impl Stream<Item = Pipe> + Send,
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
        let incoming = closable(Accepting::new(incoming, self.max_connections), &closing);
        let pipes = pipes.map(Ok::<_, Infallible>);
        let pipes = closable(Accepting::new(pipes, usize::MAX), &closing);
        let farewell = self.services.farewell();
        let router = self.services.into_router();
        let streams = router.stop().clone();
        let stop = async {
            stop.await;
            farewell.await;
            streams.cancel();
            stopping.cancel();
        };
        let routes = router.into_routes();
        let itself = self
            .transport
            .clone()
            .add_routes(routes.clone())
            .serve_with_incoming_shutdown(pipes, stopping.clone().cancelled_owned());
        #[cfg(feature = "_tls-any")]
        if let Some(tls) = self.tls {
            let configured = self.transport.tls_config(tls);
            self.transport = configured.map_err(ServerError::Tls)?;
        }
        let serving = self
            .transport
            .add_routes(routes)
            .serve_with_incoming_shutdown(incoming, stop);
        let late = async {
            stopping.cancelled().await;
            tokio::time::sleep(self.grace).await;
        };
        tokio::select! {
            served = try_join(serving, itself) => drop(served?),
            () = late => {}
        }
        drop(close);
        Ok(())
    }
}

/// Makes accepted connections closable.
fn closable<I, C>(
    accepting: Accepting<I>,
    closing: &Closing,
) -> impl Stream<Item = Result<Closable<C>, AcceptError>> + use<I, C>
where
    Accepting<I>: Stream<Item = Result<(C, OwnedSemaphorePermit), AcceptError>>,
{
    let closing = closing.clone();
    accepting.map(move |accepted| {
        accepted.map(|(connection, place)| Closable::new(connection, place, closing.clone()))
    })
}
