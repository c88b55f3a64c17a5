//! A writer of NUT for one stream of raw video: the form in which the encoder's ffmpeg gets
//! frames with their exact timestamps. Raw video and y4m have none.
//!
//! After the specification "NUT Open Container Format" (nut.txt of the NUT project), version 3.
//! Every frame is a key frame with a syncpoint before it: that costs 50 bytes a frame, and a
//! demuxer takes no frame that lies further from the last syncpoint than 64 KiB.

use super::time::TimeBase;
use crate::error::{Error, Result};
use crate::frame::Size;

const FILE_ID: &[u8] = b"nut/multimedia container\0";
const MAIN: u64 = 0x4e4d_7a56_1f5f_04ad;
const STREAM: u64 = 0x4e53_1140_5bf2_f9db;
const INFO: u64 = 0x4e49_ab68_b596_ba78;
const SYNCPOINT: u64 = 0x4e4b_e4ad_eeca_4569;

/// Frame flags.
const KEY: u64 = 1;
const CODED_PTS: u64 = 8;
const SIZE: u64 = 32;
const CHECKSUM: u64 = 64;
/// "The flags follow": the only flag of the only frame code.
const CODED: u64 = 4096;

/// A timestamp at or above `1 << PTS_SHIFT` is written whole, with that much added.
const PTS_SHIFT: u32 = 7;
const MAX_DISTANCE: u64 = 65_536;
/// Packets with more bytes than this have a checksum behind their length.
const LONG: u64 = 4096;

/// What the stream is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    pub size: Size,
    /// ffmpeg's tag of the pixel format.
    pub tag: [u8; 4],
    pub time_base: TimeBase,
    /// Frames per second, on average.
    pub rate: Option<(u32, u32)>,
    /// Width to height of a pixel.
    pub aspect: Option<(u32, u32)>,
    /// Bytes of a frame.
    pub frame_bytes: u64,
}

/// Makes the bytes between the frames; whoever holds it writes them and the frames.
#[derive(Debug)]
pub(super) struct Nut {
    head: Head,
    /// Bytes so far, frames included.
    at: u64,
    last_syncpoint: u64,
    last_ticks: Option<i64>,
}

impl Nut {
    /// The writer, and the bytes that open the file.
    pub(super) fn new(head: Head) -> (Self, Vec<u8>) {
        let mut bytes = FILE_ID.to_vec();
        packet(&mut bytes, MAIN, &main_header(head.time_base));
        packet(&mut bytes, STREAM, &stream_header(&head));
        if let Some(rate) = head.rate {
            packet(&mut bytes, INFO, &rate_info(rate));
        }
        let at = bytes.len() as u64;
        (Self { head, at, last_syncpoint: at, last_ticks: None }, bytes)
    }

    /// The bytes that go before a frame at `ticks`, 0.., which has to be above the last one's.
    pub(super) fn frame(&mut self, ticks: i64) -> Result<Vec<u8>> {
        let later = self.last_ticks.is_none_or(|last| ticks > last);
        let pts = u64::try_from(ticks).ok().filter(|_| later).ok_or_else(|| {
            let last = self.last_ticks.map_or("nothing".to_owned(), |last| last.to_string());
            Error::input(format!(
                "a frame at tick {ticks} cannot follow one at {last}: no container shows two at a \
                 time (--r gives the frames even times)"
            ))
        })?;
        self.last_ticks = Some(ticks);

        let mut bytes = Vec::with_capacity(64);
        let mut point = Vec::new();
        // One time base, so a global time is the tick itself.
        number(&mut point, pts);
        number(&mut point, (self.at - self.last_syncpoint) / 16);
        packet(&mut bytes, SYNCPOINT, &point);
        self.last_syncpoint = self.at;

        let start = bytes.len();
        bytes.push(0);
        number(&mut bytes, KEY | CODED_PTS | SIZE | CHECKSUM);
        number(&mut bytes, pts.saturating_add(1 << PTS_SHIFT));
        number(&mut bytes, self.head.frame_bytes);
        let sum = crc(&bytes[start..]);
        bytes.extend(sum.to_be_bytes());
        self.at += bytes.len() as u64 + self.head.frame_bytes;
        Ok(bytes)
    }
}

/// What opens a file of one stream that ffmpeg wrote.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Opening<'a> {
    /// How everything behind it is written.
    pub main: &'a [u8],
    /// What the stream is, the codec's own headers included.
    pub stream: &'a [u8],
    /// Where the frames begin.
    pub frames_at: usize,
}

impl Opening<'_> {
    /// Whether frames behind the other one can stand behind this one.
    pub fn fits(&self, other: &Opening<'_>) -> bool {
        (self.main, self.stream) == (other.main, other.stream)
    }
}

