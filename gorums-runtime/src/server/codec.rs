//! The bytes of requests and replies at the server.

use std::marker::PhantomData;

use prost::Message;
use tonic::Status;
use tonic::codec::{Codec, DecodeBuf, Decoder};
use tonic_prost::ProstEncoder;

/// Reads requests and writes replies. A request that does not decode is the caller's fault.
pub(super) struct ServerCodec<Request, Reply>(PhantomData<fn() -> (Request, Reply)>);

impl<Request, Reply> ServerCodec<Request, Reply> {
    pub(super) fn new() -> Self {
        Self(PhantomData)
    }
}

impl<Request, Reply> Codec for ServerCodec<Request, Reply>
where
    Request: Message + Default + 'static,
    Reply: Message + 'static,
{
    type Encode = Reply;
    type Decode = Request;
    type Encoder = ProstEncoder<Reply>;
    type Decoder = RequestDecoder<Request>;

    fn encoder(&mut self) -> Self::Encoder {
        ProstEncoder::new(Default::default())
    }

    fn decoder(&mut self) -> Self::Decoder {
        RequestDecoder(PhantomData)
    }
}

/// Reads a request.
pub(super) struct RequestDecoder<Request>(PhantomData<fn() -> Request>);

impl<Request: Message + Default> Decoder for RequestDecoder<Request> {
    type Item = Request;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Request>, Status> {
        Request::decode(buffer).map(Some).map_err(|error| {
            Status::invalid_argument(format!("the request does not decode: {error}"))
        })
    }
}
