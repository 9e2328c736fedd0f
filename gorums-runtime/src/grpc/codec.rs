//! Encodes requests and decodes replies at the client.

use std::marker::PhantomData;

use bytes::{BufMut, Bytes, BytesMut};
use prost::Message;
use tonic::Status;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};

#[cfg(any(feature = "gzip", feature = "zstd"))]
use super::compression::compress;
use crate::call::{MessageOptions, decode};

/// The length of a message's prefix: a byte that says whether it is compressed, and its length in four bytes.
pub(super) const PREFIX: usize = 5;

/// Encodes a message with its prefix. Compresses it if `options` ask for that and it gets smaller.
pub(super) fn frame(message: &impl Message, options: &MessageOptions) -> Result<Bytes, Status> {
    let len = message.encoded_len();
    options.max_message_size.check("request", len)?;
    let mut frame = BytesMut::with_capacity(PREFIX + len);
    put_prefix(&mut frame, false, len);
    message.encode_raw(&mut frame);
    #[cfg(any(feature = "gzip", feature = "zstd"))]
    if let Some(encoding) = options.send_compressed {
        let compressed = compress(encoding, &frame[PREFIX..])?;
        if compressed.len() < len {
            frame.clear();
            put_prefix(&mut frame, true, compressed.len());
            frame.extend_from_slice(&compressed);
        }
    }
    Ok(frame.freeze())
}

/// `len` must be at most 4 GiB.
fn put_prefix(frame: &mut BytesMut, is_compressed: bool, len: usize) {
    frame.put_u8(is_compressed.into());
    frame.put_u32(len as u32);
}

/// The codec of a call whose request is already encoded: it only decodes replies.
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

/// Writes nothing, because the request's body is its frame.
#[derive(Debug)]
pub(super) struct NoEncoder;

impl Encoder for NoEncoder {
    type Item = ();
    type Error = Status;

    fn encode(&mut self, (): (), _: &mut EncodeBuf<'_>) -> Result<(), Status> {
        Ok(())
    }
}

/// Decodes a reply.
#[derive(Debug)]
pub(super) struct ReplyDecoder<R>(PhantomData<fn() -> R>);

impl<R: Message + Default> Decoder for ReplyDecoder<R> {
    type Item = R;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<R>, Status> {
        decode(buffer).map(Some)
    }
}
