//! The generator, on a large proto.

use std::fmt::Write;

use protoc_gen_gorums_rs::{GORUMS_PROTO, Parameters, generate, split_descriptor_set};
use protox::file::{ChainFileResolver, File, FileResolver, GoogleFileResolver};

/// The number of methods of a service.
const PER_SERVICE: usize = 10;

/// The options of the methods, in turn.
const OPTIONS: [&str; 5] = ["qc", "quorumcall", "correctable", "multicast", "rpc"];

/// A compiled proto with this many methods.
pub(crate) fn descriptors(methods: usize) -> Vec<Vec<u8>> {
    let mut resolver = ChainFileResolver::new();
    resolver.add(InMemory(proto(methods)));
    resolver.add(GoogleFileResolver::new());
    let mut compiler = protox::Compiler::with_file_resolver(resolver);
    compiler.include_imports(true).include_source_info(true);
    compiler.open_file("large.proto").expect("it is a proto");
    split_descriptor_set(&compiler.encode_file_descriptor_set()).expect("they are descriptors")
}

/// The code for the proto.
pub(crate) fn code(descriptors: &[Vec<u8>]) -> String {
    let wanted = ["large.proto".to_string()];
    let files = generate(descriptors, &wanted, &Parameters::new()).expect("nothing is wrong");
    files.into_iter().map(|file| file.content).collect()
}

fn proto(methods: usize) -> String {
    let mut text = "syntax = \"proto3\"; package large; import \"gorums.proto\";\n".to_string();
    for service in 0..methods / PER_SERVICE {
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "// The service {service}.\nservice Service{service} {{"
        );
        for method in 0..PER_SERVICE {
            let option = OPTIONS[method % OPTIONS.len()];
            let _ = writeln!(
                text,
                "  // Reads {method}.\n  rpc Read{method}(Request{service}) returns (Reply{service}) {{ option (gorums.{option}) = true; }}"
            );
        }
        let _ = writeln!(
            text,
            "}}\n\
             message Request{service} {{ string key = 1; }}\n\
             message Reply{service} {{ string value = 1; int64 timestamp = 2; }}"
        );
    }
    text
}

/// The proto, and `gorums.proto`, which it imports.
struct InMemory(String);

impl FileResolver for InMemory {
    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        match name {
            "large.proto" => File::from_source(name, &self.0),
            "gorums.proto" => File::from_source(name, GORUMS_PROTO),
            _ => Err(protox::Error::file_not_found(name)),
        }
    }
}
