//! The programs themselves: where ffmpeg and ffprobe are, how old, and what they can encode.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};

use ffmpeg_sidecar::command::FfmpegCommand;
use ffmpeg_sidecar::log_parser::try_parse_version;

use super::child::{Child, INSTALL, Patience, Pipe};
use super::cost::Ledger;
use crate::error::{Error, Kind, Result, shown};
use crate::link::Cancel;

/// libavutil of ffmpeg 5.1, the first with `-fps_mode`. The library's number is compared, since
/// builds from git have dates or hashes for a version.
const OLDEST: (u32, u32) = (57, 28);
/// libavutil's major number of ffmpeg 5.
const FIVE: u32 = 57;

/// More than it says when it is asked what it can do.
const SAID_BYTES: usize = 4 << 20;

/// ffmpeg, found and found new enough, and ffprobe.
#[derive(Clone, Debug)]
pub struct Programs {
    ffmpeg: PathBuf,
    ffprobe: PathBuf,
    version: String,
    library: (u32, u32),
    /// What it says that it can encode.
    encoders: Arc<str>,
    ledger: Ledger,
}

impl Programs {
    /// Finds both: `ffmpeg` where the caller names it, else on the PATH; `ffprobe` beside an
    /// ffmpeg that was named, else on the PATH. Asks ffmpeg once who it is and what it can encode;
    /// ffprobe says who it is with the first clip, since each start of one costs as much as a
    /// second of a small clip. What these and all later ones cost is entered in `ledger`.
    ///
    /// # Errors
    /// `Usage` with what to install when ffmpeg is missing, does not start, or is older than 5.1.
    pub fn find(ffmpeg: Option<&Path>, ledger: &Ledger) -> Result<Self> {
        let beside = ffmpeg.map(|path| path.with_file_name("ffprobe")).filter(|path| path.exists());
        let ffmpeg = ffmpeg.map_or_else(|| PathBuf::from("ffmpeg"), Path::to_owned);
        let ffprobe = beside.unwrap_or_else(|| PathBuf::from("ffprobe"));
        let (mut banner, encoders) = answered(&ffmpeg, "-encoders", ledger)?;
        if libavutil(&banner).is_none() {
            // Somebody's script may tell it to say less.
            let (_, version) = answered(&ffmpeg, "-version", ledger)?;
            banner.push_str(&version);
        }
        // The system's linker may have said something first.
        let version = banner.lines().find_map(try_parse_version);
        let Some((version, library)) = version.zip(libavutil(&banner)) else {
            let (path, first) = (shown(&ffmpeg), banner.lines().next().unwrap_or_default());
            return Err(Error::usage(format!("{path} is not ffmpeg: it says {first:?}")));
        };
        new_enough(&ffmpeg, &version, library)?;
        let ledger = ledger.clone();
        Ok(Self { ffmpeg, ffprobe, version, library, encoders: encoders.into(), ledger })
    }

    /// The same, whose costs are entered in another ledger.
    #[must_use]
    pub fn entered_in(&self, ledger: &Ledger) -> Self {
        Self { ledger: ledger.clone(), ..self.clone() }
    }

    /// What ffmpeg calls its version, like `5.1.9-0+deb12u1`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Whether it is a 5.1, which tells filters of packets another tick than the packets have, and
    /// which does not reckon with what a decoder of Opus drops. 6.1, 7.0 and 9.0 do better.
    pub(super) fn is_5(&self) -> bool {
        self.library.0 <= FIVE
    }

    /// A command for ffmpeg with nothing but the options that all of ours share.
    pub(super) fn ffmpeg(&self, log: Log) -> FfmpegCommand {
        let mut command = FfmpegCommand::new_with_path(&self.ffmpeg);
        command.hide_banner().args(["-nostdin", "-nostats", "-loglevel", log.level()]);
        command
    }

    /// A command for ffprobe.
    pub(super) fn ffprobe(&self) -> Command {
        Command::new(&self.ffprobe)
    }

    /// Checks what ffprobe says of its own age.
    pub(super) fn check_ffprobe(&self, version: &str, library: (u32, u32)) -> Result<()> {
        new_enough(&self.ffprobe, version, library)
    }

    /// Starts one of them; see [`Child::start`].
    pub(super) fn start(
        &self,
        name: &'static str,
        command: FfmpegCommand,
        pipe: Pipe,
        patience: Patience,
        on_line: impl FnMut(&str, u64) + Send + 'static,
    ) -> Result<Child> {
        Child::start(name, command, &self.ledger, pipe, patience, on_line)
    }

