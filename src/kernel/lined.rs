//! Rows that begin where a line of the cache does.

use super::ring::replicate;

/// Bytes of a line of the cache.
const BYTES: usize = 64;

/// Values of a row of `f32` in it.
pub(in crate::kernel) const LINE: usize = BYTES / size_of::<f32>();

/// A row of values. A wide load that lies across two lines of the cache costs twice as much, and a sum
/// of many rows is hardly more than its loads.
#[derive(Debug, Default)]
pub(in crate::kernel) struct Lined<T> {
    values: Vec<T>,
    start: usize,
    len: usize,
}

impl<T: Copy + Default> Lined<T> {
    /// Values that a row takes beyond its own.
    pub const REST: usize = BYTES / size_of::<T>() - 1;

    /// The row with so many values; what is in them is unspecified.
    pub fn sized(&mut self, len: usize) -> &mut [T] {
        if self.values.len() < len + Self::REST {
            self.values = vec![T::default(); len + Self::REST];
        }
        // Where it cannot be told, the row is slower, and no less right.
        self.start = self.values.as_ptr().align_offset(BYTES).min(Self::REST);
        self.len = len;
        self.values_mut()
    }

    /// The row.
    fn values_mut(&mut self) -> &mut [T] {
        &mut self.values[self.start..self.start + self.len]
    }

    /// The row.
    pub fn values(&self) -> &[T] {
        &self.values[self.start..self.start + self.len]
    }

    /// Bytes that it takes.
    #[cfg(test)]
    pub fn bytes(&self) -> usize {
        size_of::<T>() * self.values.capacity()
    }
}

/// A row with pixels repeated at both ends, whose own first value begins a line of the cache.
#[derive(Debug, Default)]
pub(in crate::kernel) struct Padded {
    row: Lined<f32>,
    /// Values before the row's own, and after them.
    pad: usize,
}

impl Padded {
    /// The place of a row of `len` values, to be written; `pad` more are to be repeated.
    pub fn inside(&mut self, pad: usize, len: usize) -> &mut [f32] {
        let pad = pad.next_multiple_of(LINE);
        &mut self.whole(pad, len)[pad..pad + len]
    }

    /// The same with what is before and after it, to be written too.
    pub fn whole(&mut self, pad: usize, len: usize) -> &mut [f32] {
        self.pad = pad.next_multiple_of(LINE);
        self.row.sized(len + 2 * self.pad)
    }

    /// Repeats the pixels of `components` at both ends `count` times.
    pub fn repeat(&mut self, components: usize, count: usize) {
        let pad = components * count;
        let unused = self.pad - pad;
        let row = self.row.values_mut();
        let all = unused..row.len() - unused;
        replicate(&mut row[all], components, pad);
    }

    /// `len` values from the one that lies `offset` after the row's first on.
    pub fn from(&self, offset: isize, len: usize) -> &[f32] {
        let start = self.pad.checked_add_signed(offset).expect("it is padded so far");
        &self.row.values()[start..start + len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_of_a_padded_row_are_repeated() {
        let mut row = Padded::default();
        let inside = row.inside(6, 9);
        assert_eq!(inside.as_ptr().addr() % 64, 0);
        inside.copy_from_slice(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]);
        row.repeat(3, 2);
        assert_eq!(row.from(-6, 7), [1.0, 2.0, 3.0, 1.0, 2.0, 3.0, 1.0]);
        assert_eq!(row.from(8, 7), [9.0, 7.0, 8.0, 9.0, 7.0, 8.0, 9.0]);
    }

    #[test]
    fn a_row_begins_with_a_line_and_keeps_its_values() {
        let mut row = Lined::<f32>::default();
        assert!(row.values().is_empty());
        for len in [5, 100, 3, 1000] {
            let values = row.sized(len);
            assert_eq!((values.len(), values.as_ptr().addr() % 64), (len, 0));
            values[len - 1] = len as f32;
            assert_eq!(row.values()[len - 1], len as f32);
            assert_eq!(row.values().len(), len);
        }
    }
}
