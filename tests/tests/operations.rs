//! The queries of docs/operations.md, and the dashboard, name metrics and labels that exist.

use std::collections::BTreeSet;

use gorums_runtime::metrics::{Description, Kind};

const PAGE: &str = include_str!("../../docs/operations.md");
const DASHBOARD: &str = include_str!("../../docs/grafana-dashboard.json");

/// A metric's name in Prometheus.
fn prometheus_name(metric: &Description) -> String {
    let name = metric.name.replace('.', "_");
    let unit = match metric.unit {
        "s" => "_seconds",
        "By" => "_bytes",
        _ => "",
    };
    let total = match metric.kind {
        Kind::Counter => "_total",
        _ => "",
    };
    format!("{name}{unit}{total}")
}

/// The names of a metric's series.
fn series(metric: &Description) -> Vec<String> {
    let name = prometheus_name(metric);
    match metric.kind {
        Kind::Histogram => ["_bucket", "_sum", "_count"]
            .map(|suffix| format!("{name}{suffix}"))
            .into(),
        _ => vec![name],
    }
}

/// The words of a query, without the texts of labels.
fn words(query: &str) -> BTreeSet<&str> {
    let outside_quotes = query.split('"').step_by(2);
    let words = outside_quotes.flat_map(|part| {
        part.split(|it: char| !it.is_ascii_alphanumeric() && it != '_' && it != '$')
    });
    words.filter(|word| word.contains('_')).collect()
}

/// The words of PromQL and of Grafana.
const LANGUAGE: [&str; 2] = ["histogram_quantile", "$__rate_interval"];

/// Checks that each word of the queries is a series or a label, and returns the metrics that they name.
fn check<'a>(queries: impl Iterator<Item = &'a str>) -> BTreeSet<&'static str> {
    let mut named = BTreeSet::new();
    for query in queries {
        let metrics = Description::all().iter();
        let of_query: Vec<_> = metrics
            .filter(|metric| {
                let words = words(query);
                series(metric).iter().any(|name| words.contains(&**name))
            })
            .collect();
        assert!(!of_query.is_empty(), "{query} names no metric");
        named.extend(of_query.iter().map(|metric| metric.name));
        for word in words(query) {
            let is_series = of_query
                .iter()
                .any(|metric| series(metric).iter().any(|it| it == word));
            let is_label = of_query
                .iter()
                .any(|metric| metric.labels.iter().any(|it| it.replace('.', "_") == word));
            let is_known = is_series || is_label || LANGUAGE.contains(&word);
            assert!(
                is_known,
                "{word} of {query} is no series, and no label of one"
            );
        }
    }
    named
}

#[test]
fn the_queries_of_the_page_name_what_is_exported() {
    let blocks = PAGE.split("```promql\n").skip(1);
    let blocks = blocks.filter_map(|block| block.split_once("```"));
    let queries: Vec<&str> = blocks
        .flat_map(|(block, _)| block.trim().split("\n\n"))
        .collect();
    assert!(queries.len() >= 15, "{}", queries.len());
    check(queries.into_iter());
    // Names in the text, too.
    let inline = PAGE.split('`').skip(1).step_by(2);
    let inline = inline.filter(|it| it.starts_with("gorums_") && !it.starts_with("gorums_runtime"));
    let names: Vec<&str> = inline.filter(|it| *it != "gorums_node_id").collect();
    assert!(names.len() >= 4, "{names:?}");
    check(names.into_iter());
}

#[test]
fn the_dashboard_shows_all_metrics_and_no_others() {
    let dashboard: serde_json::Value = serde_json::from_str(DASHBOARD).expect("it is JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let targets = panels
        .iter()
        .filter_map(|panel| panel["targets"].as_array())
        .flatten();
    let queries: Vec<&str> = targets
        .map(|target| target["expr"].as_str().expect("a query"))
        .collect();
    let named = check(queries.into_iter());
    let all: BTreeSet<_> = Description::all().iter().map(|it| it.name).collect();
    assert_eq!(named, all);
}
