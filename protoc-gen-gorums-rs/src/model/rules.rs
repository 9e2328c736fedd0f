//! The rules: which options go together, and with which streams.

use super::{CallType, Shape};
use crate::options::{MethodOption, MethodOptions};

/// A method as its author declared it.
#[derive(Debug)]
pub(super) struct Declared<'a> {
    pub(super) options: &'a MethodOptions,
    pub(super) shape: Shape,
}

impl Declared<'_> {
    /// How the method is called; `None` if its options contradict each other.
    pub(super) fn call_type(&self) -> Option<CallType> {
        match self.call_types().as_slice() {
            [] => Some(CallType::Plain),
            [call_type] => Some(*call_type),
            [CallType::QuorumCall, CallType::Async] => Some(CallType::Async),
            _ => None,
        }
    }

    /// The rules that the method breaks, each as "what is wrong; what to do".
    pub(super) fn broken_rules(&self) -> Vec<String> {
        // The other rules depend on the call type.
        let Some(call_type) = self.call_type() else {
            return vec![self.two_call_types()];
        };
        let mut broken = self.misplaced_qualifiers(call_type);
        broken.extend(self.wrong_client_stream(call_type));
        broken.extend(self.wrong_server_stream(call_type));
        broken
    }

    fn call_types(&self) -> Vec<CallType> {
        self.options
            .set
            .iter()
            .copied()
            .filter_map(CallType::from_option)
            .collect()
    }

    fn two_call_types(&self) -> String {
        let names: Vec<_> = self.call_types().into_iter().filter_map(quoted).collect();
        format!(
            "{} are call types, and a method has one; keep one of them",
            list(&names)
        )
    }

    fn misplaced_qualifiers(&self, call_type: CallType) -> Vec<String> {
        let custom_return_type = self.options.has(MethodOption::CustomReturnType);
        let quorum_function = call_type.has_quorum_function(custom_return_type);
        let mut broken = Vec::new();
        for option in [MethodOption::QfWithReq, MethodOption::CustomReturnType] {
            if self.options.has(option) && !quorum_function {
                broken.push(format!(
                    "`gorums.{}` needs a call that has a quorum function; \
                     add a call type such as `gorums.qc`, or remove it",
                    option.name()
                ));
            }
        }
        let to_many = call_type.is_quorum_call() || call_type == CallType::Multicast;
        if self.options.has(MethodOption::PerNodeArg) && !to_many {
            broken.push(
                "`gorums.per_node_arg` needs a call to many nodes; \
                 add a quorum call such as `gorums.qc` or `gorums.multicast`, or remove it"
                    .to_owned(),
            );
        }
        broken
    }

    fn wrong_client_stream(&self, call_type: CallType) -> Option<String> {
        if !self.shape.client_stream || call_type.takes_client_stream() {
            return None;
        }
        let option = quoted(call_type)?;
        Some(format!(
            "{option} sends one request, but the method takes a stream; \
             remove `stream` before the request's type, or use `gorums.multicast`"
        ))
    }

    fn wrong_server_stream(&self, call_type: CallType) -> Option<String> {
        let option = quoted(call_type)?;
        if self.shape.server_stream && !call_type.takes_server_stream() {
            let why = match call_type {
                CallType::Multicast | CallType::Unicast => "has no replies",
                CallType::Rpc => "takes one reply",
                _ => "takes one reply from each node",
            };
            let instead = match call_type {
                CallType::Multicast | CallType::Unicast => "",
                CallType::Rpc => ", or remove the option",
                _ => ", or use `gorums.quorumcall` or `gorums.correctable`",
            };
            return Some(format!(
                "{option} {why}, but the method returns a stream; \
                 remove `stream` before the reply's type{instead}"
            ));
        }
        if !self.shape.server_stream && call_type == CallType::CorrectablePr {
            return Some(format!(
                "{option} is for streams of replies, but the method returns one; \
                 write `returns (stream ...)`, or use `gorums.correctable`"
            ));
        }
        None
    }
}

fn quoted(call_type: CallType) -> Option<String> {
    call_type
        .option()
        .map(|option| format!("`gorums.{}`", option.name()))
}

