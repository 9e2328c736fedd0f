//! The bytes of gRPC messages.

use std::marker::PhantomData;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use prost::Message;
use tonic::Status;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};

#[cfg(any(feature = "gzip", feature = "zstd"))]
use super::compression::compress;
use super::message_options::MessageOptions;
use crate::guard::{Panicked, guard};
use crate::text::decode_error;

/// The flag that tells whether the message is compressed, and its length in four bytes.
pub(super) const PREFIX: usize = 5;

/// A message as it goes over the wire: with its length in front, and compressed if `options` want that and it makes
/// the message smaller.
pub(super) fn frame(message: &impl Message, options: &MessageOptions) -> Result<Bytes, Status> {
    let len = message.encoded_len();
    options.check_request_size(len)?;
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

/// `len` is at most 4 GiB.
fn put_prefix(frame: &mut BytesMut, is_compressed: bool, len: usize) {
    frame.put_u8(is_compressed.into());
    frame.put_u32(len as u32);
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
        decode(buffer).map(Some)
    }
}

/// The reply that `message` is.
pub(crate) fn decode<R: Message + Default>(message: impl Buf) -> Result<R, Status> {
    // A message may have a decoder of the user's.
    let decoded = guard(|| R::decode(message)).map_err(|Panicked(message)| {
        Status::internal(format!("the decoder of the reply panicked: {message}"))
    })?;
    decoded.map_err(|error| {
        let error = decode_error(&error);
        Status::internal(format!("the reply does not decode: {error}"))
    })
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;
    use crate::text::DECODE_ERROR;

    #[derive(Clone, PartialEq, Message)]
    struct Nested {
        #[prost(message, optional, boxed, tag = "1")]
        inner: Option<Box<Nested>>,
    }

    #[test]
    fn the_text_of_an_error_in_a_deeply_nested_reply_is_cut() {
        let mut bytes = Vec::new();
        for _ in 0..200 {
            let mut outer = vec![1 << 3 | 2];
            prost::encoding::encode_varint(bytes.len() as u64, &mut outer);
            outer.append(&mut bytes);
            bytes = outer;
        }
        let status = decode::<Nested>(&*bytes).expect_err("too deep");
        assert_eq!(status.code(), Code::Internal);
        let text = status.message();
        assert!(text.len() < DECODE_ERROR + 100, "{text}");
        assert!(text.contains("Nested.inner: Nested.inner"), "{text}");
        assert!(text.contains(" bytes cut] "), "{text}");
        assert!(text.ends_with("recursion limit reached"), "{text}");
    }

    /// A message whose decoder panics.
    #[derive(Debug, Default)]
    struct Panicking;

    impl Message for Panicking {
        fn encode_raw(&self, _: &mut impl BufMut) {}

        fn merge_field(
            &mut self,
            _: u32,
            _: prost::encoding::WireType,
            _: &mut impl Buf,
            _: prost::encoding::DecodeContext,
        ) -> Result<(), prost::DecodeError> {
            panic!("as asked");
        }

        fn encoded_len(&self) -> usize {
            0
        }

        fn clear(&mut self) {}
    }

    #[test]
    fn a_decoder_that_panics_is_an_error() {
        let status = decode::<Panicking>(&[8, 1][..]).expect_err("it panics");
        assert_eq!(status.code(), Code::Internal);
        assert_eq!(
            status.message(),
            "the decoder of the reply panicked: as asked"
        );
    }
}
