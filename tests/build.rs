//! Generates the services of the tests that are not there to pin what the generator writes.

use gorums_build::{Error, Parameters};

fn main() -> Result<(), Error> {
    gorums_build::compile_protos("proto/numbered.proto")?;
    let with_mocks = Parameters::new().client(false).calls_trait(true);
    for proto in ["proto/counter.proto", "proto/counter_with_quorums.proto"] {
        gorums_build::configure()
            .parameters(with_mocks.clone())
            .compile_protos(&[proto], &["proto"])?;
    }
    // Two versions of one service, in one process.
    let out = std::env::var("OUT_DIR").expect("cargo sets it");
    for version in ["old", "new"] {
        let folder = format!("proto/upgrade/{version}");
        gorums_build::configure()
            .out_dir(format!("{out}/{version}"))
            .compile_protos(&[format!("{folder}/upgrade.proto")], &[folder])?;
    }
    Ok(())
}
