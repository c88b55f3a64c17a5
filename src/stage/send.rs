//! The work's sender: a thread that takes what comes out of the pool and sends it on.

use crossbeam_channel::Receiver;

use super::{Context, Ended, Order, Span, worked};
use crate::error::Stop;
use crate::link::{Packet, Permit, Tx};
use crate::ordered::{Reorder, Slots};

/// What comes out of the pool.
pub(super) struct Done {
    /// 0.., no holes, in order of arrival.
    pub(super) index: u64,
    /// Nothing if the run was told to stop before its work began.
    pub(super) packet: Option<Packet>,
    pub(super) permit: Permit,
    /// Nothing if it never was in the pool.
    pub(super) span: Option<Span>,
}

/// The sender: the only one that waits for room in the next link.
pub(super) struct Sending<'a> {
    pub(super) order: Order,
    pub(super) places: Slots,
    pub(super) context: &'a Context<'a>,
}

impl Sending<'_> {
    /// Sends on what comes out of the pool and says whether all of it was begun.
    pub(super) fn run(&self, from_pool: &Receiver<Done>, mut tx: Tx) -> Result<(Tx, Ended), Stop> {
        let mut reorder = Reorder::default();
        let mut ended = Ended::All;
        for done in from_pool {
            let index = done.index;
            let packet = self.computed(done);
            match self.order {
                Order::Any => ended = ended.and(self.send(&mut tx, packet)?),
                Order::Strict => {
                    reorder.push(index, packet);
                    while let Some(packet) = reorder.pop() {
                        // Behind a hole there is no order to keep.
                        let packet = packet.filter(|_| ended == Ended::All);
                        ended = ended.and(self.send(&mut tx, packet)?);
                    }
                }
            }
        }
        Ok((tx, ended))
    }

    fn computed(&self, done: Done) -> Option<Packet> {
        let mut packet = done.packet?;
        if let Some(span) = done.span {
            worked(&packet, span, self.context);
        }
        packet.permit = done.permit;
        packet.permit.shrink(packet.payload_bytes());
        Some(packet)
    }

    /// Sends a packet, if there is one, and gives its place back.
    fn send(&self, tx: &mut Tx, packet: Option<Packet>) -> Result<Ended, Stop> {
        let ended = if packet.is_some() { Ended::All } else { Ended::Stopped };
        packet.map_or(Ok(()), |packet| tx.send(packet))?;
        self.places.give();
        Ok(ended)
    }
}
