//! The fields of an encoded message without its descriptor.

use thiserror::Error;

/// The value of a field, as far as the encoding determines it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    Varint(u64),
    Bytes(&'a [u8]),
    /// A fixed-width number, or a group: no option of ours has one.
    Other,
}

/// The bytes are not an encoded message.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the bytes are not an encoded message")]
pub(crate) struct Malformed;

/// Reads the fields in their order: number and value.
pub(crate) fn read(mut bytes: &[u8]) -> Result<Vec<(u32, Value<'_>)>, Malformed> {
    let mut fields = Vec::new();
    // Numbers of the groups that are open; their content is skipped.
    let mut groups = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes)?;
        let number = u32::try_from(key >> 3).map_err(|_| Malformed)?;
        let value = match key & 7 {
            0 => Value::Varint(varint(&mut bytes)?),
            1 => take(&mut bytes, 8).map(|_| Value::Other)?,
            2 => {
                let length = usize::try_from(varint(&mut bytes)?).map_err(|_| Malformed)?;
                Value::Bytes(take(&mut bytes, length)?)
            }
            3 => {
                if groups.is_empty() {
                    fields.push((number, Value::Other));
                }
                groups.push(number);
                continue;
            }
            4 if groups.pop() == Some(number) => continue,
            5 => take(&mut bytes, 4).map(|_| Value::Other)?,
            _ => return Err(Malformed),
        };
        if groups.is_empty() {
            fields.push((number, value));
        }
    }
    if groups.is_empty() {
        Ok(fields)
    } else {
        Err(Malformed)
    }
}

fn varint(bytes: &mut &[u8]) -> Result<u64, Malformed> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let [byte] = take(bytes, 1)? else {
            return Err(Malformed);
        };
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(Malformed)
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Result<&'a [u8], Malformed> {
    let (taken, rest) = bytes.split_at_checked(length).ok_or(Malformed)?;
    *bytes = rest;
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_come_in_their_order_with_their_values() {
        let bytes = [
            0x08, 0x96, 0x01, 0x12, 0x02, b'o', b'k', 0x1d, 1, 2, 3, 4, 0x08, 0x00,
        ];
        assert_eq!(
            read(&bytes),
            Ok(vec![
                (1, Value::Varint(150)),
                (2, Value::Bytes(b"ok")),
                (3, Value::Other),
                (1, Value::Varint(0)),
            ])
        );
    }

    #[test]
    fn groups_are_skipped_whole() {
        let bytes = [0x0b, 0x13, 0x08, 0x01, 0x14, 0x0c, 0x10, 0x05];
        assert_eq!(
            read(&bytes),
            Ok(vec![(1, Value::Other), (2, Value::Varint(5))])
        );
    }

    #[test]
    fn truncated_or_nonsensical_bytes_are_malformed() {
        for bytes in [
            &[0x08][..],
            &[0x12, 0x05, 1],
            &[0x0b],
            &[0x0c],
            &[0x0f],
            &[0x80; 11],
        ] {
            assert_eq!(read(bytes), Err(Malformed), "{bytes:?}");
        }
    }
}
