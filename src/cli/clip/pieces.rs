//! A clip in segments: where it is cut, and how what they became is joined.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use lumaloom::codec::y4m::Interlacing;
use lumaloom::error::Result;
use lumaloom::ffmpeg::{
    Join, Ledger, Scan, Segment, Window, first_tick, moments, option, segments, told,
};
use lumaloom::frame::BufferPool;
use lumaloom::link::Cancel;
use lumaloom::sink;
use lumaloom::source::Facts;

use super::output::Encoding;
use super::{ClipOut, Movie, Planned};

/// What a clip's segments became.
#[derive(Clone, Copy, Debug)]
pub struct Pieces<'a> {
    /// Their files, in order.
    pub files: &'a [PathBuf],
    /// What all of them have in common.
    pub seam: Seam,
}

/// What is the same in all segments of a clip, so that they can be joined.
#[derive(Clone, Copy, Debug)]
pub struct Seam {
    /// What is added to the frames' times, in ticks.
    pub moved: i64,
    /// How rows were taken, by the first frame of the clip; a segment's own may tell another tale.
    pub interlacing: Option<Interlacing>,
}

/// At least so much of a clip may lie below 0.
const HOUR_SECONDS: i64 = 3600;

impl Movie {
    /// Cuts what is wanted of it into segments at key frames, fewer than `count` where there are
    /// not enough.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn segments(&self, count: usize, cancel: &Cancel) -> Result<Vec<Segment>> {
        let moments = moments(&self.programs, &self.clip, self.stream, cancel)?;
        segments(&self.clip, self.stream, &moments, self.window, count)
    }

    /// How the rows of its first frame were taken, which is decoded for it.
    ///
    /// # Errors
    /// The decoder's.
    pub fn interlacing(&self, cancel: &Cancel) -> Result<Interlacing> {
        // What is wrong with it is counted when it is decoded for good.
        let apart = self.part(self.window, self.programs.entered_in(&Ledger::default()));
        let (_, facts) = apart.open(&Arc::new(BufferPool::new(1)), cancel)?;
        Ok(facts.interlacing)
    }

    /// By how many ticks times are moved in segments: far enough that none is below 0, of frames
    /// that are decoded early and of clips that begin there. It is whole seconds, which no unit
    /// rounds, and whole frames at the clip's rate, in which some encoders count.
    ///
    /// # Errors
    /// None in practice: the stream was there when it was chosen.
    pub fn moved(&self) -> Result<i64> {
        let facts = self.facts()?;
        let hours = i64::from(facts.time_base.den()) * HOUR_SECONDS;
        let (_, under) = facts.rate.unwrap_or((1, 1));
        Ok(hours.checked_mul(under.into()).filter(|ticks| *ticks < 1 << 53).unwrap_or(hours))
    }

    /// Whether ffmpeg filters its frames before ours do.
    pub fn is_filtered(&self) -> bool {
        self.filters.is_some()
    }

    /// The word of `--input-args` by which ffmpeg gives frames other times than the container does.
    pub fn retimed(&self) -> Option<&str> {
        const RETIMING: &[&str] = &["r", "ss", "sseof", "t", "to", "itsscale", "stream_loop"];
        let retimes =
            |word: &&OsString| option(word).is_some_and(|(name, _)| RETIMING.contains(&name));
        self.extra.iter().find(retimes)?.to_str()
    }

    /// Words for an encoder, with those that tell it of an HDR picture.
    ///
    /// # Errors
    /// None in practice: the stream was there when it was chosen.
    pub fn told(&self, codec: &str, words: Vec<OsString>) -> Result<Vec<OsString>> {
        Ok(told(codec, self.video()?, words))
    }

    /// Its segments as they were rendered, joined with everything that the output takes from it.
    ///
    /// # Errors
    /// The join's.
    pub fn join(
        &self,
        out: &ClipOut,
        planned: &Planned,
        pieces: &Pieces<'_>,
        cancel: &Cancel,
    ) -> Result<()> {
        let trimmed = self.window != Window::default();
        let facts = match pieces.files.first().filter(|_| trimmed) {
            None => self.facts()?,
            Some(file) => {
                let base = self.facts()?.time_base;
                let first = first_tick(&self.programs, file, base, cancel)?;
                self.facts_at(base, first.saturating_sub(pieces.seam.moved), Scan::Progressive)?
            }
        };
        self.joining(out, planned, facts, pieces, |job| {
            sink::join(&job, out.path(), out.writing(), &self.clip, cancel)
        })
    }

    /// The words of the command that joins them, the first frame's time as far as the container
    /// says it.
    ///
    /// # Errors
    /// When a folder cannot be found.
    pub fn join_words(
        &self,
        out: &ClipOut,
        planned: &Planned,
        pieces: &Pieces<'_>,
    ) -> Result<Vec<OsString>> {
        self.joining(out, planned, self.facts()?, pieces, |job| job.words(out.path()))
    }

    fn joining<T>(
        &self,
        out: &ClipOut,
        planned: &Planned,
        facts: Facts,
        &Pieces { files, seam: Seam { moved, interlacing } }: &Pieces<'_>,
        then: impl FnOnce(Join<'_>) -> Result<T>,
    ) -> Result<T> {
        let facts = Facts { interlacing: interlacing.unwrap_or(facts.interlacing), ..facts };
        let copies = self.copies(out.without())?;
        let encoding = Encoding { programs: &self.programs, copies: Some(&copies), out };
        let encode = encoding.job(&planned.after(facts), *planned.work.score().output())?;
        then(Join { encode: &encode, files, moved })
    }
}
