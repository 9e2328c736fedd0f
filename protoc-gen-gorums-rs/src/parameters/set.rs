//! The parameters and their values.

/// The file with the modules of a crate, unless another one is named.
const CRATE_ROOT: &str = "src/lib.rs";

/// The parameters of the plugin and of build scripts.
///
/// # Examples
///
/// ```
/// use protoc_gen_gorums_rs::Parameters;
///
/// let set = Parameters::new().replica(false).btree_map(".storage");
/// let parsed = Parameters::parse("replica=false,btree_map=.storage")?;
/// assert_eq!(set, parsed);
/// # Ok::<(), protoc_gen_gorums_rs::ParameterErrors>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameters {
    pub(crate) messages: bool,
    pub(crate) client: bool,
    pub(crate) extern_client: bool,
    pub(crate) server: bool,
    pub(crate) replica: bool,
    pub(crate) calls_trait: bool,
    pub(crate) btree_map: Vec<String>,
    pub(crate) bytes: Vec<String>,
    pub(crate) boxed: Vec<String>,
    pub(crate) skip_debug: Vec<String>,
    pub(crate) disable_comments: Vec<String>,
    pub(crate) extern_path: Vec<(String, String)>,
    pub(crate) type_attribute: Vec<(String, String)>,
    pub(crate) message_attribute: Vec<(String, String)>,
    pub(crate) enum_attribute: Vec<(String, String)>,
    pub(crate) field_attribute: Vec<(String, String)>,
    pub(crate) client_attribute: Vec<(String, String)>,
    pub(crate) client_mod_attribute: Vec<(String, String)>,
    pub(crate) server_attribute: Vec<(String, String)>,
    pub(crate) server_mod_attribute: Vec<(String, String)>,
    pub(crate) default_package_filename: String,
    pub(crate) include_file: Option<String>,
    pub(crate) prost_path: String,
    pub(crate) flat_output_dir: bool,
    pub(crate) insert_include: bool,
    pub(crate) gen_crate: Option<String>,
    pub(crate) crate_template: Option<String>,
    pub(crate) compile_well_known_types: bool,
    pub(crate) retain_enum_prefix: bool,
    pub(crate) enable_type_names: bool,
    pub(crate) type_name_domain: Vec<(String, String)>,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            messages: true,
            client: true,
            extern_client: false,
            server: false,
            replica: true,
            calls_trait: false,
            btree_map: Vec::new(),
            bytes: Vec::new(),
            boxed: Vec::new(),
            skip_debug: Vec::new(),
            disable_comments: Vec::new(),
            extern_path: Vec::new(),
            type_attribute: Vec::new(),
            message_attribute: Vec::new(),
            enum_attribute: Vec::new(),
            field_attribute: Vec::new(),
            client_attribute: Vec::new(),
            client_mod_attribute: Vec::new(),
            server_attribute: Vec::new(),
            server_mod_attribute: Vec::new(),
            default_package_filename: "_".to_owned(),
            include_file: None,
            prost_path: "::gorums_runtime::prost".to_owned(),
            flat_output_dir: true,
            insert_include: false,
            gen_crate: None,
            crate_template: None,
            compile_well_known_types: false,
            retain_enum_prefix: false,
            enable_type_names: false,
            type_name_domain: Vec::new(),
        }
    }
}

