//! Bands: how the rows of one frame are spread over the pool.

use rayon::prelude::*;

use crate::frame::PlaneShape;
use crate::kernel::PlaneMut;

/// How one frame is spread over the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bands {
    /// The calling thread does all of it.
    One,
    /// Bands of rows, for whichever threads of the current rayon pool are idle.
    Many,
}

/// A band is at least this high: making a chain of producers costs about as much as a row.
const LEAST_ROWS: usize = 64;

/// And at least so many times as high as its halo, so that what neighbours compute twice adds
/// at most half to the work.
const LEAST_HALOS: usize = 2;

/// Bands for each thread, so that the last ones end at about the same time.
pub(super) const PER_THREAD: usize = 4;

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

impl Bands {
    /// Threads that may share a frame.
    pub fn threads(self) -> usize {
        match self {
            Self::One => 1,
            Self::Many => rayon::current_num_threads(),
        }
    }

    /// Does each task, side by side if there are several; results in the order of the tasks.
    pub fn map<T: Send, R: Send>(
        self,
        tasks: Vec<T>,
        work: impl Fn(T) -> R + Sync + Send,
    ) -> Vec<R> {
        if self == Self::One || tasks.len() == 1 {
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
