//! The arithmetic of deadlines.

use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::runtime::{Handle, Id};
use tokio::task::unconstrained;
use tokio::time::{Instant, Sleep, sleep_until};
use tonic::Status;

/// The largest number in a timeout of the gRPC protocol: eight digits.
const LARGEST_GRPC_TIMEOUT: u128 = 99_999_999;

/// The units of the gRPC protocol's timeouts in nanoseconds, the finest first.
const GRPC_UNITS: [(char, u128); 6] = [
    ('n', 1),
    ('u', 1_000),
    ('m', 1_000_000),
    ('S', 1_000_000_000),
    ('M', 60 * 1_000_000_000),
    ('H', 60 * 60 * 1_000_000_000),
];

/// The time by which a call must have ended, if any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Deadline(Option<Instant>);

impl Deadline {
    /// `timeout` from now. A timeout beyond the clock's range is no deadline.
    pub(crate) fn after(timeout: Option<Duration>) -> Self {
        Self(timeout.and_then(|timeout| Instant::now().checked_add(timeout)))
    }

    /// At `instant`.
    pub(crate) fn at(instant: Instant) -> Self {
        Self(Some(instant))
    }

    /// No deadline.
    pub(crate) fn none() -> Self {
        Self(None)
    }

    /// The deadline that a caller sent, in the notation of the gRPC protocol. A malformed one counts as none.
    pub(crate) fn received(timeout: Option<&str>) -> Self {
        Self::after(timeout.and_then(parse_grpc_timeout))
    }

    /// The same, or `timeout` from now if that is earlier.
    pub(crate) fn within(self, timeout: Duration) -> Self {
        self.or_earlier(Self::after(Some(timeout)))
    }

    /// The earlier of both.
    pub(crate) fn or_earlier(self, other: Self) -> Self {
        match (self.0, other.0) {
            (Some(this), Some(other)) => Self(Some(this.min(other))),
            (this, other) => Self(this.or(other)),
        }
    }

    pub(crate) fn instant(self) -> Option<Instant> {
        self.0
    }

    pub(crate) fn has_passed(self) -> bool {
        self.0.is_some_and(|at| at <= Instant::now())
    }

    /// The status of a call on a node that has not answered by the deadline.
    pub(crate) fn exceeded() -> Status {
        Status::deadline_exceeded("no reply before the deadline")
    }

    /// A future that is ready at the deadline. With a deadline it needs a tokio runtime.
    pub(crate) fn alarm(self) -> Alarm {
        Alarm(self.0.map(Timer::new))
    }

    /// The time left: zero once the deadline has passed.
    pub(crate) fn remaining(self) -> Option<Duration> {
        self.0
            .map(|at| at.saturating_duration_since(Instant::now()))
    }

    /// The time left, in the notation of the gRPC protocol.
    pub(crate) fn grpc_timeout(self) -> Option<String> {
        self.remaining().map(format_grpc_timeout)
    }
}

/// `timeout` in the notation of the gRPC protocol, rounded down to the finest unit in which it has eight digits at
/// most.
fn format_grpc_timeout(timeout: Duration) -> String {
    let nanoseconds = timeout.as_nanos();
    let fits = |(unit, size): (char, u128)| {
        let value = nanoseconds / size;
        (value <= LARGEST_GRPC_TIMEOUT).then(|| format!("{value}{unit}"))
    };
    let fitting = GRPC_UNITS.into_iter().find_map(fits);
    fitting.unwrap_or_else(|| format!("{LARGEST_GRPC_TIMEOUT}H"))
}

/// A timeout in the notation of the gRPC protocol: up to eight digits, and a unit from hours to nanoseconds.
pub(crate) fn parse_grpc_timeout(timeout: &str) -> Option<Duration> {
    let (digits, unit) = timeout.split_at_checked(timeout.len().checked_sub(1)?)?;
    if digits.len() > 8 || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let value: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(value * 60 * 60),
        "M" => Duration::from_secs(value * 60),
        "S" => Duration::from_secs(value),
        "m" => Duration::from_millis(value),
        "u" => Duration::from_micros(value),
        "n" => Duration::from_nanos(value),
        _ => return None,
    })
}

/// A future that is ready once its deadline has passed.
///
/// Polling it again from the same task is cheap: the timer is set at the first poll only.
#[derive(Debug)]
pub(crate) struct Alarm(Option<Timer>);

#[derive(Debug)]
struct Timer {
    sleep: Pin<Box<Sleep>>,
    /// The runtime that keeps the time.
    runtime: Option<Id>,
    /// The task that it is going to wake.
    task: Option<Waker>,
}

