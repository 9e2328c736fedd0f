//! The code that the build script generates from `tests/proto/`.

/// Generated from `tests/proto/counter.proto`.
pub mod counter {
    gorums_runtime::include_proto!("counter");
}

/// Generated from `tests/proto/counter_with_quorums.proto`.
pub mod counter_with_quorums {
    gorums_runtime::include_proto!("counter_with_quorums");
}

/// Generated from `tests/proto/numbered.proto`.
pub mod numbered {
    gorums_runtime::include_proto!("numbered");
}

/// Generated from `tests/proto/upgrade/`: two versions of one service.
pub mod upgrade {
    /// The service before its upgrade.
    pub mod old {
        include!(concat!(env!("OUT_DIR"), "/old/upgrade.rs"));
    }

    /// The service after its upgrade.
    pub mod new {
        include!(concat!(env!("OUT_DIR"), "/new/upgrade.rs"));
    }
}
