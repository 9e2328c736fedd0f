//! Generates the code of the protos.

fn main() -> Result<(), gorums_build::Error> {
    gorums_build::compile_protos("proto/bench.proto")?;
    gorums_build::compile_protos("proto/storage.proto")
}
