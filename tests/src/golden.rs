//! The code that is generated from the golden protos.

macro_rules! golden {
    ($($name:ident)*) => {$(
        #[doc = concat!("Generated from `golden/", stringify!($name), ".proto`.")]
        pub mod $name {
            include!(concat!("../../golden/", stringify!($name), ".rs"));
        }
    )*};
}

golden! {
    aggregates
    calls_trait_names
    comments
    correctables
    deprecated
    edition_2023
    edition_2024
    futures
    keywords
    kitchen_sink
    no_package
    one_way
    options_async
    options_correctable
    options_correctable_pr
    options_multicast
    options_one_node
    options_qc
    options_qc_future
    options_quorumcall
    proto
    proto2
    register
    register_2017
    relab_import
    std_names
    storage
    streaming
    tonic_names
    two_services
    wrappers
}

/// Generated from `golden/imports.proto`.
pub mod imports {
    include!("../../golden/imports.rs");

    /// Generated from `golden/imports_types.proto`.
    pub mod types {
        include!("../../golden/imports.types.rs");
    }
}

/// Generated from `golden/imports.proto`, with the messages of `golden/imports_types.proto` in a crate of their own.
pub mod shared_messages {
    include!("../../golden/shared_messages.rs");
}
