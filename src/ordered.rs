//! Fan-out and fan-in: the only place where things complete out of order.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, PoisonError};

use crossbeam_channel::{Receiver, Sender, bounded};

/// Puts what completes out of order back in order.
///
/// Every index must come exactly once: one that never comes parks all later ones for good.
/// What is parked is bounded by whoever hands out the indices, who waits for a [`Slots`] first.
#[derive(Debug)]
pub struct Reorder<T> {
    next: u64,
    parked: VecDeque<Option<T>>,
}

impl<T> Default for Reorder<T> {
    fn default() -> Self {
        Self { next: 0, parked: VecDeque::new() }
    }
}

impl<T> Reorder<T> {
    /// Takes item `index` (0.., no holes, in any order).
    pub fn push(&mut self, index: u64, item: T) {
        let Some(at) = index.checked_sub(self.next).and_then(|at| usize::try_from(at).ok()) else {
            return;
        };
        if self.parked.len() <= at {
            self.parked.resize_with(at + 1, || None);
        }
        self.parked[at] = Some(item);
    }

    /// The next item in order, if it has come.
    pub fn pop(&mut self) -> Option<T> {
        let item = self.parked.front_mut()?.take()?;
        self.parked.pop_front();
        self.next += 1;
        Some(item)
    }

    /// Items that wait for an earlier one.
    pub fn parked(&self) -> usize {
        self.parked.iter().flatten().count()
    }
}

/// A fixed number of places. Taking one may block; giving one back never does, so it can be
/// done where nothing may wait.
#[derive(Clone, Debug)]
pub struct Slots {
    put: Sender<()>,
    get: Receiver<()>,
}

impl Slots {
    /// `count` free places.
    pub fn new(count: usize) -> Self {
        let (put, get) = bounded(count);
        for _ in 0..count {
            // There is room for exactly these.
            let _ = put.try_send(());
        }
        Self { put, get }
    }

    /// How many there are, taken or free.
    pub fn all(&self) -> usize {
        self.get.capacity().unwrap_or(usize::MAX)
    }

    /// The channel to wait on for a free place; what is received is the place.
    pub fn free(&self) -> &Receiver<()> {
        &self.get
    }

    /// Gives a place back.
    pub fn give(&self) {
        // Full would mean that more came back than were taken.
        let _ = self.put.try_send(());
    }
}

/// Lets threads through one after the other, by number (0.., no holes).
#[derive(Debug, Default)]
pub struct Turnstile {
    turn: Mutex<Turn>,
    moved: Condvar,
}

#[derive(Debug, Default)]
struct Turn {
    next: u64,
    closed: bool,
}

/// The turnstile was closed: someone before you failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed;

impl Turnstile {
    /// Waits for turn `number`; the turn ends when `pass` is called.
    ///
    /// # Errors
    /// `Closed` if it is closed before that.
    pub fn wait(&self, number: u64) -> Result<(), Closed> {
        let turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let until = self.moved.wait_while(turn, |turn| turn.next != number && !turn.closed);
        let turn = until.unwrap_or_else(PoisonError::into_inner);
        if turn.closed { Err(Closed) } else { Ok(()) }
    }

    /// Ends the present turn.
    pub fn pass(&self) {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner).next += 1;
        self.moved.notify_all();
    }

    /// Ends all waits, now and later.
    pub fn close(&self) {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        self.moved.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn any_order_in_is_one_order_out() {
        for shuffle in 0..24_u64 {
            let mut left: Vec<u64> = (0..4).collect();
            let (mut reorder, mut out, mut n) = (Reorder::default(), Vec::new(), shuffle);
            while !left.is_empty() {
                let index = left.remove(n as usize % left.len());
                n /= left.len() as u64 + 1;
                reorder.push(index, index);
                out.extend(std::iter::from_fn(|| reorder.pop()));
            }
            assert_eq!((out, reorder.parked()), (vec![0, 1, 2, 3], 0), "schedule {shuffle}");
        }
    }

    #[test]
    fn slots_are_as_many_as_were_made() {
        let slots = Slots::new(2);
        slots.give();
        assert_eq!(slots.free().try_iter().count(), 2, "none was taken, so none came back");
        slots.give();
        assert_eq!(slots.free().try_iter().count(), 1);
    }

    #[test]
    fn turns_come_in_order_and_closing_wakes() {
        let (turnstile, passed) = (Turnstile::default(), Mutex::new(Vec::new()));
        thread::scope(|scope| {
            for number in [3, 1, 0, 2] {
                let (turnstile, passed) = (&turnstile, &passed);
                scope.spawn(move || {
                    turnstile.wait(number).unwrap();
                    passed.lock().unwrap().push(number);
                    turnstile.pass();
                });
            }
        });
        assert_eq!(*passed.lock().unwrap(), [0, 1, 2, 3]);
        thread::scope(|scope| {
            let waiting = scope.spawn(|| turnstile.wait(9));
            turnstile.close();
            assert_eq!(waiting.join().unwrap(), Err(Closed));
        });
    }
}
