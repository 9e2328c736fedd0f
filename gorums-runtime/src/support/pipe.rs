//! Connections of a process to itself.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tonic::transport::server::Connected;

/// How many bytes a pipe holds in each direction until they are read.
const CAPACITY: usize = 256 * 1024;

/// One end of a connection within the process, which needs no socket.
#[derive(Debug)]
pub(crate) struct Pipe(DuplexStream);

/// Marks the requests that came over a pipe: the process itself sent them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InProcess;

impl Pipe {
    /// Creates both ends of a connection.
    pub(crate) fn pair() -> (Self, Self) {
        let (client, server) = tokio::io::duplex(CAPACITY);
        (Self(client), Self(server))
    }
}

impl Connected for Pipe {
    type ConnectInfo = InProcess;

    fn connect_info(&self) -> InProcess {
        InProcess
    }
}

impl AsyncRead for Pipe {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
