//! Generates the services of the tests that are not there to pin what the generator writes.

use gorums_build::{Error, Parameters};

fn main() -> Result<(), Error> {
    gorums_build::compile_protos("proto/numbered.proto")?;
    gorums_build::configure()
        .parameters(Parameters::new().client(false).calls_trait(true))
        .compile_protos(&["proto/guide.proto"], &["proto"])?;
    gorums_build::compile_protos("proto/replicated_log.proto")
}
