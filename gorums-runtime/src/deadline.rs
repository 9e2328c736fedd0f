//! The arithmetic of deadlines.

use std::time::Duration;

use tokio::time::Instant;

/// The longest timeout that the gRPC protocol can carry: eight digits of hours.
const LONGEST_GRPC_TIMEOUT: Duration = Duration::from_secs(99_999_999 * 60 * 60);

/// The time by which a call must have ended, if any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Deadline(Option<Instant>);

impl Deadline {
    /// `timeout` from now. A timeout beyond what the clock can tell is no deadline.
    pub(crate) fn after(timeout: Option<Duration>) -> Self {
        Self(timeout.and_then(|timeout| Instant::now().checked_add(timeout)))
    }

    pub(crate) fn instant(self) -> Option<Instant> {
        self.0
    }

    pub(crate) fn has_passed(self) -> bool {
        self.0.is_some_and(|at| at <= Instant::now())
    }

    /// The time left, as the gRPC protocol can carry it.
    pub(crate) fn grpc_timeout(self) -> Option<Duration> {
        self.0.map(|at| {
            at.saturating_duration_since(Instant::now())
                .min(LONGEST_GRPC_TIMEOUT)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_deadline_passes_at_its_instant() {
        let deadline = Deadline::after(Some(Duration::from_secs(1)));
        assert!(!deadline.has_passed());
        assert_eq!(deadline.grpc_timeout(), Some(Duration::from_secs(1)));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(deadline.has_passed());
        assert_eq!(deadline.grpc_timeout(), Some(Duration::ZERO));
    }

    #[test]
    fn a_timeout_beyond_the_clock_is_no_deadline() {
        assert_eq!(Deadline::after(Some(Duration::MAX)), Deadline::after(None));
    }

    #[test]
    fn a_timeout_of_a_million_years_fits_the_protocol() {
        let years = Duration::from_secs(1_000_000 * 365 * 24 * 60 * 60);
        let timeout = Deadline::after(Some(years)).grpc_timeout();
        assert!(timeout.is_none_or(|timeout| timeout <= LONGEST_GRPC_TIMEOUT));
    }
}
