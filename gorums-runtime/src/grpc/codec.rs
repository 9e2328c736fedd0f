//! The bytes of gRPC messages.

use std::marker::PhantomData;

use bytes::{BufMut, Bytes, BytesMut};
use prost::Message;
use tonic::Status;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};

/// The flag for "not compressed" and the message's length in four bytes.
const PREFIX: usize = 5;

/// A message as it goes over the wire: with its length in front.
pub(super) fn frame(message: &impl Message) -> Result<Bytes, Status> {
    let len = message.encoded_len();
    let prefix = u32::try_from(len).map_err(|_| {
        Status::resource_exhausted(format!(
            "the request has {len} bytes, and gRPC carries 4 GiB"
        ))
    })?;
    let mut frame = BytesMut::with_capacity(PREFIX + len);
    frame.put_u8(0);
    frame.put_u32(prefix);
    message.encode_raw(&mut frame);
    Ok(frame.freeze())
}

/// The codec of a call whose request is a frame already: it only decodes replies.
#[derive(Debug)]
pub(super) struct ReplyCodec<R>(PhantomData<fn() -> R>);

impl<R> Default for ReplyCodec<R> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<R: Message + Default + 'static> Codec for ReplyCodec<R> {
    type Encode = ();
    type Decode = R;
    type Encoder = NoEncoder;
    type Decoder = ReplyDecoder<R>;

    fn encoder(&mut self) -> Self::Encoder {
        NoEncoder
    }

    fn decoder(&mut self) -> Self::Decoder {
        ReplyDecoder(PhantomData)
    }
}

/// Writes nothing: the request's body is its frame.
#[derive(Debug)]
pub(super) struct NoEncoder;

impl Encoder for NoEncoder {
    type Item = ();
    type Error = Status;

    fn encode(&mut self, (): (), _: &mut EncodeBuf<'_>) -> Result<(), Status> {
        Ok(())
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
