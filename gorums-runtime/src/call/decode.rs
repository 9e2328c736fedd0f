//! Decodes replies.

use bytes::Buf;
use prost::Message;
use tonic::Status;

use crate::support::{Panicked, decode_error, guard};

/// Decodes a reply.
pub(crate) fn decode<R: Message + Default>(message: impl Buf) -> Result<R, Status> {
    // The decoder may be the user's own code.
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
    use bytes::BufMut;
    use tonic::Code;

    use super::*;
    use crate::support::DECODE_ERROR;

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
