//! Unix sockets to listen on.

use std::io;
use std::path::Path;

use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use tokio::net::{UnixListener, UnixStream};
use tokio_stream::wrappers::UnixListenerStream;

use crate::support::BoxedConnection;

/// Listens on the socket at `path`. A socket that a process has left behind which no longer listens is replaced.
pub(super) async fn listen(
    path: &str,
) -> io::Result<BoxStream<'static, io::Result<BoxedConnection>>> {
    let path = Path::new(path);
    let listener = match UnixListener::bind(path) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && is_left_behind(path).await => {
            std::fs::remove_file(path)?;
            UnixListener::bind(path)?
        }
        bound => bound?,
    };
    let sockets = UnixListenerStream::new(listener);
    Ok(sockets.map_ok(|socket| Box::pin(socket) as _).boxed())
}

/// Whether nobody listens on the socket at `path` any more.
async fn is_left_behind(path: &Path) -> bool {
    let attempt = UnixStream::connect(path).await;
    attempt.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}
