//! What ffmpeg's `showinfo` filter says of each frame, read out of its log.
//!
//! It is the one place where both 5.1 and 9.0 say a decoded frame's exact timestamp: packets are
//! not frames (edit lists, broken clips), and `-stats_enc_pre` came with 6.0. In 9.0 the muxer's
//! thread prints its description of the output meanwhile, in pieces, so that a record may begin
//! in the middle of a line; no piece is ever torn, since each call holds the log's lock.

use super::time::TimeBase;
use crate::frame::Size;

/// A line that matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// Frames follow; their timestamps count in this. Said anew, with numbers from 0, when the
    /// clip changes its size or its format midway.
    Config(TimeBase),
    /// A frame.
    Frame(Record),
}

/// One decoded frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// 0.., no holes, since the last `Config`.
    pub number: u64,
    /// In ticks of the last `Config`; `None` where the clip has no timestamp for it.
    pub ticks: Option<i64>,
    /// As decoded.
    pub size: Size,
    /// Whether it can be decoded without others.
    pub key: bool,
    /// How its rows were taken.
    pub scan: Scan,
}

/// How the rows of a frame were taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scan {
    /// All at once.
    Progressive,
    /// Two fields, the upper one first.
    TopFirst,
    /// Two fields, the lower one first.
    BottomFirst,
}

/// What a line of the log says, if it is one of showinfo's that matters.
pub(super) fn parse(line: &str) -> Option<Line> {
    if let Some((_, rest)) = line.split_once("config in time_base: ") {
        return TimeBase::parse(rest.split([',', ' ']).next()?).ok().map(Line::Config);
    }
    let (before, after) = line.split_once(" pts:")?;
    let number = before.rsplit_once("n:")?.1.trim_start().parse().ok()?;
    let ticks = after.split_ascii_whitespace().next()?;
    let field = |name: &str| {
        let rest = &after[after.find(name)? + name.len()..];
        rest.split_ascii_whitespace().next()
    };
    let (width, height) = field(" s:")?.split_once('x')?;
    Some(Line::Frame(Record {
        number,
        ticks: if ticks == "NOPTS" { None } else { Some(ticks.parse().ok()?) },
        size: Size::new(width.parse().ok()?, height.parse().ok()?),
        key: field(" iskey:")? == "1",
        scan: match field(" i:")? {
            "T" => Scan::TopFirst,
            "B" => Scan::BottomFirst,
            _ => Scan::Progressive,
        },
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_are_read() {
        let old = "[Parsed_showinfo_0 @ 0x556a508adf80] [info] n:   4 pts:  -1024 pts_time:-0.08   \
                   pos:       -1 fmt:yuv420p sar:1/1 s:35x21 i:T iskey:0 type:B ";
        let record = Record {
            number: 4,
            ticks: Some(-1024),
            size: Size::new(35, 21),
            key: false,
            scan: Scan::TopFirst,
        };
        assert_eq!(parse(old), Some(Line::Frame(record)));
        let new = "[Parsed_showinfo_0 @ 0x7e] [info] n:   0 pts:      0 pts_time:0       duration:  \
                   1 duration_time:0.04    fmt:rgb24 cl:unspecified sar:1/1 s:4096x2160 i:P iskey:1 type:I";
        let Some(Line::Frame(record)) = parse(new) else { panic!("{new}") };
        assert_eq!((record.size, record.key), (Size::new(4096, 2160), true));
        let config =
            "[Parsed_showinfo_0 @ 0x7e] [info] config in time_base: 1/12800, frame_rate: 25/1";
        assert_eq!(parse(config), Some(Line::Config(TimeBase::new(1, 12_800).unwrap())));
    }

    #[test]
    fn a_record_may_begin_in_the_middle_of_a_line() {
        let glued = "    Stream #0:0n:  17 pts:     17 pts_time:0.68    fmt:gray sar:0/1 s:8x6 i:P \
                     iskey:1 type:I : Video: rawvideo";
        let Some(Line::Frame(record)) = parse(glued) else { panic!("{glued}") };
        assert_eq!((record.number, record.ticks), (17, Some(17)));
        let timeless = "n:   0 pts:  NOPTS pts_time:NOPTS s:8x6 i:P iskey:1 type:I";
        assert!(matches!(parse(timeless), Some(Line::Frame(Record { ticks: None, .. }))));
    }

    #[test]
    fn other_lines_are_not_frames() {
        for line in [
            "config out time_base: 0/0, frame_rate: 0/0",
            "color_range:tv color_space:bt709",
            "n: x pts: 1 s:1x1 i:P iskey:1",
            "n: 1 pts: 1 pts_time:1",
            " pts:",
            "",
        ] {
            assert_eq!(parse(line), None, "{line}");
        }
    }
}
