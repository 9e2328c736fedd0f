//! What generated code tells the runtime about a method.

use super::outstanding::Outstanding;
use super::replies::Replies;
use super::tally::Tally;

/// The facts of one RPC method. Generated code holds them; the runtime holds the logic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MethodDescriptor {
    service: &'static str,
    name: &'static str,
    path: &'static str,
    streams_requests: bool,
    streams_replies: bool,
    concurrent: bool,
    idempotent: bool,
}

impl MethodDescriptor {
    /// The method with the gRPC path `path`: `/register.Register/Read` is the method `Read` of the service
    /// `register.Register`.
    ///
    /// # Panics
    ///
    /// When `path` is not of this form. In a constant that is an error of the compiler.
    pub const fn new(path: &'static str) -> Self {
        let (service, name) = match split(path) {
            Some(parts) => parts,
            None => panic!("the path of a method has the form `/package.Service/Method`"),
        };
        Self {
            service,
            name,
            path,
            streams_requests: false,
            streams_replies: false,
            concurrent: false,
            idempotent: false,
        }
    }

    /// The same method, if it takes a `stream`.
    pub const fn with_request_stream(self) -> Self {
        Self {
            streams_requests: true,
            ..self
        }
    }

    /// The same method, if it `returns (stream ...)`.
    pub const fn with_reply_stream(self) -> Self {
        Self {
            streams_replies: true,
            ..self
        }
    }

    /// The same method, if later requests are handled while one of this method is (`concurrent`).
    pub const fn with_concurrency(self) -> Self {
        Self {
            concurrent: true,
            ..self
        }
    }

    /// The same method, if its `idempotency_level`, protobuf's own option, is `NO_SIDE_EFFECTS` or `IDEMPOTENT`.
    pub const fn with_idempotency(self) -> Self {
        Self {
            idempotent: true,
            ..self
        }
    }

    /// Whether the method may be executed at some nodes and not at others, and at a node that the call does not need: its
    /// calls can be [thrifty](crate::Thrifty). A thrifty write is a write to a quorum; the other nodes miss it.
    pub const fn is_idempotent(&self) -> bool {
        self.idempotent
    }

    /// Whether a node stream's later requests are handled while one of this method is.
    pub const fn is_concurrent(&self) -> bool {
        self.concurrent
    }

    /// Whether each node is sent a stream of requests.
    pub const fn streams_requests(&self) -> bool {
        self.streams_requests
    }

    /// Whether each node answers with a stream of replies.
    pub const fn streams_replies(&self) -> bool {
        self.streams_replies
    }

    /// The service's full name, such as `register.Register`.
    pub const fn service(&self) -> &'static str {
        self.service
    }

    /// The method's name as in the .proto file, such as `Read`.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The gRPC path, such as `/register.Register/Read`.
    pub const fn path(&self) -> &'static str {
        self.path
    }

    /// The service and the method, such as `register.Register/Read`: the path without its leading slash.
    pub fn full_name(&self) -> &'static str {
        self.path.strip_prefix('/').unwrap_or(self.path)
    }
}

/// The service and the method that a gRPC path names.
const fn split(path: &'static str) -> Option<(&'static str, &'static str)> {
    let [b'/', rest @ ..] = path.as_bytes() else {
        return None;
    };
    let mut slash = 0;
    while slash < rest.len() && rest[slash] != b'/' {
        slash += 1;
    }
    // A slash is one byte in UTF-8, so both indices are character boundaries.
    if slash == 0 || slash + 1 >= rest.len() {
        return None;
    }
    let (_, rest) = path.split_at(1);
    let (service, name) = rest.split_at(slash);
    Some((service, name.split_at(1).1))
}

/// One RPC method as a type. Implemented by generated code.
pub trait Method: Sized + Send + Sync + 'static {
    /// The message that is sent.
    type Request: prost::Message + Default + 'static;
    /// The message that each node answers with.
    type Reply: prost::Message + Default + 'static;
    /// The gRPC path, such as `/register.Register/Read`.
    const PATH: &'static str;
    /// The method's facts: those of a method with one request and one reply, unless overridden.
    const DESCRIPTOR: MethodDescriptor = MethodDescriptor::new(Self::PATH);
}

/// How quorum calls of a method are decided by a quorum spec `Q`. Implemented by generated code, which forwards
/// to the quorum function that the user wrote.
pub trait Decide<Q>: Method {
    /// What the quorum function returns: the reply type, or the method's `custom_return_type`.
    type Output: Send + 'static;

    /// The result of the call, or `None` if the replies do not suffice yet. Called after each successful reply.
    fn decide(tally: Tally<'_, Self, Q>) -> Option<Self::Output>;

    /// Whether the call can still be decided, given its `replies` so far and the nodes that have not replied. If not, the
    /// call ends without waiting for them.
    fn reachable(_spec: &Q, _replies: &Replies<Self::Reply>, _rest: &Outstanding<'_>) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_a_service_and_a_method() {
        let read = MethodDescriptor::new("/register.Register/Read");
        assert_eq!((read.service(), read.name()), ("register.Register", "Read"));
        assert_eq!(read.path(), "/register.Register/Read");
        assert_eq!(read.full_name(), "register.Register/Read");
        assert_eq!(split("/S\u{e4}/M"), Some(("S\u{e4}", "M")));
    }

    #[test]
    fn what_is_no_path_of_a_method_is_refused() {
        for path in ["", "/", "S/M", "/S", "/S/", "//M"] {
            assert_eq!(split(path), None, "{path}");
        }
    }
}
