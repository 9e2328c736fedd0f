//! Reports handlers that keep their turn while requests wait behind them.

use std::pin::Pin;
use std::task;
use std::time::Duration;

use tokio::time::{Sleep, sleep};

use crate::server::handler::Context;
use crate::telemetry;

/// How long a handler may keep its turn before it is reported, at the least. At the most it is twice as long.
const INTERVAL: Duration = Duration::from_secs(1);

/// Watches the handler whose turn it is on a stream. If it waits for a peer whose own handler waits for a request
/// behind it, neither ever ends.
#[derive(Debug, Default)]
pub(super) struct HeldTurn(Option<Look>);

/// A look at a stream on which requests waited.
#[derive(Debug)]
struct Look {
    /// The handler that had the turn.
    handler: u64,
    is_reported: bool,
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
    /// Looks at the stream when its task is about to sleep, and wakes that task for the next look.
    #[inline]
    pub(super) fn look(&mut self, holder: Option<Holder<'_>>, cx: &mut task::Context<'_>) {
        match (&self.0, &holder) {
            (None, None) => {}
            // The timer was polled by this task before, and will wake it.
            (Some(look), _) if !look.next.is_elapsed() => {}
            _ => self.0 = holder.map(|holder| Look::at(&holder, self.0.take(), cx)),
        }
    }
}

impl Look {
    /// Looks at `holder`, and reports it if it had the turn at the `last` look already.
    fn at(holder: &Holder<'_>, last: Option<Self>, cx: &mut task::Context<'_>) -> Self {
        let last = last.filter(|last| last.handler == holder.handler);
        if last.as_ref().is_some_and(|last| !last.is_reported) {
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
            is_reported: last.is_some(),
            next,
        }
    }
}
