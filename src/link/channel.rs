//! A link inside one process: a bounded channel. Packets move, nothing is copied.

use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, bounded, select};

use super::cancel::Cancel;
use super::packet::Packet;
use super::queue::Queue;
use crate::error::Stop;

/// What goes through the channel. The end is said, never inferred from a sender that is gone.
enum Message {
    Packet(Box<Packet>),
    End,
}

/// The sending end.
pub(super) struct ChannelTx {
    to: Sender<Message>,
    queue: Arc<Queue>,
}

/// The receiving end.
pub(super) struct ChannelRx {
    from: Receiver<Message>,
    queue: Arc<Queue>,
}

/// A channel that holds at most `capacity` packets, 1...
pub(super) fn pair(capacity: usize, queue: &Arc<Queue>) -> (ChannelTx, ChannelRx) {
    let (to, from) = bounded(capacity.max(1));
    (ChannelTx { to, queue: Arc::clone(queue) }, ChannelRx { from, queue: Arc::clone(queue) })
}

impl ChannelTx {
    pub(super) fn send(&self, packet: Packet, cancel: &Cancel) -> Result<(), Stop> {
        self.put(Message::Packet(Box::new(packet)), cancel)
    }

    pub(super) fn finish(&self, cancel: &Cancel) -> Result<(), Stop> {
        self.put(Message::End, cancel)
    }

    fn put(&self, message: Message, cancel: &Cancel) -> Result<(), Stop> {
        // A stop that is known already wins over a place that happens to be free.
        if cancel.is_now() {
            return Err(Stop::Cause(cancel.error()));
        }
        select! {
            send(self.to, message) -> sent => sent.map_err(|_| Stop::Echo)?,
            recv(cancel.now()) -> _ => return Err(Stop::Cause(cancel.error())),
        }
        self.queue.set(self.to.len() as f64);
        Ok(())
    }
}

impl ChannelRx {
    pub(super) fn recv(&self, cancel: &Cancel) -> Result<Option<Packet>, Stop> {
        if cancel.is_now() {
            return Err(Stop::Cause(cancel.error()));
        }
        let message = select! {
            recv(self.from) -> message => message.map_err(|_| Stop::Echo)?,
            recv(cancel.now()) -> _ => return Err(Stop::Cause(cancel.error())),
        };
        self.queue.set(self.from.len() as f64);
        match message {
            Message::Packet(packet) => Ok(Some(*packet)),
            Message::End => Ok(None),
        }
    }
}
