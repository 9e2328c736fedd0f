//! The text of the W3C trace context.

use std::str::FromStr;

use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};
use tonic::metadata::MetadataMap;

pub(super) const TRACEPARENT: &str = "traceparent";
pub(super) const TRACESTATE: &str = "tracestate";

/// The length of version 00.
const LENGTH: usize = 55;

/// The most bytes of a later version, which may add fields at the end.
const LONGEST: usize = 256;

/// The most bytes of a state that has to be passed on.
const LONGEST_STATE: usize = 512;

/// The value of `traceparent` that names `span`.
pub(super) fn format(span: &SpanContext) -> String {
    let (trace, id) = (span.trace_id(), span.span_id());
    let flags = (span.trace_flags() & TraceFlags::SAMPLED).to_u8();
    format!("00-{trace}-{id}-{flags:02x}")
}

/// The span that `metadata` names. `None` if there is none, or its name is malformed.
pub(super) fn read(metadata: &MetadataMap) -> Option<SpanContext> {
    let mut parents = metadata.get_all(TRACEPARENT).iter();
    let parent = parse(parents.next()?.to_str().ok()?)?;
    // Two parents are none.
    if parents.next().is_some() {
        return None;
    }
    let state = read_state(metadata).unwrap_or_default();
    let (trace, id, flags) = (parent.trace_id(), parent.span_id(), parent.trace_flags());
    Some(SpanContext::new(trace, id, flags, true, state))
}

fn parse(text: &str) -> Option<SpanContext> {
    if text.len() > LONGEST {
        return None;
    }
    let (fields, rest) = text.split_at_checked(LENGTH)?;
    let mut fields = fields.split('-');
    let version = hex(fields.next()?, 2)?;
    let is_whole = rest.is_empty() || version != "00" && rest.starts_with('-');
    if version == "ff" || !is_whole {
        return None;
    }
    let trace = TraceId::from_hex(hex(fields.next()?, 32)?).ok()?;
    let id = SpanId::from_hex(hex(fields.next()?, 16)?).ok()?;
    let flags = u8::from_str_radix(hex(fields.next()?, 2)?, 16).ok()?;
    let flags = TraceFlags::new(flags) & TraceFlags::SAMPLED;
    let span = SpanContext::new(trace, id, flags, true, TraceState::default());
    (span.is_valid() && fields.next().is_none()).then_some(span)
}

/// Checks that a field has this many digits, in lower case.
fn hex(field: &str, digits: usize) -> Option<&str> {
    let is_digit = |it: u8| matches!(it, b'0'..=b'9' | b'a'..=b'f');
    (field.len() == digits && field.bytes().all(is_digit)).then_some(field)
}

/// The state of the trace, of which there may be several parts.
fn read_state(metadata: &MetadataMap) -> Option<TraceState> {
    let mut state = String::new();
    for part in metadata.get_all(TRACESTATE) {
        let part = part.to_str().ok()?;
        if state.len() + part.len() >= LONGEST_STATE {
            return None;
        }
        if !state.is_empty() {
            state.push(',');
        }
        state.push_str(part);
    }
    TraceState::from_str(&state).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn metadata(entries: &[(&'static str, &str)]) -> MetadataMap {
        let mut metadata = MetadataMap::new();
        for (key, value) in entries {
            metadata.append(*key, value.parse().expect("it is ASCII"));
        }
        metadata
    }

    fn parent(value: &str) -> Option<String> {
        read(&metadata(&[(TRACEPARENT, value)])).map(|span| format(&span))
    }

    #[test]
    fn a_parent_is_read_as_it_was_written() {
        let unsampled = PARENT.replace("-01", "-00");
        for value in [PARENT, &unsampled] {
            assert_eq!(parent(value).as_deref(), Some(value));
        }
        let state = metadata(&[
            (TRACEPARENT, PARENT),
            (TRACESTATE, "a=1"),
            (TRACESTATE, "b=2"),
        ]);
        let span = read(&state).expect("it is well-formed");
        assert!(span.is_remote() && span.is_sampled());
        assert_eq!(span.trace_state().header(), "a=1,b=2");
    }

    #[test]
    fn fields_of_later_versions_are_left_out() {
        let later = PARENT.replacen("00", "01", 1);
        assert_eq!(parent(&later).as_deref(), Some(PARENT));
        assert_eq!(parent(&format!("{later}-more")).as_deref(), Some(PARENT));
        assert_eq!(
            parent(&PARENT.replace("-01", "-ff")).as_deref(),
            Some(PARENT)
        );
    }

    #[test]
    fn what_is_malformed_or_too_long_is_ignored() {
        let long = format!("{}-{}", PARENT.replacen("00", "01", 1), "x".repeat(LONGEST));
        for value in [
            "",
            "00",
            &PARENT[1..],
            &format!("{PARENT}0"),
            &format!("{PARENT}-more"),
            &PARENT.to_uppercase(),
            &PARENT.replacen("00", "ff", 1),
            &PARENT.replace('-', "_"),
            &PARENT.replace("0af7651916cd43dd8448eb211c80319c", &"0".repeat(32)),
            &PARENT.replace("b7ad6b7169203331", &"0".repeat(16)),
            &PARENT.replace("b7ad6b7169203331", "b7ad6b716920333-"),
            &long,
        ] {
            assert_eq!(parent(value), None, "{value}");
        }
        assert!(read(&metadata(&[(TRACEPARENT, PARENT), (TRACEPARENT, PARENT)])).is_none());
    }

    #[test]
    fn a_state_that_is_malformed_or_too_long_does_not_cost_the_parent() {
        let long = format!("a={}", "x".repeat(LONGEST_STATE));
        for state in ["no pair", &long] {
            let span = read(&metadata(&[(TRACEPARENT, PARENT), (TRACESTATE, state)]));
            let span = span.expect("the parent is well-formed");
            assert_eq!(span.trace_state().header(), "");
        }
    }
}
