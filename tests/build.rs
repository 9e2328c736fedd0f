//! Generates the services of the tests that are not there to pin what the generator writes.

use gorums_build::{Error, Parameters};

fn main() -> Result<(), Error> {
    gorums_build::compile_protos("proto/numbered.proto")?;
    let with_mocks = Parameters::new().client(false).calls_trait(true);
    for proto in [
        "proto/counter.proto",
        "proto/counter_with_quorums.proto",
        "proto/guide.proto",
    ] {
        gorums_build::configure()
            .parameters(with_mocks.clone())
            .compile_protos(&[proto], &["proto"])?;
    }
    gorums_build::compile_protos("proto/replicated_log.proto")
}
