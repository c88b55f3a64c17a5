//! A zlib stream: blocks of bytes in codes that fit each of them (RFC 1950 and 1951).

use std::iter::{repeat_n, zip};

use simd_adler32::Adler32;

use super::huffman::{self, Code, codes};
use super::matches::{Match, Search, WINDOW};
use super::symbol::{distance, length};

/// Bytes of a block, which has codes of its own. Half and twice as many give files that are 0.1 to 0.3 % larger.
const BLOCK: usize = 1 << 17;
/// The symbol that ends a block; those of lengths follow.
const END: usize = 256;
const LITERALS: usize = 286;
const DISTANCES: usize = 30;
/// Four codes of this length and a byte that is begun fit 64 bits.
const LONGEST_CODE: usize = 14;
/// The order in which the lengths of the code of lengths are written.
const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/// Makes a zlib stream of bytes that come in pieces. The stream depends on the bytes alone.
pub struct Deflater {
    /// The window, then the block that is being gathered.
    bytes: Vec<u8>,
    /// Where the block begins in `bytes`.
    begin: usize,
    search: Search,
    matches: Vec<Match>,
    sum: Adler32,
    out: Bits,
}

impl Deflater {
    pub fn new() -> Self {
        // Deflate with a window of 32 KiB, compressed fast.
        let out = Bits { bytes: vec![0x78, 0x5E], word: 0, count: 0 };
        Self {
            bytes: Vec::with_capacity(WINDOW + BLOCK),
            begin: 0,
            search: Search::new(),
            matches: Vec::new(),
            sum: Adler32::new(),
            out,
        }
    }

