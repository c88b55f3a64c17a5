//! A source of frames that come one after the other out of one place: a decoder, a pipe, an
//! animated picture.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::{Error, Result};
use crate::frame::{BufferPool, Frame};
use crate::link::{Cancel, Item, Packet, Part, Payload};
use crate::stage::{Order, Source, Ticket};

/// Frames in the order in which they are shown.
pub trait Frames: Send {
    /// The next one, with buffers of the pool; `None` after the last.
    ///
    /// # Errors
    /// What is wrong with it; also when `cancel` says to stop now.
    fn next(&mut self, pool: &BufferPool, cancel: &Cancel) -> Result<Option<Shown>>;
}

/// A frame and when it is shown, in ticks of the job's time base.
#[derive(Debug)]
pub struct Shown {
    /// The samples.
    pub frame: Frame,
    /// From when.
    pub ticks: i64,
    /// For how long, where that is known before the next frame is.
    pub lasts: Option<i64>,
}

/// Gives the frames of one clip. Wants one I/O thread: there is one place to read from.
pub struct FrameSource<F> {
    item: Item,
    frame_bytes: u64,
    total: Option<u64>,
    /// Frames after this number are left where they are.
    most: u64,
    pool: Arc<BufferPool>,
    cancel: Cancel,
    state: Mutex<State<F>>,
}

struct State<F> {
    frames: F,
    /// Frames given out.
    given: u64,
    /// Read, or why not, and not yet taken. Whether there is another frame is known only
    /// when it is here, so the one at hand is the one that no permit covers yet.
    waiting: Option<Result<Shown>>,
    /// Whether there is a ticket for it. One that is given back unread is of a frame for which
    /// there is no memory.
    promised: bool,
    /// Nothing comes after an error.
    failed: bool,
}

/// How many frames there are, and how large each is.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    /// Bytes of a frame.
    pub frame_bytes: u64,
    /// How many there are, where that is known.
    pub total: Option<u64>,
    /// How many are wanted at most.
    pub most: Option<u64>,
}

impl<F: Frames> FrameSource<F> {
    /// The frames of `path`, of which the first may be here already.
    pub fn new(
        path: &Path,
        frames: F,
        first: Option<Shown>,
        extent: Extent,
        pool: Arc<BufferPool>,
        cancel: &Cancel,
    ) -> Self {
        let (input, rel) = (path.to_owned(), path.to_owned());
        let item = Item { input, rel, number: 1, ..Item::default() };
        let waiting = first.map(Ok);
        let state = State { frames, given: 0, waiting, promised: false, failed: false };
        let state = Mutex::new(state);
        let Extent { frame_bytes, total, most } = extent;
        let most = most.unwrap_or(u64::MAX);
        let (total, cancel) = (total.map(|total| total.min(most)), cancel.clone());
        Self { item, frame_bytes, total, most, pool, cancel, state }
    }

    fn state(&self) -> MutexGuard<'_, State<F>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<F: Frames> Source for FrameSource<F> {
    fn order(&self) -> Order {
        Order::Strict
    }

    fn total(&self) -> Option<u64> {
        self.total
    }

    fn next(&self) -> Option<Ticket> {
        let state = &mut *self.state();
        if state.given == self.most {
            return None;
        }
        if std::mem::take(&mut state.promised) {
            match state.waiting.take() {
                Some(Ok(unread)) => unread.frame.recycle(&self.pool),
                // An error is no end of the stream.
                other => state.waiting = other,
            }
        }
        if state.waiting.is_none() && !state.failed {
            state.waiting = state.frames.next(&self.pool, &self.cancel).transpose();
            state.failed = matches!(state.waiting, Some(Err(_)));
        }
        state.waiting.as_ref()?;
        let seq = state.given;
        state.given += 1;
        state.promised = true;
        Some(Ticket { seq, bytes: self.frame_bytes })
    }

    fn item(&self, _: &Ticket) -> Item {
        self.item.clone()
    }

    fn read(&self, ticket: Ticket) -> Packet {
        let lost = || Error::internal(format!("frame {} was asked for twice", ticket.seq));
        let taken = {
            let mut state = self.state();
            state.promised = false;
            state.waiting.take()
        };
        match taken.unwrap_or_else(|| Err(lost())) {
            Ok(shown) => {
                let payload = Payload::Frame(Arc::new(shown.frame));
                let part = Part { key: (self.item.number, 0), payload };
                let mut packet = Packet::new(ticket.seq, self.item.clone(), Ok(vec![part]));
                packet.notes.pts = Some(shown.ticks);
                packet.notes.lasts = shown.lasts;
                packet
            }
            Err(error) => Packet::failed(ticket.seq, self.item.clone(), error),
        }
    }
}
