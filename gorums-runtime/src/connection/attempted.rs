//! A connection that counts as established once the node speaks HTTP/2 on it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::attempts::Attempts;
use super::given_up::GivenUp;
use crate::support::{BoxedConnection, LargeTransfer, Turns};
use crate::tls::TlsError;

/// The first byte in HTTP/2: that of the length of a frame, whose first byte is 0 in all frames that may be the first one.
const HTTP2: u8 = 0;

/// The first byte of an alert of TLS.
const TLS_ALERT: u8 = 0x15;

/// A connection that counts as established once the node sends something in HTTP/2. If it is lost before that, the attempt
/// has failed.
pub(super) struct Attempted {
    connection: BoxedConnection,
    attempts: Attempts,
    given_up: Arc<GivenUp>,
    turns: Turns,
    /// Of a connection that carries nothing else, for as long as it lasts.
    large: Option<LargeTransfer>,
    made: Instant,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Attempted,
    /// The node has closed it, which HTTP/2 finds out.
    Closed,
    Established,
    Lost,
}

impl Attempted {
    pub(super) fn new(connection: BoxedConnection, attempts: Attempts) -> Self {
        Self {
            connection,
            given_up: attempts.watch(),
            attempts,
            turns: Turns::default(),
            large: None,
            made: Instant::now(),
            state: State::Attempted,
        }
    }

    /// The connection, for large transfers.
    pub(super) fn for_large(mut self) -> Self {
        self.large = Some(self.turns.begin_large());
        self
    }

    /// Takes note of what the node sends first.
    fn first(&mut self, outcome: io::Result<&[u8]>) -> io::Result<()> {
        match outcome {
            Ok([]) => {
                self.state = State::Closed;
                Ok(())
            }
            Ok([HTTP2, ..]) => {
                self.state = State::Established;
                self.attempts.succeed();
                Ok(())
            }
            Ok([TLS_ALERT, ..]) => Err(self.lose(refused(TlsError::Required))),
            Ok(_) => Err(self.lose(refused(Foreign))),
            Err(error) => Err(self.lose(error)),
        }
    }

    /// Notes that the attempt has failed before HTTP/2 does, so that the call that it was made for learns why.
    fn lose(&mut self, cause: io::Error) -> io::Error {
        self.state = State::Lost;
        let failure = match cause.kind() {
            io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::UnexpectedEof => self.attempts.lost(),
            _ => self.attempts.fail(cause),
        };
        failure.shared()
    }

    /// Returns why a connection that is not established cannot be written to. The node may have said why before it closed
    /// the connection.
    fn write_failed(&mut self, cx: &mut Context<'_>, error: io::Error) -> io::Error {
        let mut first = [0; 1];
        let mut buffer = ReadBuf::new(&mut first);
        match self.connection.as_mut().poll_read(cx, &mut buffer) {
            Poll::Ready(Err(said)) if TlsError::is_in(&said) => self.lose(said),
            Poll::Ready(Ok(())) if buffer.filled() == [TLS_ALERT] => {
                self.lose(refused(TlsError::Required))
            }
            _ => self.lose(error),
        }
    }

    fn written(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match written {
            Poll::Ready(Err(error)) if self.state == State::Attempted => {
                Poll::Ready(Err(self.write_failed(cx, error)))
            }
            written => self.turns.count_written(cx, written),
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
        self.turns.count_moved(cx, buffer.filled().len() - before);
        if read.is_pending() {
            self.given_up.register(cx.waker())?;
        }
        if self.state == State::Attempted
            && let Poll::Ready(outcome) = read
        {
            let first = self.first(outcome.map(|()| &buffer.filled()[before..]));
            return Poll::Ready(first);
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
        self.written(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = self.connection.as_mut().poll_write_vectored(cx, bytes);
        self.written(cx, written)
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
        match self.state {
            // The keep-alive has given it up.
            State::Attempted => self.attempts.silent(self.made.elapsed()),
            State::Closed => self.attempts.lost(),
            State::Established | State::Lost => return,
        };
    }
}

/// What answers at the node's address speaks another protocol.
#[derive(Debug, thiserror::Error)]
#[error("the node does not answer in HTTP/2; check that a gRPC server listens at its address")]
struct Foreign;

fn refused(why: impl std::error::Error + Send + Sync + 'static) -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionRefused, why)
}