/// Reads the opening of a file; `None` if it is none, or if more than `bytes` belong to it.
pub(super) fn opening(bytes: &[u8]) -> Option<Opening<'_>> {
    let mut at = FILE_ID.len();
    let (mut main, mut stream) = (None, None);
    if !bytes.starts_with(FILE_ID) {
        return None;
    }
    loop {
        let code = u64::from_be_bytes(bytes.get(at..at + 8)?.try_into().ok()?);
        if code == SYNCPOINT {
            return Some(Opening { main: main?, stream: stream?, frames_at: at });
        }
        let (length, size) = parsed(bytes.get(at + 8..)?)?;
        // The length of a long packet has a checksum of its own.
        let begin = at + 8 + size + if length > LONG { 4 } else { 0 };
        let end = begin.checked_add(usize::try_from(length).ok()?)?;
        let payload = bytes.get(begin..end)?;
        match code {
            MAIN => main = Some(payload),
            STREAM => stream = Some(payload),
            // Tags.
            _ => {}
        }
        at = end;
    }
}

impl Opening<'_> {
    /// How many frames a decoder is behind: those that are decoded before the one that is shown
    /// first of them.
    pub(super) fn decode_delay(&self) -> Option<usize> {
        let mut at = 0;
        let mut next = || {
            let (value, size) = parsed(self.stream.get(at..)?)?;
            at += size;
            usize::try_from(value).ok()
        };
        // Stream and class.
        next()?;
        next()?;
        let tag = next()?;
        // Behind the codec's tag: time base, then shift and distance of timestamps.
        let mut skipped = 0;
        let rest = self.stream.get(at.checked_add(tag)?..)?;
        for _ in 0..3 {
            skipped += parsed(rest.get(skipped..)?)?.1;
        }
        usize::try_from(parsed(rest.get(skipped..)?)?.0).ok()
    }
}

/// A number as NUT writes it, and the bytes that it takes.
fn parsed(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut value = 0_u64;
    for (at, byte) in bytes.iter().take(9).enumerate() {
        value = value << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((value, at + 1));
        }
    }
    None
}

fn main_header(time_base: TimeBase) -> Vec<u8> {
    let mut out = Vec::new();
    number(&mut out, 3); // version
    number(&mut out, 1); // streams
    number(&mut out, MAX_DISTANCE);
    number(&mut out, 1); // time bases
    number(&mut out, time_base.num().into());
    number(&mut out, time_base.den().into());
    // One entry for all 255 frame codes ('N' starts a packet and is none of them).
    number(&mut out, CODED);
    number(&mut out, 6); // fields that follow
    number(&mut out, 0); // pts delta, signed
    number(&mut out, 1); // size multiplier: the coded size is the size
    number(&mut out, 0); // stream
    number(&mut out, 0); // size remainder
    number(&mut out, 0); // reserved
    number(&mut out, 255); // codes
    number(&mut out, 0); // elision headers
    out
}

fn stream_header(head: &Head) -> Vec<u8> {
    let mut out = Vec::new();
    number(&mut out, 0); // stream
    number(&mut out, 0); // class: video
    number(&mut out, head.tag.len() as u64);
    out.extend(head.tag);
    number(&mut out, 0); // time base
    number(&mut out, PTS_SHIFT.into());
    number(&mut out, 0); // largest distance of timestamps that needs no checksum: all have one
    number(&mut out, 0); // decode delay
    number(&mut out, 0); // flags
    number(&mut out, 0); // codec's own bytes
    number(&mut out, head.size.width.into());
    number(&mut out, head.size.height.into());
    let (width, height) = head.aspect.unwrap_or((0, 0));
    number(&mut out, width.into());
    number(&mut out, height.into());
    number(&mut out, 0); // colour space: not said here, the encoder's options say it
    out
}

/// A note on the stream, that ffmpeg takes its rate from. Without it 5.1 and 9.0 guess it from
/// 20 frames, or where those are too large take one frame per tick: 1080p of 1/12800 became
/// H.264 of level 6.2, and its last frame was shown for one tick.
fn rate_info((over, under): (u32, u32)) -> Vec<u8> {
    let mut out = Vec::new();
    let text = |out: &mut Vec<u8>, text: &str| {
        number(out, text.len() as u64);
        out.extend(text.as_bytes());
    };
    number(&mut out, 1); // of the first stream
    number(&mut out, 0); // of no chapter
    number(&mut out, 0); // from
    number(&mut out, 0); // length
    number(&mut out, 1); // entries
    text(&mut out, "r_frame_rate");
    number(&mut out, 2); // a signed -1: the value is text
    text(&mut out, &format!("{over}/{under}"));
    out
}

