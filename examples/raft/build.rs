//! Generates the code of `proto/raft.proto`.

fn main() -> Result<(), gorums_build::Error> {
    gorums_build::compile_protos("proto/raft.proto")
}
