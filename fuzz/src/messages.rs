//! The decoding of messages of node streams.

use bytes::Bytes;
use gorums_runtime::fuzz::{Deframing, Event, Message};
use prost::Message as _;
use tonic::Code;

use crate::envelope::{Envelope, MetadataEntry};
use crate::input::Input;
use crate::panics;

/// How many entries of metadata a message may have.
const MOST_ENTRIES: usize = 256;
/// How many bytes they may have.
const MOST_ENTRY_BYTES: usize = 64 * 1024;
/// How many details of a status are kept.
const MOST_DETAILS: usize = 256;
/// How much more memory than it has received a deframer may use.
const AHEAD: usize = 2 * 1024 * 1024;

/// The first byte chooses the largest message, the next four how the rest is cut into pieces.
pub fn run(data: &[u8]) {
    panics::none_but(|_, _| false, || check(data));
}

fn check(data: &[u8]) {
    let mut input = Input::new(data);
    let most = [0, 16, 64, 1500, 4 * 1024 * 1024][input.below(5)];
    let cuts = [(); 4].map(|()| usize::from(input.byte()).max(1));
    let bytes = input.rest();
    let whole = outcome(most, [bytes]);
    assert_eq!(
        whole,
        outcome(most, bytes.chunks(1)),
        "as it came in single bytes"
    );
    assert_eq!(whole, outcome(most, pieces(bytes, cuts)), "cut by {cuts:?}");
    check_decoded(bytes);
}

fn pieces(mut bytes: &[u8], cuts: [usize; 4]) -> impl Iterator<Item = &[u8]> {
    let mut cuts = cuts.into_iter().cycle();
    std::iter::from_fn(move || {
        let (piece, rest) = bytes.split_at(cuts.next()?.min(bytes.len()));
        bytes = rest;
        (!piece.is_empty()).then_some(piece)
    })
}

/// The messages in bytes that arrive in pieces, and how they end.
fn outcome<'a>(
    most: usize,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<Event>, Result<bool, Code>) {
    let mut deframing = Deframing::new(most);
    let mut events = Vec::new();
    let mut came = 0;
    for piece in pieces {
        deframing.push(Bytes::copy_from_slice(piece));
        came += piece.len();
        loop {
            let next = deframing.next();
            let memory = deframing.memory();
            assert!(
                memory <= 2 * came + AHEAD,
                "{memory} bytes kept of {came} that came"
            );
            match next {
                Ok(Some(event)) => events.push(event),
                Ok(None) => break,
                Err(status) => return (events, Err(status.code())),
            }
        }
    }
    (events, Ok(deframing.is_between_messages()))
}

/// Compares our decoder with prost's.
fn check_decoded(bytes: &[u8]) {
    let ours = Message::decode(&Bytes::copy_from_slice(bytes));
    if let Some(message) = &ours {
        check_encoded(message);
    }
    let theirs = match Envelope::decode(bytes) {
        Ok(message) => message,
        // Our decoder counts the nesting of unknown fields from the field.
        Err(error) if error.to_string().contains("recursion limit") => return,
        Err(error) => {
            // Details and entries beyond the limits are ignored.
            let kept = ours.is_none_or(|message| message.has_excess);
            assert!(
                kept || bytes.len() > MOST_DETAILS,
                "only we decode it: {error}"
            );
            return;
        }
    };
    let mut kept_bytes = 0;
    let kept = theirs.entries.iter().take(MOST_ENTRIES).take_while(|it| {
        kept_bytes += it.len();
        kept_bytes <= MOST_ENTRY_BYTES
    });
    let entries: Result<Vec<_>, _> = kept
        .map(|entry| MetadataEntry::decode(&entry[..]).map(|entry| (entry.key, entry.value)))
        .collect();
    let Some(ours) = ours else {
        assert!(entries.is_err(), "only prost decodes it: {theirs:?}");
        return;
    };
    let entries = entries.expect("entries that are no messages are malformed");
    assert_eq!(
        (ours.number, &ours.method, &ours.payload),
        (theirs.number, &theirs.method, &theirs.payload)
    );
    assert_eq!(ours.has_excess, entries.len() < theirs.entries.len());
    assert_eq!(ours.entries, entries);
    let failure = theirs.status.filter(|status| status.code != 0);
    if let Some(failure) = failure.filter(|_| !ours.has_excess) {
        let (code, message) = ours.failure.expect("it failed");
        assert_eq!(code, Code::from_i32(failure.code));
        if failure.message.len() < 1024 && failure.details.is_empty() {
            assert_eq!(message, failure.message);
        }
    } else {
        assert_eq!(ours.failure, None);
    }
}

/// Checks that a message decodes to what was encoded.
fn check_encoded(message: &Message) {
    let mut expected = message.clone();
    if message.has_excess {
        return;
    }
    expected.entries.truncate(1);
    expected.payload.clear();
    let frame = expected.encode().expect("it is small");
    let (events, end) = outcome(usize::MAX, [&frame[..]]);
    assert_eq!((events, end), (vec![Event::Message(expected)], Ok(true)));
}
