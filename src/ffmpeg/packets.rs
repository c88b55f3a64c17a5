//! What is in the streams of a file, packet by packet: when, and a hash. Nothing is decoded.

use std::path::Path;
use std::process::Command;

use ffmpeg_sidecar::command::FfmpegCommand;

use super::child::{Patience, Pipe};
use super::encode::Last;
use super::probe::{Clip, FORMATS, PROTOCOLS};
use super::program::{Log, Programs, file_argument};
use super::time::TimeBase;
use crate::error::{Error, Result, shown};
use crate::link::Cancel;

/// ffmpeg's number of a time that is not said.
const UNSAID: i64 = i64::MIN;

/// How much of what is said is read at a time.
const PIECE: usize = 64 << 10;

/// One stream's packets, in the order of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Packets {
    /// The tick of the times; `None` if ffmpeg says none, which it does of no stream with packets.
    pub base: Option<TimeBase>,
    /// What stands before the packets, hashed: an attachment's file, a codec's headers.
    pub head: Option<String>,
    /// When each is shown, in ticks; when it is decoded, where nothing else is said.
    pub times: Vec<i64>,
    /// Whether of some it was not said when they are shown: program streams say it of few.
    pub untimed: bool,
    /// The MD5 of each.
    pub hashes: Vec<String>,
}

/// The packets of these streams of a file, in this order.
///
/// # Errors
/// When ffmpeg fails, or `cancel` says to stop now.
pub(super) fn packets(
    programs: &Programs,
    path: &Path,
    streams: &[usize],
    cancel: &Cancel,
) -> Result<Vec<Packets>> {
    let mut command = programs.ffmpeg(Log::Warnings);
    command.args(["-copyts", "-protocol_whitelist", PROTOCOLS, "-format_whitelist", FORMATS]);
    command.input(file_argument(path)?);
    for stream in streams {
        command.map(format!("0:{stream}"));
    }
    // Packets before the first key frame count, too.
    command.args(["-c", "copy", "-copyinkf"]).format("framemd5").output("pipe:1");
    let mut all = vec![Packets::default(); streams.len()];
    if streams.is_empty() {
        return Ok(all);
    }
    let each = |line: &str| take(line, &mut all);
    lines(programs, command, cancel, each).map_err(|e| e.within(shown(path)))?;
    Ok(all)
}

/// When each frame of a stream is shown, in its ticks, by decoding it. One of which that is not said
/// follows the one before as that followed the one before it, as ffmpeg has it, too.
///
/// # Errors
/// When ffprobe fails, or `cancel` says to stop now.
pub(super) fn decoded(
    programs: &Programs,
    path: &Path,
    stream: usize,
    cancel: &Cancel,
) -> Result<Vec<i64>> {
    let mut times: Vec<i64> = Vec::new();
    let take = |line: &str| {
        // Side data of a frame leaves a comma behind the number, or a line without one.
        let time = match (line.split(',').next(), times.as_slice()) {
            (Some("N/A"), [.., before, last]) => {
                Some(last.saturating_add(last.saturating_sub(*before)))
            }
            (Some(time), _) => time.parse().ok(),
            (None, _) => None,
        };
        times.extend(time);
    };
    entries(programs, (path, stream), "frame=best_effort_timestamp", cancel, take)?;
    Ok(times)
}

/// The last frame of a stream, if the file says how long it is shown. Only its end is read.
///
/// # Errors
/// When ffprobe fails, or `cancel` says to stop now.
pub fn last_frame(
    programs: &Programs,
    clip: &Clip,
    stream: usize,
    cancel: &Cancel,
) -> Result<Option<Last>> {
    let Some(duration) = clip.duration() else { return Ok(None) };
    let end = clip.start().plus(duration).0;
    // From the key frame before the end on.
    let interval = format!("{}.{:06}%", end.max(0) / 1_000_000, end.max(0) % 1_000_000);
    let mut command = programs.ffprobe();
    command.args(["-read_intervals", &interval]);
    let mut last: Option<(i64, Option<i64>)> = None;
    let take = |line: &str| {
        let mut cells = line.split(',').map(|cell| cell.parse::<i64>().ok());
        let Some(Some(ticks)) = cells.next() else { return };
        if last.is_none_or(|(last, _)| last < ticks) {
            last = Some((ticks, cells.next().flatten()));
        }
    };
    said_by(programs, command, (clip.path(), stream), "packet=pts,duration", cancel, take)?;
    // An MP4 says how long packets are decoded for, and of the whole how long it is shown.
    let stream = clip.streams().get(stream);
    let end = stream.and_then(|stream| stream.start?.checked_add(stream.duration?));
    Ok(last.and_then(|(ticks, own)| {
        let lasts = end.map(|end| end - ticks).or(own).filter(|lasts| *lasts > 0)?;
        Some(Last { ticks, lasts })
    }))
}

