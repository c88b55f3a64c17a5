//! Opus in Matroska. Its decoder drops the first samples, and Matroska's times count them. An ffmpeg
//! that copies has to add them; 5.1 does not, so that the sound would begin too early.

use std::path::Path;

use super::container::{MATROSKA_TICKS, is_matroska};

/// Samples per second in which Opus counts, whatever the sound's own rate (RFC 7845, section 4).
const RATE: u32 = 48_000;

/// What a decoder drops at the start, in samples of 1/48000 s, from ffprobe's dump of a stream's
/// head (RFC 7845, section 5.1). Nothing for what is no such head.
pub(super) fn preskip(dump: &str) -> Option<u32> {
    let head: Vec<u8> = dump.lines().filter_map(bytes).flatten().collect();
    let count = head.strip_prefix(b"OpusHead")?.get(2..4)?;
    Some(u32::from(u16::from_le_bytes(count.try_into().ok()?)))
}

/// The bytes of a line like `00000000: 4f70 7573  Opus`.
fn bytes(line: &str) -> Option<Vec<u8>> {
    let (_, line) = line.split_once(": ")?;
    let digits: Vec<u8> = line.split("  ").next()?.bytes().filter(|b| *b != b' ').collect();
    let pairs = digits.chunks_exact(2).map(|pair| std::str::from_utf8(pair).ok());
    pairs.map(|pair| u8::from_str_radix(pair?, 16).ok()).collect()
}

/// The filter of packets that adds so many samples, if `out` wants it.
/// 5.1 hands it packets in the ticks of `out`.
pub(super) fn setts(preskip: u32, out: &Path) -> Option<String> {
    let ticks = (preskip * MATROSKA_TICKS + RATE / 2) / RATE;
    (is_matroska(out) && ticks > 0).then(|| format!("setts=ts=TS+{ticks}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dump_of_the_head_says_what_is_dropped() {
        let dump = "\n00000000: 4f70 7573 4865 6164 0101 3801 80bb 0000  OpusHead..8.....\n\
                    00000010: 0000 00                                  ...\n";
        assert_eq!(preskip(dump), Some(312));
        for other in ["", "\n00000000: 4f70 7573  Opus\n", &dump.replace("4f70", "4f71")] {
            assert_eq!(preskip(other), None, "{other}");
        }
    }

    #[test]
    fn matroska_alone_wants_it() {
        let setts = |skip, out| setts(skip, Path::new(out));
        assert_eq!(setts(312, "a.WebM").as_deref(), Some("setts=ts=TS+7"));
        assert_eq!((setts(312, "a.mp4"), setts(0, "a.mkv")), (None, None));
    }
}
