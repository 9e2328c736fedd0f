//! Compresses requests.
//!
//! tonic would compress a request once per node. This code does so once per call.

use std::io;

use tonic::Status;
use tonic::codec::CompressionEncoding;

/// gzip's default level, a compromise between time and size.
#[cfg(feature = "gzip")]
const GZIP_LEVEL: u32 = 6;

/// Compresses `message`.
pub(super) fn compress(encoding: CompressionEncoding, message: &[u8]) -> Result<Vec<u8>, Status> {
    let compressed = match encoding {
        #[cfg(feature = "gzip")]
        CompressionEncoding::Gzip => gzip(message),
        #[cfg(feature = "zstd")]
        CompressionEncoding::Zstd => zstd::bulk::compress(message, zstd::DEFAULT_COMPRESSION_LEVEL),
        _ => Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "choose gzip or zstd, and enable its feature",
        )),
    };
    compressed.map_err(|error| {
        Status::internal(format!(
            "the request cannot be compressed with {encoding}: {error}"
        ))
    })
}

#[cfg(feature = "gzip")]
fn gzip(message: &[u8]) -> io::Result<Vec<u8>> {
    use std::io::Write;

    let mut encoder =
        flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(GZIP_LEVEL));
    encoder.write_all(message)?;
    encoder.finish()
}
