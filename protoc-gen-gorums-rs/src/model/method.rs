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
    /// The full name of the message that the quorum function returns, with a dot before.
    pub(crate) custom_return_type: Option<String>,
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

impl Method {
    /// Whether the user writes a quorum function for it.
    pub(crate) fn has_quorum_function(&self) -> bool {
        self.call_type
            .has_quorum_function(self.custom_return_type.is_some())
    }

    /// Whether it is a call to one node with one request and one reply.
    pub(crate) fn is_node_call(&self) -> bool {
        matches!(self.call_type, CallType::Plain | CallType::Rpc) && self.shape.is_unary()
    }
}