    /// Takes more bytes.
    pub fn write(&mut self, mut bytes: &[u8]) {
        self.sum.write(bytes);
        loop {
            let room = self.begin + BLOCK - self.bytes.len();
            let Some((fitting, rest)) = bytes.split_at_checked(room) else { break };
            self.bytes.extend_from_slice(fitting);
            self.block(false);
            let gone = self.bytes.len() - WINDOW;
            self.bytes.drain(..gone);
            self.search.shift(gone);
            self.begin = WINDOW;
            bytes = rest;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// The stream.
    pub fn finish(mut self) -> Vec<u8> {
        self.block(true);
        self.out.put(0, (8 - self.out.count) % 8);
        self.out.flush();
        self.out.bytes.extend(self.sum.finish().to_be_bytes());
        self.out.bytes
    }

    /// Writes the bytes that are gathered as a block.
    fn block(&mut self, last: bool) {
        self.search.matches(&self.bytes, self.begin, &mut self.matches);
        let codes = Codes::of(&self.bytes[self.begin..], &self.matches);
        codes.describe(&mut self.out, last);
        let mut rest = &self.bytes[self.begin..];
        for found in &self.matches {
            let (literals, from_match) = rest.split_at(found.literals);
            self.out.literals(literals, &codes.literals);
            let (symbol, extra, count) = length(found.length);
            self.out.code(codes.literals[symbol]);
            self.out.put(extra, count);
            let (symbol, extra, count) = distance(found.distance);
            self.out.code(codes.distances[symbol]);
            self.out.put(extra, count);
            self.out.flush();
            rest = &from_match[found.length..];
        }
        self.out.literals(rest, &codes.literals);
        self.out.code(codes.literals[END]);
        self.out.flush();
    }
}

/// The two codes of a block.
struct Codes {
    literals: [Code; LITERALS],
    distances: [Code; DISTANCES],
}

impl Codes {
    fn of(block: &[u8], matches: &[Match]) -> Self {
        // Two, in turn: the same byte twice in a row would wait for its own count.
        let mut two = [[0u32; LITERALS]; 2];
        let mut distances = [0; DISTANCES];
        let mut count = |bytes: &[u8]| {
            let (pairs, rest) = bytes.as_chunks::<2>();
            for [a, b] in pairs {
                two[0][usize::from(*a)] += 1;
                two[1][usize::from(*b)] += 1;
            }
            rest.iter().for_each(|byte| two[0][usize::from(*byte)] += 1);
        };
        let mut rest = block;
        for found in matches {
            count(&rest[..found.literals]);
            rest = &rest[found.literals + found.length..];
        }
        count(rest);
        let [mut literals, other] = two;
        zip(&mut literals, other).for_each(|(sum, more)| *sum += more);
        for found in matches {
            literals[length(found.length).0] += 1;
            distances[distance(found.distance).0] += 1;
        }
        literals[END] = 1;
        let (mut of_literals, mut of_distances) = ([0; LITERALS], [0; DISTANCES]);
        huffman::lengths(&literals, LONGEST_CODE, &mut of_literals);
        huffman::lengths(&distances, LONGEST_CODE, &mut of_distances);
        Self { literals: codes(&of_literals), distances: codes(&of_distances) }
    }

    /// The head of the block: the lengths of its codes, themselves in a code.
    fn describe(&self, out: &mut Bits, last: bool) {
        let used =
            |codes: &[Code]| codes.len() - codes.iter().rev().take_while(|c| c.length == 0).count();
        let literals = used(&self.literals);
        let distances = used(&self.distances).max(1);
        let lengths: Vec<u8> = self.literals[..literals]
            .iter()
            .chain(&self.distances[..distances])
            .map(|code| code.length)
            .collect();
        let runs = runs(&lengths);
        let mut counts = [0; ORDER.len()];
        runs.iter().for_each(|(symbol, ..)| counts[*symbol] += 1);
        let mut of_lengths = [0; ORDER.len()];
        huffman::lengths(&counts, 7, &mut of_lengths);
        let codes = codes(&of_lengths);
        let unused = ORDER.iter().rev().take_while(|symbol| of_lengths[**symbol] == 0).count();
        let said = (ORDER.len() - unused).max(4);
        out.put(u32::from(last), 1);
        out.put(2, 2);
        out.put(literals as u32 - 257, 5);
        out.put(distances as u32 - 1, 5);
        out.put(said as u32 - 4, 4);
        for symbol in &ORDER[..said] {
            out.put(of_lengths[*symbol].into(), 3);
            out.flush();
        }
        for (symbol, extra, count) in runs {
            out.code(codes[symbol]);
            out.put(extra, count);
            out.flush();
        }
    }
}

/// Lengths of codes as symbols with extra bits and their number: equal ones that follow each other are counted.
fn runs(lengths: &[u8]) -> Vec<(usize, u32, u32)> {
    let mut runs = Vec::new();
    for run in lengths.chunk_by(|a, b| a == b) {
        let symbol = usize::from(run[0]);
        let mut left = run.len();
        if symbol != 0 {
            runs.push((symbol, 0, 0));
            left -= 1;
        }
        while left >= 3 {
            let (most, sign) = match (symbol, left) {
                (0, 11..) => (138, (18, 11, 7)),
                (0, _) => (10, (17, 3, 3)),
                _ => (6, (16, 3, 2)),
            };
            let taken = left.min(most);
            runs.push((sign.0, taken as u32 - sign.1, sign.2));
            left -= taken;
        }
        runs.extend(repeat_n((symbol, 0, 0), left));
    }
    runs
}

/// Bits behind each other, the first one lowest.
struct Bits {
    bytes: Vec<u8>,
    /// Those that make no whole byte yet, and up to 7 bytes more.
    word: u64,
    count: u32,
}

impl Bits {
    /// Bits, of which there may be 56 between two flushes.
    fn put(&mut self, bits: u32, count: u32) {
        self.word |= u64::from(bits) << self.count;
        self.count += count;
    }

    fn code(&mut self, code: Code) {
        self.put(code.bits.into(), code.length.into());
    }

    fn flush(&mut self) {
        let whole = self.count / 8;
        self.bytes.extend_from_slice(&self.word.to_le_bytes()[..whole as usize]);
        self.word >>= whole * 8;
        self.count %= 8;
    }

    fn literals(&mut self, bytes: &[u8], codes: &[Code; LITERALS]) {
        let (fours, rest) = bytes.as_chunks::<4>();
        // In pieces through a buffer of their own: asking a vector for room four bytes at a time takes as long as
        // the codes.
        for fours in fours.chunks(64) {
            let mut buffer = [0; 64 * 7 + 8];
            let mut at = 0;
            for four in fours {
                for byte in four {
                    self.code(codes[usize::from(*byte)]);
                }
                buffer[at..at + 8].copy_from_slice(&self.word.to_le_bytes());
                let whole = self.count / 8;
                at += whole as usize;
                self.word >>= whole * 8;
                self.count %= 8;
            }
            self.bytes.extend_from_slice(&buffer[..at]);
        }
        for byte in rest {
            self.code(codes[usize::from(*byte)]);
            self.flush();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use png::{BitDepth, ColorType, Decoder, Encoder, chunk};

    use super::super::matches::LONGEST;
    use super::*;

    /// The stream, and that `png` unpacks it to the bytes: they are written as grey rows without a filter.
    fn stream(bytes: &[u8], piece: usize) -> Vec<u8> {
        const ROW: usize = 61;
        let mut rows: Vec<u8> = bytes.chunks(ROW).flat_map(|row| [&[0], row].concat()).collect();
        let height = bytes.len().div_ceil(ROW);
        rows.resize(height * (ROW + 1), 0);
        let mut deflater = Deflater::new();
        rows.chunks(piece).for_each(|piece| deflater.write(piece));
        let stream = deflater.finish();
        let mut file = Vec::new();
        let mut encoder = Encoder::new(&mut file, ROW as u32, height as u32);
        encoder.set_color(ColorType::Grayscale);
        encoder.set_depth(BitDepth::Eight);
        let mut writer = encoder.write_header().unwrap();
        writer.write_chunk(chunk::IDAT, &stream).unwrap();
        writer.finish().unwrap();
        let mut decoder = Decoder::new(Cursor::new(&file));
        decoder.ignore_checksums(false);
        let mut reader = decoder.read_info().unwrap();
        let mut found = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut found).unwrap();
        reader.finish().unwrap();
        found.truncate(bytes.len());
        assert!(found == bytes, "{} bytes", bytes.len());
        stream
    }

    fn noise(count: usize, values: u32) -> Vec<u8> {
        let mut state = 1u32;
        let next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            ((state >> 16) % values) as u8
        };
        std::iter::repeat_with(next).take(count).collect()
    }

    #[test]
    fn what_goes_in_comes_out() {
        for count in [1, 7, 8, 9, 61, 300, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 17] {
            for values in [1, 2, 3, 40, 256] {
                stream(&noise(count, values), 5000);
            }
        }
    }

    #[test]
    fn matches_of_every_length_and_distance_come_out() {
        let text = noise(40_000, 200);
        let mut bytes = Vec::new();
        for distance in (1..40).chain((40..=WINDOW + 3).step_by(911)).chain([WINDOW - 1, WINDOW]) {
            bytes.extend_from_slice(&text[..WINDOW + 100]);
            let from = bytes.len() - distance;
            for k in 0..distance % 600 + 4 {
                bytes.push(bytes[from + k]);
            }
        }
        let packed = stream(&bytes, 1 << 20);
        assert!(packed.len() < bytes.len(), "{} of {}", packed.len(), bytes.len());
        for at in 3..=LONGEST {
            let (symbol, extra, bits) = length(at);
            let base = symbol - 257;
            assert!(symbol <= 285 && extra < 1 << bits && base <= at - 3, "{at}: {symbol} {extra}");
        }
    }

    #[test]
    fn pieces_do_not_matter() {
        let bytes = [noise(BLOCK + 99, 17), vec![7; 70_000], noise(BLOCK, 250)].concat();
        let whole = stream(&bytes, usize::MAX);
        for piece in [1, 62, 4096, BLOCK, BLOCK + 1] {
            assert!(stream(&bytes, piece) == whole, "pieces of {piece}");
        }
    }

    #[test]
    fn noise_grows_by_little_and_runs_vanish() {
        let packed = stream(&noise(BLOCK, 256), 9999).len();
        assert!(packed < BLOCK * 103 / 100, "{packed}");
        let packed = stream(&vec![9; 8 * BLOCK], 9999).len();
        assert!(packed < 8 * BLOCK / 200, "{packed}");
    }
}
