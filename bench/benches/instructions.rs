//! The instructions of the parts of a call: `cargo bench -p gorums-bench --bench instructions`.
#![allow(
    missing_docs,
    unreachable_pub,
    reason = "the macros of iai-callgrind make all public that they write"
)]

mod subjects;

use std::hint::black_box;

use bytes::Bytes;
use gorums_runtime::bench::Encoded;
use iai_callgrind::{library_benchmark, library_benchmark_group, main};

use subjects::proto::Payload;
use subjects::quorum_call::Cluster;
use subjects::quorum_function::State;
use subjects::routing::Calls;
use subjects::{envelope, quorum_function};

/// How many calls are counted at once, so that occasional work is included.
const CALLS: usize = 100;

/// A request of this many bytes. It is not the first that this thread encodes.
fn request(bytes: usize) -> Payload {
    let request = envelope::request(bytes);
    drop(envelope::encoded(&request));
    request
}

#[library_benchmark]
#[benches::bytes(args = [16, 1024], setup = request)]
fn encode_envelope(request: Payload) -> (Payload, Encoded) {
    let message = envelope::encoded(black_box(&request));
    (request, message)
}

#[library_benchmark]
#[benches::bytes(args = [16, 1024], setup = envelope::received)]
fn decode_envelope(message: Bytes) -> Bytes {
    black_box(envelope::decoded(message))
}

#[library_benchmark]
#[benches::nodes(args = [3, 9], setup = Calls::new)]
fn route_replies(calls: Calls) -> Calls {
    black_box(calls.route());
    calls
}

#[library_benchmark]
#[benches::nodes(args = [3, 9], setup = quorum_function::states)]
fn decide(states: Vec<(gorums_runtime::NodeId, State)>) -> Option<State> {
    black_box(quorum_function::decide(states))
}

// The count includes everything that the servers do.
#[library_benchmark]
#[benches::nodes(args = [3, 9], setup = Cluster::start)]
fn hundred_quorum_calls(cluster: Cluster) -> Cluster {
    cluster.call(CALLS);
    cluster
}

library_benchmark_group!(
    name = hot_path;
    benchmarks = encode_envelope, decode_envelope, route_replies, decide, hundred_quorum_calls
);

main!(library_benchmark_groups = hot_path);
