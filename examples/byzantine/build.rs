//! Generates the code of `proto/byzantine.proto`.

fn main() -> Result<(), gorums_build::Error> {
    gorums_build::compile_protos("proto/byzantine.proto")
}
