//! The headers by which a client opens a stream.

use std::time::Duration;

use tonic::Status;
use tonic::metadata::MetadataMap;

use super::keep_alive;
use super::named_clients::{ClientName, StreamName};
use crate::identity::{DYNAMIC, claimed_id};
use crate::wire::{CLIENT, EXTENSIONS, KEEP_ALIVE, STREAM};

/// What the headers of a stream's request say.
pub(super) struct Opening {
    /// Whether the client accepts calls from the server.
    pub(super) accepts_calls: bool,
    /// Whether the client understands the extensions of the protocol.
    pub(super) extended: bool,
    /// The stream's name, if the client gave one.
    pub(super) name: Option<StreamName>,
    /// The interval at which the client wants messages.
    pub(super) keep_alive: Option<Duration>,
}

impl Opening {
    /// Reads the headers. Removes those that name the client: a handler that forwards its metadata must not disclose
    /// them.
    ///
    /// # Errors
    ///
    /// If a header is malformed.
    pub(super) fn take(headers: &mut MetadataMap) -> Result<Self, Status> {
        let node_id = claimed_id(headers.as_ref())?;
        let client = header(headers, CLIENT, "32 lower-case hex digits", client_name)?;
        let stream = header(
            headers,
            STREAM,
            "a decimal number of 64 bits",
            stream_number,
        )?;
        let keep_alive = header(
            headers,
            KEEP_ALIVE,
            "a time in gRPC's notation, such as 5000m",
            keep_alive::interval,
        )?;
        headers.remove(CLIENT);
        headers.remove(STREAM);
        Ok(Self {
            accepts_calls: node_id == Some(DYNAMIC),
            extended: headers.contains_key(EXTENSIONS),
            name: client
                .zip(stream)
                .map(|(client, number)| StreamName { client, number }),
            keep_alive,
        })
    }
}

/// Reads a header with `read`, if the request has it.
fn header<T>(
    headers: &MetadataMap,
    name: &'static str,
    expected: &str,
    read: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>, Status> {
    let Some(value) = headers.get(name) else {
        return Ok(None);
    };
    let value = value.to_str().unwrap_or("not ASCII");
    read(value).map(Some).ok_or_else(|| {
        // A status has room for little more.
        let beginning: String = value.chars().take(64).collect();
        Status::invalid_argument(format!(
            "the header {name} is {beginning:?}; give {expected}, or leave it out"
        ))
    })
}

fn client_name(name: &str) -> Option<ClientName> {
    let is_digit = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let is_name = name.len() == 32 && name.bytes().all(is_digit);
    let name = is_name.then(|| u128::from_str_radix(name, 16).ok());
    name.flatten().map(ClientName)
}

fn stream_number(number: &str) -> Option<u64> {
    // Rust's parser would accept a leading `+`.
    let digits = number.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| number.parse().ok()).flatten()
}
