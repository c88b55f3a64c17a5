//! Sorting networks: the value of one rank of many small sets side by side.

use super::dispatch::per_isa;

/// Comparisons (smaller goes to the first) that bring the value of `rank` among `count` to its
/// place: Batcher's odd-even merge sort, "Sorting networks and their applications", 1968, less
/// all that this one value does not depend on.
pub(in crate::kernel) fn network(count: usize, rank: usize) -> Vec<(u8, u8)> {
    let mut pairs = Vec::new();
    let size = count.next_power_of_two();
    let mut sorted = 1;
    while sorted < size {
        let mut step = sorted;
        while step > 0 {
            let mut start = step % sorted;
            while start + step < size {
                for i in start..start + step {
                    let same = i / (2 * sorted) == (i + step) / (2 * sorted);
                    // Places past the end hold what is larger than everything.
                    if same && i + step < count {
                        pairs.push((i as u8, (i + step) as u8));
                    }
                }
                start += 2 * step;
            }
            step /= 2;
        }
        sorted *= 2;
    }
    let mut needed = vec![false; count];
    needed[rank] = true;
    let mut kept: Vec<(u8, u8)> = Vec::new();
    for &(a, b) in pairs.iter().rev() {
        if needed[usize::from(a)] || needed[usize::from(b)] {
            needed[usize::from(a)] = true;
            needed[usize::from(b)] = true;
            kept.push((a, b));
        }
    }
    kept.reverse();
    kept
}

per_isa! {
    /// From `rows`, one for each member of the sets, the value of `rank` in each column. `room`
    /// has at least as many rows; `SIDE` columns are sorted at once. `pairs` is the network of
    /// this rank for this many rows.
    pub(in crate::kernel) fn sort_network[T: Copy + PartialOrd, const SIDE: usize](
        rows: &[&[T]],
        pairs: &[(u8, u8)],
        rank: usize,
        room: &mut [[T; SIDE]],
        out: &mut [T],
    ) {
        let mut at = 0;
        for out in out.chunks_mut(SIDE) {
            for (values, row) in room.iter_mut().zip(rows) {
                values[..out.len()].copy_from_slice(&row[at..at + out.len()]);
            }
            for &(a, b) in pairs {
                let (head, tail) = room.split_at_mut(usize::from(b));
                let (a, b) = (&mut head[usize::from(a)], &mut tail[0]);
                for (a, b) in a.iter_mut().zip(b) {
                    let (x, y) = (*a, *b);
                    // One comparison for both, so that even NaN is only moved.
                    let first = x < y;
                    *a = if first { x } else { y };
                    *b = if first { y } else { x };
                }
            }
            out.copy_from_slice(&room[rank][..out.len()]);
            at += out.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_no_larger_than_they_should_be() {
        // Batcher's for 9 of 16 inputs, less what the median does not need.
        assert!(network(9, 4).len() <= 24, "{}", network(9, 4).len());
        assert!(network(25, 12).len() <= 135, "{}", network(25, 12).len());
        assert!(network(1, 0).is_empty());
    }
}
