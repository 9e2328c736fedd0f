//! Generates the code of golden protos that together have each kind of field and of method, with all parts of it.

use gorums_build::{Error, Parameters};

const PROTOS: [&str; 10] = [
    "aggregates",
    "correctables",
    "futures",
    "kitchen_sink",
    "one_way",
    "proto2",
    "std_names",
    "streaming",
    "tonic_names",
    "wrappers",
];

fn main() -> Result<(), Error> {
    let everything = Parameters::new()
        .server(true)
        .calls_trait(true)
        .enable_type_names(true)
        .include_file("mod.rs");
    compile(everything.clone(), "usual")?;
    let other_types = everything
        .bytes(".")
        .btree_map(".")
        .compile_well_known_types(true);
    compile(other_types, "other_types")
}

/// Writes the code below `directory` in `OUT_DIR`.
fn compile(parameters: Parameters, directory: &str) -> Result<(), Error> {
    let out = std::env::var_os("OUT_DIR").ok_or(Error::NoOutDir)?;
    gorums_build::configure()
        .parameters(parameters)
        .out_dir(std::path::Path::new(&out).join(directory))
        .compile_protos(
            &PROTOS.map(|name| format!("../../golden/{name}.proto")),
            &["../../golden"],
        )
}
