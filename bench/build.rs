//! Generates the code of the protos.

use gorums_build::Parameters;

fn main() -> Result<(), gorums_build::Error> {
    // The client by hand is measured against a server by hand.
    gorums_build::configure()
        .parameters(Parameters::new().server(true))
        .compile_protos(&["proto/bench.proto"], &["proto"])?;
    gorums_build::compile_protos("proto/storage.proto")
}
