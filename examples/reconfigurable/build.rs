//! Generates the code of `proto/reconfigurable.proto`.

fn main() -> Result<(), gorums_build::Error> {
    gorums_build::compile_protos("proto/reconfigurable.proto")
}
