//! Where values come from that are kept anyway, and read when a snapshot is taken.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::snapshot::Samples;

/// Something whose state is sampled when a snapshot is taken.
pub(crate) trait Source: Send + Sync {
    /// Adds its values.
    fn sample(&self, samples: &mut Samples);
}

/// How many sources there may be before those that are gone are looked for.
const FEW: usize = 16;

/// The sources that there are. They are sampled for as long as they live.
#[derive(Default)]
pub(super) struct Sources(Mutex<SourceList>);

#[derive(Default)]
struct SourceList {
    sources: Vec<Weak<dyn Source>>,
    /// How many there may be before those that are gone are looked for.
    purge_at: usize,
}

impl Sources {
    pub(super) fn add(&self, source: Weak<dyn Source>) {
        let mut list = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if list.sources.len() >= list.purge_at {
            list.sources.retain(|source| source.strong_count() > 0);
            list.purge_at = FEW.max(2 * list.sources.len());
        }
        list.sources.push(source);
    }

    pub(super) fn sample(&self, samples: &mut Samples) {
        // A source may go while it is sampled, so the lock is released first.
        let alive: Vec<Arc<dyn Source>> = {
            let list = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            list.sources.iter().filter_map(Weak::upgrade).collect()
        };
        for source in alive {
            source.sample(samples);
        }
    }
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sources").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::super::catalogue::SERVER_STREAMS;
    use super::*;

    struct One;

    impl Source for One {
        fn sample(&self, samples: &mut Samples) {
            samples.gauge(&SERVER_STREAMS, Vec::new(), 1);
        }
    }

    #[test]
    fn sources_that_are_gone_are_not_kept() {
        let sources = Sources::default();
        let stays: Arc<dyn Source> = Arc::new(One);
        sources.add(Arc::downgrade(&stays));
        for _ in 0..1000 {
            let goes: Arc<dyn Source> = Arc::new(One);
            sources.add(Arc::downgrade(&goes));
        }
        assert!(sources.0.lock().expect("not poisoned").sources.len() <= FEW);
        let mut samples = Samples::default();
        sources.sample(&mut samples);
        let families = samples.into_families();
        assert_eq!(families[0].samples[0].value, super::super::Value::Gauge(1));
    }
}
