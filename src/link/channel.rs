//! A link inside one process: a bounded channel. Packets move, nothing is copied.
//!
//! A bounded crossbeam channel keeps what is in it when its receiver is dropped, until its
//! sender is dropped too. Packets hold memory that the sender may be waiting for, so here
//! both ends can empty the channel: the receiver when it goes, and a sender whose packet
//! came in just after that.

use std::convert::Infallible;
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, TryRecvError, bounded, select};

use super::cancel::Cancel;
use super::packet::Packet;
use super::queue::Queue;
use super::{Ended, Received};
use crate::error::Stop;

/// The sending end.
pub(super) struct ChannelTx {
    /// The end is said, never inferred from a sender that is gone.
    to: Sender<Received>,
    rest: Receiver<Received>,
    /// Disconnected once the receiver is gone.
    peer: Receiver<Infallible>,
    queue: Arc<Queue>,
}

/// The receiving end.
pub(super) struct ChannelRx {
    from: Receiver<Received>,
    here: Option<Sender<Infallible>>,
    queue: Arc<Queue>,
}

/// A channel that holds at most `capacity` packets, 1...
pub(super) fn pair(capacity: usize, queue: &Arc<Queue>) -> (ChannelTx, ChannelRx) {
    let (to, from) = bounded(capacity.max(1));
    let (here, peer) = bounded(0);
    let tx = ChannelTx { to, rest: from.clone(), peer, queue: Arc::clone(queue) };
    (tx, ChannelRx { from, here: Some(here), queue: Arc::clone(queue) })
}

impl ChannelTx {
    pub(super) fn send(&self, packet: Packet, cancel: &Cancel) -> Result<(), Stop> {
        self.put(Received::Packet(Box::new(packet)), cancel)?;
        if self.peer.try_recv() == Err(TryRecvError::Disconnected) {
            self.rest.try_iter().for_each(drop);
            return Err(Stop::Echo);
        }
        Ok(())
    }

    /// Here a receiver that is gone right afterwards is no echo: it has what it waited for.
    pub(super) fn finish(&self, ended: Ended, cancel: &Cancel) -> Result<(), Stop> {
        self.put(Received::End(ended), cancel)
    }

    fn put(&self, message: Received, cancel: &Cancel) -> Result<(), Stop> {
        // A stop that is known already wins over a place that happens to be free.
        if cancel.is_now() {
            return Err(Stop::Cause(cancel.error()));
        }
        select! {
            send(self.to, message) -> sent => sent.map_err(|_| Stop::Echo)?,
            recv(self.peer) -> _ => return Err(Stop::Echo),
            recv(cancel.now()) -> _ => return Err(Stop::Cause(cancel.error())),
        }
        self.queue.set(self.to.len() as f64);
        Ok(())
    }
}

impl ChannelRx {
    pub(super) fn recv(&self, cancel: &Cancel) -> Result<Received, Stop> {
        if cancel.is_now() {
            return Err(Stop::Cause(cancel.error()));
        }
        let message = select! {
            recv(self.from) -> message => message.map_err(|_| Stop::Echo)?,
            recv(cancel.now()) -> _ => return Err(Stop::Cause(cancel.error())),
        };
        self.queue.set(self.from.len() as f64);
        Ok(message)
    }
}

impl Drop for ChannelRx {
    fn drop(&mut self) {
        // In this order: a packet that comes in after the emptying is seen by its sender.
        self.here = None;
        self.from.try_iter().for_each(drop);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::{Budget, Item, Over, Packet};

    #[test]
    fn a_receiver_that_goes_gives_back_what_waits() {
        let budget = Budget::new(10, Over::Refuse);
        let (tx, rx) = pair(2, &Arc::default());
        let packet = || {
            let mut packet = Packet::bytes(0, Item::default(), vec![]);
            packet.permit = budget.take(3).unwrap();
            packet
        };
        let cancel = Cancel::default();
        tx.send(packet(), &cancel).unwrap();
        tx.send(packet(), &cancel).unwrap();
        assert_eq!(budget.used(), 6);
        drop(rx);
        assert_eq!(budget.used(), 0);
        assert_eq!(tx.send(packet(), &cancel), Err(Stop::Echo));
        assert_eq!(budget.used(), 0);
    }
}
