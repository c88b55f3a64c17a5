//! Packets side by side: how they get into the pool and out where each stands for itself.

use crossbeam_channel::Sender;
use rayon::ScopeFifo;

use super::feed::Feeder;
use super::send::Done;
use super::{Entered, compute};
use crate::error::Stop;
use crate::link::{Packet, Permit};
use crate::ordered::Slots;

/// What the coordinator and the pool share.
pub(super) struct Beside<'a> {
    feeder: &'a Feeder<'a>,
    /// Packets in the pool at once.
    running: Slots,
    done: Sender<Done>,
}

impl<'a> Beside<'a> {
    pub(super) fn new(feeder: &'a Feeder<'a>, done: Sender<Done>) -> Self {
        let how = feeder.how;
        let running = Slots::new(how.split.at_once(how.pool.current_num_threads()));
        Self { feeder, running, done }
    }

    /// Puts a packet that has its permit and its place into the pool, once there is room.
    pub(super) fn begin<'s>(
        &'s self,
        index: u64,
        mut packet: Packet,
        pool: &ScopeFifo<'s>,
    ) -> Result<(), Stop> {
        let permit = std::mem::take(&mut packet.permit);
        if packet.outcome.is_err() {
            // There is room: this packet has a place.
            let _ = self.done.try_send(Done { index, packet: Some(packet), permit, span: None });
            return Ok(());
        }
        self.feeder.take(&self.running)?;
        let entered = self.feeder.frames.enter();
        pool.spawn_fifo(move |_| self.compute(index, packet, permit, entered));
        Ok(())
    }

    /// In the pool: the item begins here, or never if the run was told to stop.
    fn compute(&self, index: u64, packet: Packet, permit: Permit, entered: Entered<'_>) {
        let Feeder { work, how, context, frames, .. } = self.feeder;
        let done = if context.cancel.is_requested() {
            drop(packet);
            Done { index, packet: None, permit, span: None }
        } else {
            let bands = how.split.bands(frames);
            let (packet, span) =
                self.feeder.in_pool(|| compute(*work, 0, packet, bands, context.epoch));
            Done { index, packet: Some(packet), permit, span: Some(span) }
        };
        drop(entered);
        // There is room: this packet has a place. If nobody takes it any more, the run is
        // ending, and the permit goes back from here, which takes a lock for an instant.
        let _ = self.done.try_send(done);
        self.running.give();
    }
}
