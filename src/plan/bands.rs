//! Bands: how the rows of one frame are spread over the pool.

use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use crate::frame::PlaneShape;
use crate::kernel::PlaneMut;

/// How one frame is spread over the current rayon pool. It changes no result.
#[derive(Clone, Copy, Debug)]
pub enum Bands<'a> {
    /// The calling thread does all of it.
    One,
    /// Bands of rows, for all threads of the pool.
    Many,
    /// Bands of rows for the threads that have no frame of their own when the spreading begins.
    Spare(&'a InPool),
}

/// Whole frames that a pool has to do, in hand or waiting for a thread.
///
/// A thread of the pool that has nothing to do takes a band of a frame rather than a frame, and
/// the thread whose band it took waits for it by doing another frame in between. So bands are
/// for when there are fewer frames than threads: with 48 pictures on 16 threads large ones
/// were otherwise begun first and done last, after four times their own time. The first frames
/// of a run still come to a pool that is nearly empty, and are cut.
#[derive(Debug, Default)]
pub struct InPool(AtomicUsize);

impl InPool {
    /// A frame is put into the pool.
    pub fn enter(&self) -> Entered<'_> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Entered(self)
    }
}

/// A frame that is in the pool, until this is dropped.
#[derive(Debug)]
pub struct Entered<'a>(&'a InPool);

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A band is at least this high: making a chain of producers costs about as much as a row.
const LEAST_ROWS: usize = 64;

/// And at least so many times as high as its halo, so that what neighbours compute twice adds
/// at most half to the work.
const LEAST_HALOS: usize = 2;

/// Tasks for each thread, so that the last ones end at about the same time.
pub const PER_THREAD: usize = 4;

/// How many bands `threads` threads cut `height` rows into, `halo` of which a band computes for
/// itself alone. It changes no result.
pub(super) fn count(height: usize, halo: usize, threads: usize) -> usize {
    if threads == 1 {
        return 1;
    }
    let least = LEAST_ROWS.max(LEAST_HALOS * halo);
    (height / least).clamp(1, PER_THREAD * threads)
}

/// Rows that one task fills: for each plane the first row and the rows themselves.
pub(super) type Band<'a> = Vec<(usize, PlaneMut<'a>)>;

impl Bands<'_> {
    /// Threads that may share a frame now.
    pub fn threads(self) -> usize {
        match self {
            Self::One => 1,
            Self::Many => rayon::current_num_threads(),
            Self::Spare(frames) => {
                let others = frames.0.load(Ordering::Relaxed).saturating_sub(1);
                rayon::current_num_threads().saturating_sub(others).max(1)
            }
        }
    }

    /// Of a pool of `threads`, the threads that may ever share a frame.
    pub const fn most_threads(self, threads: usize) -> usize {
        match self {
            Self::One => 1,
            Self::Many | Self::Spare(_) => threads,
        }
    }

    /// Does each task, side by side if there are several; results in the order of the tasks.
    pub fn map<T: Send, R: Send>(
        self,
        tasks: Vec<T>,
        work: impl Fn(T) -> R + Sync + Send,
    ) -> Vec<R> {
        if self.threads() == 1 || tasks.len() == 1 {
            tasks.into_iter().map(work).collect()
        } else {
            tasks.into_par_iter().map(work).collect()
        }
    }
}

/// Cuts planes into `count` bands of luma rows, or a few less, rounded up to whole chroma rows.
pub(super) fn split<'a>(
    shapes: &[PlaneShape],
    out: Vec<PlaneMut<'a>>,
    count: usize,
) -> Vec<Band<'a>> {
    let shift = shapes.iter().map(|s| s.shift_y).max().unwrap_or(0);
    let rows = shapes[0].height.div_ceil(count).next_multiple_of(1 << shift);
    let count = shapes[0].height.div_ceil(rows);
    let mut bands: Vec<Band<'a>> = (0..count).map(|_| Vec::new()).collect();
    for (shape, mut rest) in shapes.iter().zip(out) {
        let step = rows >> shape.shift_y;
        for (index, band) in bands.iter_mut().enumerate() {
            let first = index * step;
            let (head, tail) = rest.split_at(step.min(shape.height - first));
            band.push((first, head));
            rest = tail;
        }
    }
    bands
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_share_the_threads_that_have_none() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(4).build().unwrap();
        let frames = InPool::default();
        let threads = || pool.install(|| Bands::Spare(&frames).threads());
        let mut entered = Vec::new();
        for expected in [4, 3, 2, 1, 1, 1] {
            entered.push(frames.enter());
            assert_eq!(threads(), expected);
        }
        let alone = || {
            let (here, bands) = (std::thread::current().id(), Bands::Spare(&frames));
            let ids = bands.map(vec![(); 16], |()| {
                std::thread::sleep(std::time::Duration::from_millis(1));
                std::thread::current().id()
            });
            ids.iter().all(|id| *id == here)
        };
        assert!(pool.install(alone), "no task leaves the thread of a frame in a full pool");
        entered.truncate(1);
        assert_eq!(threads(), 4);
        assert_eq!(Bands::Spare(&frames).most_threads(4), 4);
    }
}
