//! Requests that are encoded already, and replies that are decoded as they arrive.

use std::marker::PhantomData;

use bytes::{BufMut, Bytes};
use prost::Message;
use tonic::Status;
use tonic::codec::{BufferSettings, Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};

/// The length prefix of a gRPC message.
const PREFIX: usize = 5;

/// The codec of a call whose request was encoded once for all its nodes.
#[derive(Debug)]
pub(super) struct EncodedCodec<R> {
    request_len: usize,
    reply: PhantomData<fn() -> R>,
}

impl<R> EncodedCodec<R> {
    pub(super) fn new(request: &Bytes) -> Self {
        Self {
            request_len: request.len(),
            reply: PhantomData,
        }
    }
}

impl<R: Message + Default + 'static> Codec for EncodedCodec<R> {
    type Encode = Bytes;
    type Decode = R;
    type Encoder = EncodedEncoder;
    type Decoder = ReplyDecoder<R>;

    fn encoder(&mut self) -> Self::Encoder {
        EncodedEncoder(self.request_len)
    }

    fn decoder(&mut self) -> Self::Decoder {
        ReplyDecoder(PhantomData)
    }
}

/// Writes a message of known length that is encoded already.
#[derive(Debug)]
pub(super) struct EncodedEncoder(usize);

impl Encoder for EncodedEncoder {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, message: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(message);
        Ok(())
    }

    fn buffer_settings(&self) -> BufferSettings {
        let exact = PREFIX + self.0;
        BufferSettings::new(exact, exact)
    }
}

/// Reads a reply.
#[derive(Debug)]
pub(super) struct ReplyDecoder<R>(PhantomData<fn() -> R>);

impl<R: Message + Default> Decoder for ReplyDecoder<R> {
    type Item = R;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<R>, Status> {
        R::decode(buffer)
            .map(Some)
            .map_err(|error| Status::internal(format!("the reply does not decode: {error}")))
    }
}
