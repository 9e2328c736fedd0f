//! Decodes requests and encodes replies at the server.

use std::marker::PhantomData;

use bytes::Buf;
use prost::Message;
use tonic::Status;
use tonic::codec::{Codec, DecodeBuf, Decoder};
use tonic_prost::ProstEncoder;

use crate::call::{Method, MethodDescriptor};
use crate::support::{Panicked, decode_error, guard};

/// Decodes the requests of `M` and encodes its replies.
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

/// Decodes the requests of `M`.
pub(super) struct RequestDecoder<M>(PhantomData<fn() -> M>);

impl<M: Method> Decoder for RequestDecoder<M> {
    type Item = M::Request;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<M::Request>, Status> {
        let request = guard(|| decode::<M>(buffer))
            .unwrap_or_else(|panicked| Err(panicked_at_once(&M::DESCRIPTOR, &panicked)));
        request.map(Some)
    }
}

/// Decodes the requests of `M`, those that are malformed into errors, and encodes its replies.
pub(super) struct FallibleCodec<M>(PhantomData<fn() -> M>);

impl<M> FallibleCodec<M> {
    pub(super) fn new() -> Self {
        Self(PhantomData)
    }
}

impl<M: Method> Codec for FallibleCodec<M> {
    type Encode = M::Reply;
    type Decode = Result<M::Request, Status>;
    type Encoder = ProstEncoder<M::Reply>;
    type Decoder = FallibleDecoder<M>;

    fn encoder(&mut self) -> Self::Encoder {
        ProstEncoder::new(Default::default())
    }

    fn decoder(&mut self) -> Self::Decoder {
        FallibleDecoder(RequestDecoder(PhantomData))
    }
}

/// Decodes the requests of `M`, those that are malformed into errors: what shows them to interceptors comes after it.
pub(super) struct FallibleDecoder<M>(RequestDecoder<M>);

impl<M: Method> Decoder for FallibleDecoder<M> {
    type Item = Result<M::Request, Status>;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Self::Item>, Status> {
        let request = self.0.decode(buffer).transpose();
        // What follows in the stream begins behind the malformed request.
        buffer.advance(buffer.remaining());
        Ok(request)
    }
}

/// Decodes a request of `M`, or blames the caller if that fails. A message's own code may panic.
pub(crate) fn decode<M: Method>(request: impl Buf) -> Result<M::Request, Status> {
    M::Request::decode(request).map_err(|error| {
        let error = decode_error(&error);
        Status::invalid_argument(format!("the request does not decode: {error}"))
    })
}

/// The status of a call that panicked before its handler began.
pub(crate) fn panicked_at_once(method: &MethodDescriptor, panicked: &Panicked) -> Status {
    let (method, message) = (method.full_name(), &panicked.0);
    Status::internal(format!(
        "a call of {method} panicked before its handler ran: {message}"
    ))
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;

    #[derive(Clone, PartialEq, Message)]
    struct Nested {
        #[prost(message, optional, boxed, tag = "1")]
        inner: Option<Box<Nested>>,
    }

    struct Nest;

    impl Method for Nest {
        type Request = Nested;
        type Reply = ();
        const PATH: &str = "/a.B/Nest";
    }

    #[test]
    fn the_text_of_an_error_in_a_deeply_nested_request_is_cut() {
        let mut bytes = Vec::new();
        for _ in 0..200 {
            let mut outer = vec![1 << 3 | 2];
            prost::encoding::encode_varint(bytes.len() as u64, &mut outer);
            outer.append(&mut bytes);
            bytes = outer;
        }
        let status = decode::<Nest>(&*bytes).expect_err("too deep");
        assert_eq!(status.code(), Code::InvalidArgument);
        let text = status.message();
        assert!(text.len() < 700, "{text}");
        assert!(text.contains("Nested.inner"), "{text}");
        assert!(text.ends_with("recursion limit reached"), "{text}");
    }
}
