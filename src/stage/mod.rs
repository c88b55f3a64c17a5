//! Stages: what a source, a work and a sink promise, and the three functions that run them.
//! The same functions run in every mode; only what the links are made of differs.
//!
//! # Stopping
//!
//! A run is told to stop by the user's first Ctrl-C or, with `--on-error stop`, by its first
//! failure. What was begun is then finished, and nothing else is: an item is begun when a
//! thread of the pool starts on it. So every item of a stopped run is written, failed, or not
//! begun, and the last kind is left to `--resume`.
//!
//! - Source and work are told, each by a [`Cancel`] of its own process; the sink never is. It
//!   takes what comes until the stream ends, so nothing that was finished is lost.
//! - The source gives out no more tickets. The work drops what comes in and what waits in the
//!   pool's queue. It does not leave before the source has ended or a moment has passed, so
//!   that a source in another process, which is told at the same time, sees no broken pipe.
//! - Whoever left something out ends its stream with [`Ended::Stopped`], and whoever received
//!   that passes it on. If nothing was left out, the end is [`Ended::All`], stop or no stop:
//!   the ends say what is missing and not what was wished. So nobody takes a part for the
//!   whole, though the source was through before the stop came.
//! - The sink knows what a part is worth ([`WhenStopped`]): of stills it commits it, of a clip
//!   it aborts. The stage ends well in both cases, and the run's end is the sink's.
//!
//! # Steps
//!
//! Some filters look at other frames: at a window around their own, or at all before it by
//! something that they carry along. A work that has such filters is cut into steps
//! ([`Work::needs`]), and a frame goes through them one by one: in the pool for a step, then
//! back in order until the window of the next one is there. [`Relay`] keeps the books.
//!
//! - At both ends of a clip the first and the last frame stand for those that are not there. A
//!   clip may be shorter than a window.
//! - A carried step is done for one frame at a time, in order, the rows of the frame in bands.
//!   It never hears of frames that failed.
//! - A frame that fails takes no further step, and those whose windows it is in fail with its
//!   error, at every step.
//! - A frame that was stopped between two steps is not begun. After a stop nothing stands for
//!   the frames that are missing, so those that would look at them are left out too.
//! - A frame's permit lasts until no window needs the frame any more, at every step; once it is
//!   out, what its bytes take goes along with them. So the frames of one window hold permits
//!   while the last of them waits for its own ([`frames_at_once`]). They fit by a check at the
//!   first frame ([`Budget::windows`](crate::link::Budget::windows)), which fails the run
//!   instead of letting it wait for good.

mod beside;
mod clock;
mod context;
mod epoch;
mod feed;
mod item;
mod memory;
mod meter;
#[cfg(test)]
pub(crate) mod naive;
mod read;
mod relay;
mod send;
mod steps;
mod work;
mod write;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Kind, Result};
pub use crate::link::{Cancel, Ended, Level, Reason};
use crate::link::{Item, Packet};
pub use crate::plan::{Bands, Entered, InPool};
pub use context::{Context, Doing, Progress};
pub use epoch::Epoch;
pub(crate) use item::worked;
pub use item::{Span, admit, compute};
pub use memory::{Memory, memory, memory_of};
pub use meter::Meter;
pub(crate) use read::refused;
pub use read::{Reading, read_one, run_source};
pub use relay::{Job, Relay, Through, frames_at_once};
pub use work::{Computing, Split, pool, run_work};
pub(crate) use write::end;
pub use write::{deliver, run_sink};

/// Whether outputs must come in the order of the inputs. A property of the job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// Files that do not depend on each other: one slow picture never parks the others.
    Any,
    /// Video, sequences, y4m.
    Strict,
}

/// What becomes of the outputs when the run is told to stop and a part of them is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenStopped {
    /// What was begun is finished and committed: stills.
    Commit,
    /// The sink aborts; a part of a clip is no clip.
    Discard,
}

/// A promise to read one item: its place in the order and the bytes that reading will hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// 0.., no holes.
    pub seq: u64,
    /// Bytes that the packet will hold; an upper bound, or the size as it was last seen.
    pub bytes: u64,
}

/// Brings bytes in.
pub trait Source: Sync {
    /// Whether the order matters.
    fn order(&self) -> Order;

