//! Rows that begin where a line of the cache does.

/// Values in a line of the cache.
const LINE: usize = 16;

/// A row of values. A wide load that lies across two lines of the cache costs twice as much, and a sum
/// of many rows is hardly more than its loads.
#[derive(Debug, Default)]
pub(in crate::kernel) struct Lined {
    values: Vec<f32>,
    start: usize,
    len: usize,
}

impl Lined {
    /// Values that a row takes beyond its own.
    pub const REST: usize = LINE - 1;

    /// The row with so many values; what is in them is unspecified.
    pub fn sized(&mut self, len: usize) -> &mut [f32] {
        if self.values.len() < len + Self::REST {
            self.values = vec![0.0; len + Self::REST];
        }
        // Where it cannot be told, the row is slower, and no less right.
        self.start = self.values.as_ptr().align_offset(4 * LINE).min(Self::REST);
        self.len = len;
        &mut self.values[self.start..self.start + len]
    }

    /// The row.
    pub fn values(&self) -> &[f32] {
        &self.values[self.start..self.start + self.len]
    }

    /// Bytes that it takes.
    #[cfg(test)]
    pub fn bytes(&self) -> usize {
        4 * self.values.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_begins_with_a_line_and_keeps_its_values() {
        let mut row = Lined::default();
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
