//! What every stage is given beside its links: who listens, who may stop it, the clock, and
//! the board on which it writes what it is doing.

use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};

use super::Epoch;
use crate::event::{Event, Observer, StageName};
use crate::link::{Cancel, Peer};

/// The surroundings of a stage.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Hears of everything.
    pub observer: &'a dyn Observer,
    /// Stops it.
    pub cancel: &'a Cancel,
    /// The zero of all times.
    pub epoch: Epoch,
    /// What is written for the stall detector.
    pub progress: &'a Progress,
}

impl Context<'_> {
    /// Says that a stage starts, with this many threads.
    pub(crate) fn started(&self, name: StageName, threads: usize) {
        self.observer.on(&Event::StageStarted {
            name,
            pid: std::process::id(),
            parent_pid: std::os::unix::process::parent_id(),
            threads,
            command: None,
        });
    }
}

/// What a stage is doing. Of several threads, the one that changed last is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Doing {
    /// It is not there yet, or in another process.
    Nothing,
    /// Waiting for a packet.
    Receiving,
    /// Waiting for a permit.
    WaitingForMemory,
    /// Waiting until an earlier packet is out of the way.
    WaitingForPlace,
    /// Reading an input.
    Reading,
    /// Waiting for room in the next link.
    Sending,
    /// Writing an output.
    Writing,
    /// It has ended.
    Ended,
}

impl Doing {
    const ALL: [(Self, &'static str); 8] = [
        (Self::Nothing, "not here"),
        (Self::Receiving, "waiting for a packet"),
        (Self::WaitingForMemory, "waiting for memory"),
        (Self::WaitingForPlace, "waiting for an earlier packet"),
        (Self::Reading, "reading"),
        (Self::Sending, "waiting for room in the next link"),
        (Self::Writing, "writing"),
        (Self::Ended, "ended"),
    ];
}

/// The board: written by the stages without locks, read by whoever looks for a stall.
#[derive(Debug, Default)]
pub struct Progress {
    moves: AtomicU64,
    outside: AtomicUsize,
    computing: AtomicUsize,
    parked: AtomicU64,
    stages: [Board; 3],
}

#[derive(Debug, Default)]
struct Board {
    doing: AtomicU8,
    packets: AtomicU64,
}

impl Progress {
    /// A stage does something else now.
    pub fn set(&self, name: StageName, doing: Doing) {
        self.stages[name as usize].doing.store(doing as u8, Ordering::Relaxed);
    }

    /// A packet got past a stage.
    pub fn moved(&self, name: StageName) {
        self.stages[name as usize].packets.fetch_add(1, Ordering::Relaxed);
        self.moves.fetch_add(1, Ordering::Relaxed);
    }

    /// A packet got on within the work, past one of its steps.
    pub(super) fn stepped(&self) {
        self.moves.fetch_add(1, Ordering::Relaxed);
    }

    /// So many packets wait between two steps of the work for others to come.
    pub(super) fn parked(&self, packets: u64) {
        self.parked.store(packets, Ordering::Relaxed);
    }

    /// How often anything moved.
    pub fn moves(&self) -> u64 {
        self.moves.load(Ordering::Relaxed)
    }

    /// Runs something that may wait for another process or a device; that is no stall.
    pub fn outside<T>(&self, wait: impl FnOnce() -> T) -> T {
        let _guard = Count::up(&self.outside);
        wait()
    }

    /// The same, if the peer is outside.
    pub(super) fn from<T>(&self, peer: Peer, wait: impl FnOnce() -> T) -> T {
        match peer {
            Peer::Inside => wait(),
            Peer::Outside => self.outside(wait),
        }
    }

    /// Runs an item's work, counted.
    pub(super) fn computing<T>(&self, work: impl FnOnce() -> T) -> T {
        let _guard = Count::up(&self.computing);
        work()
    }

    /// True while something waits for what is not ours.
    pub fn waits_outside(&self) -> bool {
        self.outside.load(Ordering::Relaxed) > 0
    }

    /// All of it in words: `read: reading, 3 packets; work: ...`.
    pub fn describe(&self) -> String {
        let names = [StageName::Read, StageName::Work, StageName::Write];
        let stage = |name: StageName| {
            let board = &self.stages[name as usize];
            let doing = usize::from(board.doing.load(Ordering::Relaxed));
            let packets = board.packets.load(Ordering::Relaxed);
            let mut text = format!("{}: {}, {packets} packets", name.as_str(), Doing::ALL[doing].1);
            if name == StageName::Work {
                let computing = self.computing.load(Ordering::Relaxed);
                text.push_str(&format!(", {computing} in the pool"));
                let parked = self.parked.load(Ordering::Relaxed);
                if parked > 0 {
                    text.push_str(&format!(", {parked} waiting for other packets"));
                }
            }
            text
        };
        names.map(stage).join("; ")
    }
}

/// Counts a scope, unwinding included.
struct Count<'a>(&'a AtomicUsize);

impl<'a> Count<'a> {
    fn up(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Count<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_board_says_who_does_what() {
        for (i, (doing, _)) in Doing::ALL.iter().enumerate() {
            assert_eq!(*doing as usize, i);
        }
        let progress = Progress::default();
        progress.set(StageName::Work, Doing::WaitingForMemory);
        progress.moved(StageName::Work);
        assert_eq!(
            progress.describe(),
            "read: not here, 0 packets; work: waiting for memory, 1 packets, 0 in the pool; \
             write: not here, 0 packets"
        );
        progress.parked(2);
        assert!(progress.describe().contains("0 in the pool, 2 waiting for other packets; write"));
        assert!(progress.outside(|| progress.waits_outside()) && !progress.waits_outside());
    }
}
