//! Generates the code of `proto/bench.proto`.

fn main() -> Result<(), gorums_build::Error> {
    gorums_build::compile_protos("proto/bench.proto")
}
