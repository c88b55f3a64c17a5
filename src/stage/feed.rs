//! The work's coordinator: it takes packets from the link, admits them and hands them to the pool.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, select};
use rayon::ScopeFifo;

use super::clock::PoolClock;
use super::send::Done;
use super::{Computing, Context, Doing, Ended, Work, admit, compute};
use crate::error::Stop;
use crate::event::StageName;
use crate::link::{Packet, Permit, Received, Rx};
use crate::ordered::Slots;

/// How long a source that may have been told to stop is waited for.
const A_MOMENT: Duration = Duration::from_millis(500);

/// The coordinator: the only one that waits for packets, memory and places.
pub(super) struct Feeder<'a> {
    pub(super) work: &'a dyn Work,
    pub(super) how: &'a Computing<'a>,
    pub(super) context: &'a Context<'a>,
    pub(super) clock: &'a PoolClock,
    pub(super) places: Slots,
    pub(super) running: Slots,
    pub(super) done: Sender<Done>,
    pub(super) gone: Receiver<Infallible>,
}

impl Feeder<'_> {
    pub(super) fn run<'s>(&'s self, rx: &mut Rx, pool: &ScopeFifo<'s>) -> Result<Ended, Stop> {
        let ended = self.feed(rx, pool);
        // From here on idle threads lack input, until the last one is done.
        self.clock.input_ended();
        if ended == Ok(Ended::Stopped) {
            self.let_end(rx);
        }
        ended
    }

    /// Takes packets to the end of the stream, or to the first that is not to be begun.
    fn feed<'s>(&'s self, rx: &mut Rx, pool: &ScopeFifo<'s>) -> Result<Ended, Stop> {
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
            let (packet, permit) = self.clock.waiting_out(|| {
                admit(self.work, packet, self.how.split.bands(), self.how.budget)
            })?;
            progress.set(StageName::Work, Doing::WaitingForPlace);
            self.take(&self.places)?;
            if packet.outcome.is_err() {
                // There is room: this packet has a place.
                let packet = Some(packet);
                let _ = self.done.try_send(Done { index, packet, permit, span: None });
            } else {
                self.take(&self.running)?;
                pool.spawn_fifo(move |_| self.compute(index, packet, permit));
            }
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

    /// Waits for a place, for a stop, or for the end of the sender.
    fn take(&self, slots: &Slots) -> Result<(), Stop> {
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

    /// In the pool: the item begins here, or never if the run was told to stop.
    fn compute(&self, index: u64, packet: Packet, permit: Permit) {
        if self.context.cancel.is_requested() {
            drop(packet);
            let _ = self.done.try_send(Done { index, packet: None, permit, span: None });
            self.running.give();
            return;
        }
        let (thread, start) = (PoolClock::thread(), self.context.epoch.seconds());
        let packet = self.context.progress.computing(|| {
            self.clock.computing(thread, || compute(self.work, packet, self.how.split.bands()))
        });
        let seconds = self.context.epoch.seconds() - start;
        let span = Some((start, seconds, thread));
        // There is room: this packet has a place. If nobody takes it any more, the run is
        // ending, and the permit goes back from here, which takes a lock for an instant.
        let packet = Some(packet);
        let _ = self.done.try_send(Done { index, packet, permit, span });
        self.running.give();
    }
}
