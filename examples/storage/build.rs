//! Generates the code of `proto/storage.proto`.

fn main() -> Result<(), gorums_build::Error> {
    gorums_build::compile_protos("proto/storage.proto")
}
