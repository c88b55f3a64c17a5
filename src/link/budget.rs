//! Memory by permit: bytes that packets may hold at once, given out first come, first served.
//!
//! What readers hold ahead of the work and what the work holds come out of one total, so that
//! an item may have all of it. Two rules keep that free of circles ([`Budget::pair`]):
//!
//! - The work never waits for a reader. An item is admitted when it fits beside everything
//!   else, its own coded bytes counted once, or when the work holds nothing. What the work
//!   holds goes back by itself as outputs are written, so the wait ends. Where items look at
//!   each other that is so only down to what waits for the next one ([`Budget::windows`]), and
//!   that much counts as nothing.
//! - A reader may wait for the work. It reads ahead if all that is ahead stays under a quarter
//!   of the total and leaves room for the largest item that the work has met of late. Before
//!   the work has met one, and of files above that, one at a time is ahead, if it fits beside
//!   what is held. Once nothing is held the first reader that waits is served in any case; of
//!   the work that again means nothing but what waits for the next item.
//!
//! So readers cannot starve the work: what they hold leaves room for an item like those
//! before. And the sum stays under the total, but for one case: an item that is larger than
//! those of late, and larger than what was read ahead meanwhile leaves, cannot wait for packets
//! that stand behind it. It runs beside their coded bytes, a quarter of the total at most.
//! Reading them again later would avoid that, at the price of a way back to the source.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::cancel::Cancel;
use super::size::{show_bytes, size_for};
use crate::error::{Error, Result};

/// What happens to an item that is larger than the whole budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// It waits until nothing else is held and runs alone: `--mem auto`.
    Alone,
    /// It fails, and the error names `--mem`: an explicit `--mem SIZE`.
    Refuse,
}

impl Over {
    /// Whether an item may have so many bytes of `limit`.
    ///
    /// # Errors
    /// `Input` if it is to be refused, with the `--mem` that would do.
    pub fn admits(self, bytes: u64, limit: u64) -> Result<()> {
        if bytes <= limit || self == Self::Alone {
            return Ok(());
        }
        Err(Error::input(format!(
            "needs {} at once, over the {} of --mem; --mem {} would do",
            show_bytes(bytes),
            show_bytes(limit),
            size_for(bytes)
        )))
    }
}

/// How long a wait may oversleep a cancellation.
const TICK: Duration = Duration::from_millis(20);

/// A number of bytes to share out. Clones share one count.
#[derive(Clone, Debug)]
pub struct Budget {
    shared: Arc<Shared>,
    share: Share,
    over: Over,
    cancel: Cancel,
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Share {
    /// The work, or whoever has a budget alone.
    Frames,
    /// The readers of a budget that they share with the work.
    Ahead,
}

#[derive(Debug)]
struct Shared {
    total: u64,
    /// The most that one item may have, `total` at least; `--mem`, where that is a number.
    limit: u64,
    state: Mutex<State>,
    freed: Condvar,
    gauge: Arc<AtomicU64>,
}

#[derive(Debug, Default)]
struct State {
    /// Bytes held.
    used: u64,
    /// Those of them that readers hold.
    ahead: u64,
    /// The most that the work has asked for at once, of late.
    largest: u64,
    /// The most that the work holds while all of it waits for the next item: that item's
    /// window. 0 where items stand for themselves.
    windows: u64,
    /// Who waits in each share, oldest first. Only the first may take: a large item would
    /// starve otherwise.
    queues: [VecDeque<u64>; 2],
    next: u64,
}

impl State {
    /// Whether these bytes may be taken, of which `own` are held already.
    fn fits(&self, share: Share, bytes: u64, own: u64, total: u64) -> bool {
        let beside = (self.used - own).saturating_add(bytes) <= total;
        match share {
            Share::Frames => beside || self.used - self.ahead <= self.windows,
            Share::Ahead => {
                let known = if self.largest == 0 { total } else { self.largest };
                let known = known.saturating_add(self.windows);
                let room = (total / 4).min(total.saturating_sub(known));
                let ahead = self.ahead == 0 || self.ahead.saturating_add(bytes) <= room;
                (self.ahead == 0 && self.used <= self.windows) || (ahead && beside)
            }
        }
    }

