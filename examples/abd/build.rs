//! Generates the code of `proto/abd.proto`.

fn main() -> Result<(), gorums_build::Error> {
    gorums_build::compile_protos("proto/abd.proto")
}
