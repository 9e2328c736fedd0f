//! How far a run is.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Shows on standard error how many of the measurements are done, and which one is under way.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// Tells how many measurements there will be, and how long they take together.
    pub(crate) fn begin(measurements: usize, together: Duration) -> Self {
        let seconds = together.as_secs();
        eprintln!(
            "{measurements} measurements, about {}:{:02} minutes",
            seconds / 60,
            seconds % 60
        );
        let style = ProgressStyle::with_template(
            "{elapsed_precise} [{wide_bar}] {pos}/{len} {msg} (about {eta} left)",
        );
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
        Self(ProgressBar::new(measurements as u64).with_style(style))
    }

    /// A measurement begins.
    pub(crate) fn show(&self, what: String) {
        let Self(bar) = self;
        if bar.is_hidden() {
            let (position, length) = (bar.position() + 1, bar.length().unwrap_or(0));
            eprintln!("{position}/{length} {what}");
        }
        bar.set_message(what);
    }

    /// A measurement has ended.
    pub(crate) fn step(&self) {
        self.0.inc(1);
    }

    /// All have.
    pub(crate) fn end(self) {
        self.0.finish_and_clear();
    }
}
