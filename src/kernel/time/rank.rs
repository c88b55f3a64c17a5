//! The smallest, largest, middle or any other value of several frames, as exact as it was
//! stored.

use super::{Stored, stored};
use crate::kernel::dispatch::{Isa, per_isa};
use crate::kernel::network::{network, sort_network};
use crate::kernel::{Codes, RowMut};

/// The value of a given rank among the samples in one place of several frames.
pub struct RankOfFrames {
    rank: usize,
    method: Method,
    isa: Isa,
}

enum Method {
    Smallest,
    Largest,
    /// A sorting network of so many values.
    Network(usize, Vec<(u8, u8)>),
}

impl RankOfFrames {
    /// Of `count` frames (1..=255) the value of index `floor(fraction * (count - 1) + 0.5)`.
    pub fn new(count: usize, fraction: f64) -> Self {
        let last = count - 1;
        let rank = ((fraction * last as f64 + 0.5) as usize).min(last);
        let method = match rank {
            0 => Method::Smallest,
            rank if rank == last => Method::Largest,
            rank => Method::Network(count, network(count, rank)),
        };
        Self { rank, method, isa: Isa::best() }
    }

    /// The same on a given instruction set.
    #[must_use]
    pub fn on(mut self, isa: Isa) -> Self {
        self.isa = isa;
        self
    }

    /// Bytes that a row takes while it is made, whatever its length.
    pub fn room(&self) -> u64 {
        if let Method::Network(count, _) = &self.method { 128 * *count as u64 } else { 0 }
    }

    /// One row of one plane: `rows` has that row of each frame, in any order.
    pub fn row(&self, rows: &[Codes<'_>], out: RowMut<'_>) {
        // Two registers of the widest set, whatever the type.
        match out {
            RowMut::U8(out) => self.of::<u8, 128>(rows, out),
            RowMut::U16 { row, .. } => self.of::<u16, 64>(rows, row),
            RowMut::F32(out) => self.of::<f32, 32>(rows, out),
        }
    }

    fn of<T: Stored, const SIDE: usize>(&self, rows: &[Codes<'_>], out: &mut [T]) {
        let rows = stored::<T>(rows);
        match &self.method {
            Method::Smallest => smallest(self.isa, &rows, out),
            Method::Largest => largest(self.isa, &rows, out),
            Method::Network(count, pairs) => {
                let mut room = vec![[T::default(); SIDE]; *count];
                sort_network(self.isa, &rows, pairs, self.rank, &mut room, out);
            }
        }
    }
}

/// Samples that are compared side by side.
const SIDE: usize = 512;

per_isa! {
    fn smallest[T: Stored](rows: &[&[T]], out: &mut [T]) {
        for (i, out) in out.chunks_mut(SIDE).enumerate() {
            let at = i * SIDE..i * SIDE + out.len();
            out.copy_from_slice(&rows[0][at.clone()]);
            for row in &rows[1..] {
                for (o, v) in out.iter_mut().zip(&row[at.clone()]) {
                    *o = if *v < *o { *v } else { *o };
                }
            }
        }
    }

    fn largest[T: Stored](rows: &[&[T]], out: &mut [T]) {
        for (i, out) in out.chunks_mut(SIDE).enumerate() {
            let at = i * SIDE..i * SIDE + out.len();
            out.copy_from_slice(&rows[0][at.clone()]);
            for row in &rows[1..] {
                for (o, v) in out.iter_mut().zip(&row[at.clone()]) {
                    *o = if *v > *o { *v } else { *o };
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Depth;
    use crate::kernel::time::testing::{equal_on_all, noise};

    #[test]
    fn ranks_are_those_of_the_sorted_values() {
        for depth in [Depth::U8, Depth::U10, Depth::U16, Depth::F32] {
            let max = if depth == Depth::F32 { 4096.0 } else { depth.max() };
            for (count, fraction) in
                [(3, 0.5), (3, 0.0), (5, 1.0), (7, 0.3), (13, 0.5), (127, 0.5), (127, 1.0)]
            {
                let frames: Vec<Vec<u16>> =
                    (0..count).map(|i| noise(700, max as u16, i as u64)).collect();
                let got = equal_on_all(&frames, depth, &|isa, rows, out| {
                    RankOfFrames::new(count, fraction).on(isa).row(rows, out);
                });
                let index = (fraction * (count - 1) as f64 + 0.5).floor() as usize;
                for (x, got) in got.iter().enumerate() {
                    let mut place: Vec<u16> = frames.iter().map(|f| f[x]).collect();
                    place.sort_unstable();
                    assert_eq!(*got, f32::from(place[index]), "{count} {fraction} {depth:?}");
                }
            }
        }
    }
}
