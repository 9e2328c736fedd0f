//! When a node is late.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::window::Window;
use crate::identity::NodeId;

/// When a node is late.
#[derive(Debug)]
pub(super) enum Delay {
    Fixed(Duration),
    Percentile(Percentile),
}

#[derive(Debug)]
pub(super) struct Percentile {
    share: f64,
    unknown: Duration,
    windows: Mutex<HashMap<NodeId, Window>>,
}

impl Delay {
    pub(super) fn fixed(delay: Duration) -> Self {
        Self::Fixed(delay)
    }

    /// So late as this share of the node's own replies; `unknown` as long as there are few.
    pub(super) fn percentile(share: f64, unknown: Duration) -> Self {
        Self::Percentile(Percentile {
            share,
            unknown,
            windows: Mutex::default(),
        })
    }

    /// The same, without knowledge of any node.
    pub(super) fn without_measurements(&self) -> Self {
        match self {
            Self::Fixed(delay) => Self::Fixed(*delay),
            Self::Percentile(it) => Self::percentile(it.share, it.unknown),
        }
    }

    pub(super) fn of(&self, node: NodeId) -> Duration {
        match self {
            Self::Fixed(delay) => *delay,
            Self::Percentile(it) => {
                let mut windows = it.windows.lock().unwrap_or_else(PoisonError::into_inner);
                let window = windows.get_mut(&node);
                let measured = window.and_then(|window| window.percentile(it.share));
                measured.unwrap_or(it.unknown)
            }
        }
    }

    pub(super) fn measure(&self, node: NodeId, latency: Duration) {
        if let Self::Percentile(it) = self {
            let mut windows = it.windows.lock().unwrap_or_else(PoisonError::into_inner);
            windows.entry(node).or_insert_with(Window::new).add(latency);
        }
    }
}
