//! Serves the figures of this process to Prometheus.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use gorums_runtime::metrics::Metrics;
use prometheus_client::encoding::text;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;

use crate::error::Error;

/// The format that `text` writes.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Serves `metrics` over HTTP in the background, at the path `/metrics` of `address`. Returns where it listens.
pub(crate) async fn serve(address: &str, metrics: &Metrics) -> Result<SocketAddr, Error> {
    let failed = |source| Error::Metrics {
        address: address.to_owned(),
        source,
    };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let listens = listener.local_addr().map_err(failed)?;
    let mut registry = Registry::default();
    registry.register_collector(Box::new(metrics.clone()));
    let registry = Arc::new(registry);
    let scrape = get(move || {
        let registry = Arc::clone(&registry);
        async move {
            let mut encoded = String::new();
            let outcome = text::encode(&mut encoded, &registry);
            let status = match outcome {
                Ok(()) => StatusCode::OK,
                Err(_) => StatusCode::INTERNAL_SERVER_ERROR,
            };
            (status, [(CONTENT_TYPE, OPEN_METRICS)], encoded)
        }
    });
    let routes = axum::Router::new().route("/metrics", scrape);
    // It ends with the process.
    tokio::spawn(async { axum::serve(listener, routes).await });
    Ok(listens)
}
