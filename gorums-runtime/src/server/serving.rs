//! Serving connections, and shutting down.

use std::convert::Infallible;
use std::time::Duration;

#[cfg(feature = "_tls-any")]
use futures::future::Either;
use futures::future::try_join;
use futures::{Stream, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::service::Routes;
use tonic::transport::server::Connected;
use tower::util::MapRequestLayer;

#[cfg(feature = "_tls-any")]
use super::accepting::with_tls;
use super::accepting::{AcceptError, Accepting};
use super::closable::{Closable, Closing, ConnectionInfo};
use super::error::ServerError;
use super::services::Services;
use crate::support::Pipe;
#[cfg(feature = "_tls-any")]
use crate::tls::{AcceptedPeer, RotatingCredentials};

/// A server that is ready to serve.
pub(super) struct Serving {
    pub(super) transport: tonic::transport::Server,
    /// `None` if the connections are not encrypted.
    #[cfg(feature = "_tls-any")]
    pub(super) tls: Option<RotatingCredentials>,
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
        let stopped = stopping.clone().cancelled_owned();
        let itself = plain(self.transport.clone(), routes.clone(), pipes, stopped);
        let most = self.max_connections;
        #[cfg(feature = "_tls-any")]
        let serving = match self.tls {
            None => {
                let incoming = closable(Accepting::new(incoming, most), &closing);
                Either::Left(plain(self.transport, routes, incoming, stop))
            }
            Some(credentials) => {
                let encrypted = with_tls(incoming, credentials);
                let incoming = closable(Accepting::new(encrypted, most), &closing);
                let reveal = MapRequestLayer::new(reveal_encrypted::<C>);
                let mut server = self.transport.layer(reveal);
                let server = server.add_routes(routes);
                Either::Right(server.serve_with_incoming_shutdown(incoming, stop))
            }
        };
        #[cfg(not(feature = "_tls-any"))]
        let serving = {
            let incoming = closable(Accepting::new(incoming, most), &closing);
            plain(self.transport, routes, incoming, stop)
        };
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

/// Serves connections that are not encrypted.
fn plain<C>(
    transport: tonic::transport::Server,
    routes: Routes,
    incoming: impl Stream<Item = Result<Closable<C>, AcceptError>>,
    stop: impl Future<Output = ()>,
) -> impl Future<Output = Result<(), tonic::transport::Error>>
where
    C: AsyncRead + AsyncWrite + Connected + Unpin + Send + 'static,
{
    let mut server = transport.layer(MapRequestLayer::new(reveal::<C>));
    let server = server.add_routes(routes);
    server.serve_with_incoming_shutdown(incoming, stop)
}

/// Shows the services the connection that a request came over.
fn reveal<C: Connected>(mut request: http::Request<Body>) -> http::Request<Body> {
    ConnectionInfo::<C::ConnectInfo>::reveal(request.extensions_mut());
    request
}

/// The same for a connection by TLS: who is at its other end.
#[cfg(feature = "_tls-any")]
fn reveal_encrypted<C: Connected>(mut request: http::Request<Body>) -> http::Request<Body> {
    let extensions = request.extensions_mut();
    ConnectionInfo::<AcceptedPeer<C::ConnectInfo>>::reveal(extensions);
    AcceptedPeer::<C::ConnectInfo>::reveal(extensions);
    request
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
