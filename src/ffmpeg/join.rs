//! The end of a render in segments: their files and everything from the clip become the output.
//! Nothing is encoded.
//!
//! Each segment is a NUT file, since NUT holds any codec with its times in any tick. Behind each
//! other they are one stream: a demuxer passes over what opens the later ones, as long as it says
//! the same. NUT has no times of decoding; ffmpeg makes them of the times of showing over all of
//! the stream, so that they rise across a seam, and leaves the latter as they are.

use std::ffi::OsString;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use ffmpeg_sidecar::command::FfmpegCommand;

use super::child::{Child, Pipe};
use super::encode::{Encode, Matrix, Origin};
use super::lag::decoded_at;
use super::nut::opening;
use super::packets::packets;
use super::probe::Clip;
use super::program::{Log, Programs, file_argument, words};
use super::stream::{ALPHA_TAG, ColorTags};
use super::time::{Micros, TimeBase};
use crate::error::{Error, Result, shown};
use crate::link::Cancel;

/// Segments, and what they are joined with.
#[derive(Clone, Copy, Debug)]
pub struct Join<'a> {
    /// How one pass would encode the output; but for the encoder's own options the same holds
    /// here, and `extra` has what is for the muxer.
    pub encode: &'a Encode<'a>,
    /// The segments' files, in order.
    pub files: &'a [PathBuf],
    /// What was added to the frames' times in them, in ticks.
    pub moved: i64,
}

/// Bytes that are read of a file at a time.
const PIECE: usize = 1 << 20;

impl Join<'_> {
    /// Writes `out`. The calling thread has to outlive the call's ffmpeg.
    ///
    /// # Errors
    /// `Input`: segments that do not fit each other, since the encoder began them differently;
    /// ffmpeg's own errors; fewer packets in the output than in the segments. `Interrupted` when
    /// `cancel` asks for a stop: an end without its last part is none.
    pub fn run(&self, out: &Path, cancel: &Cancel) -> Result<()> {
        let matrix = self.encode.matrix(out)?;
        let command = self.command(out, &self.said(cancel)?)?;
        let Encode { programs, patience, .. } = self.encode;
        let mut child = programs.start("joiner", command, Pipe::In, *patience, |_, _| {})?;
        let mut first = None;
        for (at, path) in self.files.iter().enumerate() {
            self.feed(&mut child, &mut first, (at, path), cancel)?;
        }
        child.finish(cancel)?;
        matrix.as_ref().map_or(Ok(()), Matrix::set)?;
        let count = |path: &Path, stream| {
            let found = packets(self.encode.programs, path, &[stream], cancel)?;
            Ok::<_, Error>(found.first().map_or(0, |packets| packets.times.len()))
        };
        // Code 0 proves nothing.
        let mut due = 0;
        for path in self.files {
            due += count(path, 0)?;
        }
        let found = count(out, self.encode.rendered_at())?;
        if found == due {
            return Ok(());
        }
        Err(Error::input(format!(
            "the joined clip has {found} packets of the picture, and its segments have {due}"
        )))
    }

    /// The command that writes `out` as words, for a person to read.
    ///
    /// # Errors
    /// When the folder that `out` is relative to cannot be found.
    pub fn words(&self, out: &Path) -> Result<Vec<OsString>> {
        Ok(words(self.command(out, &Said::default())?))
    }

    /// What is to be said of the frames that their files do not say, or not at once.
    fn said(&self, cancel: &Cancel) -> Result<Said> {
        let Some(path) = self.files.first() else { return Ok(Said::default()) };
        let mut piece = vec![0; PIECE];
        let got = File::open(path).and_then(|mut file| read(&mut file, &mut piece));
        let got = got.map_err(|e| Error::io("read", path, &e))?;
        let behind = opening(&piece[..got]).and_then(|opens| opens.decode_delay());
        let rule = match behind {
            None | Some(0) => None,
            Some(behind) => {
                let first = packets(self.encode.programs, path, &[0], cancel)?;
                first.first().and_then(|first| decoded_at(first, behind))
            }
        };
        let segment = Clip::probe(self.encode.programs, path, cancel)?;
        let tags = segment.streams().first().map(|stream| &stream.tags);
        let named = tags.into_iter().flatten().find(|(key, _)| key.eq_ignore_ascii_case("encoder"));
        let encoder = named.and_then(|(_, value)| value.as_str()).map(str::to_owned);
        Ok(Said { rule, encoder })
    }

    /// Hands over a segment; of all but the first without what opens it.
    fn feed(
        &self,
        child: &mut Child,
        first: &mut Option<Vec<u8>>,
        (at, path): (usize, &Path),
        cancel: &Cancel,
    ) -> Result<()> {
        let failed = |e: std::io::Error| Error::io("read", path, &e);
        let mut file = File::open(path).map_err(failed)?;
        let mut piece = vec![0; PIECE];
        let mut got = read(&mut file, &mut piece).map_err(failed)?;
        let broken = || Error::input(format!("{} is no segment of a clip", shown(path)));
        let opens = opening(&piece[..got]).ok_or_else(broken)?;
        let mut skip = opens.frames_at;
        match first {
            None => {
                *first = Some(piece[..got].to_vec());
                skip = 0;
            }
            Some(bytes) => {
                if !opens.fits(&opening(bytes).ok_or_else(broken)?) {
                    return Err(unlike(at + 1, 1));
                }
            }
        }
        while got > 0 {
            if cancel.is_requested() {
                child.stop();
                return Err(cancel.error());
            }
            child.write(&piece[skip..got], cancel)?;
            skip = 0;
            got = read(&mut file, &mut piece).map_err(failed)?;
        }
        Ok(())
    }

    fn command(&self, out: &Path, said: &Said) -> Result<FfmpegCommand> {
        let encode = self.encode;
        let mut command = encode.programs.ffmpeg(Log::Warnings);
        command.overwrite().arg("-copyts");
        let trimmed = if encode.origin == Origin::First { encode.first } else { 0 };
        let back = self.moved.saturating_add(trimmed);
        if back != 0 {
            // In microseconds, but rounded to the stream's ticks, which are longer: exact.
            let back = Micros::default().minus(encode.time_base.micros(back));
            command.args(["-itsoffset", &back.to_string()]);
        }
        command.format("nut").input("pipe:0");
        let at = encode.rendered_at();
        match encode.copies {
            Some(copies) => {
                encode.second_input(&mut command, copies.clip())?;
                copies.maps(&mut command, out);
                encode.cut(&mut command, copies);
            }
            None => {
                command.map("0:v:0");
            }
        }
        encode.written_as(&mut command, out);
        command.args(&encode.extra);
        // Last, so that a codec among the extra options is not this stream's.
        let mut set = |option: &str, value: &str| {
            command.args([format!("{option}:{at}"), value.to_owned()]);
        };
        set("-c", "copy");
        if encode.lost_alpha() {
            set("-metadata:s", &format!("{ALPHA_TAG}="));
        }
        if let Some(tag) = encode.kept_tag(out) {
            set("-tag", tag);
        }
        // NUT's tick may be a part of the clip's.
        set("-time_base", &encode.time_base.to_string());
        let fields = match encode.field() {
            Some("tff") => "tb",
            Some(_) => "bt",
            None => "progressive",
        };
        set("-field_order", fields);
        let color = encode.coded_color();
        for (option, value) in tags(&color) {
            set(option, value);
        }
        if let Some(encoder) = &said.encoder {
            // The clip's own would be copied from it with its other tags.
            command.args([format!("-metadata:s:{at}"), format!("encoder={encoder}")]);
        }
        let bsf = |word: &OsString| word.as_bytes().starts_with(b"-bsf");
        if let (Some(rule), false) = (&said.rule, encode.extra.iter().any(bsf)) {
            // `setts` would set both times to the one of decoding by itself.
            command.args([format!("-bsf:{at}"), format!("setts=pts=PTS:dts='{rule}'")]);
        }
        command.output(file_argument(out)?);
        Ok(command)
    }
}