/// Setters of parameters with one value.
macro_rules! set {
    ($($(#[$doc:meta])* $name:ident: $type:ty => |$value:ident| $stored:expr;)*) => {
        impl Parameters {
            $($(#[$doc])*
            #[must_use]
            pub fn $name(mut self, $value: $type) -> Self {
                self.$name = $stored;
                self
            })*
        }
    };
}

/// Methods that add to a list of paths.
macro_rules! add_path {
    ($($(#[$doc:meta])* $name:ident;)*) => {
        impl Parameters {
            $($(#[$doc])*
            #[must_use]
            pub fn $name(mut self, path: impl Into<String>) -> Self {
                self.$name.push(path.into());
                self
            })*
        }
    };
}

/// Methods that add to a list of paths with a value for each.
macro_rules! add_pair {
    ($($(#[$doc:meta])* $name:ident($value:ident);)*) => {
        impl Parameters {
            $($(#[$doc])*
            #[must_use]
            pub fn $name(mut self, path: impl Into<String>, $value: impl Into<String>) -> Self {
                self.$name.push((path.into(), $value.into()));
                self
            })*
        }
    };
}

set! {
    /// Whether to generate the messages; without them the code goes to `PACKAGE.gorums.rs`, which
    /// belongs in the same module as prost's `PACKAGE.rs`.
    messages: bool => |on| on;
    /// Whether to generate tonic's clients.
    client: bool => |on| on;
    /// Whether tonic's clients come from protoc-gen-tonic, which writes them beside this code. Then they are not
    /// generated, and `client()` of a node returns those.
    extern_client: bool => |on| on;
    /// Whether to generate tonic's server traits. Replicas need none: they implement the traits of
    /// [`replica`](Self::replica).
    server: bool => |on| on;
    /// Whether to generate the traits that replicas implement, and their servers.
    replica: bool => |on| on;
    /// Whether to generate a trait of all calls of each service, which a mock can implement.
    calls_trait: bool => |on| on;
    /// The name, without `.rs`, of the file for protos without a package.
    default_package_filename: impl Into<String> => |name| name.into();
    /// Adds a file with this name that includes all others as nested modules. It has the files of one run: the next run
    /// into the same directory overwrites it.
    include_file: impl Into<String> => |name| Some(name.into());
    /// The Rust path at which generated messages find prost. The default is the runtime's own prost. With `::prost`, a crate
    /// of messages can do without the runtime: it depends on prost, in a version that is compatible with the runtime's. Types
    /// of `google.protobuf` stay those of the runtime, unless `extern_path` says otherwise.
    prost_path: impl Into<String> => |path| path.into();
    /// Whether all files go to one directory, where `gorums_runtime::include_proto!` finds them. Otherwise each package has
    /// its directory, as protoc-gen-prost writes them: `a/b/a.b.rs`.
    flat_output_dir: bool => |on| on;
    /// Whether protoc-gen-prost's file of each package includes the file beside it, at its insertion point. This needs one
    /// call of protoc or buf for both plugins, and `messages(false)`. Build scripts cannot insert.
    insert_include: bool => |on| on;
    /// Writes a whole crate with this name: a `Cargo.toml` with a feature for each package, `src/lib.rs` with the modules of
    /// all packages, unless [`include_file`](Self::include_file) names another file, and the code beside that file.
    ///
    /// The crate depends on the version of `gorums-runtime` that belongs to this generator. A program that writes it through
    /// `gorums-build` says where, with `Builder::out_dir`.
    gen_crate: impl Into<String> => |name| Some(name.into());
    /// Takes the `Cargo.toml` of [`gen_crate`](Self::gen_crate) from this file, for other dependencies, lints and metadata.
    /// The features replace its line `# @@protoc_insertion_point(features)`, which comes after them in the output: so the
    /// output can be the next template.
    crate_template: impl Into<String> => |path| Some(path.into());
    /// Whether to generate the messages of `google.protobuf`, too, as far as protos import them,
    /// instead of using those of `prost-types`.
    compile_well_known_types: bool => |on| on;
    /// Whether enum values keep the enum's name as a prefix.
    retain_enum_prefix: bool => |on| on;
    /// Whether to implement `prost::Name` for messages.
    enable_type_names: bool => |on| on;
}

add_path! {
    /// Uses `BTreeMap` for the map fields that match.
    btree_map;
    /// Uses `bytes::Bytes` for the bytes fields that match.
    bytes;
    /// Boxes the message fields that match.
    boxed;
    /// Leaves out `Debug` for the messages and enums that match.
    skip_debug;
    /// Leaves out the proto's comments on what matches.
    disable_comments;
}

add_pair! {
    /// Uses `rust_path` for the types in a proto package, or for one type, instead of generating them.
    extern_path(rust_path);
    /// Adds an attribute to the messages, enums and oneofs that match.
    type_attribute(attribute);
    /// Adds an attribute to the messages that match.
    message_attribute(attribute);
    /// Adds an attribute to the enums and oneofs that match.
    enum_attribute(attribute);
    /// Adds an attribute to the fields that match.
    field_attribute(attribute);
    /// Adds an attribute to tonic's client structs of the services that match.
    client_attribute(attribute);
    /// Adds an attribute to the modules of tonic's clients in the packages that match.
    client_mod_attribute(attribute);
    /// Adds an attribute to tonic's server structs of the services that match.
    server_attribute(attribute);
    /// Adds an attribute to the modules of tonic's servers in the packages that match.
    server_mod_attribute(attribute);
    /// Sets the domain in the type URLs of the messages that match.
    type_name_domain(domain);
}

impl Parameters {
    /// The defaults: messages, tonic's clients and replica traits, nothing else.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether prost is where its derives look for it if no attribute of the type says otherwise.
    pub(crate) fn has_usual_prost(&self) -> bool {
        self.prost_path == "::prost"
    }

    /// The name of the crate that is written, if one is: that of [`gen_crate`](Self::gen_crate).
    pub fn crate_name(&self) -> Option<&str> {
        self.gen_crate.as_deref()
    }

    /// The file that includes the others, if there is one.
    pub(crate) fn included_by(&self) -> Option<&str> {
        let root = self.gen_crate.as_ref().map(|_| CRATE_ROOT);
        self.include_file.as_deref().or(root)
    }

    /// Whether tonic's clients are generated.
    pub(crate) fn generates_client(&self) -> bool {
        self.client && !self.extern_client
    }

    /// Whether tonic's clients are in the packages' modules.
    pub(crate) fn has_client(&self) -> bool {
        self.client || self.extern_client
    }

    /// Whether the types of `google.protobuf` are generated.
    pub(crate) fn compiles_well_known_types(&self) -> bool {
        self.compile_well_known_types
    }

    /// Whether `extern_path` covers a package or type, directly or through a package around it.
    pub(crate) fn is_extern(&self, full_name: &str) -> bool {
        self.extern_path.iter().any(|(path, _)| {
            let rest = path
                .strip_prefix('.')
                .and_then(|path| full_name.strip_prefix(path));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    }

    /// Whether `extern_path` covers the types of `google.protobuf`.
    pub(crate) fn replaces_well_known_types(&self) -> bool {
        self.extern_path
            .iter()
            .any(|(path, _)| path == ".google.protobuf")
    }
}
