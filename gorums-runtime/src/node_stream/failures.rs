//! How long to wait after a stream could not be opened.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::time::{Instant, sleep_until};
use tonic::Status;

use super::ending::{Ending, Lesson};
use crate::connection::Backoff;

/// The failures to open a stream since the last success, and the back-off that follows from them.
#[derive(Debug)]
pub(super) struct Failures {
    backoff: Backoff,
    /// Whether there is one. Every message reads it, without the lock.
    any: AtomicBool,
    streak: Mutex<Streak>,
}

#[derive(Debug, Default)]
struct Streak {
    count: u32,
    /// Why the last one failed, and when the next attempt may start.
    last: Option<(Status, Instant)>,
}

impl Failures {
    pub(super) fn new(backoff: Backoff) -> Self {
        Self {
            backoff,
            any: AtomicBool::new(false),
            streak: Mutex::default(),
        }
    }

    /// Checks that a stream may be opened now.
    ///
    /// # Errors
    ///
    /// The status of the last failure, until the back-off has passed.
    pub(super) fn check(&self) -> Result<(), Status> {
        if !self.any.load(Ordering::Acquire) {
            return Ok(());
        }
        match &self.lock().last {
            Some((status, until)) if Instant::now() < *until => Err(status.clone()),
            _ => Ok(()),
        }
    }

    /// Waits until a stream may be opened.
    pub(super) async fn until_next_attempt(&self) {
        let until = self.lock().last.as_ref().map(|(_, until)| *until);
        if let Some(until) = until {
            sleep_until(until).await;
        }
    }

    /// Forgets all failures.
    pub(super) fn forget(&self) {
        *self.lock() = Streak::default();
        self.any.store(false, Ordering::Release);
    }

    /// Learns from how a stream ended.
    pub(super) fn learn(&self, ending: &Ending) {
        match ending.lesson {
            Lesson::None => {}
            Lesson::Works => self.forget(),
            Lesson::Fails => {
                let mut streak = self.lock();
                streak.count = streak.count.saturating_add(1);
                let until = Instant::now() + self.backoff.delay(streak.count);
                streak.last = Some((ending.status.clone(), until));
                self.any.store(true, Ordering::Release);
            }
        }
    }

    /// The lesson of a stream that lasted since `opened`.
    pub(super) fn lesson(&self, opened: Instant, was_of_use: bool) -> Lesson {
        // One-way calls have no replies: a stream that carried nothing else was of use if it lasted.
        match was_of_use || opened.elapsed() >= self.backoff.initial() {
            true => Lesson::Works,
            false => Lesson::Fails,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Streak> {
        self.streak.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn ending(lesson: Lesson) -> Ending {
        Ending {
            status: Status::unavailable("refused"),
            lesson,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_holds_streams_up_for_the_back_off_and_a_success_ends_that() {
        let failures = Failures::new(Backoff::default());
        assert!(failures.check().is_ok());
        failures.learn(&ending(Lesson::Fails));
        let status = failures.check().expect_err("it is too early");
        assert_eq!(status.message(), "refused");
        tokio::time::advance(Duration::from_secs(3600)).await;
        assert!(failures.check().is_ok());
        failures.learn(&ending(Lesson::Fails));
        failures.learn(&ending(Lesson::None));
        assert!(failures.check().is_err());
        failures.learn(&ending(Lesson::Works));
        assert!(failures.check().is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_without_replies_works_if_it_lasted() {
        let failures = Failures::new(Backoff::default());
        let opened = Instant::now();
        assert!(matches!(failures.lesson(opened, false), Lesson::Fails));
        assert!(matches!(failures.lesson(opened, true), Lesson::Works));
        tokio::time::advance(Duration::from_secs(3600)).await;
        assert!(matches!(failures.lesson(opened, false), Lesson::Works));
    }
}
