//! The list of parameters.

use super::Parameters;

/// A parameter as the user sees it.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) help: &'static str,
}

/// The kind of a parameter's value, and its setter.
#[derive(Debug)]
pub(super) enum Kind {
    Flag(fn(Parameters, bool) -> Parameters),
    Name(fn(Parameters, &str) -> Parameters),
    /// A path in Rust.
    RustPath(fn(Parameters, &str) -> Parameters),
    /// A file that is read.
    File(fn(Parameters, &str) -> Parameters),
    /// A path in protos.
    Path(fn(Parameters, &str) -> Parameters),
    /// A path and a second value with this name.
    Pair(&'static str, fn(Parameters, &str, &str) -> Parameters),
}

impl Kind {
    /// The value's shape.
    pub(super) fn shape(&self) -> String {
        match self {
            Self::Flag(_) => "[=true|false]".to_owned(),
            Self::Name(_) => "=NAME".to_owned(),
            Self::RustPath(_) => "=RUST".to_owned(),
            Self::File(_) => "=FILE".to_owned(),
            Self::Path(_) => "=PATH".to_owned(),
            Self::Pair(second, _) => format!("=PATH={second}"),
        }
    }
}

/// All parameters.
pub(super) const TABLE: &[Entry] = &[
    Entry {
        name: "messages",
        kind: Kind::Flag(|p, on| p.messages(on)),
        help: "generate messages; without them code goes to PACKAGE.gorums.rs [default: true]",
    },
    Entry {
        name: "client",
        kind: Kind::Flag(|p, on| p.client(on)),
        help: "generate tonic's clients [default: true]",
    },
    Entry {
        name: "extern_client",
        kind: Kind::Flag(|p, on| p.extern_client(on)),
        help: "use the tonic clients that protoc-gen-tonic writes, and generate none [default: false]",
    },
    Entry {
        name: "server",
        kind: Kind::Flag(|p, on| p.server(on)),
        help: "generate tonic's server traits, which replicas do not need [default: false]",
    },
    Entry {
        name: "replica",
        kind: Kind::Flag(|p, on| p.replica(on)),
        help: "generate the traits that replicas implement, and their servers [default: true]",
    },
    Entry {
        name: "calls_trait",
        kind: Kind::Flag(|p, on| p.calls_trait(on)),
        help: "generate a trait of each service's calls, for mocks [default: false]",
    },
    Entry {
        name: "btree_map",
        kind: Kind::Path(|p, path| p.btree_map(path)),
        help: "use BTreeMap for the map fields that match",
    },
    Entry {
        name: "bytes",
        kind: Kind::Path(|p, path| p.bytes(path)),
        help: "use bytes::Bytes for the bytes fields that match",
    },
    Entry {
        name: "boxed",
        kind: Kind::Path(|p, path| p.boxed(path)),
        help: "box the message fields that match",
    },
    Entry {
        name: "skip_debug",
        kind: Kind::Path(|p, path| p.skip_debug(path)),
        help: "leave out Debug for the messages and enums that match",
    },
    Entry {
        name: "disable_comments",
        kind: Kind::Path(|p, path| p.disable_comments(path)),
        help: "leave out the proto's comments on what matches",
    },
    Entry {
        name: "extern_path",
        kind: Kind::Pair("RUST", |p, path, rust| p.extern_path(path, rust)),
        help: "use the Rust path for a package's types, or for one type",
    },
    Entry {
        name: "type_attribute",
        kind: Kind::Pair("ATTR", |p, path, attribute| {
            p.type_attribute(path, attribute)
        }),
        help: "add an attribute to the messages, enums and oneofs that match",
    },
    Entry {
        name: "message_attribute",
        kind: Kind::Pair("ATTR", |p, path, attribute| {
            p.message_attribute(path, attribute)
        }),
        help: "add an attribute to the messages that match",
    },
    Entry {
        name: "enum_attribute",
        kind: Kind::Pair("ATTR", |p, path, attribute| {
            p.enum_attribute(path, attribute)
        }),
        help: "add an attribute to the enums and oneofs that match",
    },
    Entry {
        name: "field_attribute",
        kind: Kind::Pair("ATTR", |p, path, attribute| {
            p.field_attribute(path, attribute)
        }),
        help: "add an attribute to the fields that match",
    },
    Entry {
        name: "client_attribute",
        kind: Kind::Pair("ATTR", |p, path, attribute| {
            p.client_attribute(path, attribute)
        }),
        help: "add an attribute to tonic's client structs of the services that match",
    },
    Entry {
        name: "client_mod_attribute",
        kind: Kind::Pair("ATTR", |p, path, attribute| {
            p.client_mod_attribute(path, attribute)
        }),
        help: "add an attribute to tonic's client modules in the packages that match",
    },
    Entry {
        name: "server_attribute",
        kind: Kind::Pair("ATTR", |p, path, attribute| {
            p.server_attribute(path, attribute)
        }),
        help: "add an attribute to tonic's server structs of the services that match",
    },
    Entry {
        name: "server_mod_attribute",
        kind: Kind::Pair("ATTR", |p, path, attribute| {
            p.server_mod_attribute(path, attribute)
        }),
        help: "add an attribute to tonic's server modules in the packages that match",
    },
    Entry {
        name: "default_package_filename",
        kind: Kind::Name(|p, name| p.default_package_filename(name)),
        help: "name the file for protos without a package NAME.rs [default: _]",
    },
    Entry {
        name: "include_file",
        kind: Kind::Name(|p, name| p.include_file(name)),
        help: "add a file that includes all others as nested modules; needs one call of protoc for all packages",
    },
    Entry {
        name: "prost_path",
        kind: Kind::RustPath(|p, path| p.prost_path(path)),
        help: "use the prost at this Rust path in messages [default: ::gorums_runtime::prost]",
    },
    Entry {
        name: "flat_output_dir",
        kind: Kind::Flag(|p, on| p.flat_output_dir(on)),
        help: "write all files to one directory; otherwise to a/b/a.b.rs, as protoc-gen-prost does [default: true]",
    },
    Entry {
        name: "insert_include",
        kind: Kind::Flag(|p, on| p.insert_include(on)),
        help: "with messages=false: include the code in the file that protoc-gen-prost writes in the same call [default: false]",
    },
    Entry {
        name: "gen_crate",
        kind: Kind::Name(|p, name| p.gen_crate(name)),
        help: "write a crate NAME: Cargo.toml with a feature for each package, src/lib.rs with their modules, the code beside it",
    },
    Entry {
        name: "crate_template",
        kind: Kind::File(|p, path| p.crate_template(path)),
        help: "take the crate's Cargo.toml from FILE, with the features at its line # @@protoc_insertion_point(features)",
    },
    Entry {
        name: "compile_well_known_types",
        kind: Kind::Flag(|p, on| p.compile_well_known_types(on)),
        help: "generate the types of google.protobuf that are imported, in place of those of prost-types [default: false]",
    },
    Entry {
        name: "retain_enum_prefix",
        kind: Kind::Flag(|p, on| p.retain_enum_prefix(on)),
        help: "keep the enum's name as a prefix of its values [default: false]",
    },
    Entry {
        name: "enable_type_names",
        kind: Kind::Flag(|p, on| p.enable_type_names(on)),
        help: "implement prost::Name for messages [default: false]",
    },
    Entry {
        name: "type_name_domain",
        kind: Kind::Pair("DOMAIN", |p, path, domain| p.type_name_domain(path, domain)),
        help: "set the domain in the type URLs of the messages that match",
    },
];