    fn hold(&mut self, share: Share, bytes: u64) {
        self.used = self.used.saturating_add(bytes);
        if share == Share::Ahead {
            self.ahead = self.ahead.saturating_add(bytes);
        }
    }

    fn give_back(&mut self, share: Share, bytes: u64) {
        self.used -= bytes;
        if share == Share::Ahead {
            self.ahead -= bytes;
        }
    }
}

impl Budget {
    /// A budget of `total` bytes.
    pub fn new(total: u64, over: Over) -> Self {
        Self::watched(total, over, &Cancel::default(), &Arc::default())
    }

    /// The same; waits end at `Cancel`'s `Now`, and `gauge` follows the bytes held (several
    /// budgets may share one gauge).
    pub fn watched(total: u64, over: Over, cancel: &Cancel, gauge: &Arc<AtomicU64>) -> Self {
        Self::part(total, total, over, cancel, gauge)
    }

    /// A part of a larger budget whose other part is out of reach, in another process. An item
    /// over `total` and up to `limit`, which is the whole, runs alone.
    pub fn part(
        total: u64,
        limit: u64,
        over: Over,
        cancel: &Cancel,
        gauge: &Arc<AtomicU64>,
    ) -> Self {
        let (gauge, limit) = (Arc::clone(gauge), limit.max(total));
        let shared = Shared { total, limit, state: Mutex::default(), freed: Condvar::new(), gauge };
        Self { shared: Arc::new(shared), share: Share::Frames, over, cancel: cancel.clone() }
    }

    /// One budget for what is read ahead and for the work on it, in this order.
    pub fn pair(total: u64, over: Over, cancel: &Cancel, gauge: &Arc<AtomicU64>) -> (Self, Self) {
        let frames = Self::watched(total, over, cancel, gauge);
        (Self { share: Share::Ahead, ..frames.clone() }, frames)
    }

    /// All of it, in bytes.
    pub fn total(&self) -> u64 {
        self.shared.total
    }

    /// Bytes held now.
    pub fn used(&self) -> u64 {
        self.shared.lock().used
    }

    /// Says that the work looks at `frames` items at once (1..), each of at most `bytes`, so that
    /// it holds all of them but one while it waits for that one. The most of all calls counts.
    ///
    /// # Errors
    /// `Usage` if they are more than there is, whatever becomes of single items above it: they
    /// cannot run alone.
    pub fn windows(&self, frames: usize, bytes: u64) -> Result<()> {
        let (total, limit) = (self.shared.total, self.shared.limit);
        let frames = u64::try_from(frames).unwrap_or(u64::MAX);
        let all = frames.saturating_mul(bytes);
        if all > total {
            // Of a budget in parts the whole has to grow; one more makes up for the rounding of
            // the part.
            let whole = u128::from(all) * (u128::from(limit) + 1);
            let whole =
                if limit > total { whole.div_ceil(u128::from(total.max(1))) } else { all.into() };
            return Err(Error::usage(format!(
                "the chain looks at {frames} frames at once, which need {}, over the {} that frames \
                 have of --mem; --mem {} would do",
                show_bytes(all),
                show_bytes(total),
                size_for(u64::try_from(whole).unwrap_or(u64::MAX))
            )));
        }
        let mut state = self.shared.lock();
        state.windows = state.windows.max(all - bytes.min(all));
        Ok(())
    }

    /// Waits until `bytes` are free and everyone who asked earlier was served.
    ///
    /// # Errors
    /// `Input` if it is more than one item may have and that is to be refused; `Interrupted`
    /// when the run was told to stop now.
    pub fn take(&self, bytes: u64) -> Result<Permit> {
        self.exchange(Permit::none(), bytes)
    }

