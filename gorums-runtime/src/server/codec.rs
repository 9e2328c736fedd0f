//! The bytes of requests and replies at the server.

use std::marker::PhantomData;

use bytes::Buf;
use prost::Message;
use tonic::Status;
use tonic::codec::{Codec, DecodeBuf, Decoder};
use tonic_prost::ProstEncoder;

use crate::guard::{Panicked, guard};
use crate::{Method, MethodDescriptor};

/// Reads the requests of `M` and writes its replies.
pub(super) struct ServerCodec<M>(PhantomData<fn() -> M>);

impl<M> ServerCodec<M> {
    pub(super) fn new() -> Self {
        Self(PhantomData)
    }
}

impl<M: Method> Codec for ServerCodec<M> {
    type Encode = M::Reply;
    type Decode = M::Request;
    type Encoder = ProstEncoder<M::Reply>;
    type Decoder = RequestDecoder<M>;

    fn encoder(&mut self) -> Self::Encoder {
        ProstEncoder::new(Default::default())
    }

    fn decoder(&mut self) -> Self::Decoder {
        RequestDecoder(PhantomData)
    }
}

/// Reads the requests of `M`.
pub(super) struct RequestDecoder<M>(PhantomData<fn() -> M>);

impl<M: Method> Decoder for RequestDecoder<M> {
    type Item = M::Request;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<M::Request>, Status> {
        decode::<M>(buffer).map(Some)
    }
}

/// Reads a request of `M`. One that does not decode is the caller's fault; a message whose own code panics is not.
pub(super) fn decode<M: Method>(request: impl Buf) -> Result<M::Request, Status> {
    guarded(&M::DESCRIPTOR, "decoding a request", || {
        M::Request::decode(request).map_err(|error| {
            Status::invalid_argument(format!("the request does not decode: {error}"))
        })
    })
}

/// The outcome of `function`, which runs code of a message that the user may have written. A panic is its status.
pub(super) fn guarded<T>(
    method: &MethodDescriptor,
    what: &str,
    function: impl FnOnce() -> Result<T, Status>,
) -> Result<T, Status> {
    guard(function).unwrap_or_else(|Panicked(message)| {
        let method = method.full_name();
        Err(Status::internal(format!(
            "{what} of {method} panicked: {message}"
        )))
    })
}
