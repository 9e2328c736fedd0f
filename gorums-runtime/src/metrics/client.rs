//! What is measured of the calls that this process makes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use tonic::{Code, Status};

use super::catalogue::{
    ADDRESS, CLIENT_ACTIVE, CLIENT_CALLS, CODE, ERROR, METHOD, NODE, NODE_DROPPED, NODE_ERRORS,
    NODE_REPLIES, OUTCOME, PORT, SYSTEM,
};
use super::codes::{self, ByCode};
use super::histogram::Histogram;
use super::method_table::MethodTable;
use super::snapshot::{Labels, Samples};
use super::sources::Sources;
use super::thread_number::{self, THREADS};
use crate::identity::NodeAddress;

/// The most outcomes that a call may have.
const OUTCOMES: usize = 16;

/// What is measured of the calls that this process makes.
#[derive(Debug, Default)]
pub(super) struct ClientFigures {
    methods: MethodTable<CalledMethod>,
    /// The clients of servers count as one node: each connection has an id of its own.
    clients: Arc<NodeFigures>,
    pub(super) nodes: Sources,
}

/// What is measured of the calls of one method.
#[derive(Debug, Default)]
struct CalledMethod {
    /// Each call in flight has a handle to one of them: that of the thread on which it began, so that threads do not wait for
    /// each other. The last is for threads that have none of their own.
    calls: [OnceLock<Arc<CallFigures>>; THREADS + 1],
}

/// How long calls of one method took, by outcome.
#[derive(Debug, Default)]
#[repr(align(64))]
struct CallFigures([OnceLock<Box<OutcomeFigures>>; OUTCOMES]);

#[derive(Debug)]
struct OutcomeFigures {
    name: &'static str,
    durations: Histogram,
}

/// A call in flight.
#[derive(Debug)]
pub(super) struct ActiveCall(Arc<CallFigures>);

impl ClientFigures {
    /// Counts a call of the method of this name, which begins now.
    #[inline]
    pub(super) fn begin(&self, method: &'static str) -> ActiveCall {
        let number = thread_number::own().unwrap_or(THREADS);
        self.methods.with(method, |it| {
            ActiveCall(Arc::clone(it.calls[number].get_or_init(Arc::default)))
        })
    }

    /// What is measured of the clients of servers.
    pub(super) fn clients(&self) -> &Arc<NodeFigures> {
        &self.clients
    }

    pub(super) fn sample(&self, samples: &mut Samples) {
        for (method, figures) in self.methods.all() {
            let calls = || figures.calls.iter().filter_map(OnceLock::get);
            let active = calls().map(|it| Arc::strong_count(it) - 1).sum();
            let labels = vec![(METHOD, method.to_owned())];
            samples.gauge(&CLIENT_ACTIVE, labels, active);
            for outcome in calls().flat_map(|it| &it.0).filter_map(OnceLock::get) {
                let mut labels = vec![
                    (SYSTEM, "grpc".to_owned()),
                    (METHOD, method.to_owned()),
                    (OUTCOME, outcome.name.to_owned()),
                ];
                if is_failure(outcome.name) {
                    labels.push((ERROR, outcome.name.to_owned()));
                }
                samples.histogram(&CLIENT_CALLS, labels, outcome.durations.read());
            }
        }
        self.clients.sample(samples);
        self.nodes.sample(samples);
    }
}

/// Whether an outcome of this name counts as an error of the call.
fn is_failure(outcome: &str) -> bool {
    !matches!(outcome, "decided" | "answered" | "sent" | "detached")
}

impl ActiveCall {
    /// Counts how the call ended, after `duration`.
    #[inline]
    pub(super) fn end(self, outcome: usize, name: &'static str, duration: Duration) {
        let new = || {
            Box::new(OutcomeFigures {
                name,
                durations: Histogram::default(),
            })
        };
        if let Some(figures) = self.0.0.get(outcome) {
            figures.get_or_init(new).durations.record(duration);
        }
    }
}

/// What is measured of the calls on one node.
#[derive(Debug, Default)]
pub(super) struct NodeFigures {
    /// `None` for all clients of servers together.
    address: RwLock<Option<Arc<NodeAddress>>>,
    replies: Histogram,
    errors: ByCode<AtomicU64>,
    dropped: AtomicU64,
}

impl NodeFigures {
    pub(super) fn new(address: Arc<NodeAddress>) -> Self {
        Self {
            address: RwLock::new(Some(address)),
            ..Self::default()
        }
    }

    #[inline]
    pub(super) fn reply(&self, latency: Duration) {
        self.replies.record(latency);
    }

    pub(super) fn fail(&self, status: &Status) {
        self.errors
            .of(status.code())
            .fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn drop_call(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn move_to(&self, address: Arc<NodeAddress>) {
        *self.address.write().unwrap_or_else(PoisonError::into_inner) = Some(address);
    }

    /// The labels that name the node.
    pub(super) fn labels(&self) -> Labels {
        let address = self.address.read().unwrap_or_else(PoisonError::into_inner);
        let Some(address) = &*address else {
            return vec![(NODE, "clients".to_owned())];
        };
        let mut labels = vec![
            (NODE, address.id.get().to_string()),
            (ADDRESS, address.host().to_owned()),
        ];
        labels.extend(address.address.port().map(|port| (PORT, port.to_string())));
        labels
    }

    pub(super) fn sample(&self, samples: &mut Samples) {
        let replies = self.replies.read();
        if replies.count() > 0 {
            samples.histogram(&NODE_REPLIES, self.labels(), replies);
        }
        for (code, count) in self.errors.iter() {
            let count = count.load(Ordering::Relaxed);
            if count > 0 && code != Code::Ok {
                let mut labels = self.labels();
                labels.push((CODE, codes::name(code).to_owned()));
                samples.counter(&NODE_ERRORS, labels, count);
            }
        }
        let dropped = self.dropped.load(Ordering::Relaxed);
        let is_node = self.address.read().is_ok_and(|address| address.is_some());
        if is_node || dropped > 0 {
            samples.counter(&NODE_DROPPED, self.labels(), dropped);
        }
    }
}
