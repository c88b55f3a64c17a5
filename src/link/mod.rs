//! Links: what joins two stages. One pair of types, two transports; the stages cannot tell.
//!
//! A link is bounded, so `send` blocks when the peer is slow. Its end is said by `finish`; an
//! end that is dropped without it makes the peer see an echo, never an end.
//!
//! A run that is told to stop still ends every link by `finish`, which then says `Stopped`. So
//! the news travels with the packets, behind the last of them, through every transport, and
//! three ends are told apart: all of it came, part of it came and was meant to, the peer broke.

pub mod budget;
mod cancel;
mod channel;
mod packet;
pub mod pipe;
mod queue;
mod size;

use std::sync::Arc;

pub use budget::{Budget, Over, Permit};
pub use cancel::{Cancel, Level, Reason};
pub use packet::{Item, Notes, Packet, Part, Payload};
pub use queue::Queue;
pub use size::show_bytes;

use crate::error::Stop;

/// The sending end of a link.
pub struct Tx {
    transport: TxTransport,
    cancel: Cancel,
}

enum TxTransport {
    Channel(channel::ChannelTx),
    Pipe(pipe::PipeTx),
}

/// The receiving end of a link.
pub struct Rx {
    transport: RxTransport,
    cancel: Cancel,
    queue: Arc<Queue>,
    state: RxState,
}

enum RxTransport {
    Channel(channel::ChannelRx),
    Pipe(Box<pipe::PipeRx>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum RxState {
    Open,
    Ended(Ended),
}

/// How a stream came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It is whole.
    All,
    /// The run was told to stop before that; what was not begun is missing.
    Stopped,
}

impl Ended {
    /// How something ends that needs both to be whole.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        if self == Self::All { other } else { self }
    }
}

/// What comes out of a link.
#[derive(Debug)]
pub enum Received {
    /// The next packet.
    Packet(Box<Packet>),
    /// Nothing more.
    End(Ended),
}

impl Received {
    /// The packet, if it is one.
    pub fn packet(self) -> Option<Packet> {
        match self {
            Self::Packet(packet) => Some(*packet),
            Self::End(_) => None,
        }
    }
}

/// Where what is received comes from; a stage that waits for another process is not stuck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// A stage of this process.
    Inside,
    /// Another process.
    Outside,
}

/// A link inside this process that holds at most `capacity` packets (1..; 0 counts as 1).
pub fn channel(capacity: usize) -> (Tx, Rx) {
    channel_with(capacity, &Arc::default())
}

/// The same; `queue` follows the number of packets that wait in it.
pub fn channel_with(capacity: usize, queue: &Arc<Queue>) -> (Tx, Rx) {
    let (tx, rx) = channel::pair(capacity, queue);
    (Tx::over(TxTransport::Channel(tx)), Rx::over(RxTransport::Channel(rx), queue))
}

impl Tx {
    fn over(transport: TxTransport) -> Self {
        Self { transport, cancel: Cancel::default() }
    }

    /// Waits end at this flag's `Now`.
    #[must_use]
    pub fn with_cancel(mut self, cancel: &Cancel) -> Self {
        self.cancel = cancel.clone();
        self
    }

    /// Hands a packet over; blocks while the link is full.
    ///
    /// # Errors
    /// `Echo` if the peer is gone; the packet is dropped then. A cause if the run was told to
    /// stop now, or if the pipe failed.
    pub fn send(&mut self, packet: Packet) -> Result<(), Stop> {
        match &mut self.transport {
            TxTransport::Channel(tx) => tx.send(packet, &self.cancel),
            TxTransport::Pipe(tx) => tx.send(packet, &self.cancel),
        }
    }

    /// Says that nothing more comes, and why. Dropping the end without this call makes the peer
    /// see an echo.
    ///
    /// # Errors
    /// As for `send`.
    pub fn finish(self, ended: Ended) -> Result<(), Stop> {
        match self.transport {
            TxTransport::Channel(tx) => tx.finish(ended, &self.cancel),
            TxTransport::Pipe(tx) => tx.finish(ended),
        }
    }
}

impl Rx {
    fn over(transport: RxTransport, queue: &Arc<Queue>) -> Self {
        let (cancel, queue) = (Cancel::default(), Arc::clone(queue));
        Self { transport, cancel, queue, state: RxState::Open }
    }

    /// Waits end at this flag's `Now`. A pipe's flag is the one that its reader was made with.
    #[must_use]
    pub fn with_cancel(mut self, cancel: &Cancel) -> Self {
        self.cancel = cancel.clone();
        self
    }

    /// The next packet, or how it ended after the peer said `finish`; blocks while there is
    /// neither.
    ///
    /// # Errors
    /// `Echo` if the peer is gone without `finish`. A cause if the run was told to stop now,
    /// or if what comes out of a pipe is not a packet.
    pub fn recv(&mut self) -> Result<Received, Stop> {
        if let RxState::Ended(ended) = self.state {
            return Ok(Received::End(ended));
        }
        let received = match &mut self.transport {
            RxTransport::Channel(rx) => rx.recv(&self.cancel),
            RxTransport::Pipe(rx) => rx.recv(),
        }?;
        if let Received::End(ended) = received {
            self.state = RxState::Ended(ended);
        }
        Ok(received)
    }

    /// Who sends.
    pub fn peer(&self) -> Peer {
        match self.transport {
            RxTransport::Channel(_) => Peer::Inside,
            RxTransport::Pipe(_) => Peer::Outside,
        }
    }

    /// How many packets wait in this link.
    pub fn queue(&self) -> &Arc<Queue> {
        &self.queue
    }
}