/// Gives each line of what ffprobe says of a stream when asked for `what`, in cells with commas.
///
/// # Errors
/// When ffprobe fails, or `cancel` says to stop now.
pub(super) fn entries(
    programs: &Programs,
    of: (&Path, usize),
    what: &str,
    cancel: &Cancel,
    take: impl FnMut(&str),
) -> Result<()> {
    said_by(programs, programs.ffprobe(), of, what, cancel, take)
}

/// The same by an ffprobe that was told more.
fn said_by(
    programs: &Programs,
    mut command: Command,
    (path, stream): (&Path, usize),
    what: &str,
    cancel: &Cancel,
    take: impl FnMut(&str),
) -> Result<()> {
    command.args(["-v", "level+error", "-protocol_whitelist", PROTOCOLS]);
    command.args(["-format_whitelist", FORMATS, "-select_streams", &stream.to_string()]);
    command.args(["-show_entries", what, "-print_format", "csv=p=0"]);
    command.arg("-i").arg(file_argument(path)?);
    lines(programs, FfmpegCommand::from(command), cancel, take).map_err(|e| e.within(shown(path)))
}

/// A line of framemd5: a comment about a stream, or a packet's stream, dts, pts, duration, size
/// and hash.
fn take(line: &str, all: &mut [Packets]) {
    let of = |text: &str| text.trim().parse::<usize>().ok();
    if let Some((at, base)) = line.strip_prefix("#tb ").and_then(|rest| rest.split_once(':')) {
        if let Some(packets) = of(at).and_then(|at| all.get_mut(at)) {
            packets.base = TimeBase::parse(base.trim()).ok();
        }
    } else if let Some(rest) = line.strip_prefix("#extradata ") {
        let mut cells = rest.split(',').map(str::trim);
        let packets = cells.next().and_then(of).and_then(|at| all.get_mut(at));
        if let (Some(packets), Some(hash)) = (packets, cells.nth(1)) {
            packets.head = Some(hash.to_owned());
        }
    } else if !line.starts_with('#') {
        let mut cells = line.split(',').map(str::trim);
        let packets = cells.next().and_then(of).and_then(|at| all.get_mut(at));
        let [decoded, shown] = [(); 2].map(|()| cells.next().and_then(|n| n.parse().ok()));
        let shown = shown.filter(|time| *time != UNSAID);
        if let (Some(packets), Some(time), Some(hash)) = (packets, shown.or(decoded), cells.nth(2))
        {
            packets.times.push(time);
            packets.untimed |= shown.is_none();
            packets.hashes.push(hash.to_owned());
        }
    }
}

/// Runs a program and hands on each line of its output.
pub(super) fn lines(
    programs: &Programs,
    command: FfmpegCommand,
    cancel: &Cancel,
    mut on_line: impl FnMut(&str),
) -> Result<()> {
    let mut child =
        programs.start("comparison", command, Pipe::Out, Patience::default(), |_, _| {})?;
    let mut text = Vec::new();
    loop {
        let have = text.len();
        text.resize(have + PIECE, 0);
        let got = child.read(&mut text[have..], cancel)?;
        text.truncate(have + got);
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        if whole == 0 && text.len() > PIECE {
            return Err(Error::internal("a line of ffmpeg's output has no end"));
        }
        for line in text[..whole].split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            on_line(&String::from_utf8_lossy(line));
        }
        text.drain(..whole);
        if got < PIECE {
            break;
        }
    }
    child.finish(cancel)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_framemd5_are_taken_by_stream() {
        let mut all = vec![Packets::default(); 2];
        for line in [
            "#format: frame checksums",
            "#extradata 1,        5, 0daf",
            "#tb 0: 1/1000",
            "0,     -21,     -20,       23,      258, 48b8",
            "1,       0,       7,        1,        2, b7fa, S=1,  10, 0x1",
            "2,       0,       7,        1,        2, none of ours",
            "0,      20, -9223372036854775808,       23,      258, 48b9",
            "nonsense",
        ] {
            take(line, &mut all);
        }
        assert_eq!(all[0].base, TimeBase::new(1, 1000).ok());
        assert_eq!(
            (all[0].times.as_slice(), all[0].hashes.join(" ")),
            (&[-20, 20][..], "48b8 48b9".into())
        );
        assert_eq!((all[1].times.as_slice(), all[1].hashes.join(" ")), (&[7][..], "b7fa".into()));
        assert_eq!(all[1].head.as_deref(), Some("0daf"));
        assert!(all[0].untimed && !all[1].untimed);
    }
}
