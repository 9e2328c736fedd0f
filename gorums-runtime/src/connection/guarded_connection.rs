//! Catches panics of the user's connections.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::support::{Connection, guard};

/// A connection whose panics become its errors. HTTP/2 writes to it under locks, so an uncaught panic would fail all
/// calls.
pub(crate) struct GuardedConnection<C> {
    /// `None` once it has panicked.
    connection: Option<C>,
}

impl<C: Connection> GuardedConnection<C> {
    pub(crate) fn new(connection: C) -> Self {
        Self {
            connection: Some(connection),
        }
    }

    fn poll<T>(
        &mut self,
        poll: impl FnOnce(Pin<&mut C>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let Some(connection) = &mut self.connection else {
            let error = "the connection has already panicked";
            return Poll::Ready(Err(io::Error::other(error)));
        };
        guard(|| poll(Pin::new(connection))).unwrap_or_else(|panicked| {
            self.connection = None;
            let error = format!("the connection panicked: {}", panicked.0);
            Poll::Ready(Err(io::Error::other(error)))
        })
    }
}

impl<C: Connection> AsyncRead for GuardedConnection<C> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.poll(|connection| connection.poll_read(cx, buffer))
    }
}

impl<C: Connection> AsyncWrite for GuardedConnection<C> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll(|connection| connection.poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll(|connection| connection.poll_write_vectored(cx, bytes))
    }

    fn is_write_vectored(&self) -> bool {
        let connection = self.connection.as_ref();
        connection.is_some_and(|connection| guard(|| connection.is_write_vectored()) == Ok(true))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll(|connection| connection.poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll(|connection| connection.poll_shutdown(cx))
    }
}
