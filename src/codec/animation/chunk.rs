//! PNG's chunks: taken from bytes, and appended to them with their checksums.

use super::super::{Format, packed};
use crate::error::{Error, Result};

/// Bytes of length and kind before a chunk's content.
pub const BEFORE: usize = 8;
/// The same and the sum behind it.
pub const AROUND: usize = 12;

/// One chunk.
#[derive(Clone, Copy)]
pub struct Chunk<'a> {
    pub kind: [u8; 4],
    pub content: &'a [u8],
    /// With all that is around the content.
    pub whole: &'a [u8],
}

impl<'a> Chunk<'a> {
    /// The chunk at a place; `None` at the end of the file.
    pub fn at(bytes: &'a [u8], at: usize) -> Result<Option<Self>> {
        let rest = bytes.get(at..).unwrap_or_default();
        if rest.is_empty() {
            return Ok(None);
        }
        let whole = number(rest, 0)
            .and_then(|length| rest.get(..length as usize + AROUND).ok_or_else(truncated))?;
        let (head, content) = whole.split_at(BEFORE);
        let kind = [head[4], head[5], head[6], head[7]];
        Ok(Some(Self { kind, content: &content[..content.len() - 4], whole }))
    }

    /// The content, if the sum behind it is right.
    pub fn checked(&self) -> Result<&'a [u8]> {
        let stated = number(self.whole, self.whole.len() - 4)?;
        if sum(&[&self.kind, self.content]) != stated {
            let kind = String::from_utf8_lossy(&self.kind).into_owned();
            return Err(broken(format!("the sum of a chunk {kind:?} is wrong")));
        }
        Ok(self.content)
    }
}

/// Appends a chunk of these pieces. Each is at most as long as one that was read.
pub fn push(out: &mut Vec<u8>, kind: [u8; 4], pieces: &[&[u8]]) {
    let length: usize = pieces.iter().map(|piece| piece.len()).sum();
    out.extend((length as u32).to_be_bytes());
    let start = out.len();
    out.extend(kind);
    pieces.iter().for_each(|piece| out.extend(*piece));
    let sum = sum(&[&out[start..]]);
    out.extend(sum.to_be_bytes());
}

/// The number at a place.
pub fn number(bytes: &[u8], at: usize) -> Result<u32> {
    let four = bytes.get(at..).and_then(<[u8]>::first_chunk).ok_or_else(truncated)?;
    Ok(u32::from_be_bytes(*four))
}

/// Says that the file ends too early.
pub fn truncated() -> Error {
    broken("it is truncated")
}

/// A refusal.
pub fn broken(what: impl std::fmt::Display) -> Error {
    packed::broken(Format::Png, what)
}

/// The CRC-32 of PNG's chunks over pieces, eight bytes at a time by eight tables.
fn sum(pieces: &[&[u8]]) -> u32 {
    let mut crc = u32::MAX;
    for piece in pieces {
        let (eights, rest) = piece.as_chunks::<8>();
        for [a, b, c, d, e, f, g, h] in eights {
            let [p, q, r, s] = (crc ^ u32::from_le_bytes([*a, *b, *c, *d])).to_le_bytes();
            let bytes = [*h, *g, *f, *e, s, r, q, p];
            let terms = SUMS.iter().zip(bytes).map(|(table, byte)| table[usize::from(byte)]);
            crc = terms.fold(0, |sum, term| sum ^ term);
        }
        for byte in rest {
            crc = crc >> 8 ^ SUMS[0][usize::from(crc as u8 ^ byte)];
        }
    }
    !crc
}

/// `SUMS[k][b]`: the sum of the byte `b` with `k` zero bytes behind it.
static SUMS: [[u32; 256]; 8] = {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut table = 0;
        while table < 8 {
            let mut bit = 0;
            while bit < 8 {
                crc = if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
                bit += 1;
            }
            tables[table][byte] = crc;
            table += 1;
        }
        byte += 1;
    }
    tables
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_the_standard() {
        // The check value of CRC-32/ISO-HDLC, and the end of every PNG file.
        assert_eq!(sum(&[b"123456789"]), 0xcbf4_3926);
        assert_eq!(sum(&[b"1234567", b"", b"89"]), 0xcbf4_3926);
        assert_eq!(sum(&[b"IEND"]), 0xae42_6082);
    }
}
