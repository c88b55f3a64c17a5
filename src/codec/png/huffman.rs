//! Huffman codes as deflate has them: given by their lengths, none longer than a limit.

use std::iter::zip;

/// The longest code that deflate can say.
const LONGEST: usize = 15;

/// The lengths, in bits, of the best prefix code for symbols that occur `counts` times; 0 for one that does
/// not occur. None is longer than `most`, which has room for all symbols.
pub fn lengths(counts: &[u32], most: usize, lengths: &mut [u8]) {
    lengths.fill(0);
    let mut leaves: Vec<(u32, u16)> = zip(counts, 0u16..)
        .filter_map(|(count, symbol)| (*count > 0).then_some((*count, symbol)))
        .collect();
    if let [(_, only)] = leaves[..] {
        // No code has no bits.
        lengths[usize::from(only)] = 1;
        return;
    }
    leaves.sort_unstable();
    let mut per_length = tree(&leaves, most);
    // Codes that were cut short claim more than there is. A code that is one bit longer has room for two: for
    // itself and for one of the longest.
    let mut claimed: usize = (1..=most).map(|length| per_length[length] << (most - length)).sum();
    while claimed > 1 << most {
        let at = (1..most).rev().find(|length| per_length[*length] > 0);
        let at = at.expect("there is room for all symbols");
        per_length[at] -= 1;
        per_length[at + 1] += 2;
        per_length[most] -= 1;
        claimed -= 1;
    }
    let longest_first = (1..=most).rev().flat_map(|l| std::iter::repeat_n(l as u8, per_length[l]));
    for ((_, symbol), length) in zip(leaves, longest_first) {
        lengths[usize::from(symbol)] = length;
    }
}

/// How many leaves of Huffman's tree lie how deep; those below `most` are counted there.
fn tree(leaves: &[(u32, u16)], most: usize) -> [usize; LONGEST + 1] {
    let mut per_length = [0; LONGEST + 1];
    let joins = leaves.len().saturating_sub(1);
    // Leaves come by weight, and so do the nodes that are made of them: the two lightest of all are at the
    // heads of these two queues. Node numbers: leaves, then joins in the order they are made.
    let mut weights: Vec<u32> = Vec::with_capacity(joins);
    let mut parents = vec![0; leaves.len() + joins];
    let (mut leaf, mut join) = (0, 0);
    for made in 0..joins {
        let mut weight = 0;
        for _ in 0..2 {
            let is_leaf = leaf < leaves.len() && (join == made || leaves[leaf].0 <= weights[join]);
            let (node, own) = if is_leaf {
                leaf += 1;
                (leaf - 1, leaves[leaf - 1].0)
            } else {
                join += 1;
                (leaves.len() + join - 1, weights[join - 1])
            };
            parents[node] = leaves.len() + made;
            weight += own;
        }
        weights.push(weight);
    }
    let mut depths = vec![0; parents.len()];
    // A node's parent has a higher number, and the root the highest.
    for node in (0..parents.len().saturating_sub(1)).rev() {
        depths[node] = depths[parents[node]] + 1;
        if node < leaves.len() {
            per_length[depths[node].min(most)] += 1;
        }
    }
    per_length
}

/// A code that is ready to be written: the bits, the first one lowest, and their number.
#[derive(Clone, Copy, Default)]
pub struct Code {
    pub bits: u16,
    pub length: u8,
}

/// The codes of these lengths (RFC 1951, 3.2.2).
pub fn codes<const N: usize>(lengths: &[u8; N]) -> [Code; N] {
    let mut per_length = [0u32; LONGEST + 1];
    lengths.iter().filter(|l| **l > 0).for_each(|l| per_length[usize::from(*l)] += 1);
    let mut next = [0u32; LONGEST + 1];
    for length in 1..=LONGEST {
        next[length] = (next[length - 1] + per_length[length - 1]) << 1;
    }
    lengths.map(|length| {
        if length == 0 {
            return Code::default();
        }
        let code = &mut next[usize::from(length)];
        *code += 1;
        Code { bits: (*code as u16 - 1).reverse_bits() >> (16 - length), length }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the lengths claim of the whole, which is 1 for a code without gaps.
    fn claimed(lengths: &[u8]) -> f64 {
        lengths.iter().filter(|l| **l > 0).map(|l| 0.5f64.powi((*l).into())).sum()
    }

    #[test]
    fn lengths_are_those_of_huffman() {
        let mut found = [9; 6];
        lengths(&[45, 13, 12, 16, 9, 5], 15, &mut found);
        assert_eq!(found, [1, 3, 3, 3, 4, 4]);
        lengths(&[0, 7, 0, 0, 0, 0], 15, &mut found);
        assert_eq!(found, [0, 1, 0, 0, 0, 0]);
        lengths(&[0; 6], 15, &mut found);
        assert_eq!(found, [0; 6]);
    }

    #[test]
    fn a_limit_leaves_no_gap_and_no_overlap() {
        // Fibonacci's numbers make the deepest tree that there is.
        let (mut a, mut b) = (1, 1);
        let counts: Vec<u32> = std::iter::repeat_with(|| {
            (a, b) = (b, a + b);
            a
        })
        .take(30)
        .collect();
        for most in 5..=15 {
            let mut found = vec![0; counts.len()];
            lengths(&counts, most, &mut found);
            assert!(found.iter().all(|l| (1..=most).contains(&usize::from(*l))), "{found:?}");
            assert_eq!(claimed(&found), 1.0, "{most}: {found:?}");
            assert!(found.is_sorted_by(|a, b| a >= b), "the frequent are short: {found:?}");
        }
    }

    #[test]
    fn codes_follow_each_other() {
        // The example of RFC 1951, with the bits in the order of the file.
        let codes = codes(&[3, 3, 3, 3, 3, 2, 4, 4]);
        let bits: Vec<_> = codes.iter().map(|c| c.bits.reverse_bits() >> (16 - c.length)).collect();
        assert_eq!(bits, [0b010, 0b011, 0b100, 0b101, 0b110, 0b00, 0b1110, 0b1111]);
    }
}
