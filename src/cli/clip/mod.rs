//! A clip job's three parts with everything decided: what is read, what happens to it, what is
//! written. `video` joins them in one process, `stage` runs one of them.

mod helpers;
mod input;
mod movie;
mod output;
mod pictures;
mod pieces;
mod stream;
mod target;

use std::ffi::OsString;

use lumaloom::error::{Error, Result};
use lumaloom::exec::Settings;
use lumaloom::ffmpeg::{ColorTags, DisplayMatrix};
use lumaloom::filter::Dihedral;
use lumaloom::frame::{Matrix, Range};
use lumaloom::link::Over;
use lumaloom::source::{Facts, Turn};
use lumaloom::stage::{Work, frames_at_once};
use lumaloom::work::ClipWork;

use super::args::{MatrixArg, RangeArg};
use super::value::show_bytes;

pub use helpers::Helpers;
pub use input::{ClipIn, is_animated, is_no_picture};
pub use movie::Movie;
pub use output::{ClipOut, Kind, NULL};
pub use pieces::{Pieces, Seam};
pub use target::{Target, Wish, work};

/// The name that stands for stdin and stdout: raw frames from or for another program.
pub const STDIO: &str = "-";

/// When frames are turned as their display matrix asks players to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upright {
    /// Where the chain minds.
    IfNeeded,
    /// In any case: the output cannot ask players.
    Always,
}

/// A work, and whether it turns frames.
pub struct Planned {
    /// The work.
    pub work: ClipWork,
    /// What becomes of the turn that a clip asks for.
    pub turn: Turn,
    /// What frames are, where the work makes something else of them than they were.
    pub format: Option<String>,
}

impl Planned {
    /// Settings that know what the work holds for as long as it lives: what filters over time
    /// carry from frame to frame is not there for frames.
    ///
    /// # Errors
    /// `Usage`: too little is left, with a `--mem` that would do.
    pub fn kept_apart(&self, settings: Settings) -> Result<Settings> {
        let together = frames_at_once(self.work.needs()) as u64;
        let frames = self.work.peak_bytes(1) * together;
        let held = self.work.score().state_bytes();
        if together == 1 && held == 0 && settings.over == Over::Refuse && frames > settings.mem {
            // Known before a decoder is started for it.
            let enough = mebibytes_for(frames);
            let [frames, mem] = [frames, settings.mem].map(show_bytes);
            return Err(Error::usage(format!(
                "a frame needs {frames} at once, over the {mem} of --mem; --mem {enough}M would do"
            )));
        }
        apart(settings, held, frames, "what the chain carries from frame to frame takes")
    }

    /// The facts of a clip after this work.
    pub fn after(&self, facts: Facts) -> Facts {
        let score = self.work.score();
        let aspect = facts.aspect.map(|aspect| score.pixel_aspect(aspect));
        let (turn, now) = (self.turn, self.format.clone());
        let color = if now.is_some() { ColorTags::of(score.output()) } else { facts.color };
        Facts { aspect, turn, format: now.or(facts.format), color, ..facts }
    }
}

/// Settings without what is held for as long as a run lasts; `frames` has to be left.
fn apart(settings: Settings, held: u64, frames: u64, what: &str) -> Result<Settings> {
    let mem = settings.mem.saturating_sub(held);
    if held == 0 || mem >= frames {
        return Ok(Settings { mem, ..settings });
    }
    let enough = mebibytes_for(held.saturating_add(frames));
    let [held, frames, all] = [held, frames, settings.mem].map(show_bytes);
    Err(Error::usage(format!(
        "{what} {held}, and frames {frames} beside it, over the {all} of --mem; --mem {enough}M \
         would do"
    )))
}

/// A `--mem` that has room for so many bytes: a stage in a process of its own has three quarters.
fn mebibytes_for(bytes: u64) -> u64 {
    bytes.saturating_mul(4).div_ceil(3 << 20)
}

/// What became of the turn that a clip asks for, in words.
pub fn turned(display: DisplayMatrix, turn: Turn) -> String {
    match (turn, display.turn()) {
        (Turn::Done, _) => format!(
            "the clip asks players for {display}: frames are turned so, and the output does not ask"
        ),
        (Turn::Stored, Some(_)) => format!(
            "the clip asks players for {display}: frames stay as stored, and the output asks too"
        ),
        (Turn::Stored, None) => format!(
            "the clip asks players for {display}: the output asks too, and the chain works on frames \
             as stored"
        ),
    }
}

/// How frames are turned upright, and whether they are. A chain that does not mind runs on frames
/// as they are stored; for others they are turned first. `minds` is asked of a turn.
///
/// # Errors
/// `Usage`: a display matrix that is neither a turn nor a flip and that the output cannot have.
fn turning(
    display: Option<DisplayMatrix>,
    upright: Upright,
    minds: impl FnOnce(Dihedral) -> Result<bool>,
) -> Result<(Dihedral, Turn)> {
    match display.map(|matrix| (matrix, matrix.turn())) {
        None => Ok((Dihedral::IDENTITY, Turn::Stored)),
        Some((_, Some(turn))) => {
            let stays = upright == Upright::IfNeeded && !minds(turn)?;
            Ok(if stays { (Dihedral::IDENTITY, Turn::Stored) } else { (turn, Turn::Done) })
        }
        Some((_, None)) if upright == Upright::IfNeeded => Ok((Dihedral::IDENTITY, Turn::Stored)),
        Some((matrix, None)) => Err(Error::usage(format!(
            "the clip asks players for {matrix}, which is no turn by 90 degrees; \
             only mp4 and mov can ask for it"
        ))),
    }
}

impl MatrixArg {
    /// Our word for the library's.
    pub const fn of(matrix: Matrix) -> Self {
        match matrix {
            Matrix::Bt601 => Self::Bt601,
            Matrix::Bt709 => Self::Bt709,
            Matrix::Bt2020 => Self::Bt2020,
        }
    }

    /// The library's word.
    pub const fn matrix(self) -> Matrix {
        match self {
            Self::Bt601 => Matrix::Bt601,
            Self::Bt709 => Matrix::Bt709,
            Self::Bt2020 => Matrix::Bt2020,
        }
    }
}

impl RangeArg {
    /// Our word for the library's.
    pub const fn of(range: Range) -> Self {
        match range {
            Range::Limited => Self::Limited,
            Range::Full => Self::Full,
        }
    }

    /// The library's word.
    pub const fn range(self) -> Range {
        match self {
            Self::Limited => Range::Limited,
            Self::Full => Range::Full,
        }
    }
}

/// Words as a shell splits them.
///
/// # Errors
/// `Usage`: a quote that is not closed.
fn words(text: &str) -> Result<Vec<OsString>> {
    let words = shlex::split(text).ok_or_else(|| {
        Error::usage(format!("--input-args {text:?} has a quote that is not closed"))
    })?;
    Ok(words.into_iter().map(OsString::from).collect())
}