/// Whether two segments can be parts of one stream, so that one which cannot is found when it is
/// done and not when all are. They are `numbers` in messages, 1...
///
/// # Errors
/// `Input`: they cannot; one of them is none.
pub fn fit(files: [&Path; 2], numbers: [usize; 2]) -> Result<()> {
    let pieces = files.map(|path| {
        let mut piece = vec![0; PIECE];
        let got = File::open(path).and_then(|mut file| read(&mut file, &mut piece));
        piece.truncate(got.map_err(|e| Error::io("read", path, &e))?);
        Ok(piece)
    });
    let [a, b] = pieces;
    let (a, b) = (a?, b?);
    match (opening(&a), opening(&b)) {
        (Some(a), Some(b)) if a.fits(&b) => Ok(()),
        _ => Err(unlike(numbers[0], numbers[1])),
    }
}

fn unlike(segment: usize, other: usize) -> Error {
    Error::input(format!(
        "the encoder began segment {segment} with other headers than segment {other}, so they \
         cannot be joined; another --codec may, or rendering without --chunks"
    ))
}

/// What the files of segments say of themselves.
#[derive(Debug, Default)]
struct Said {
    /// The tag that names the encoder.
    encoder: Option<String>,
    /// When packets are decoded.
    rule: Option<String>,
}

/// When the first frame of a segment's file is shown, in the nearest tick of `base`.
///
/// # Errors
/// When the file cannot be read or has no frame.
pub fn first_tick(
    programs: &Programs,
    path: &Path,
    base: TimeBase,
    cancel: &Cancel,
) -> Result<i64> {
    let found = packets(programs, path, &[0], cancel)?;
    let own = found.first().and_then(|packets| Some((packets.base?, *packets.times.iter().min()?)));
    let (own, time) = own.ok_or_else(|| Error::input(format!("{} has no frame", shown(path))))?;
    let over = i128::from(time) * i128::from(own.num()) * i128::from(base.den());
    let under = i128::from(own.den()) * i128::from(base.num());
    let nearest = (2 * over + under).div_euclid(2 * under);
    i64::try_from(nearest).map_err(|_| {
        Error::input(format!("{}: tick {time} of {own} s is out of all time", shown(path)))
    })
}

/// What NUT does not say of the picture, as options of a stream.
fn tags(color: &ColorTags) -> Vec<(&'static str, &str)> {
    let tags = [
        ("-color_range", &color.range),
        ("-colorspace", &color.matrix),
        ("-color_primaries", &color.primaries),
        ("-color_trc", &color.transfer),
        ("-chroma_sample_location", &color.siting),
    ];
    let said = tags.into_iter().filter_map(|(option, tag)| Some((option, tag.as_deref()?)));
    let said = said.map(|(option, tag)| (option, option_name(option, tag)));
    said.collect()
}

/// The name that options have for a tag, where ffprobe has another.
fn option_name<'a>(option: &str, tag: &'a str) -> &'a str {
    match (option, tag) {
        ("-colorspace", "gbr") => "rgb",
        ("-color_trc", "bt470m") => "gamma22",
        ("-color_trc", "bt470bg") => "gamma28",
        (_, tag) => tag,
    }
}

/// Fills the buffer as far as the file goes.
fn read(file: &mut File, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut got = 0;
    while got < buffer.len() {
        match file.read(&mut buffer[got..]) {
            Ok(0) => break,
            Ok(n) => got += n,
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(got)
}
