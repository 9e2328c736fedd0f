//! Fuzz targets: each takes any bytes, and panics if an invariant does not hold.

mod body;
pub mod client;
mod envelope;
pub mod generator;
mod hostile;
mod input;
pub mod messages;
pub mod mutate;
mod panics;
mod replica;
pub mod server;

/// A target, whose name is also that of its corpus.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name.
    pub name: &'static str,
    /// Runs it.
    pub run: fn(&[u8]),
    /// Changes an input.
    pub mutate: fn(&[u8], &mut fastrand::Rng) -> Vec<u8>,
}

/// All targets.
pub const TARGETS: [Target; 4] = [
    Target {
        name: "messages",
        run: messages::run,
        mutate: mutate::bytes,
    },
    Target {
        name: "server",
        run: server::run,
        mutate: mutate::bytes,
    },
    Target {
        name: "client",
        run: client::run,
        mutate: mutate::bytes,
    },
    Target {
        name: "generator",
        run: generator::run,
        mutate: mutate::message,
    },
];
