//! Serving, and its end.

use futures::{Stream, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;
use tonic::transport::server::Connected;

use super::accepting::Accepting;
use super::closable::{Closable, Closing};
use super::error::ServerError;
use super::server::Server;

/// Serves the connections of `incoming` until `stop` completes, then lets the calls that are under way end, within the
/// server's grace.
pub(super) async fn serve<C, E>(
    server: Server,
    incoming: impl Stream<Item = Result<C, E>> + Send,
    stop: impl Future<Output = ()> + Send,
) -> Result<(), ServerError>
where
    C: AsyncRead + AsyncWrite + Connected + Unpin + Send + 'static,
    C::ConnectInfo: Clone + Send + Sync + 'static,
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let grace = server.grace;
    let closing = Closing {
        close: CancellationToken::new(),
        stopping: CancellationToken::new(),
        handshake_timeout: server.handshake_timeout,
    };
    // However this ends, no connection outlives it.
    let close = closing.close.clone().drop_guard();
    let stopping = closing.stopping.clone();
    let incoming = Accepting::new(incoming, server.max_connections).map(move |accepted| {
        accepted.map(|(connection, place)| Closable::new(connection, place, closing.clone()))
    });
    let (mut transport, mut services) = server.into_parts().await?;
    let farewell = services.farewell();
    let streams = services.router.stop().clone();
    let stop = async {
        stop.await;
        farewell.await;
        streams.cancel();
        stopping.cancel();
    };
    let serving = transport
        .add_routes(services.router.into_routes())
        .serve_with_incoming_shutdown(incoming, stop);
    let late = async {
        stopping.cancelled().await;
        tokio::time::sleep(grace).await;
    };
    tokio::select! {
        served = serving => served?,
        () = late => {}
    }
    drop(close);
    Ok(())
}
