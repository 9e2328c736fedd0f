//! The options that `gorums.proto` declares.

use prost_types::field_descriptor_proto::Type;

/// An option that `gorums.proto` declares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum MethodOption {
    Qc,
    Correctable,
    CorrectablePr,
    Multicast,
    QcFuture,
    Rpc,
    Unicast,
    QuorumCall,
    Async,
    QfWithReq,
    PerNodeArg,
    CustomReturnType,
    Ordered,
    Concurrent,
}

impl MethodOption {
    /// All options, in the order of `gorums.proto`.
    pub(crate) const ALL: [Self; 14] = [
        Self::Qc,
        Self::Correctable,
        Self::CorrectablePr,
        Self::Multicast,
        Self::QcFuture,
        Self::Rpc,
        Self::Unicast,
        Self::QuorumCall,
        Self::Async,
        Self::QfWithReq,
        Self::PerNodeArg,
        Self::CustomReturnType,
        Self::Ordered,
        Self::Concurrent,
    ];

    /// The name in package `gorums`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Qc => "qc",
            Self::Correctable => "correctable",
            Self::CorrectablePr => "correctable_pr",
            Self::Multicast => "multicast",
            Self::QcFuture => "qc_future",
            Self::Rpc => "rpc",
            Self::Unicast => "unicast",
            Self::QuorumCall => "quorumcall",
            Self::Async => "async",
            Self::QfWithReq => "qf_with_req",
            Self::PerNodeArg => "per_node_arg",
            Self::CustomReturnType => "custom_return_type",
            Self::Ordered => "ordered",
            Self::Concurrent => "concurrent",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|option| option.name() == name)
    }

    /// The type with which it has to be declared.
    pub(crate) fn value_type(self) -> Type {
        match self {
            Self::CustomReturnType => Type::String,
            _ => Type::Bool,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gorums_proto_declares_exactly_the_vocabulary() {
        let body = crate::GORUMS_PROTO
            .split_once("extend google.protobuf.MethodOptions {")
            .unwrap()
            .1;
        let declared: Vec<_> = body
            .lines()
            .filter_map(|line| line.trim().split_once(" = "))
            .map(|(declaration, _)| declaration.rsplit(' ').next().unwrap())
            .collect();
        assert_eq!(declared, MethodOption::ALL.map(MethodOption::name));
    }
}
