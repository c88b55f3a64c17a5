//! The wire format: where each byte goes. Pure; all numbers are little-endian.
//!
//! ```text
//! stream   header packet* end
//! header   "LUMALOOM" version:u32 length:u32 json[length] xxh3:u64 (of all before it)
//! packet   head meta[meta_length] payload[payload_length]
//! head     "pack" flags:u32 seq:u64 meta_length:u32 zero:u32 payload_length:u64
//!          payload_xxh3:u64 (0 unless flags & 1) head_xxh3:u64 (of the 40 before and meta)
//! meta     JSON: item, notes, error or parts; a part is a key, its length, a layout if frame
//! payload  the parts one after the other; of frames the planes, rows without padding
//! end      a head with "last", flags & 1 if it was stopped early, seq = number of packets, all
//!          else 0
//! ```

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use super::Header;
use crate::error::{Error, Result};
use crate::frame::Layout;
use crate::link::{Ended, Item, Notes, Packet, Payload};

#[cfg(target_endian = "big")]
compile_error!("frames cross pipes as they lie in memory, which has to be little-endian");

const MAGIC: [u8; 8] = *b"LUMALOOM";
/// Counts changes of the format.
const VERSION: u32 = 2;
/// A header's JSON holds what a clip is: one with 100,000 chapters takes some 20 MB.
const MAX_HEADER: u32 = 64 << 20;
/// A packet's JSON holds two paths, a reason and the losses.
const MAX_META: u32 = 16 << 20;

const PACKET: [u8; 4] = *b"pack";
const LAST: [u8; 4] = *b"last";
const HAS_PAYLOAD_SUM: u32 = 1;
const STOPPED: u32 = 1;

/// Bytes of a stream's first piece: magic, version and the length of what follows.
pub(super) const PREFIX_BYTES: usize = 16;
/// Bytes of a head.
pub(super) const HEAD_BYTES: usize = 48;
/// Bytes of a checksum.
pub(super) const SUM_BYTES: usize = 8;

/// A header as it goes over the wire.
pub(super) fn header_bytes(header: &Header) -> Result<Vec<u8>> {
    let json = json(header)?;
    let mut out = MAGIC.to_vec();
    out.extend(VERSION.to_le_bytes());
    out.extend((json.len() as u32).to_le_bytes());
    out.extend(json);
    let sum = xxh3_64(&out);
    out.extend(sum.to_le_bytes());
    Ok(out)
}

/// The length of the header's JSON, if the stream begins as ours do.
pub(super) fn header_length(prefix: &[u8; PREFIX_BYTES]) -> Result<usize> {
    if prefix[..8] != MAGIC {
        return Err(garbage("does not begin as a stream of this program does"));
    }
    let version = u32_at(prefix, 8);
    if version != VERSION {
        return Err(Error::usage(format!(
            "the stage before speaks version {version} of the stream format, this one {VERSION}; \
             run the same lumaloom on both sides"
        )));
    }
    let length = u32_at(prefix, 12);
    if length > MAX_HEADER {
        return Err(garbage(&format!("has a header of {length} bytes")));
    }
    Ok(length as usize)
}

/// A header from its bytes; `rest` is the JSON and the checksum.
pub(super) fn parse_header(prefix: &[u8; PREFIX_BYTES], rest: &[u8]) -> Result<Header> {
    let (json, sum) = rest.split_at(rest.len() - SUM_BYTES);
    if chained(prefix, json) != u64_at(sum, 0) {
        return Err(garbage("has a damaged header"));
    }
    serde_json::from_slice(json).map_err(|e| garbage(&format!("has a strange header: {e}")))
}

/// What a packet's payload is made of.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Meta {
    pub(super) item: Item,
    pub(super) notes: Notes,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<Error>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) parts: Vec<PartMeta>,
}

/// One part of the payload.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct PartMeta {
    key: (u64, u64),
    bytes: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    frame: Option<Layout>,
}

/// What to read for a part.
pub(super) enum Shape {
    /// So many bytes.
    Bytes(u64),
    /// The planes of a frame.
    Frame(Layout),
}

impl Meta {
    /// The JSON that goes with a packet.
    pub(super) fn bytes_of(packet: &Packet) -> Result<Vec<u8>> {
        let parts = packet.outcome.as_deref().unwrap_or_default();
        let part = |part: &crate::link::Part| PartMeta {
            key: part.key,
            bytes: part.payload.len(),
            frame: match &part.payload {
                Payload::Bytes(_) => None,
                Payload::Frame(frame) => Some(*frame.layout()),
            },
        };
        json(&Self {
            item: packet.item.clone(),
            notes: packet.notes.clone(),
            error: packet.outcome.as_ref().err().cloned(),
            parts: parts.iter().map(part).collect(),
        })
    }

