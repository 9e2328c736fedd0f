//! Mutations of inputs, without knowledge of the code that they reach.

use fastrand::Rng;

/// The values with which bytes are overwritten.
const INTERESTING: [u8; 12] = [0, 1, 2, 5, 8, 0x0a, 0x12, 0x2a, 0x7f, 0x80, 0xfe, 0xff];

/// The bytes with a few changes.
pub fn bytes(input: &[u8], random: &mut Rng) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..random.usize(1..6) {
        change(&mut bytes, random);
    }
    bytes
}

fn change(bytes: &mut Vec<u8>, random: &mut Rng) {
    if bytes.is_empty() {
        bytes.push(random.u8(..));
        return;
    }
    let begin = random.usize(..bytes.len());
    let end = (begin + random.usize(1..64)).min(bytes.len());
    match random.u8(..6) {
        0 => bytes[begin] ^= 1 << random.u8(..8),
        1 => bytes[begin] = random.u8(..),
        2 => bytes[begin] = INTERESTING[random.usize(..INTERESTING.len())],
        3 => drop(bytes.drain(begin..end)),
        4 => {
            let piece = bytes[begin..end].to_vec();
            let at = random.usize(..=bytes.len());
            bytes.splice(at..at, piece);
        }
        _ => bytes.insert(begin, random.u8(..)),
    }
}

/// Names that are keywords, that clash in Rust, that generated code uses, or that are invalid.
const NAMES: [&str; 34] = [
    "",
    "_",
    "__",
    "_1",
    "1",
    "a",
    "A",
    "T",
    "B",
    "Self",
    "self",
    "super",
    "type",
    "foo",
    "Foo",
    "FOO",
    "foo_bar",
    "FooBar",
    "fooBar",
    "FooOneOf",
    "FooClient",
    "foo_gorums",
    "set_foo",
    "google.protobuf",
    "Option",
    "ä",
    "a b",
    "a\"b",
    "a\u{202e}b",
    ".",
    ".Foo",
    ".a.Foo",
    ".google.protobuf.Empty",
    "proto3",
];

/// An encoded message of protobuf with a few changes to fields, some of them deep inside.
pub fn message(input: &[u8], random: &mut Rng) -> Vec<u8> {
    // Changed bytes usually do not decode.
    if random.u8(..16) == 0 {
        return bytes(input, random);
    }
    let mut message = input.to_vec();
    for _ in 0..random.usize(1..6) {
        message = change_field(&message, random);
    }
    message
}

/// The key of a field, and its value without its length.
#[derive(Clone)]
struct Field {
    key: u64,
    value: Vec<u8>,
}

fn change_field(message: &[u8], random: &mut Rng) -> Vec<u8> {
    let Some(mut fields) = fields(message).filter(|fields| !fields.is_empty()) else {
        return NAMES[random.usize(..NAMES.len())].into();
    };
    let index = random.usize(..fields.len());
    let field = &mut fields[index];
    match (random.u8(..12), field.key & 7) {
        (0, _) => drop(fields.remove(index)),
        (1, _) => {
            let copy = field.clone();
            fields.insert(random.usize(..=index), copy);
        }
        (2, _) => {
            let other = random.usize(..fields.len());
            fields.swap(index, other);
        }
        (3, 2) => field.value = NAMES[random.usize(..NAMES.len())].into(),
        (_, 2) => field.value = change_field(&field.value, random),
        (_, 0) => {
            field.value.clear();
            let value = match random.u8(..8) {
                0 => random.u64(..) >> random.u8(..64),
                _ => random.u64(..20),
            };
            put_varint(value, &mut field.value);
        }
        _ => random.fill(&mut field.value),
    }
    let mut bytes = Vec::new();
    for Field { key, value } in fields {
        put_varint(key, &mut bytes);
        if key & 7 == 2 {
            put_varint(value.len() as u64, &mut bytes);
        }
        bytes.extend(value);
    }
    bytes
}

/// The fields of an encoded message; none if the bytes do not decode.
fn fields(mut bytes: &[u8]) -> Option<Vec<Field>> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes)?;
        let len = match key & 7 {
            0 => 1 + bytes.iter().position(|byte| byte & 0x80 == 0)?,
            1 => 8,
            2 => usize::try_from(varint(&mut bytes)?).ok()?,
            5 => 4,
            _ => return None,
        };
        let (value, rest) = bytes.split_at_checked(len)?;
        bytes = rest;
        let value = value.to_vec();
        fields.push(Field { key, value });
    }
    Some(fields)
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    prost::encoding::decode_varint(bytes).ok()
}

fn put_varint(value: u64, bytes: &mut Vec<u8>) {
    prost::encoding::encode_varint(value, bytes);
}
