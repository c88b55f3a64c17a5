//! The work's coordinator: it takes packets from the link, admits them and hands them on to be
//! computed.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, select};

use super::clock::PoolClock;
use super::{Computing, Context, Doing, Ended, InPool, Work, admit};
use crate::error::Stop;
use crate::event::StageName;
use crate::link::{Packet, Received, Rx};
use crate::ordered::Slots;

/// How long a source that may have been told to stop is waited for.
const A_MOMENT: Duration = Duration::from_millis(500);

/// The coordinator: the only one that waits for packets, memory and places.
pub(super) struct Feeder<'a> {
    pub(super) work: &'a dyn Work,
    pub(super) how: &'a Computing<'a>,
    pub(super) context: &'a Context<'a>,
    pub(super) clock: &'a PoolClock,
    /// A packet has one from admission until it was sent on.
    pub(super) places: Slots,
    /// Frames that are in the pool: from when it is given them until they are computed.
    pub(super) frames: InPool,
    /// Broken once the sender has ended.
    pub(super) gone: Receiver<Infallible>,
}

impl Feeder<'_> {
    /// Hands everything that comes to `begin`: its index (0.., no holes) and the packet with its
    /// permit.
    pub(super) fn run(
        &self,
        rx: &mut Rx,
        begin: impl FnMut(u64, Packet) -> Result<(), Stop>,
    ) -> Result<Ended, Stop> {
        let ended = self.feed(rx, begin);
        // From here on idle threads lack input, until the last one is done.
        self.clock.input_ended();
        if ended == Ok(Ended::Stopped) {
            self.let_end(rx);
        }
        ended
    }

    /// Takes packets to the end of the stream, or to the first that is not to be begun.
    fn feed(
        &self,
        rx: &mut Rx,
        mut begin: impl FnMut(u64, Packet) -> Result<(), Stop>,
    ) -> Result<Ended, Stop> {
        let progress = self.context.progress;
        let mut index = 0;
        loop {
            progress.set(StageName::Work, Doing::Receiving);
            let peer = rx.peer();
            let packet = match self.clock.waiting_in(|| progress.from(peer, || rx.recv()))? {
                Received::Packet(packet) => *packet,
                Received::End(ended) => return Ok(ended),
            };
            if self.context.cancel.is_requested() {
                return Ok(Ended::Stopped);
            }
            progress.moved(StageName::Work);
            progress.set(StageName::Work, Doing::WaitingForMemory);
            let packet = self.clock.waiting_out(|| {
                admit(self.work, packet, self.how.split.widest(), self.how.budget)
            })?;
            progress.set(StageName::Work, Doing::WaitingForPlace);
            self.take(&self.places)?;
            begin(index, packet)?;
            index += 1;
        }
    }

    /// Drops what still comes until the source has ended too: it was told to stop when we were
    /// and is not to find the link broken while it says so. If it was not, it is left.
    fn let_end(&self, rx: &mut Rx) {
        let begin = Instant::now();
        let peer = rx.peer();
        let mut recv = || self.context.progress.from(peer, || rx.recv());
        while begin.elapsed() < A_MOMENT && matches!(recv(), Ok(Received::Packet(_))) {}
    }

    /// Runs something on a thread of the pool, counted and timed.
    pub(super) fn in_pool<T>(&self, work: impl FnOnce() -> T) -> T {
        let thread = PoolClock::thread();
        self.context.progress.computing(|| self.clock.computing(thread, work))
    }

    /// Waits for a place, for a stop, or for the end of the sender.
    pub(super) fn take(&self, slots: &Slots) -> Result<(), Stop> {
        let cancel = self.context.cancel;
        if cancel.is_now() {
            return Err(Stop::Cause(cancel.error()));
        }
        self.clock.waiting_out(|| {
            select! {
                recv(self.gone) -> _ => Err(Stop::Echo),
                recv(cancel.now()) -> _ => Err(Stop::Cause(cancel.error())),
                recv(slots.free()) -> _ => Ok(()),
            }
        })
    }
}
