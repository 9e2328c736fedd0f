//! Detects streams that have gone silent.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use tokio::time::Instant;
use tonic::Status;

use crate::call::{Alarm, Deadline, parse_grpc_timeout};
use crate::wire::KEEP_ALIVE;

/// The number of silent intervals after which a stream ends.
const INTERVALS: u32 = 3;

/// The longest interval.
const LONGEST: Duration = Duration::from_secs(60 * 60);

/// The header that asks a server to send something in each `interval`.
pub(super) fn ask(interval: Duration) -> Option<HeaderValue> {
    let millis = interval.as_millis().clamp(1, 99_999_999);
    HeaderValue::try_from(format!("{millis}m")).ok()
}

/// Watches a stream whose server has agreed to send something in each interval.
#[derive(Debug)]
pub(super) struct Silence(Option<Watch>);

#[derive(Debug)]
struct Watch {
    interval: Duration,
    alarm: Alarm,
    /// The time of the last byte, as of when the timer fired for all intervals but one.
    overdue: Option<Instant>,
}

impl Silence {
    /// Watches a stream as its server's `headers`, which have just arrived, agree. A server that has not agreed may be
    /// silent for ever.
    pub(super) fn agreed(headers: &HeaderMap) -> Self {
        let interval = headers
            .get(KEEP_ALIVE)
            .and_then(|header| header.to_str().ok());
        let interval = interval.and_then(parse_grpc_timeout);
        // The protocol has no other intervals.
        let interval = interval.filter(|interval| !interval.is_zero() && *interval <= LONGEST);
        Self(interval.map(Watch::new))
    }

    /// How long the server may be silent, if it has agreed.
    pub(super) fn longest(&self) -> Option<Duration> {
        self.0.as_ref().map(|watch| watch.interval * INTERVALS)
    }

    /// Ready, with the reason, when nothing has arrived since `last` for too long.
    pub(super) fn poll(&mut self, last: Instant, cx: &mut Context<'_>) -> Poll<Status> {
        match &mut self.0 {
            Some(watch) => watch.poll(last, cx),
            None => Poll::Pending,
        }
    }
}

impl Watch {
    fn new(interval: Duration) -> Self {
        Self {
            interval,
            alarm: Deadline::after(Some(interval * (INTERVALS - 1))).alarm(),
            overdue: None,
        }
    }

    fn poll(&mut self, last: Instant, cx: &mut Context<'_>) -> Poll<Status> {
        let interval = self.interval;
        loop {
            ready!(Pin::new(&mut self.alarm).poll(cx));
            let now = Instant::now();
            let overdue = last + interval * (INTERVALS - 1);
            if now < overdue {
                self.alarm = Deadline::at(overdue).alarm();
            } else if self.overdue == Some(last) {
                return Poll::Ready(Status::unavailable(format!(
                    "the node sent nothing for {:?}, although it agreed to send something every {interval:?}",
                    now - last
                )));
            } else {
                // The process may have been suspended, with bytes that arrived meanwhile still unread. So the last
                // interval has to pass while it runs.
                self.overdue = Some(last);
                self.alarm = Deadline::at(now + interval).alarm();
            }
        }
    }
}