/// Appends a packet: start code, length with checksum, payload, checksum.
fn packet(out: &mut Vec<u8>, code: u64, payload: &[u8]) {
    out.extend(code.to_be_bytes());
    number(out, payload.len() as u64 + 4);
    out.extend(payload);
    out.extend(crc(payload).to_be_bytes());
}

/// Appends a number as NUT writes it: seven bits a byte, the highest first.
fn number(out: &mut Vec<u8>, value: u64) {
    let bytes = (64 - value.leading_zeros()).div_ceil(7).max(1);
    for i in (0..bytes).rev() {
        let more = if i > 0 { 0x80 } else { 0 };
        out.push(more | (value >> (7 * i) & 0x7f) as u8);
    }
}

/// CRC-32 with polynomial 0x04c11db7, highest bit first, starting from 0. Headers are short,
/// so bit by bit will do.
fn crc(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte) << 24, |crc, _| {
            if crc >> 31 == 1 { crc << 1 ^ 0x04c1_1db7 } else { crc << 1 }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_seven_bits_a_byte() {
        let coded = |value| {
            let mut out = Vec::new();
            number(&mut out, value);
            out
        };
        assert_eq!(coded(0), [0]);
        assert_eq!(coded(127), [127]);
        assert_eq!(coded(128), [0x81, 0]);
        assert_eq!(coded(65_536), [0x84, 0x80, 0]);
        assert_eq!(coded(u64::MAX).len(), 10);
    }

    #[test]
    fn the_checksum_is_that_of_a_known_file() {
        // An info packet that ffmpeg 9.0 wrote: `encoder` = `Lavf63.1.102`.
        let mut payload = vec![0, 0, 0, 0, 1, 7];
        payload.extend(b"encoder\x02\x0cLavf63.1.102");
        assert_eq!(crc(&payload), 0x17a8_9bbf);
    }

    #[test]
    fn streams_that_begin_alike_fit() {
        let begun = |stream: &[u8]| {
            let mut bytes = FILE_ID.to_vec();
            packet(&mut bytes, MAIN, b"main");
            packet(&mut bytes, STREAM, stream);
            packet(&mut bytes, SYNCPOINT, b"0");
            bytes
        };
        let [a, b, other] = [b"stream", b"stream", b"field!"].map(|stream| begun(stream));
        assert!(opening(&a).unwrap().fits(&opening(&b).unwrap()));
        assert!(!opening(&a).unwrap().fits(&opening(&other).unwrap()));
    }

    #[test]
    fn what_opens_a_file_is_told_from_its_frames() {
        let mut bytes = FILE_ID.to_vec();
        packet(&mut bytes, MAIN, b"main");
        packet(&mut bytes, STREAM, b"stream");
        packet(&mut bytes, INFO, b"tags");
        let frames_at = bytes.len();
        assert_eq!(opening(&bytes), None, "it goes on");
        packet(&mut bytes, SYNCPOINT, b"0");
        let opens = opening(&bytes).unwrap();
        // The checksum belongs to it.
        assert_eq!((&opens.main[..4], &opens.stream[..6]), (&b"main"[..], &b"stream"[..]));
        assert_eq!(opens.frames_at, frames_at);
        for end in 0..frames_at {
            assert_eq!(opening(&bytes[..end]), None, "{end}");
        }
        bytes[0] = b'N';
        assert_eq!(opening(&bytes), None);
        // Ours are decoded in order; a file of ffmpeg's says 2 here for B-frames.
        let head = Head { rate: Some((30_000, 1001)), ..head() };
        let (_, mut bytes) = Nut::new(head);
        packet(&mut bytes, SYNCPOINT, b"0");
        assert_eq!(opening(&bytes).unwrap().decode_delay(), Some(0));
        let stream = [0, 0, 4, b'H', b'2', b'6', b'4', 0, 14, 0x83, 0x5a, 2, 0];
        let opens = Opening { main: b"", stream: &stream, frames_at: 0 };
        assert_eq!(opens.decode_delay(), Some(2));
        assert_eq!(Opening { stream: &stream[..9], ..opens }.decode_delay(), None);
    }

    fn head() -> Head {
        Head {
            size: Size::new(2, 2),
            tag: *b"I420",
            time_base: TimeBase::new(1, 25).unwrap(),
            rate: None,
            aspect: None,
            frame_bytes: 6,
        }
    }

    #[test]
    fn time_runs_forward_from_zero() {
        let (mut nut, _) = Nut::new(head());
        assert!(nut.frame(-1).is_err());
        assert!(nut.frame(3).is_ok());
        assert!(nut.frame(3).unwrap_err().to_string().contains("tick 3 cannot follow one at 3"));
        assert!(nut.frame(4).is_ok());
    }
}
