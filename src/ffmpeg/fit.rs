//! Whether a container takes the streams that are copied, found out before the first frame.

use std::ffi::OsString;
use std::path::Path;

use super::child::{Patience, Pipe};
use super::container::{TRANSPORT, has_extension};
use super::copy::Copies;
use super::option::option;
use super::probe::{FORMATS, PROTOCOLS};
use super::program::{Log, Programs, file_argument};
use super::stream::{Stream, StreamKind};
use crate::error::{Error, Result, shown};
use crate::link::Cancel;

/// Lets ffmpeg write the header of a clip named as `out` with the copied streams and no packet,
/// to a folder for what is thrown away. The rendered stream is left to the encoder, and so is what
/// `words`, those after `--`, have coded anew.
///
/// # Errors
/// `Usage`, naming the streams that the container does not take and what to do.
pub fn check_container(
    programs: &Programs,
    copies: &Copies<'_>,
    (out, words): (&Path, &[OsString]),
    cancel: &Cancel,
) -> Result<()> {
    let room = tempfile::tempdir()
        .map_err(|e| Error::system(format!("failed to make a folder for a header: {e}")))?;
    let header = room.path().join("header").with_extension(out.extension().unwrap_or_default());
    let copied = copies.kept().iter().enumerate().filter(|(at, _)| *at != copies.rendered());
    let copied = copied.filter(|(at, _)| !is_coded_anew(copies.kept(), *at, words));
    let copied = copied.map(|(_, stream)| *stream);
    let copied: Vec<&Stream> = copied.collect();
    let takes = |streams: &[&Stream]| {
        let mut command = programs.ffmpeg(Log::Warnings);
        command.overwrite();
        command.args(["-protocol_whitelist", PROTOCOLS, "-format_whitelist", FORMATS]);
        command.input(file_argument(copies.clip().path())?);
        for stream in streams {
            command.map(format!("0:{}", stream.index));
        }
        command.args(["-c", "copy", "-t", "0"]).output(file_argument(&header)?);
        let patience = Patience::default();
        programs.start("header's writer", command, Pipe::In, patience, |_, _| {})?.finish(cancel)
    };
    if copied.is_empty() {
        return Ok(());
    }
    let whole = !copied.iter().any(|stream| becomes_data(stream, out));
    let all = match takes(&copied) {
        Ok(()) if whole => return Ok(()),
        all => all.err(),
    };
    if cancel.is_now() {
        return Err(cancel.error());
    }
    let mut refused = Vec::new();
    for stream in copied {
        if becomes_data(stream, out) || takes(&[stream]).is_err() {
            refused.push(stream);
        }
        if cancel.is_now() {
            return Err(cancel.error());
        }
    }
    // Each alone is taken, all together are not; or there is no such container.
    if let (Some(all), []) = (all, refused.as_slice()) {
        return Err(Error::usage(format!("{} cannot be written: {all}", shown(out))));
    }
    let names: Vec<String> = refused.iter().map(|stream| named(stream)).collect();
    let advice = advice(&refused);
    let out = shown(out);
    Err(Error::usage(format!("{out} cannot hold {}; {advice}", names.join(", "))))
}

/// Whether an option chooses a codec for the one of an output's streams that is there.
pub(super) fn is_coded_anew(streams: &[&Stream], at: usize, words: &[OsString]) -> bool {
    let (letter, old) = match streams[at].kind {
        StreamKind::Audio => ("a", "acodec"),
        StreamKind::Subtitle => ("s", "scodec"),
        _ => return false,
    };
    let kind = |stream: &&&Stream| {
        std::mem::discriminant(&stream.kind) == std::mem::discriminant(&streams[at].kind)
    };
    let one = format!("{letter}:{}", streams[..at].iter().filter(kind).count());
    // Of several of ffmpeg's options the last one counts.
    let mut anew = false;
    for (word, value) in words.iter().zip(words.iter().skip(1)) {
        let of_it = option(word).is_some_and(|(name, streams)| match name {
            "c" | "codec" => streams == letter || streams == one,
            name => name == old,
        });
        if of_it {
            anew = value != "copy";
        }
    }
    anew
}

/// Whether a container takes a stream without a word and holds it as data of no known kind:
/// MPEG-TS does so with subtitles that are not made for broadcasting (5.1 and 9.0).
fn becomes_data(stream: &Stream, out: &Path) -> bool {
    const BROADCAST: &[&str] = &[
        "dvb_subtitle",
        "dvb_teletext",
        "hdmv_pgs_subtitle",
        "hdmv_text_subtitle",
        "arib_caption",
    ];
    let codec = stream.codec.as_deref().unwrap_or_default();
    matches!(stream.kind, StreamKind::Subtitle)
        && has_extension(out, TRANSPORT)
        && !BROADCAST.contains(&codec)
}

/// `stream 2 (subtitles, subrip)`
fn named(stream: &Stream) -> String {
    let kind = match stream.kind {
        StreamKind::Video(_) => "video",
        StreamKind::Audio => "sound",
        StreamKind::Subtitle => "subtitles",
        StreamKind::Attachment => "attachment",
        StreamKind::Data => "data",
    };
    let codec = stream.codec.as_deref().map_or(String::new(), |codec| format!(", {codec}"));
    format!("stream {} ({kind}{codec})", stream.index)
}

/// What would help against these.
fn advice(refused: &[&Stream]) -> String {
    // Matroska has no place for MP4's own subtitles, nor for data.
    let matroska = |stream: &&Stream| match stream.kind {
        StreamKind::Subtitle => stream.codec.as_deref() != Some("mov_text"),
        StreamKind::Data => false,
        StreamKind::Video(_) | StreamKind::Audio | StreamKind::Attachment => true,
    };
    let mut ways = vec![if refused.iter().all(matroska) {
        "an output named .mkv holds them"
    } else {
        // One of them came from such a file.
        "an output named .mp4 or .mov holds what such files have"
    }];
    if refused.iter().any(|stream| matches!(stream.kind, StreamKind::Audio)) {
        ways.extend(["--an leaves sound out", "-- -c:a CODEC codes it anew"]);
    }
    if refused.iter().any(|stream| matches!(stream.kind, StreamKind::Subtitle)) {
        ways.extend(["--sn leaves subtitles out", "-- -c:s CODEC codes them anew"]);
    }
    ways.join(", ")
}
