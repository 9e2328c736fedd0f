//! Tells who keeps its turn while requests wait behind it.

use std::pin::Pin;
use std::task;
use std::time::Duration;

use tokio::time::{Sleep, sleep};

use crate::server::handler::Context;
use crate::telemetry;

/// How often a stream is looked at on which requests wait. From the second look on, the client is told who keeps its turn.
const INTERVAL: Duration = Duration::from_millis(100);

/// At which look a handler is reported that still keeps its turn: after a second.
const REPORTED: u32 = 11;

/// Watches the handler whose turn it is on a stream. If it waits for a peer whose own handler waits for a request
/// behind it, neither ever ends.
#[derive(Debug, Default)]
pub(super) struct HeldTurn(Option<Look>);

/// A look at a stream on which requests waited.
#[derive(Debug)]
struct Look {
    /// The handler that had the turn.
    handler: u64,
    /// How many looks have seen it.
    seen: u32,
    /// How many requests waited when the client was told last.
    told: usize,
    /// When to look again.
    next: Pin<Box<Sleep>>,
}

/// A handler that has the turn while requests wait.
pub(super) struct Holder<'a> {
    /// Its number among the stream's handlers.
    pub(super) handler: u64,
    pub(super) context: &'a Context,
    /// How many requests wait behind it.
    pub(super) waiting: usize,
}

impl HeldTurn {
    /// Looks at the stream when its task is about to sleep, and wakes that task for the next look. Returns whether the
    /// client is to be told that `holder` keeps the turn.
    #[inline]
    pub(super) fn look(&mut self, holder: Option<&Holder<'_>>, cx: &mut task::Context<'_>) -> bool {
        match (&self.0, holder) {
            (None, None) => false,
            // The timer was polled by this task before, and will wake it.
            (Some(look), _) if !look.next.is_elapsed() => false,
            (Some(_), None) => {
                self.0 = None;
                false
            }
            (_, Some(holder)) => {
                let mut look = Look::at(holder, self.0.take(), cx);
                // Once for all requests that wait, and again when others have come.
                let tell = look.seen > 1 && holder.waiting > look.told;
                if tell {
                    look.told = holder.waiting;
                }
                self.0 = Some(look);
                tell
            }
        }
    }
}

impl Look {
    /// Looks at `holder`, and reports it if it has had the turn for long.
    fn at(holder: &Holder<'_>, last: Option<Self>, cx: &mut task::Context<'_>) -> Self {
        let last = last.filter(|last| last.handler == holder.handler);
        let (seen, told) = last.map_or((0, 0), |last| (last.seen, last.told));
        let seen = seen.saturating_add(1);
        if seen == REPORTED {
            telemetry::kept_turn(
                holder.context.method(),
                holder.context.peer(),
                holder.context.peer_address(),
                holder.waiting,
            );
        }
        let mut next = Box::pin(sleep(INTERVAL));
        // Registers the task.
        let _ = next.as_mut().poll(cx);
        Self {
            handler: holder.handler,
            seen,
            told,
            next,
        }
    }
}
