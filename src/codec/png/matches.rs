//! The search for bytes that were there before, as far as it pays.
//!
//! Filtered photographs are noise: what repeats there is short and far away, and a match in place of bytes that have
//! short codes makes the file larger. That is why levels of zlib that search more give larger files of some photographs
//! than its plain Huffman codes. So a match is taken only if its bytes would take more bits by themselves. Long ones are
//! worth it, and a search for long ones alone is fast.

use std::iter::zip;

use super::symbol;

/// How far back a match may lie.
pub const WINDOW: usize = 1 << 15;
/// Of a match, by deflate.
pub const LONGEST: usize = 258;
/// Places that the search remembers are 2 to this. Twice as many find 0.2 % more and leave the nearest cache.
const PLACES: u32 = 12;
/// In a stretch without matches, one place less is looked at for each so many bytes of it.
const PATIENCE: usize = 32;
/// What a match takes besides the extra bits of its length and distance, as a rule, in sixteenths of a bit.
const MATCH: u32 = 16 * 13;

/// Bytes that stand for themselves, and the match behind them.
pub struct Match {
    pub literals: usize,
    pub length: usize,
    pub distance: usize,
}

/// Where bytes were seen before.
pub struct Search {
    /// By the hash of the eight bytes at a place: 16 bits more of the hash, and the place's lowest 16 bits. One that is
    /// out of date may be anywhere in the window; what counts is that the bytes there are equal.
    places: Vec<u32>,
    /// How many bytes have left in front of those that are searched.
    shifted: usize,
}

impl Search {
    pub fn new() -> Self {
        Self { places: vec![0; 1 << PLACES], shifted: 0 }
    }

    /// Says that so many bytes have left in front.
    pub fn shift(&mut self, count: usize) {
        self.shifted += count;
    }

    /// The matches of the bytes from `begin` that are worth it, in their order.
    pub fn matches(&mut self, bytes: &[u8], begin: usize, matches: &mut Vec<Match>) {
        matches.clear();
        let costs = costs(&bytes[begin..]);
        // `from`: the first byte that is in no match.
        let (mut from, mut at) = (begin, begin);
        while let Some(eight) = bytes[at..].first_chunk::<8>() {
            let hash = u64::from_le_bytes(*eight).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let place = &mut self.places[(hash >> (64 - PLACES)) as usize];
            let here = ((hash >> 20) as u32 & 0xFFFF_0000) | u32::from((self.shifted + at) as u16);
            let before = std::mem::replace(place, here);
            let mut found = None;
            if (before ^ here) >> 16 == 0 {
                let distance = usize::from((here as u16).wrapping_sub(before as u16));
                found = worthy(bytes, from, at, distance, &costs);
            }
            if found.is_none() {
                at += 1 + ((at - from) / PATIENCE).min(7);
                continue;
            }
            while let Some(one) = found.take() {
                at = from + one.literals + one.length;
                from = at;
                if one.length == LONGEST {
                    // A long run goes on in the same way.
                    found = worthy(bytes, from, at, one.distance, &costs)
                        .filter(|more| more.length == LONGEST);
                }
                matches.push(one);
            }
        }
    }
}

/// A match through `at`, from `from` on, if there is one and it takes fewer bits than its bytes.
fn worthy(
    bytes: &[u8],
    from: usize,
    at: usize,
    distance: usize,
    costs: &[u32; 256],
) -> Option<Match> {
    if !(1..=WINDOW.min(at)).contains(&distance) {
        return None;
    }
    let ahead = &bytes[at..bytes.len().min(at + LONGEST)];
    let ahead = equal(&bytes[at - distance..], ahead);
    // Places that were stepped over belong to it as well.
    let most = (at - from).min(at - distance).min(LONGEST - ahead);
    let behind = zip(bytes[..at].iter().rev(), bytes[..at - distance].iter().rev())
        .take(most)
        .take_while(|(a, b)| a == b)
        .count();
    let found = Match { literals: at - from - behind, length: ahead + behind, distance };
    if found.length < 4 {
        return None;
    }
    let price = MATCH + 16 * (symbol::length(found.length).2 + symbol::distance(distance).2);
    let mut saved = 0;
    bytes[at - behind..at + ahead]
        .iter()
        .any(|byte| {
            saved += costs[usize::from(*byte)];
            saved > price
        })
        .then_some(found)
}

/// How many bytes of `ahead` are those of `before`, from the front.
fn equal(before: &[u8], ahead: &[u8]) -> usize {
    let (a, _) = before.as_chunks::<8>();
    let (b, rest) = ahead.as_chunks::<8>();
    for (at, (a, b)) in zip(a, b).enumerate() {
        let differ = u64::from_le_bytes(*a) ^ u64::from_le_bytes(*b);
        if differ != 0 {
            return at * 8 + differ.trailing_zeros() as usize / 8;
        }
    }
    let whole = ahead.len() - rest.len();
    whole + zip(&before[whole..], rest).take_while(|(a, b)| a == b).count()
}

/// What each byte would take by itself, in sixteenths of a bit, from a look at a part of the block.
fn costs(block: &[u8]) -> [u32; 256] {
    // Five: it meets each byte of a pixel in turn, whatever the pixels are.
    let mut counts = [0u32; 256];
    block.iter().step_by(5).for_each(|byte| counts[usize::from(*byte)] += 1);
    let all = log2(block.len().div_ceil(5) as u32);
    // No code is shorter than a bit.
    counts.map(|count| all.saturating_sub(log2(count)).max(16))
}

/// The logarithm of n to base 2 in sixteenths, straight between powers of 2; 0 for 0.
fn log2(n: u32) -> u32 {
    n.checked_ilog2().map_or(0, |whole| whole * 16 + ((u64::from(n) << 4 >> whole) as u32 & 15))
}
