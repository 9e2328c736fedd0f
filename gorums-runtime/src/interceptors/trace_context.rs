//! Carries the trace context of calls.

use opentelemetry::Context as OtelContext;
use opentelemetry::trace::{SpanContext, TraceContextExt};
use tonic::Status;
use tonic::metadata::AsciiMetadataValue;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use super::traceparent::{self, TRACEPARENT, TRACESTATE};
use super::{
    AnyMessage, CallWatch, ClientCall, ClientInterceptor, Next, ServerCall, ServerInterceptor,
};

/// Makes the span of a handler a child of the span of the call that it serves, across processes.
///
/// At clients it adds the [W3C trace context](https://www.w3.org/TR/trace-context/) of the current span, which is the
/// call's own, to the metadata of each call: the entries `traceparent` and `tracestate`. At servers it makes what they name
/// the parent of the handler's span. Calls that a handler makes are inside its span, so that a trace shows a call with all
/// calls that follow from it. That holds on node streams and over plain gRPC, and for the calls that servers make to their
/// clients; other gRPC clients and servers with the same convention take part.
///
/// The spans go wherever the layer of the crate [tracing-opentelemetry](https://docs.rs/tracing-opentelemetry) sends them,
/// for example to an OTLP exporter. They have the level `DEBUG` and the target `gorums_runtime`: a filter of the layer has to
/// let them through. Without that layer nothing is sent. A propagator of the crate `opentelemetry` is not needed.
///
/// Entries that are malformed, or longer than they may be, are ignored. A sampler that follows the parent lets clients choose
/// which of their calls are sampled: put [`AllowedPeers`](super::AllowedPeers) or a check of your own outside of this one, or
/// choose another sampler, if that is not wanted.
///
/// ```
/// # fn example(replica: gorums_runtime::server::Router, manager: gorums_runtime::ManagerBuilder) {
/// use gorums_runtime::Server;
/// use gorums_runtime::interceptors::TraceContext;
///
/// let server = Server::new(replica).intercept(TraceContext);
/// let manager = manager.intercept(TraceContext);
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct TraceContext;

/// The span that calls which are made now belong to.
fn current() -> SpanContext {
    let context = Span::current().context();
    let context = match context.span().span_context().is_valid() {
        true => context,
        // A span that was begun without tracing.
        false => OtelContext::current(),
    };
    context.span().span_context().clone()
}

impl ClientInterceptor for TraceContext {
    fn start(&self, call: &mut ClientCall<'_>) -> Result<Option<Box<dyn CallWatch>>, Status> {
        let span = current();
        if span.is_valid() {
            let metadata = call.metadata_mut();
            let parent = traceparent::format(&span).parse::<AsciiMetadataValue>();
            let state = span.trace_state().header().parse::<AsciiMetadataValue>();
            // Both are visible ASCII characters. What is not is left out.
            if let Ok(parent) = parent {
                metadata.insert(TRACEPARENT, parent);
                metadata.remove(TRACESTATE);
                if let Ok(state) = state
                    && !state.is_empty()
                {
                    metadata.insert(TRACESTATE, state);
                }
            }
        }
        Ok(None)
    }
}

impl ServerInterceptor for TraceContext {
    async fn intercept(&self, mut call: ServerCall, next: Next<'_>) -> Result<AnyMessage, Status> {
        if let Some(caller) = traceparent::read(call.context().metadata()) {
            call.set_parent(OtelContext::new().with_remote_span_context(caller));
        }
        next.run(call).await
    }
}
