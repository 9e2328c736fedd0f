//! A connection that counts as established once the node speaks HTTP/2 on it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::attempts::Attempts;
use super::given_up::GivenUp;
use crate::support::{BoxedConnection, count_moved, count_written};

/// A connection that counts as established once the node sends something after HTTP/2 has begun. If it is lost before
/// that, the attempt has failed.
pub(super) struct Attempted {
    connection: BoxedConnection,
    attempts: Attempts,
    given_up: Arc<GivenUp>,
    is_of_use: bool,
}

impl Attempted {
    pub(super) fn new(connection: BoxedConnection, attempts: Attempts) -> Self {
        Self {
            connection,
            given_up: attempts.watch(),
            attempts,
            is_of_use: false,
        }
    }
}

impl AsyncRead for Attempted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.given_up.check()?;
        let before = buffer.filled().len();
        let read = self.connection.as_mut().poll_read(cx, buffer);
        count_moved(cx, buffer.filled().len() - before);
        if read.is_pending() {
            self.given_up.register(cx.waker())?;
        }
        if !self.is_of_use && buffer.filled().len() > before && self.attempts.speak_http2() {
            self.is_of_use = true;
            self.attempts.succeed();
        }
        read
    }
}

impl AsyncWrite for Attempted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = self.connection.as_mut().poll_write(cx, bytes);
        count_written(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = self.connection.as_mut().poll_write_vectored(cx, bytes);
        count_written(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.connection.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.connection.as_mut().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.connection.as_mut().poll_shutdown(cx)
    }
}

impl Drop for Attempted {
    fn drop(&mut self) {
        if !self.is_of_use {
            self.attempts.lost();
        }
    }
}
