//! A closed loop: when a call ends, the next begins.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::Tally;
use crate::client::Load;
use crate::proto::Payload;

/// This many calls in flight: when one ends, the next begins.
pub(crate) struct Closed {
    pub(crate) concurrency: u32,
    pub(crate) payload: Arc<Payload>,
    /// Whether calls that end are counted.
    pub(crate) counts: Arc<AtomicBool>,
}

impl Load for Closed {
    type Output = Vec<Tally>;

    fn of<C, F>(self, call: C) -> Vec<Tally>
    where
        C: Fn(&Payload) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        let start = || {
            let tally = Tally::new();
            let (payload, counts) = (Arc::clone(&self.payload), Arc::clone(&self.counts));
            tokio::spawn(repeat(call.clone(), payload, counts, tally.clone()));
            tally
        };
        (0..self.concurrency).map(|_| start()).collect()
    }
}

async fn repeat<F: Future<Output = Result<(), String>>>(
    call: impl Fn(&Payload) -> F,
    payload: Arc<Payload>,
    counts: Arc<AtomicBool>,
    tally: Tally,
) {
    let mut start = Instant::now();
    loop {
        let outcome = call(&payload).await;
        // The clock is read once per call: the end of one call is the start of the next.
        let end = Instant::now();
        if counts.load(Ordering::Relaxed) {
            tally.take(end - start, outcome);
        }
        start = end;
        // Calls that never wait must yield as well.
        tokio::task::coop::consume_budget().await;
    }
}
