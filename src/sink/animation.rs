//! The sink of a clip job whose output is an animated picture.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use super::folder::bytes_of;
use super::part::PartFile;
use super::place::Writing;
use crate::codec::Format;
use crate::codec::animation::{Fraction, Joiner, Plays};
use crate::error::{Error, Result};
use crate::ffmpeg::TimeBase;
use crate::frame::Layout;
use crate::link::{Item, Packet};
use crate::stage::{Sink, SinkError, WhenStopped, Written};

/// Joins coded frames to `OUT.part.EXT`, which gets its name when all are in it.
pub struct AnimationSink {
    joiner: Joiner<BufWriter<File>>,
    part: PartFile,
    out: PathBuf,
    writing: Writing,
    /// The frame that waits for its end to be known.
    held: Option<Held>,
    /// How long a frame is shown of which nobody says it.
    usual: i64,
    /// Whether the joiner has a frame.
    joined: bool,
}

struct Held {
    bytes: Vec<u8>,
    ticks: i64,
    lasts: Option<i64>,
}

/// What is known of the frames before the first.
#[derive(Clone, Copy, Debug)]
pub struct Joining {
    /// The format of each and of all.
    pub format: Format,
    /// Of all frames.
    pub layout: Layout,
    /// The tick of their times.
    pub time_base: TimeBase,
    /// Ticks of a frame of which nobody says how long it is shown.
    pub usual: i64,
    /// How often players show it.
    pub plays: Plays,
}

impl AnimationSink {
    /// Makes the file.
    ///
    /// # Errors
    /// `Usage`: a format that holds one picture. `System`: the file cannot be made; `Temporary`:
    /// another render writes it.
    pub fn new(job: &Joining, out: PathBuf, writing: Writing) -> Result<Self> {
        let part = PartFile::create(&out)?;
        let to = BufWriter::with_capacity(1 << 20, part.file()?);
        let tick = Fraction::new(job.time_base.num(), job.time_base.den())?;
        let joiner = Joiner::new(to, job.format, &job.layout, tick, job.plays)?;
        Ok(Self { joiner, part, out, writing, held: None, usual: job.usual, joined: false })
    }

    /// Writes the frame that waits, now that the next one's time is known or that there is none.
    fn release(&mut self, next: Option<i64>) -> Result<()> {
        let Some(Held { bytes, ticks, lasts }) = self.held.take() else { return Ok(()) };
        let until = next.map(|next| next.saturating_sub(ticks));
        let delay = lasts.or(until).unwrap_or(self.usual);
        self.usual = delay;
        let delay = u64::try_from(delay)
            .map_err(|_| Error::input(format!("a frame at tick {ticks} ends before it begins")))?;
        self.joined = true;
        self.joiner.write(&bytes, delay)
    }
}

impl Sink for AnimationSink {
    fn write(&mut self, packet: Packet) -> Result<Written, SinkError> {
        let run = |error: Error| SinkError::Run(error);
        let number = packet.seq;
        let ticks = packet
            .notes
            .pts
            .ok_or_else(|| run(Error::internal(format!("frame {number} came without its time"))))?;
        let lasts = packet.notes.lasts;
        let bytes = bytes_of(packet.outcome)?;
        self.release(Some(ticks)).map_err(|e| run(e.within(format!("frame {number}"))))?;
        let written = Written { output: self.out.clone(), bytes: 0 };
        self.held = Some(Held { bytes, ticks, lasts });
        Ok(written)
    }

    /// An animation with a missing frame is none.
    fn failed(&mut self, seq: u64, _: &Item, error: &Error) -> Result<()> {
        Err(error.clone().within(format!("frame {seq}")))
    }

    /// A part of an animation is none.
    fn when_stopped(&self) -> WhenStopped {
        WhenStopped::Discard
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        let only = if self.joined { None } else { self.held.take() };
        self.release(None)?;
        let Self { joiner, part, out, writing, .. } = *self;
        let failed = |e: std::io::Error| Error::io("write", part.path(), &e);
        match only {
            // One frame needs nobody to join it: it is a still already.
            Some(still) => part.file()?.write_all(&still.bytes).map_err(failed)?,
            None => joiner.finish()?.flush().map_err(failed)?,
        }
        part.commit(&out, writing)
    }

    fn abort(self: Box<Self>) {
        drop(self);
    }
}
