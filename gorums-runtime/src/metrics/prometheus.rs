//! The metrics as Prometheus has them.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

use super::{Description, Kind, Metrics, Sample, Value};

/// Encodes all metrics at each scrape.
///
/// Prometheus has `_` where OpenTelemetry has `.`, and a name ends with its unit, and that of a counter with `_total`:
/// `rpc.client.call.duration` becomes `rpc_client_call_duration_seconds`.
impl Collector for Metrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for family in self.snapshot() {
            let Description {
                name, help, unit, ..
            } = family.description;
            let (name, unit) = (underscored(name), unit_of(unit));
            let kind = match family.description.kind {
                Kind::Counter => MetricType::Counter,
                Kind::Gauge => MetricType::Gauge,
                Kind::Histogram => MetricType::Histogram,
            };
            let mut metric = encoder.encode_descriptor(&name, help, unit.as_ref(), kind)?;
            for Sample { labels, value } in &family.samples {
                let labels: Vec<(String, &str)> = labels
                    .iter()
                    .map(|(name, value)| (underscored(name), &**value))
                    .collect();
                match labels.is_empty() {
                    true => encode(value, &mut metric)?,
                    false => encode(value, &mut metric.encode_family(&labels)?)?,
                }
            }
        }
        Ok(())
    }
}

fn encode(value: &Value, encoder: &mut MetricEncoder<'_>) -> fmt::Result {
    match value {
        Value::Counter(count) => encoder.encode_counter::<NoLabelSet, _, u64>(count, None),
        Value::Gauge(now) => encoder.encode_gauge(now),
        Value::Histogram(buckets) => {
            let (sum, count) = (buckets.sum, buckets.count());
            encoder.encode_histogram::<NoLabelSet>(sum, count, &buckets.counts, None)
        }
    }
}

fn underscored(name: &str) -> String {
    name.replace('.', "_")
}

/// The unit, if names end with it.
fn unit_of(unit: &str) -> Option<Unit> {
    match unit {
        "s" => Some(Unit::Seconds),
        "By" => Some(Unit::Bytes),
        _ => None,
    }
}
