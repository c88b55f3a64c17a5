//! The programs themselves: where ffmpeg and ffprobe are, how old, and what they can encode.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ffmpeg_sidecar::command::FfmpegCommand;
use ffmpeg_sidecar::log_parser::try_parse_version;

use crate::error::{Error, Result, shown};

/// libavutil of ffmpeg 5.1, the first with `-fps_mode`. The library's number is compared, since
/// builds from git have dates or hashes for a version.
const OLDEST: (u32, u32) = (57, 28);

/// What to do about a missing program.
const INSTALL: &str = "install ffmpeg 5.1 or later, which brings ffprobe \
                       (`apt-get install ffmpeg`, `brew install ffmpeg`)";

/// ffmpeg and ffprobe, found and found new enough.
#[derive(Clone, Debug)]
pub struct Programs {
    ffmpeg: PathBuf,
    ffprobe: PathBuf,
    version: String,
}

impl Programs {
    /// Finds both: `ffmpeg` where the caller names it, else on the PATH; `ffprobe` beside an
    /// ffmpeg that was named, else on the PATH. Runs each once to see that it starts.
    ///
    /// # Errors
    /// `Usage` with what to install when one is missing, does not start, or is older than 5.1.
    pub fn find(ffmpeg: Option<&Path>) -> Result<Self> {
        let beside = ffmpeg.map(|path| path.with_file_name("ffprobe")).filter(|path| path.exists());
        let ffmpeg = ffmpeg.map_or_else(|| PathBuf::from("ffmpeg"), Path::to_owned);
        let ffprobe = beside.unwrap_or_else(|| PathBuf::from("ffprobe"));
        let version = checked(&ffmpeg)?;
        checked(&ffprobe)?;
        Ok(Self { ffmpeg, ffprobe, version })
    }

    /// What ffmpeg calls its version, like `5.1.9-0+deb12u1`.
    pub fn version(&self) -> &str {
        &self.version
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

    /// Checks that ffmpeg has an encoder of this name, before any frame is decoded for it.
    ///
    /// # Errors
    /// `Usage` with the names that are nearest.
    pub fn require_encoder(&self, name: &str) -> Result<()> {
        let mut command = self.ffmpeg(Log::Warnings);
        command.arg("-encoders");
        let listed = output(&mut Command::from(command), &self.ffmpeg)?;
        let encoders: Vec<&str> = listed.lines().filter_map(video_encoder).collect();
        if encoders.contains(&name) {
            return Ok(());
        }
        let near: Vec<&str> = encoders.iter().copied().filter(|e| e.contains(name)).collect();
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

/// The version of a program that starts and is new enough.
fn checked(program: &Path) -> Result<String> {
    let text = output(Command::new(program).arg("-version"), program)?;
    let first = text.lines().next().unwrap_or_default();
    // ffprobe's line differs in the name alone.
    let version = try_parse_version(&first.replacen("ffprobe", "ffmpeg", 1));
    let (Some(version), Some(library)) = (version, libavutil(&text)) else {
        let path = shown(program);
        return Err(Error::usage(format!("{path} is not ffmpeg: it says {first:?}")));
    };
    if library < OLDEST {
        let path = shown(program);
        return Err(Error::usage(format!("{path} is version {version}, too old; {INSTALL}")));
    }
    Ok(version)
}

/// What a program says on stdout when it is only asked something.
fn output(command: &mut Command, program: &Path) -> Result<String> {
    let run = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).output();
    let path = shown(program);
    let out = run.map_err(|e| match e.kind() {
        io::ErrorKind::NotFound => Error::usage(format!("{path} was not found; {INSTALL}")),
        _ => Error::usage(format!("{path} cannot be started ({e}); {INSTALL}")),
    })?;
    if !out.status.success() {
        let said = String::from_utf8_lossy(&out.stderr);
        let last = said.lines().next_back().unwrap_or("nothing").trim().to_owned();
        return Err(Error::usage(format!("{path} does not work ({}): {last}", out.status)));
    }
    Ok(String::from_utf8_lossy(&out.stdout).into_owned())
}

/// `libavutil      57. 28.100 / 57. 28.100` as (57, 28).
fn libavutil(text: &str) -> Option<(u32, u32)> {
    let line = text.lines().find_map(|line| line.strip_prefix("libavutil"))?;
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
