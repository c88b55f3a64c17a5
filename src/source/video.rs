//! The source of a clip job: frames out of ffmpeg's decoder, in order.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::{Error, Result, shown};
use crate::ffmpeg::{Decode, Decoder, TimeBase, Timed};
use crate::frame::BufferPool;
use crate::link::{Cancel, Item, Packet, Part, Payload};
use crate::stage::{Order, Source, Ticket};

/// Gives the frames of one clip. Wants one I/O thread: there is one pipe to read.
pub struct VideoSource<'a> {
    item: Item,
    frame_bytes: u64,
    total: Option<u64>,
    time_base: TimeBase,
    first: i64,
    pool: Arc<BufferPool>,
    cancel: Cancel,
    state: Mutex<State<'a>>,
}

struct State<'a> {
    decoder: Decoder<'a>,
    /// Frames given out.
    given: u64,
    /// Decoded, or why not, and not yet taken. Whether there is another frame is known only
    /// when it is here, so the one at hand is the one that no permit covers yet.
    waiting: Option<Result<Timed>>,
}

impl<'a> VideoSource<'a> {
    /// Starts the decoder and waits for the first frame, which tells the time base. The calling
    /// thread has to outlive the source, since ffmpeg ends with it. `total` is how many frames
    /// are expected, where the container says so.
    ///
    /// # Errors
    /// The decoder's, with its last words; `Interrupted` when `cancel` says to stop now.
    pub fn open(
        job: Decode<'a>,
        total: Option<u64>,
        pool: Arc<BufferPool>,
        cancel: &Cancel,
    ) -> Result<Self> {
        let path = job.clip.path().to_owned();
        let item = Item { input: path.clone(), rel: path, number: 1, ..Item::default() };
        let frame_bytes = job.pixels.layout().bytes();
        let mut decoder = Decoder::start(job)?;
        let nothing = || Error::input(format!("{} has no frame", shown(&item.input)));
        let first = decoder.next(&pool, cancel)?.ok_or_else(nothing)?;
        let time_base = decoder.time_base().ok_or_else(nothing)?;
        Ok(Self {
            frame_bytes,
            total,
            time_base,
            first: first.ticks,
            pool,
            cancel: cancel.clone(),
            state: Mutex::new(State { decoder, given: 0, waiting: Some(Ok(first)) }),
            item,
        })
    }

    /// The tick of the frames' times.
    pub fn time_base(&self) -> TimeBase {
        self.time_base
    }

    /// When the first frame is shown, in ticks of the clip's own clock.
    pub fn first(&self) -> i64 {
        self.first
    }

    fn state(&self) -> MutexGuard<'_, State<'a>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Source for VideoSource<'_> {
    fn order(&self) -> Order {
        Order::Strict
    }

    fn total(&self) -> Option<u64> {
        self.total
    }

    fn next(&self) -> Option<Ticket> {
        let state = &mut *self.state();
        if state.waiting.is_none() {
            state.waiting = state.decoder.next(&self.pool, &self.cancel).transpose();
        }
        state.waiting.as_ref()?;
        let seq = state.given;
        state.given += 1;
        Some(Ticket { seq, bytes: self.frame_bytes })
    }

    fn item(&self, _: &Ticket) -> Item {
        self.item.clone()
    }

    fn read(&self, ticket: Ticket) -> Packet {
        let lost = || Error::internal(format!("frame {} was asked for twice", ticket.seq));
        let taken = self.state().waiting.take();
        match taken.unwrap_or_else(|| Err(lost())) {
            Ok(timed) => {
                let payload = Payload::Frame(Arc::new(timed.frame));
                let part = Part { key: (self.item.number, 0), payload };
                let mut packet = Packet::new(ticket.seq, self.item.clone(), Ok(vec![part]));
                packet.notes.pts = Some(timed.ticks);
                packet
            }
            Err(error) => Packet::failed(ticket.seq, self.item.clone(), error),
        }
    }
}
