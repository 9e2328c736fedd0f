//! The largest size of a message.

use std::fmt;

use tonic::Status;

/// The bytes that a message on a node stream may have beside its request or reply: the method's name, and metadata.
const ENVELOPE: usize = 64 * 1024;

/// What tonic says of a message that is too large, before its size and the limit.
const TONIC: [&str; 3] = [
    "Error, decoded message length too large: found ",
    " bytes, the limit is: ",
    " bytes",
];

/// The largest size of the messages that one side sends or accepts: 4 MiB, as everywhere in gRPC, unless an option of
/// that side sets another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MessageSize {
    /// Bytes of the message itself, uncompressed and without metadata.
    most: usize,
    side: Side,
}

/// Whose limit it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Server,
}

/// That of a server.
impl Default for MessageSize {
    fn default() -> Self {
        Self::new(Self::DEFAULT, Side::Server)
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Client => "client",
            Self::Server => "server",
        })
    }
}

impl MessageSize {
    pub(crate) const DEFAULT: usize = 4 * 1024 * 1024;

    /// Limits messages to `bytes`. gRPC has no messages of more than 4 GiB.
    pub(crate) fn new(bytes: usize, side: Side) -> Self {
        let most = bytes.min(u32::MAX as usize);
        Self { most, side }
    }

    pub(crate) fn most(self) -> usize {
        self.most
    }

    /// The largest size of a message on a node stream in bytes.
    pub(crate) fn most_on_stream(self) -> usize {
        self.most.saturating_add(ENVELOPE)
    }

    /// Checks the size of `what`, a request or a reply.
    #[inline]
    pub(crate) fn check(self, what: &str, bytes: usize) -> Result<(), Status> {
        match bytes > self.most {
            true => Err(self.exceeded(what, bytes)),
            false => Ok(()),
        }
    }

    /// The status of a call whose request or reply, `what`, is too large.
    #[cold]
    pub(crate) fn exceeded(self, what: &str, bytes: usize) -> Status {
        let Self { most, side } = self;
        Status::out_of_range(format!(
            "the {what} has {bytes} bytes, more than the {side}'s max_message_size of {most}; raise that option at the {side}"
        ))
    }

    /// Says of a `status` by which tonic enforced this limit on `what` whose limit it is.
    ///
    /// A status of the other side cannot be taken for one: no request of more than `most` bytes is sent to it, so that
    /// it does not exceed the same limit there.
    pub(crate) fn name(self, status: Status, what: &str) -> Status {
        match found(status.message()) {
            Some((bytes, most)) if most == self.most => self.exceeded(what, bytes),
            _ => status,
        }
    }
}

/// The size and the limit in a message of tonic.
fn found(message: &str) -> Option<(usize, usize)> {
    let [before, between, after] = TONIC;
    let sizes = message.strip_prefix(before)?.strip_suffix(after)?;
    let (bytes, most) = sizes.split_once(between)?;
    Some((bytes.parse().ok()?, most.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;

    #[test]
    fn the_error_names_the_option_and_its_side() {
        let client = MessageSize::new(4, Side::Client);
        assert!(client.check("reply", 4).is_ok());
        let status = client.check("reply", 5).expect_err("it is too large");
        assert_eq!(status.code(), Code::OutOfRange);
        assert_eq!(
            status.message(),
            "the reply has 5 bytes, more than the client's max_message_size of 4; raise that option at the client"
        );
        let status = MessageSize::new(4, Side::Server).exceeded("request", 5);
        assert_eq!(
            status.message(),
            "the request has 5 bytes, more than the server's max_message_size of 4; raise that option at the server"
        );
    }

    #[test]
    fn what_tonic_says_of_the_same_limit_is_replaced() {
        let limit = MessageSize::new(4, Side::Server);
        let of_tonic = |most| {
            let text = format!(
                "Error, decoded message length too large: found 5 bytes, the limit is: {most} bytes"
            );
            Status::out_of_range(text)
        };
        let named = limit.name(of_tonic(4), "request");
        assert_eq!(named.message(), limit.exceeded("request", 5).message());
        let other = limit.name(of_tonic(3), "request");
        assert_eq!(other.message(), of_tonic(3).message());
    }

    #[test]
    fn no_limit_exceeds_that_of_grpc() {
        assert_eq!(
            MessageSize::new(usize::MAX, Side::Client).most(),
            u32::MAX as usize
        );
    }
}
