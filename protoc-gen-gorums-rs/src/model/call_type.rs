//! How a method is called.

use crate::options::MethodOption;

/// How a method is called. At most one of these options may be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallType {
    /// A call to one node, by default.
    Plain,
    /// A call to one node, by an explicit option.
    Rpc,
    /// One-way to one node.
    Unicast,
    /// One-way to all nodes.
    Multicast,
    /// A quorum call with a quorum function.
    Qc,
    /// The same, sent before the call returns.
    QcFuture,
    /// A quorum call with levels.
    Correctable,
    /// The same over streams of replies.
    CorrectablePr,
    /// A quorum call whose caller aggregates.
    QuorumCall,
    /// The same, sent before the call returns.
    Async,
}

impl CallType {
    /// The call types that have an option.
    const WITH_OPTION: [Self; 9] = [
        Self::Rpc,
        Self::Unicast,
        Self::Multicast,
        Self::Qc,
        Self::QcFuture,
        Self::Correctable,
        Self::CorrectablePr,
        Self::QuorumCall,
        Self::Async,
    ];

    pub(crate) fn from_option(option: MethodOption) -> Option<Self> {
        Self::WITH_OPTION
            .into_iter()
            .find(|call_type| call_type.option() == Some(option))
    }

    /// The option that selects it.
    pub(crate) fn option(self) -> Option<MethodOption> {
        match self {
            Self::Plain => None,
            Self::Rpc => Some(MethodOption::Rpc),
            Self::Unicast => Some(MethodOption::Unicast),
            Self::Multicast => Some(MethodOption::Multicast),
            Self::Qc => Some(MethodOption::Qc),
            Self::QcFuture => Some(MethodOption::QcFuture),
            Self::Correctable => Some(MethodOption::Correctable),
            Self::CorrectablePr => Some(MethodOption::CorrectablePr),
            Self::QuorumCall => Some(MethodOption::QuorumCall),
            Self::Async => Some(MethodOption::Async),
        }
    }

    /// Whether the result depends on the replies of several nodes.
    pub(crate) fn is_quorum_call(self) -> bool {
        !matches!(
            self,
            Self::Plain | Self::Rpc | Self::Unicast | Self::Multicast
        )
    }

    /// Whether the user writes a quorum function for it in the quorum spec. The calls whose caller
    /// aggregates have one only where a custom return type asks for it.
    pub(crate) fn has_quorum_function(self, custom_return_type: bool) -> bool {
        match self {
            Self::QuorumCall | Self::Async => custom_return_type,
            _ => self.is_quorum_call(),
        }
    }

    /// Whether requests may be a stream.
    pub(crate) fn takes_client_stream(self) -> bool {
        matches!(self, Self::Plain | Self::Multicast)
    }

    /// Whether replies may be a stream.
    pub(crate) fn takes_server_stream(self) -> bool {
        matches!(
            self,
            Self::Plain | Self::Correctable | Self::CorrectablePr | Self::QuorumCall
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_and_call_types_map_both_ways() {
        for call_type in CallType::WITH_OPTION {
            assert_eq!(
                call_type.option().and_then(CallType::from_option),
                Some(call_type)
            );
        }
        assert_eq!(CallType::from_option(MethodOption::PerNodeArg), None);
    }

    #[test]
    fn calls_whose_caller_aggregates_have_a_quorum_function_only_by_custom_return_type() {
        for call_type in [CallType::QuorumCall, CallType::Async] {
            assert!(!call_type.has_quorum_function(false));
            assert!(call_type.has_quorum_function(true));
        }
        assert!(CallType::Qc.has_quorum_function(false));
        assert!(!CallType::Multicast.has_quorum_function(true));
    }
}
