//! One method.

use super::CallType;

/// One method of a service.
#[derive(Clone, Debug)]
pub(crate) struct Method {
    /// The name in the proto.
    pub(crate) name: String,
    pub(crate) call_type: CallType,
    pub(crate) shape: Shape,
    /// The quorum function sees the request.
    pub(crate) qf_with_req: bool,
    /// Each node gets its own request.
    pub(crate) per_node_arg: bool,
    /// The full name of the message that the quorum function returns, with a leading dot.
    pub(crate) custom_return_type: Option<String>,
    /// Whether later requests are handled while one of this method is.
    pub(crate) concurrent: bool,
    /// Whether some nodes may execute it and others not (`idempotency_level`).
    pub(crate) idempotent: bool,
    pub(crate) deprecated: bool,
}

/// Which sides of a method are streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) client_stream: bool,
    pub(crate) server_stream: bool,
}

impl Shape {
    pub(crate) fn is_unary(self) -> bool {
        !self.client_stream && !self.server_stream
    }
}

/// The kind of code that is generated for a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// None: it is called through tonic's client.
    Client,
    /// A call to one node.
    Node,
    /// A one-way call to one node.
    Unicast,
    /// A one-way call to all nodes.
    Multicast,
    /// A quorum call with a quorum function.
    Quorum(Start),
    /// A quorum call whose caller aggregates the replies.
    Aggregate(Start),
    /// A quorum call whose quorum function returns levels.
    Correctable,
}

/// When a call is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// When it is awaited.
    Awaited,
    /// When it is made.
    Made,
}

impl Method {
    /// The kind of code that is generated for it.
    pub(crate) fn form(&self) -> Form {
        let custom = self.custom_return_type.is_some();
        let aggregated = |start| match self.call_type.has_quorum_function(custom) {
            true => Form::Quorum(start),
            false => Form::Aggregate(start),
        };
        match self.call_type {
            CallType::Plain | CallType::Rpc if self.shape.is_unary() => Form::Node,
            CallType::Plain | CallType::Rpc => Form::Client,
            CallType::Unicast => Form::Unicast,
            CallType::Multicast => Form::Multicast,
            CallType::Qc => Form::Quorum(Start::Awaited),
            CallType::QcFuture => Form::Quorum(Start::Made),
            CallType::Correctable | CallType::CorrectablePr => Form::Correctable,
            CallType::QuorumCall => aggregated(Start::Awaited),
            CallType::Async => aggregated(Start::Made),
        }
    }

    /// Whether nobody waits for its replies.
    pub(crate) fn is_one_way(&self) -> bool {
        matches!(self.call_type, CallType::Unicast | CallType::Multicast)
    }

    /// Whether the user writes a quorum function for it.
    pub(crate) fn has_quorum_function(&self) -> bool {
        matches!(self.form(), Form::Quorum(_) | Form::Correctable)
    }

    /// Whether its quorum function sees the request. For call types whose caller aggregates, it always does, as in the
    /// generation of Gorums that had such functions.
    pub(crate) fn shows_request(&self) -> bool {
        self.qf_with_req || matches!(self.call_type, CallType::QuorumCall | CallType::Async)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn method(call_type: CallType, custom_return_type: Option<&str>) -> Method {
        Method {
            name: "M".to_owned(),
            call_type,
            shape: Shape {
                client_stream: false,
                server_stream: false,
            },
            qf_with_req: false,
            per_node_arg: false,
            custom_return_type: custom_return_type.map(str::to_owned),
            concurrent: false,
            idempotent: false,
            deprecated: false,
        }
    }

    #[test]
    fn a_custom_return_type_gives_a_call_whose_caller_aggregates_a_quorum_function_that_sees_the_request()
     {
        for (call_type, start) in [
            (CallType::QuorumCall, Start::Awaited),
            (CallType::Async, Start::Made),
        ] {
            let plain = method(call_type, None);
            assert_eq!(plain.form(), Form::Aggregate(start));
            assert!(!plain.has_quorum_function());
            let custom = method(call_type, Some(".p.T"));
            assert_eq!(custom.form(), Form::Quorum(start));
            assert!(custom.has_quorum_function() && custom.shows_request());
        }
    }

    #[test]
    fn a_plain_method_that_streams_is_left_to_tonics_client() {
        let mut streaming = method(CallType::Plain, None);
        assert_eq!(streaming.form(), Form::Node);
        streaming.shape.server_stream = true;
        assert_eq!(streaming.form(), Form::Client);
    }
}
