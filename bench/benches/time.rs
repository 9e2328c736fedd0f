//! The time of the parts of a call, and of the generator: `cargo bench -p gorums-bench --bench time`.

mod generator;
mod subjects;

use divan::Bencher;
use divan::counter::ItemsCount;

use subjects::quorum_call::Cluster;
use subjects::routing::Calls;
use subjects::{envelope, quorum_function};

fn main() {
    divan::main();
}

#[divan::bench(args = [16, 1024, 65536])]
fn encode_envelope(bencher: Bencher<'_, '_>, bytes: usize) {
    let request = envelope::request(bytes);
    bencher.bench(|| envelope::encoded(&request));
}

#[divan::bench(args = [16, 1024, 65536])]
fn decode_envelope(bencher: Bencher<'_, '_>, bytes: usize) {
    let message = envelope::received(bytes);
    bencher.bench(|| envelope::decoded(message.clone()));
}

#[divan::bench(args = [3, 9, 27])]
fn route_replies(bencher: Bencher<'_, '_>, n: u32) {
    let calls = Calls::new(n);
    bencher.bench(|| calls.route());
}

#[divan::bench(args = [3, 9, 27])]
fn decide(bencher: Bencher<'_, '_>, n: u32) {
    bencher
        .with_inputs(|| quorum_function::states(n))
        .bench_values(quorum_function::decide);
}

#[divan::bench(args = [3, 9])]
fn quorum_call(bencher: Bencher<'_, '_>, n: u32) {
    let cluster = Cluster::start(n);
    bencher.bench_local(|| cluster.call(1));
}

#[divan::bench(args = [250, 500, 1000, 2000], sample_count = 10, sample_size = 1)]
fn generate(bencher: Bencher<'_, '_>, methods: usize) {
    let descriptors = generator::descriptors(methods);
    bencher
        .counter(ItemsCount::new(methods))
        .bench_local(|| generator::code(&descriptors));
}