/// `a, b and c`.
fn list(names: &[String]) -> String {
    match names {
        [first @ .., last] if !first.is_empty() => format!("{} and {last}", first.join(", ")),
        _ => names.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use MethodOption::*;

    const UNARY: Shape = Shape {
        client_stream: false,
        server_stream: false,
    };
    const CLIENT_STREAM: Shape = Shape {
        client_stream: true,
        server_stream: false,
    };
    const SERVER_STREAM: Shape = Shape {
        client_stream: false,
        server_stream: true,
    };
    const BOTH: Shape = Shape {
        client_stream: true,
        server_stream: true,
    };

    fn check(set: &[MethodOption], shape: Shape) -> (Option<CallType>, Vec<String>) {
        let options = MethodOptions {
            set: set.iter().copied().collect(),
            custom_return_type: set.contains(&CustomReturnType).then(|| "M".to_owned()),
        };
        let declared = Declared {
            options: &options,
            shape,
        };
        (declared.call_type(), declared.broken_rules())
    }

    fn good(set: &[MethodOption], shape: Shape) {
        let (call_type, broken) = check(set, shape);
        assert!(
            call_type.is_some() && broken.is_empty(),
            "{set:?} {shape:?}: {broken:?}"
        );
    }

    /// One rule is broken, and its text has this in it.
    fn bad(set: &[MethodOption], shape: Shape, part: &str) {
        let (_, broken) = check(set, shape);
        assert!(
            broken.len() == 1 && broken[0].contains(part),
            "{set:?} {shape:?}: {broken:?}"
        );
    }

    #[test]
    fn methods_without_options_may_have_any_shape() {
        for shape in [UNARY, CLIENT_STREAM, SERVER_STREAM, BOTH] {
            good(&[], shape);
            good(&[Ordered, Concurrent], shape);
        }
    }

    #[test]
    fn two_call_types_exclude_each_other() {
        bad(
            &[Qc, Multicast],
            UNARY,
            "`gorums.qc` and `gorums.multicast` are call types",
        );
        bad(
            &[Qc, Rpc, Async],
            UNARY,
            "`gorums.qc`, `gorums.rpc` and `gorums.async` are",
        );
        bad(&[Correctable, CorrectablePr], SERVER_STREAM, "keep one");
    }

    #[test]
    fn quorumcall_and_async_are_one_call_type() {
        assert_eq!(check(&[QuorumCall, Async], UNARY).0, Some(CallType::Async));
        good(&[QuorumCall, Async], UNARY);
    }

    #[test]
    fn qualifiers_of_quorum_functions_need_one() {
        for option in [QfWithReq, CustomReturnType] {
            for call_type in [Qc, QcFuture, MethodOption::Correctable] {
                good(&[call_type, option], UNARY);
            }
            bad(&[option], UNARY, "needs a call that has a quorum function");
            for call_type in [Rpc, Unicast, Multicast] {
                bad(
                    &[call_type, option],
                    UNARY,
                    "needs a call that has a quorum function",
                );
            }
        }
        bad(
            &[QuorumCall, QfWithReq],
            UNARY,
            "`gorums.qf_with_req` needs",
        );
        good(&[QuorumCall, CustomReturnType], UNARY);
        good(&[QuorumCall, CustomReturnType, QfWithReq], UNARY);
    }

    #[test]
    fn per_node_arg_needs_a_call_to_many_nodes() {
        for call_type in [
            Qc,
            QcFuture,
            MethodOption::Correctable,
            QuorumCall,
            Async,
            Multicast,
        ] {
            good(&[call_type, PerNodeArg], UNARY);
        }
        bad(&[PerNodeArg], UNARY, "needs a call to many nodes");
        bad(&[Rpc, PerNodeArg], UNARY, "needs a call to many nodes");
        bad(&[Unicast, PerNodeArg], UNARY, "needs a call to many nodes");
    }

    #[test]
    fn client_streams_are_for_multicast() {
        good(&[Multicast], CLIENT_STREAM);
        for call_type in [
            Rpc,
            Unicast,
            Qc,
            QcFuture,
            MethodOption::Correctable,
            QuorumCall,
            Async,
        ] {
            bad(&[call_type], CLIENT_STREAM, "the method takes a stream");
        }
    }

    #[test]
    fn server_streams_are_for_correctables_and_quorumcall() {
        for call_type in [MethodOption::Correctable, CorrectablePr, QuorumCall] {
            good(&[call_type], SERVER_STREAM);
        }
        for call_type in [Rpc, Unicast, Multicast, Qc, QcFuture, Async] {
            bad(&[call_type], SERVER_STREAM, "the method returns a stream");
        }
    }

    #[test]
    fn correctable_pr_needs_a_server_stream() {
        bad(&[CorrectablePr], UNARY, "is for streams of replies");
    }

    #[test]
    fn all_broken_rules_are_told() {
        let (_, broken) = check(&[Rpc, QfWithReq, CustomReturnType, PerNodeArg], BOTH);
        assert_eq!(broken.len(), 5);
    }
}
