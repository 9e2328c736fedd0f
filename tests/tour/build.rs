fn main() -> Result<(), gorums_build::Error> {
    gorums_build::compile_protos("proto/register.proto")
}