    /// Items in all, where that is known.
    fn total(&self) -> Option<u64>;

    /// The next item, or `None` at the end. Called from several I/O threads, one at a time.
    fn next(&self) -> Option<Ticket>;

    /// Which item a ticket is for.
    fn item(&self, ticket: &Ticket) -> Item;

    /// Reads it; what goes wrong with the item is a failed packet. Called concurrently, with
    /// different tickets; with `Order::Strict` too, unless there is one I/O thread.
    fn read(&self, ticket: Ticket) -> Packet;
}

/// Which other frames a step looks at, in frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Frames before its own.
    pub before: usize,
    /// Frames after its own.
    pub after: usize,
    /// Whether the step is done for one frame at a time.
    pub state: Serial,
}

impl Needs {
    /// The frame alone, beside others.
    pub const NOTHING: Self = Self { before: 0, after: 0, state: Serial::Free };
}

/// Whether a step carries something from frame to frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Serial {
    /// Every frame stands for itself.
    #[default]
    Free,
    /// Statistics or recursion in time.
    Carried,
}

/// Computes.
pub trait Work: Sync {
    /// Its steps, one or more, and what each looks at; the same at every call. More than one
    /// step, or one that needs anything, is for jobs of `Order::Strict`.
    fn needs(&self) -> &[Needs] {
        &[Needs::NOTHING]
    }

    /// The most bytes that this item will hold at once: input, intermediates, output, and what
    /// each of its bands keeps. From the header alone, before anything is decoded. Called on
    /// one thread, in order of arrival. An error fails the item.
    ///
    /// Of a work with windows: through all steps, with what every step leaves behind, since
    /// later windows may look at it when the output is there already; at least what the packet
    /// holds; and, where it can be, the same for all frames, so that a `--mem` that is enough at
    /// first stays so. A carried step runs in bands whatever `bands` says.
    fn peak(&self, packet: &Packet, bands: Bands<'_>) -> Result<u64>;

    /// Does a step, 0... Called concurrently, in the pool, with different packets; for a carried
    /// step one at a time. Must neither block nor lock. The permit is not in the packet
    /// meanwhile. A panic fails the item; it is caught by the caller, in one place for all works.
    ///
    /// For a step with a window the parts are its frames, `before + after + 1`, oldest first,
    /// shared with the windows beside it. What comes back is one part again. Frames are shared
    /// and bytes are copied, so what is coded is decoded by a step without a window.
    fn process(&self, step: usize, packet: Packet, bands: Bands<'_>) -> Packet;

    /// Nothing more comes. What is kept for later items goes now, while the writer still writes:
    /// giving 50 MB back takes the system 15 ms.
    fn rest(&self) {}
}

/// What a sink made of a packet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Where the output is.
    pub output: PathBuf,
    /// Its bytes.
    pub bytes: u64,
}

/// Why a sink did not take a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SinkError {
    /// This item fails; the run goes on.
    Item(Error),
    /// No further item has a chance: a full disk, a lost encoder. The run ends.
    Run(Error),
}

impl From<Error> for SinkError {
    /// What the machine's owner has to mend ends the run; the rest is the item's.
    fn from(error: Error) -> Self {
        if error.kind() == Kind::Input { Self::Item(error) } else { Self::Run(error) }
    }
}

/// Brings bytes out. Lives on one thread.
pub trait Sink: Send {
    /// Takes one packet that has something; when it returns, the output is in place. An item
    /// that fails here is noted here.
    fn write(&mut self, packet: Packet) -> Result<Written, SinkError>;

    /// Takes note of an item that failed on the way here. An error ends the run: a clip with a
    /// missing frame is none.
    fn failed(&mut self, _seq: u64, _item: &Item, _error: &Error) -> Result<()> {
        Ok(())
    }

    /// What a part of the outputs is worth. There is no default: a sink that commits a part
    /// by oversight would pass it for the whole.
    fn when_stopped(&self) -> WhenStopped;

    /// Commits, after a clean end only.
    fn finish(self: Box<Self>) -> Result<()>;

    /// Ends without committing: temporary files are removed, finished outputs stay.
    fn abort(self: Box<Self>);
}
