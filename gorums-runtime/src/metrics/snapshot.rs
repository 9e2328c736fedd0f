//! The values of the metrics at one time.

use std::collections::BTreeMap;

use super::catalogue::Description;

/// A metric, and its values at one time.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Family {
    /// What the metric measures.
    pub description: &'static Description,
    /// One sample for each set of labels, in the order of the labels. No two have the same labels.
    pub samples: Vec<Sample>,
}

/// A value of a metric.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Sample {
    /// The names of the labels, such as `rpc.method`, and their values.
    pub labels: Labels,
    /// The value.
    pub value: Value,
}

/// The labels of a sample.
pub type Labels = Vec<(&'static str, String)>;

/// A value of a metric.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// How often something has happened.
    Counter(u64),
    /// How much there is now.
    Gauge(u64),
    /// How long something took, each time.
    Histogram(Buckets),
}

/// The value of a histogram.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Buckets {
    /// The upper bound of each bucket, in seconds, and how many durations are in it and in no bucket before it. The last
    /// bound is infinite.
    pub counts: Vec<(f64, u64)>,
    /// The sum of all durations, in seconds.
    pub sum: f64,
}

impl Buckets {
    /// The number of durations.
    pub fn count(&self) -> u64 {
        self.counts.iter().map(|(_, count)| count).sum()
    }

    fn add(&mut self, other: &Self) {
        self.sum += other.sum;
        for ((_, count), (_, more)) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
    }
}

impl Value {
    /// Adds a value with the same labels. Two managers of one process may have the same node, for example.
    fn add(&mut self, other: &Self) {
        match (self, other) {
            (Self::Counter(sum), Self::Counter(more)) | (Self::Gauge(sum), Self::Gauge(more)) => {
                *sum = sum.saturating_add(*more);
            }
            (Self::Histogram(sum), Self::Histogram(more)) => sum.add(more),
            // Values of one metric are of one kind.
            _ => {}
        }
    }
}

/// The samples that have been taken so far.
#[derive(Debug, Default)]
pub(crate) struct Samples(BTreeMap<usize, BTreeMap<Labels, Value>>);

impl Samples {
    pub(crate) fn counter(&mut self, metric: &'static Description, labels: Labels, value: u64) {
        self.add(metric, labels, Value::Counter(value));
    }

    pub(crate) fn gauge(&mut self, metric: &'static Description, labels: Labels, value: usize) {
        self.add(metric, labels, Value::Gauge(value as u64));
    }

    pub(super) fn histogram(
        &mut self,
        metric: &'static Description,
        labels: Labels,
        value: Buckets,
    ) {
        self.add(metric, labels, Value::Histogram(value));
    }

    fn add(&mut self, metric: &'static Description, labels: Labels, value: Value) {
        let family = self.0.entry(metric.position()).or_default();
        match family.get_mut(&labels) {
            Some(sum) => sum.add(&value),
            None => drop(family.insert(labels, value)),
        }
    }

    /// The samples by metric, in the order of the catalogue. Metrics without samples are left out.
    pub(super) fn into_families(self) -> Vec<Family> {
        let families = self.0.into_iter();
        let families = families.filter_map(|(position, samples)| {
            let samples = samples.into_iter();
            Some(Family {
                description: Description::all().get(position)?,
                samples: samples
                    .map(|(labels, value)| Sample { labels, value })
                    .collect(),
            })
        });
        families.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::catalogue::{NODE_CONNECTED, NODE_ERRORS};
    use super::*;

    #[test]
    fn samples_with_the_same_labels_are_added_up() {
        let mut samples = Samples::default();
        let labels = |node: &str| vec![("gorums.node.id", node.to_owned())];
        samples.counter(&NODE_ERRORS, labels("2"), 5);
        samples.counter(&NODE_ERRORS, labels("1"), 1);
        samples.counter(&NODE_ERRORS, labels("2"), 7);
        samples.gauge(&NODE_CONNECTED, labels("1"), 1);
        let families = samples.into_families();
        let names = families.iter().map(|family| family.description.name);
        assert_eq!(
            names.collect::<Vec<_>>(),
            ["gorums.client.node.errors", "gorums.client.node.connected"]
        );
        let errors = families[0].samples.iter();
        let errors = errors.map(|sample| (&*sample.labels[0].1, sample.value.clone()));
        assert_eq!(
            errors.collect::<Vec<_>>(),
            [("1", Value::Counter(1)), ("2", Value::Counter(12))]
        );
    }
}