    /// The same for an item that holds some of it already; that is given back in either case.
    ///
    /// # Errors
    /// As for `take`.
    pub fn exchange(&self, have: Permit, bytes: u64) -> Result<Permit> {
        let (total, limit) = (self.shared.total, self.shared.limit);
        self.over.admits(bytes, limit).map_err(|error| match self.share {
            Share::Frames => error,
            // What the item will need besides, nobody knows yet.
            Share::Ahead => Error::input(format!(
                "the file alone is {}, over the {} of --mem",
                show_bytes(bytes),
                show_bytes(limit)
            )),
        })?;
        let ours = have.from.as_ref().is_some_and(|from| Arc::ptr_eq(from, &self.shared));
        let own = if ours { have.bytes } else { 0 };
        let queue = self.share as usize;
        let mut state = self.shared.lock();
        let me = state.next;
        state.next += 1;
        state.queues[queue].push_back(me);
        if self.share == Share::Frames {
            // One that never comes again is forgotten after a dozen others.
            state.largest = bytes.max(state.largest - state.largest / 8);
        }
        loop {
            if self.cancel.is_now() {
                state.queues[queue].retain(|other| *other != me);
                drop(state);
                self.shared.freed.notify_all();
                return Err(self.cancel.error());
            }
            let first = state.queues[queue].front() == Some(&me);
            if first && state.fits(self.share, bytes, own, total) {
                break;
            }
            let woken = self.shared.freed.wait_timeout(state, TICK);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.queues[queue].pop_front();
        state.hold(self.share, bytes);
        self.shared.gauge.fetch_add(bytes, Ordering::Relaxed);
        drop(state);
        drop(have);
        // The next in the queue may fit beside this one.
        self.shared.freed.notify_all();
        Ok(Permit { bytes, share: self.share, from: Some(Arc::clone(&self.shared)) })
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes that someone holds; dropping it gives them back. Dropping and shrinking take a lock
/// for an instant, so neither is done inside the pool.
#[derive(Debug)]
pub struct Permit {
    bytes: u64,
    share: Share,
    from: Option<Arc<Shared>>,
}

impl Permit {
    /// Holds nothing.
    pub const fn none() -> Self {
        Self { bytes: 0, share: Share::Frames, from: None }
    }

    /// Bytes held.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Takes `bytes` of it, at most all, as a permit of its own.
    #[must_use]
    pub fn split(&mut self, bytes: u64) -> Self {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        Self { bytes, share: self.share, from: self.from.clone() }
    }

    /// Gives back what is over `bytes`; never takes more.
    pub fn shrink(&mut self, bytes: u64) {
        let back = self.bytes.saturating_sub(bytes);
        if back == 0 {
            return;
        }
        self.bytes -= back;
        if let Some(shared) = &self.from {
            let mut state = shared.lock();
            state.give_back(self.share, back);
            shared.gauge.fetch_sub(back, Ordering::Relaxed);
            drop(state);
            shared.freed.notify_all();
        }
    }
}

impl Default for Permit {
    fn default() -> Self {
        Self::none()
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.shrink(0);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;

    use super::super::cancel::{Level, Reason};
    use super::*;

    /// Long enough for a thread to reach its wait.
    const A_MOMENT: Duration = Duration::from_millis(30);

    #[test]
    fn permits_come_back_whole_or_in_part() {
        let budget = Budget::new(100, Over::Refuse);
        let mut a = budget.take(60).unwrap();
        let b = budget.take(40).unwrap();
        assert_eq!(budget.used(), 100);
        a.shrink(10);
        a.shrink(50);
        assert_eq!((a.bytes(), budget.used()), (10, 50));
        drop(b);
        drop(a);
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn an_item_over_the_budget_is_refused_by_name_or_runs_alone() {
        let refused = Budget::new(1 << 30, Over::Refuse).take(1_500_000_000).unwrap_err();
        let text = "needs 1.40 GiB at once, over the 1.00 GiB of --mem; --mem 1.4G would do";
        assert_eq!(refused.to_string(), text);
        assert_eq!(refused.kind(), crate::error::Kind::Input);

        let budget = Budget::new(100, Over::Alone);
        let small = budget.take(1).unwrap();
        let (tx, rx) = mpsc::channel();
        thread::scope(|scope| {
            scope.spawn(|| tx.send(budget.take(1000).unwrap()).unwrap());
            assert!(rx.recv_timeout(A_MOMENT).is_err(), "waits for the small one");
            drop(small);
            let large = rx.recv().unwrap();
            scope.spawn(|| tx.send(budget.take(1).unwrap()).unwrap());
            assert!(rx.recv_timeout(A_MOMENT).is_err(), "nothing runs beside it");
            drop(large);
            rx.recv().unwrap();
        });
    }

    #[test]
    fn a_large_item_is_not_overtaken() {
        let budget = Budget::new(100, Over::Refuse);
        let held = budget.take(50).unwrap();
        let (tx, rx) = mpsc::channel();
        thread::scope(|scope| {
            let (budget, large, small) = (&budget, tx.clone(), tx.clone());
            scope.spawn(move || large.send(("large", budget.take(80).unwrap())).unwrap());
            thread::sleep(A_MOMENT);
            scope.spawn(move || small.send(("small", budget.take(30).unwrap())).unwrap());
            assert!(rx.recv_timeout(A_MOMENT).is_err(), "30 would fit, but came later");
            drop(held);
            let (first, permit) = rx.recv().unwrap();
            assert_eq!(first, "large");
            drop(permit);
            assert_eq!(rx.recv().unwrap().0, "small");
        });
    }

    fn pair(total: u64) -> (Budget, Budget) {
        Budget::pair(total, Over::Refuse, &Cancel::default(), &Arc::default())
    }

    /// What a share would give at once.
    fn fits(budget: &Budget, bytes: u64) -> bool {
        budget.shared.lock().fits(budget.share, bytes, 0, budget.total())
    }

    #[test]
    fn readers_hold_a_quarter_and_leave_room_for_items_like_those_before() {
        let (ahead, frames) = pair(100);
        let first = ahead.take(10).unwrap();
        assert!(!fits(&ahead, 1), "one file ahead before an item was met");
        let first = frames.exchange(first, 40).unwrap();
        assert_eq!(frames.used(), 40, "its coded bytes count once");
        let second = ahead.take(20).unwrap();
        assert!(fits(&ahead, 5) && !fits(&ahead, 6), "a quarter");
        drop(first);
        let large = frames.exchange(second, 95).unwrap();
        let third = ahead.take(3).unwrap();
        assert!(fits(&ahead, 2) && !fits(&ahead, 3), "what the largest leaves");
        drop(large);
        assert!(!fits(&ahead, 3), "it may come again");
        let _large = frames.exchange(third, 95).unwrap();
        assert!(fits(&ahead, 5) && !fits(&ahead, 6), "one at a time, and under the total");
    }

    #[test]
    fn an_item_may_have_all_of_it_and_never_waits_for_readers() {
        let (ahead, frames) = pair(100);
        let own = ahead.take(30).unwrap();
        let all = frames.exchange(own, 100).unwrap();
        assert_eq!(frames.used(), 100);
        drop(all);
        let (own, small) = (ahead.take(0).unwrap(), frames.take(10).unwrap());
        let _behind = ahead.take(20).unwrap();
        let (tx, rx) = mpsc::channel();
        thread::scope(|scope| {
            scope.spawn(|| tx.send(frames.exchange(own, 90).unwrap()).unwrap());
            assert!(rx.recv_timeout(A_MOMENT).is_err(), "waits for the work's own");
            drop(small);
            let _large = rx.recv().unwrap();
            assert_eq!(frames.used(), 110, "beside what stands behind it");
        });
    }

    #[test]
    fn a_window_waits_for_its_next_frame_and_for_nothing_else() {
        let (ahead, frames) = pair(100);
        let own = ahead.take(10).unwrap();
        frames.windows(4, 20).unwrap();
        let mut window = vec![frames.exchange(own, 20).unwrap()];
        // What the other three may need is left to them.
        let _read = ahead.take(10).unwrap();
        assert!(fits(&ahead, 10) && !fits(&ahead, 11));
        window.extend([(); 3].map(|()| frames.take(20).unwrap()));
        assert!(fits(&frames, 10) && !fits(&frames, 11), "the window is there: as ever");
        window.pop();
        assert!(fits(&frames, 40), "it waits for this one, whatever it takes");
        let (ahead, frames) = pair(100);
        frames.windows(3, 30).unwrap();
        let _window = [(); 2].map(|()| frames.take(30).unwrap());
        assert!(fits(&ahead, 50), "and for what was not read yet");
        let _newest = frames.take(10).unwrap();
        assert!(!fits(&ahead, 50));
    }

    #[test]
    fn windows_over_the_budget_are_refused_with_a_size_that_would_do() {
        let gauge = Arc::default();
        for over in [Over::Alone, Over::Refuse] {
            let error = Budget::new(1 << 20, over).windows(7, 300 << 10).unwrap_err();
            let text = "the chain looks at 7 frames at once, which need 2.05 MiB, over the \
                        1.00 MiB that frames have of --mem; --mem 2.1M would do";
            assert_eq!(
                (error.kind(), error.to_string().as_str()),
                (crate::error::Kind::Usage, text)
            );
            assert!(Budget::new(7 * (300 << 10), over).windows(7, 300 << 10).is_ok());
        }
        // In a part of it, the whole has to be that much larger.
        let part =
            |mem: u64| Budget::part(mem - mem / 4, mem, Over::Refuse, &Cancel::default(), &gauge);
        for (mem, bytes) in [(7, 200), (64, 220), (1001, 251), (1003, 254)] {
            let error = part(mem).windows(3, bytes).unwrap_err().to_string();
            let (_, size) = error.split_once("; --mem ").unwrap();
            let size: u64 = size.trim_end_matches(" would do").parse().unwrap();
            assert!(part(size).windows(3, bytes).is_ok(), "{mem} {bytes}: {error}");
            assert!(size <= 5 * bytes, "{error}");
        }
    }

    #[test]
    fn a_permit_is_split_without_a_byte_lost() {
        let budget = Budget::new(100, Over::Refuse);
        let mut rest = budget.take(30).unwrap();
        let part = rest.split(20);
        assert_eq!((rest.bytes(), part.bytes(), budget.used()), (10, 20, 30));
        assert_eq!(rest.split(50).bytes(), 10);
        assert_eq!((rest.bytes(), budget.used()), (0, 20));
        drop(part);
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn a_part_gives_up_to_the_whole_to_one_alone() {
        let (cancel, gauge) = (Cancel::default(), Arc::default());
        let part = Budget::part(75, 100, Over::Refuse, &cancel, &gauge);
        drop(part.take(100).unwrap());
        assert!(part.take(101).is_err());
        let _small = part.take(1).unwrap();
        assert!(fits(&part, 74) && !fits(&part, 75));
    }

    #[test]
    fn now_ends_the_wait_and_the_queue_goes_on() {
        let (cancel, gauge) = (Cancel::default(), Arc::default());
        let budget = Budget::watched(10, Over::Refuse, &cancel, &gauge);
        let held = budget.take(10).unwrap();
        thread::scope(|scope| {
            let waiting = scope.spawn(|| budget.take(5));
            thread::sleep(A_MOMENT);
            assert_eq!(gauge.load(Ordering::Relaxed), 10);
            cancel.raise(Level::Now, Reason::User);
            assert!(waiting.join().unwrap().is_err());
        });
        drop(held);
        assert_eq!((budget.used(), gauge.load(Ordering::Relaxed)), (0, 0));
        assert!(budget.shared.lock().queues.iter().all(VecDeque::is_empty));
    }
}
