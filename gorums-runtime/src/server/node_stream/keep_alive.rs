//! Messages that show a client that its stream is alive.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;
use tokio::time::Instant;
use tonic::Status;

use crate::call::{Alarm, Deadline, parse_grpc_timeout};
use crate::wire::{Head, KEEP_ALIVE};

const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60 * 60);

/// Returns the interval that the server agrees to, given the client's header; `None` if that is malformed.
pub(super) fn interval(interval: &str) -> Option<Duration> {
    let asked = parse_grpc_timeout(interval)?;
    let whole = Duration::from_millis(u64::try_from(asked.as_millis()).unwrap_or(u64::MAX));
    Some(whole.clamp(SHORTEST, LONGEST))
}

/// Sends a message when the stream has been silent for an interval.
#[derive(Debug)]
pub(super) struct KeepAlive {
    interval: Duration,
    message: Bytes,
    /// When the stream last sent something.
    sent: Instant,
    /// Goes off when the next message may be due.
    alarm: Alarm,
}

impl KeepAlive {
    /// Creates one that counts `interval`, of at most 1 h, from now on.
    pub(super) fn new(interval: Duration) -> Result<Self, Status> {
        let head = Head {
            entry: Some((KEEP_ALIVE, "")),
            ..Head::default()
        };
        Ok(Self {
            interval,
            message: Bytes::copy_from_slice(head.alone()?.as_slice()),
            sent: Instant::now(),
            alarm: Deadline::after(Some(interval)).alarm(),
        })
    }

    /// Returns the header that tells the client the interval.
    pub(super) fn header(&self) -> HeaderValue {
        let millis = format!("{}m", self.interval.as_millis());
        // Cannot fail: the value has digits and a unit only.
        HeaderValue::try_from(millis).unwrap_or(HeaderValue::from_static("3600000m"))
    }

    /// Notes that the stream has sent something.
    pub(super) fn note_sent(&mut self) {
        self.sent = Instant::now();
    }

    /// Ready with a message once one is due.
    pub(super) fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Bytes> {
        loop {
            ready!(Pin::new(&mut self.alarm).poll(cx));
            let is_due = self.sent.elapsed() >= self.interval;
            if is_due {
                self.note_sent();
            }
            // Set here, once per interval, rather than for each message that is sent.
            self.alarm = Deadline::at(self.sent + self.interval).alarm();
            if is_due {
                return Poll::Ready(self.message.clone());
            }
        }
    }
}
