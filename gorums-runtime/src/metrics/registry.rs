//! The figures of managers and servers.

use std::fmt;
use std::sync::Arc;

use super::client::ClientFigures;
use super::server::ServerFigures;
use super::snapshot::{Family, Samples};

/// The figures of the managers and servers that it is given to. See the [module](crate::metrics) for what they are.
///
/// A cheap handle: clones are the same figures. The figures are kept while there is a handle.
#[derive(Clone, Default)]
pub struct Metrics(Arc<Figures>);

#[derive(Default)]
struct Figures {
    client: ClientFigures,
    server: ServerFigures,
}

impl Metrics {
    /// Creates figures of nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The values of all metrics now, in the order of the module's table. Metrics without values are left out.
    ///
    /// ```
    /// use gorums_runtime::metrics::{Metrics, Value};
    ///
    /// # let metrics = Metrics::new();
    /// for family in metrics.snapshot() {
    ///     for sample in &family.samples {
    ///         match &sample.value {
    ///             Value::Counter(n) | Value::Gauge(n) => println!("{} {n}", family.description.name),
    ///             Value::Histogram(it) => println!("{} {} x", family.description.name, it.count()),
    ///             _ => {}
    ///         }
    ///     }
    /// }
    /// ```
    pub fn snapshot(&self) -> Vec<Family> {
        let mut samples = Samples::default();
        self.0.client.sample(&mut samples);
        self.0.server.sample(&mut samples);
        samples.into_families()
    }

    pub(super) fn client(&self) -> &ClientFigures {
        &self.0.client
    }

    pub(super) fn server(&self) -> &ServerFigures {
        &self.0.server
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}
