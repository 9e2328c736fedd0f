//! Generates the code of `proto/epaxos.proto`.

fn main() -> Result<(), gorums_build::Error> {
    gorums_build::compile_protos("proto/epaxos.proto")
}