    /// Checks that ffmpeg has an encoder of this name, before any frame is decoded for it.
    ///
    /// # Errors
    /// `Usage` with the names that are nearest.
    pub fn require_encoder(&self, name: &str) -> Result<()> {
        let listed = &self.encoders;
        let encoders: Vec<&str> = listed.lines().filter_map(video_encoder).collect();
        if encoders.contains(&name) {
            return Ok(());
        }
        let of_codec = format!("(codec {name})");
        let coding = listed.lines().filter(|line| line.contains(&of_codec));
        let coding = coding.filter_map(video_encoder);
        let named = encoders.iter().copied().filter(|encoder| encoder.contains(name));
        let mut near: Vec<&str> = named.chain(coding).collect();
        // Those that need no device first.
        near.sort_unstable_by_key(|encoder| (!encoder.starts_with("lib"), *encoder));
        near.dedup();
        let hint = match near.as_slice() {
            [] => String::new(),
            near => format!("; did you mean {}?", near.join(", ")),
        };
        let version = &self.version;
        Err(Error::usage(format!("ffmpeg {version} has no video encoder {name:?} (--codec){hint}")))
    }
}

/// How much an ffmpeg is to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Log {
    /// What goes wrong.
    Warnings,
    /// All that showinfo says, too.
    Info,
}

impl Log {
    /// With `level`, each line says its own, which is how errors are told from the rest.
    fn level(self) -> &'static str {
        match self {
            Self::Warnings => "level+warning",
            Self::Info => "level+info",
        }
    }
}

/// What a program says to people and on stdout when it is asked this.
fn answered(program: &Path, question: &str, ledger: &Ledger) -> Result<(String, String)> {
    let mut command = Command::new(program);
    command.arg(question);
    let banner = Arc::new(Mutex::new(String::new()));
    let hear = banner.clone();
    let on_line = move |line: &str, _| {
        let mut banner = hear.lock().unwrap_or_else(PoisonError::into_inner);
        banner.push_str(line);
        banner.push('\n');
    };
    let (cancel, patience) = (Cancel::default(), Patience::default());
    let said = Child::start("query", command.into(), ledger, Pipe::Out, patience, on_line);
    let said = said.and_then(|mut child| {
        let said = child.read_to_end(SAID_BYTES, &cancel)?;
        child.finish(&cancel).map(|()| said)
    });
    let banner = std::mem::take(&mut *banner.lock().unwrap_or_else(PoisonError::into_inner));
    match said {
        Ok(said) => Ok((banner, String::from_utf8_lossy(&said).into_owned())),
        Err(e) if e.kind() == Kind::Usage => Err(e),
        Err(e) => Err(Error::usage(format!("{} does not work: {e}", shown(program)))),
    }
}

/// Refuses a program that is older than 5.1.
fn new_enough(program: &Path, version: &str, library: (u32, u32)) -> Result<()> {
    if library >= OLDEST {
        return Ok(());
    }
    let path = shown(program);
    Err(Error::usage(format!("{path} is version {version}, too old; {INSTALL}")))
}

/// `  libavutil      57. 28.100 / 57. 28.100` as (57, 28).
fn libavutil(text: &str) -> Option<(u32, u32)> {
    let line = text.lines().find_map(|line| line.trim_start().strip_prefix("libavutil"))?;
    let mut numbers = line.split('/').next()?.split('.').map(|n| n.trim().parse().ok());
    Some((numbers.next()??, numbers.next()??))
}

/// The name in a line like ` V....D libx264   libx264 H.264`.
fn video_encoder(line: &str) -> Option<&str> {
    let mut words = line.split_ascii_whitespace();
    let flags = words.next()?;
    let name = words.next()?;
    (flags.len() == 6 && flags.starts_with('V') && name != "=").then_some(name)
}

/// A command as words.
pub(super) fn words(command: FfmpegCommand) -> Vec<OsString> {
    let command = Command::from(command);
    std::iter::once(command.get_program()).chain(command.get_args()).map(OsStr::to_owned).collect()
}

/// A program's name with a way to be found from another folder: as it is, or made absolute.
pub(super) fn file_argument(path: &Path) -> Result<std::ffi::OsString> {
    let absolute =
        std::path::absolute(path).map_err(|e| Error::io("find the folder of", path, &e))?;
    let mut argument = std::ffi::OsString::from("file:");
    argument.push::<&OsStr>(absolute.as_ref());
    Ok(argument)
}