impl Timer {
    fn new(at: Instant) -> Self {
        Self {
            sleep: Box::pin(sleep_until(at)),
            runtime: current_runtime(),
            task: None,
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(task) = &self.task
            && task.will_wake(cx.waker())
            && !self.sleep.is_elapsed()
        {
            return Poll::Pending;
        }
        let here = current_runtime();
        if here.is_some() && here != self.runtime {
            // The other runtime may have ended, and its timer would panic then.
            *self = Self::new(self.sleep.deadline());
        }
        // A task that has used up its cooperative budget could not set the timer otherwise.
        let outcome = pin!(unconstrained(self.sleep.as_mut())).poll(cx);
        self.task = Some(cx.waker().clone());
        outcome
    }
}

/// The runtime of this thread, if it has one.
fn current_runtime() -> Option<Id> {
    Handle::try_current().ok().map(|runtime| runtime.id())
}

impl Alarm {
    /// Whether there is a deadline.
    pub(crate) fn is_set(&self) -> bool {
        self.0.is_some()
    }
}

impl Future for Alarm {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.0 {
            Some(timer) => timer.poll(cx),
            None => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_deadline_passes_at_its_instant() {
        let deadline = Deadline::after(Some(Duration::from_secs(1)));
        assert!(!deadline.has_passed());
        assert_eq!(deadline.grpc_timeout().as_deref(), Some("1000000u"));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(deadline.has_passed());
        assert_eq!(deadline.grpc_timeout().as_deref(), Some("0n"));
    }

    #[test]
    fn a_timeout_beyond_the_clock_is_no_deadline() {
        assert_eq!(Deadline::after(Some(Duration::MAX)), Deadline::after(None));
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_within_a_timeout_is_the_earlier_of_both() {
        let [short, long] = [1, 2].map(Duration::from_secs);
        for (deadline, timeout) in [(short, long), (long, short)] {
            let deadline = Deadline::after(Some(deadline)).within(timeout);
            assert_eq!(deadline.remaining(), Some(short));
        }
        assert_eq!(Deadline::none().within(long).remaining(), Some(long));
        let deadline = Deadline::after(Some(short)).within(Duration::MAX);
        assert_eq!(deadline.remaining(), Some(short));
    }

    #[test]
    fn a_timeout_is_read_in_the_notation_of_grpc() {
        for (text, timeout) in [
            ("2H", Duration::from_secs(7200)),
            ("3M", Duration::from_secs(180)),
            ("4S", Duration::from_secs(4)),
            ("50m", Duration::from_millis(50)),
            ("6u", Duration::from_micros(6)),
            ("99999999n", Duration::from_nanos(99_999_999)),
        ] {
            assert_eq!(parse_grpc_timeout(text), Some(timeout), "{text}");
        }
        for text in ["", "m", "50", "-5m", "5x", "123456789m", "5 m", "5\u{b5}"] {
            assert_eq!(parse_grpc_timeout(text), None, "{text}");
        }
    }

    #[test]
    fn a_timeout_of_a_million_years_fits_the_protocol() {
        let years = Duration::from_secs(1_000_000 * 365 * 24 * 60 * 60);
        assert_eq!(format_grpc_timeout(years), "99999999H");
        assert_eq!(format_grpc_timeout(Duration::MAX), "99999999H");
    }

    #[test]
    fn a_timeout_is_written_in_the_finest_unit_that_has_room_for_it() {
        for (timeout, text) in [
            (Duration::ZERO, "0n"),
            (Duration::from_nanos(99_999_999), "99999999n"),
            (Duration::from_nanos(100_000_001), "100000u"),
            (Duration::from_millis(50), "50000000n"),
            (Duration::from_secs(99_999), "99999000m"),
            (Duration::from_secs(100_000), "100000S"),
            (Duration::from_secs(100_000_000), "1666666M"),
            (Duration::from_secs(99_999_999 * 60 + 60), "1666666H"),
        ] {
            assert_eq!(format_grpc_timeout(timeout), text, "{timeout:?}");
            let read = parse_grpc_timeout(text).expect("it is well-formed");
            assert!(read <= timeout && timeout < read + read / 1000 + Duration::from_nanos(1));
        }
    }

    #[test]
    fn an_alarm_goes_off_on_another_runtime_when_that_where_it_was_made_has_ended() {
        let runtime = || tokio::runtime::Runtime::new().expect("a runtime");
        let (first, other) = (runtime(), runtime());
        let deadline = Deadline::after(Some(Duration::from_millis(20)));
        let alarm = {
            let _here = first.enter();
            deadline.alarm()
        };
        drop(first);
        other.block_on(alarm);
        assert!(deadline.has_passed());
    }
}
