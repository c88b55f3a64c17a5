//! The symbols that deflate has for matches (RFC 1951, 3.2.5).

/// The symbol of a match's length, its extra bits and their number.
pub fn length(length: usize) -> (usize, u32, u32) {
    let over = length as u32 - 3;
    match over {
        255 => (285, 0, 0),
        0..8 => (257 + over as usize, 0, 0),
        _ => {
            let bits = over.ilog2() - 2;
            (257 + (4 * bits + (over >> bits)) as usize, over & ((1 << bits) - 1), bits)
        }
    }
}

/// The symbol of a match's distance, its extra bits and their number.
pub fn distance(distance: usize) -> (usize, u32, u32) {
    let over = distance as u32 - 1;
    if over < 4 {
        return (over as usize, 0, 0);
    }
    let bits = over.ilog2() - 1;
    ((2 * bits + (over >> bits)) as usize, over & ((1 << bits) - 1), bits)
}