    /// Reads it back and checks that the parts add up to the payload.
    pub(super) fn parse(json: &[u8], payload: u64) -> Result<Self> {
        let meta: Self = serde_json::from_slice(json)
            .map_err(|e| garbage(&format!("has a strange packet: {e}")))?;
        let sum = meta.parts.iter().try_fold(0_u64, |sum, part| sum.checked_add(part.bytes));
        if sum != Some(payload) {
            return Err(garbage("has parts that do not add up to their packet"));
        }
        Ok(meta)
    }
}

impl PartMeta {
    /// The key and what to read, checked: a layout that was only parsed was never validated.
    pub(super) fn shape(&self) -> Result<((u64, u64), Shape)> {
        let Some(layout) = self.frame else { return Ok((self.key, Shape::Bytes(self.bytes))) };
        let layout = Layout::new(layout.size(), layout.model(), layout.depth())?;
        if layout.bytes() != self.bytes {
            return Err(garbage(&format!("has {} bytes for {layout}", self.bytes)));
        }
        Ok((self.key, Shape::Frame(layout)))
    }
}

/// What stands before a packet, or at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Head {
    /// A packet follows.
    Packet {
        seq: u64,
        meta: u32,
        payload: u64,
        /// The payload's checksum, if it has one.
        sum: Option<u64>,
    },
    /// Nothing follows; so many packets came.
    Last { count: u64, ended: Ended },
}

impl Head {
    /// The head's bytes; `meta` is what comes right after it.
    pub(super) fn bytes(self, meta: &[u8]) -> [u8; HEAD_BYTES] {
        let (magic, flags, seq, meta_length, payload, sum) = match self {
            Self::Packet { seq, meta, payload, sum } => {
                let flags = if sum.is_some() { HAS_PAYLOAD_SUM } else { 0 };
                (PACKET, flags, seq, meta, payload, sum.unwrap_or(0))
            }
            Self::Last { count, ended } => {
                let flags = if ended == Ended::Stopped { STOPPED } else { 0 };
                (LAST, flags, count, 0, 0, 0)
            }
        };
        let mut out = [0; HEAD_BYTES];
        out[0..4].copy_from_slice(&magic);
        out[4..8].copy_from_slice(&flags.to_le_bytes());
        out[8..16].copy_from_slice(&seq.to_le_bytes());
        out[16..20].copy_from_slice(&meta_length.to_le_bytes());
        out[24..32].copy_from_slice(&payload.to_le_bytes());
        out[32..40].copy_from_slice(&sum.to_le_bytes());
        let head_sum = chained(&out[..40], meta);
        out[40..48].copy_from_slice(&head_sum.to_le_bytes());
        out
    }

    /// A head from its bytes. Its checksum is not looked at: it covers `meta` too.
    pub(super) fn parse(bytes: &[u8; HEAD_BYTES], limit: u64) -> Result<Self> {
        let (flags, seq) = (u32_at(bytes, 4), u64_at(bytes, 8));
        let (meta, payload) = (u32_at(bytes, 16), u64_at(bytes, 24));
        match [bytes[0], bytes[1], bytes[2], bytes[3]] {
            PACKET if flags & !HAS_PAYLOAD_SUM == 0 => {
                if meta > MAX_META || payload > limit {
                    return Err(garbage(&format!(
                        "has a packet of {meta} and {payload} bytes; {MAX_META} and {limit} are \
                         the most"
                    )));
                }
                let sum = (flags & HAS_PAYLOAD_SUM != 0).then(|| u64_at(bytes, 32));
                Ok(Self::Packet { seq, meta, payload, sum })
            }
            LAST if flags & !STOPPED == 0 => {
                let ended = if flags & STOPPED != 0 { Ended::Stopped } else { Ended::All };
                Ok(Self::Last { count: seq, ended })
            }
            _ => Err(garbage("has something else where a packet should begin")),
        }
    }

    /// Checks a head and the JSON after it.
    pub(super) fn check(bytes: &[u8; HEAD_BYTES], meta: &[u8]) -> Result<()> {
        if chained(&bytes[..40], meta) == u64_at(bytes, 40) {
            Ok(())
        } else {
            Err(garbage("has a damaged packet head"))
        }
    }
}

/// A sentence on a stream that is not what it should be.
pub(super) fn garbage(what: &str) -> Error {
    Error::input(format!("the stream from the stage before {what}"))
}

fn json(value: &impl Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(|e| Error::internal(format!("failed to write JSON: {e}")))
}

fn chained(a: &[u8], b: &[u8]) -> u64 {
    let mut hash = Xxh3::new();
    hash.update(a);
    hash.update(b);
    hash.digest()
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes[at..at + 4].iter().rev().fold(0, |n, b| n << 8 | u32::from(*b))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes[at..at + 8].iter().rev().fold(0, |n, b| n << 8 | u64::from(*b))
}
