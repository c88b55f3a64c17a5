//! What ffmpeg makes of an output's name: the container, the encoder that it takes for it, and
//! which options are the container's.

use std::ffi::OsString;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use super::child::{Patience, Pipe};
use super::option::option;
use super::packets::lines;
use super::program::{Log, Programs, file_argument};
use crate::error::{Error, Result, shown};
use crate::link::Cancel;

/// A container as ffmpeg chooses it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Muxer {
    /// ffmpeg's encoder for the pictures, unless another is asked for.
    pub encoder: String,
    /// The names of the container's own options.
    options: Vec<String>,
}

/// Options for ffmpeg by whom they are for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    /// Who codes the pictures.
    pub encoder: Vec<OsString>,
    /// Who writes the file, with all that is copied into it.
    pub muxer: Vec<OsString>,
}

/// Options of ffmpeg itself, or of every container, that say what is in the file and how it is
/// written. All others are the encoder's, which at least refuses what it does not know at once.
const WRITING: &[&str] = &[
    "f",
    "metadata",
    "disposition",
    "map",
    "map_metadata",
    "map_chapters",
    "program",
    "attach",
    "shortest",
    "shortest_buf_duration",
    "fs",
    "timestamp",
    "streamid",
    "bsf",
    "tag",
    "vtag",
    "atag",
    "stag",
    "acodec",
    "scodec",
    "dcodec",
    "an",
    "sn",
    "dn",
    "ab",
    "ac",
    "ar",
    "af",
    "max_muxing_queue_size",
    "muxdelay",
    "muxpreload",
    "max_interleave_delta",
    "avoid_negative_ts",
    "fflags",
    "flush_packets",
    "max_delay",
];

impl Muxer {
    /// Asks ffmpeg, by letting it begin a file named as `out`. `words` are those that stand after
    /// `--`; of these the format counts.
    ///
    /// # Errors
    /// `Usage`: there is no such container, or it holds no pictures.
    pub fn of(
        programs: &Programs,
        out: &Path,
        words: &[OsString],
        cancel: &Cancel,
    ) -> Result<Self> {
        let room = tempfile::tempdir()
            .map_err(|e| Error::system(format!("failed to make a folder for a header: {e}")))?;
        let header = room.path().join("header").with_extension(out.extension().unwrap_or_default());
        let mut command = programs.ffmpeg(Log::Info);
        command.overwrite().format("lavfi").input("color=s=64x64").args(["-t", "0"]);
        if let Some(at) = words.iter().rposition(|word| word == "-f") {
            command.args(words[at..].iter().take(2));
        }
        command.output(file_argument(&header)?);
        let said = Arc::new(Mutex::new((None, None)));
        let hear = said.clone();
        let on_line = move |line: &str, _| {
            let mut said = hear.lock().unwrap_or_else(PoisonError::into_inner);
            said.0 = said.0.take().or_else(|| encoder(line));
            said.1 = said.1.take().or_else(|| container(line));
        };
        let refused = |e: &dyn std::fmt::Display| {
            Error::usage(format!("{} cannot be written: {e}", shown(out)))
        };
        let mut child =
            programs.start("header's writer", command, Pipe::In, Patience::default(), on_line)?;
        child.finish(cancel).map_err(|e| if cancel.is_now() { e } else { refused(&e) })?;
        let said = said.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (Some(encoder), Some(container)) = said else {
            return Err(refused(&"ffmpeg does not say with which encoder"));
        };
        let mut options = Vec::new();
        let mut command = programs.ffmpeg(Log::Warnings);
        command.args(["-h", &format!("muxer={container}")]);
        lines(programs, command, cancel, |line| options.extend(listed(line)))?;
        Ok(Self { encoder, options })
    }

    /// Sorts what stands after `--`. A word that begins with a dash and a letter is an option, and
    /// what follows it up to the next one is its value.
    pub fn sort(&self, words: &[OsString]) -> Words {
        let mut sorted = Words::default();
        let mut writing = false;
        for word in words {
            if let Some((name, streams)) = option(word) {
                writing = self.writes(name, streams);
            }
            let to = if writing { &mut sorted.muxer } else { &mut sorted.encoder };
            to.push(word.clone());
        }
        sorted
    }

    fn writes(&self, name: &str, streams: &str) -> bool {
        // What is said of sound, subtitles, data and attachments.
        let copied = streams.starts_with(['a', 's', 'd', 't']);
        copied || WRITING.contains(&name) || self.options.iter().any(|option| option == name)
    }
}

/// The encoder in `Stream #0:0 -> #0:0 (rawvideo (native) -> h264 (libx264))`; `native` is the one
/// that has the codec's name.
pub(super) fn encoder(line: &str) -> Option<String> {
    let (_, made) = line.split_once("-> #0:0 (")?.1.split_once("-> ")?;
    let (codec, encoder) = made.strip_suffix("))")?.split_once(" (")?;
    Some(if encoder == "native" { codec } else { encoder }.to_owned())
}

/// The container in `Output #0, mp4, to 'header.mp4':`.
fn container(line: &str) -> Option<String> {
    Some(line.split_once("Output #0, ")?.1.split_once(", to ")?.0.to_owned())
}

/// The option in `  -movflags          <flags>      E.......... MOV muxer flags`; the lines of its
/// values begin further right.
fn listed(line: &str) -> Option<String> {
    let name = line.strip_prefix("  -")?.split_ascii_whitespace().next()?;
    Some(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ffmpegs_log_tells_encoder_and_container() {
        let line = "[info]   Stream #0:0 -> #0:0 (wrapped_avframe (native) -> h264 (libx264))";
        assert_eq!(encoder(line).as_deref(), Some("libx264"));
        let line = "  Stream #0:0 -> #0:0 (rawvideo (native) -> ffv1 (native))";
        assert_eq!(encoder(line).as_deref(), Some("ffv1"));
        assert_eq!(encoder("  Stream #0:0 -> #0:0 (copy)"), None);
        let line = "[info] Output #0, matroska, to 'file:/a, b.mkv':";
        assert_eq!(container(line).as_deref(), Some("matroska"));
        assert_eq!(listed("  -brand   <string>  E.... Override").as_deref(), Some("brand"));
        assert_eq!(listed("     rtphint   E.......... Add RTP hint tracks"), None);
    }

    #[test]
    fn words_go_to_whom_they_are_for() {
        let muxer = Muxer { encoder: "libx264".into(), options: vec!["movflags".into()] };
        let words = |line: &str| line.split(' ').map(OsString::from).collect::<Vec<_>>();
        let line =
            "-qp 0 -movflags +faststart -tune film -metadata title=-5 -c:a aac -bf -1 -shortest";
        let sorted = muxer.sort(&words(line));
        assert_eq!(sorted.encoder, words("-qp 0 -tune film -bf -1"));
        let rest = "-movflags +faststart -metadata title=-5 -c:a aac -shortest";
        assert_eq!(sorted.muxer, words(rest));
        assert_eq!(muxer.sort(&words("-c:v ffv1 -f mp4")).muxer, words("-f mp4"));
    }
}
