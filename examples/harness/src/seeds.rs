//! Runs that a seed decides.
//!
//! The environment says which: `SEEDS=10000` how many, `SEED=7` only this one, and prints what happens in it.

use std::env;
use std::error::Error;
use std::num::NonZero;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// Why a run fails.
pub type Failure = Box<dyn Error + Send + Sync>;

/// Makes a run with each of the seeds 0 to `seeds` - 1, or with those that the environment asks for, on all processors.
///
/// # Panics
///
/// If a run fails or panics. The message has its seed.
pub fn all_hold(seeds: u64, run: impl Fn(u64) -> Result<(), Failure> + Sync) {
    if let Some(seed) = number("SEED") {
        if let Err(failure) = run(seed) {
            panic!("SEED={seed}: {failure}");
        }
        return;
    }
    let seeds = number("SEEDS").unwrap_or(seeds);
    if let Some((seed, failure)) = first_failure(seeds, &run) {
        panic!("SEED={seed}: {failure}");
    }
    println!("{seeds} seeds hold");
}

/// Makes runs until one fails, and returns its seed. It shows that the checks of the runs find a flaw.
///
/// # Panics
///
/// If none of `seeds` runs fails.
pub fn one_fails(seeds: u64, run: impl Fn(u64) -> Result<(), Failure> + Sync) -> u64 {
    match first_failure(seeds, &run) {
        Some((seed, failure)) => {
            println!("SEED={seed}: {failure}");
            seed
        }
        None => panic!("none of {seeds} seeds shows the flaw"),
    }
}

/// Whether only one seed is run, whose events are to be printed.
pub fn is_single() -> bool {
    number("SEED").is_some()
}

/// The failure with the smallest seed of those that were found first on each processor.
fn first_failure(
    seeds: u64,
    run: &(impl Fn(u64) -> Result<(), Failure> + Sync),
) -> Option<(u64, Failure)> {
    let next = AtomicU64::new(0);
    let found = AtomicU64::new(u64::MAX);
    let search = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds || seed > found.load(Ordering::Relaxed) {
                return None;
            }
            let panicked = ShowSeed(seed);
            let outcome = run(seed);
            std::mem::forget(panicked);
            if let Err(failure) = outcome {
                found.fetch_min(seed, Ordering::Relaxed);
                return Some((seed, failure));
            }
        }
    };
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    thread::scope(|scope| {
        let searching: Vec<_> = (0..threads).map(|_| scope.spawn(search)).collect();
        let found = searching.into_iter().filter_map(|thread| {
            let outcome = thread.join();
            outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        found.min_by_key(|(seed, _)| *seed)
    })
}

/// Names the seed of a run that panics.
struct ShowSeed(u64);

impl Drop for ShowSeed {
    fn drop(&mut self) {
        eprintln!("SEED={} panicked", self.0);
    }
}

/// The number in an environment variable, if it is set.
fn number(name: &str) -> Option<u64> {
    let text = env::var(name).ok()?;
    let number = text.parse();
    Some(number.unwrap_or_else(|_| panic!("{name} has to be a number, not {text:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fails_from(seed: u64) -> impl Fn(u64) -> Result<(), Failure> {
        move |at| match at >= seed {
            true => Err(format!("{at} is too large").into()),
            false => Ok(()),
        }
    }

    #[test]
    fn the_smallest_seed_that_fails_is_found() {
        for first in [0, 1, 7] {
            let found = first_failure(100, &fails_from(first));
            assert_eq!(found.expect("it fails").0, first);
        }
    }

    #[test]
    #[should_panic(expected = "none of 10 seeds shows the flaw")]
    fn a_flaw_that_no_seed_shows_is_reported() {
        one_fails(10, fails_from(10));
    }
}
