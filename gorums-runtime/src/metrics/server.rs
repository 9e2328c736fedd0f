//! What is measured of the calls that this process serves.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tonic::Code;

use super::catalogue::{CODE, ERROR, METHOD, SERVER_CALLS, SERVER_WAITING, SERVER_WAITS, SYSTEM};
use super::codes::{self, ByCode};
use super::histogram::Histogram;
use super::method_table::MethodTable;
use super::snapshot::Samples;
use super::sources::Sources;

/// All methods that a server does not know. Clients choose their names, which therefore are no labels.
const UNKNOWN: &str = "_OTHER";

/// What is measured of the calls that this process serves.
#[derive(Debug, Default)]
pub(super) struct ServerFigures {
    methods: MethodTable<ServedMethod>,
    pub(super) waiting: AtomicUsize,
    pub(super) servers: Sources,
}

/// What is measured of the calls of one method.
#[derive(Debug, Default)]
pub(super) struct ServedMethod {
    /// By status code, once a call has had it.
    durations: ByCode<OnceLock<Box<Histogram>>>,
    waits: Histogram,
}

impl ServerFigures {
    pub(super) fn method(&self, name: &'static str) -> Arc<ServedMethod> {
        self.methods.with(name, Arc::clone)
    }

    /// Counts a call of a method that the server does not know.
    pub(super) fn refuse_unknown(&self) {
        self.methods
            .with(UNKNOWN, |it| it.refuse(Code::Unimplemented));
    }

    pub(super) fn sample(&self, samples: &mut Samples) {
        let methods = self.methods.all();
        if !methods.is_empty() {
            let waiting = self.waiting.load(Ordering::Relaxed);
            samples.gauge(&SERVER_WAITING, Vec::new(), waiting);
        }
        for (method, figures) in methods {
            figures.sample(method, samples);
        }
        self.servers.sample(samples);
    }
}

impl ServedMethod {
    /// Counts a handler that has ended.
    #[inline]
    pub(super) fn record(&self, code: Code, duration: Duration) {
        let durations = self.durations.of(code);
        durations.get_or_init(Box::default).record(duration);
    }

    /// Counts a call that no handler gets.
    pub(super) fn refuse(&self, code: Code) {
        self.record(code, Duration::ZERO);
    }

    /// Counts a request that has waited for its turn.
    pub(super) fn waited(&self, duration: Duration) {
        self.waits.record(duration);
    }

    fn sample(&self, method: &str, samples: &mut Samples) {
        let labels = || vec![(METHOD, method.to_owned())];
        let waits = self.waits.read();
        if waits.count() > 0 {
            samples.histogram(&SERVER_WAITS, labels(), waits);
        }
        for (code, durations) in self.durations.iter() {
            if let Some(durations) = durations.get() {
                let name = codes::name(code);
                let mut labels = vec![
                    (SYSTEM, "grpc".to_owned()),
                    (METHOD, method.to_owned()),
                    (CODE, name.to_owned()),
                ];
                if codes::is_error_of_server(code) {
                    labels.push((ERROR, name.to_owned()));
                }
                samples.histogram(&SERVER_CALLS, labels, durations.read());
            }
        }
    }
}
