//! Help for the tests of the loops over time: rows of made-up frames, and one law for all.

use crate::frame::Depth;
use crate::kernel::{Codes, Isa, RowMut};

/// `len` codes, a third of them at the ends of the range.
pub fn noise(len: usize, max: u16, seed: u64) -> Vec<u16> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5eed;
    let mut next = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    };
    let code = |v: u64| match v % 6 {
        0 => 0,
        1 => max,
        _ => (v / 6 % (u64::from(max) + 1)) as u16,
    };
    (0..len).map(|_| code(next())).collect()
}

/// A loop over the rows of several frames.
pub type Loop<'a> = &'a dyn Fn(Isa, &[Codes<'_>], RowMut<'_>);

/// What a loop makes of codes stored at `depth`, after checking that each instruction set gives
/// the same bits.
pub fn equal_on_all(frames: &[Vec<u16>], depth: Depth, run: Loop<'_>) -> Vec<f32> {
    let len = frames[0].len();
    let mut results = Isa::available().into_iter().map(|isa| match depth {
        Depth::U8 => {
            let frames: Vec<Vec<u8>> =
                frames.iter().map(|f| f.iter().map(|v| *v as u8).collect()).collect();
            let rows: Vec<_> = frames.iter().map(|f| Codes::U8(f)).collect();
            let mut out = vec![99; len];
            run(isa, &rows, RowMut::U8(&mut out));
            out.into_iter().map(f32::from).collect::<Vec<_>>()
        }
        Depth::U10 | Depth::U16 => {
            let rows: Vec<_> = frames.iter().map(|f| Codes::U16(f)).collect();
            let mut out = vec![99; len];
            run(isa, &rows, RowMut::U16 { row: &mut out, max: depth.max() as f32 });
            out.into_iter().map(f32::from).collect()
        }
        Depth::F32 => {
            let frames: Vec<Vec<f32>> =
                frames.iter().map(|f| f.iter().map(|v| f32::from(*v)).collect()).collect();
            let rows: Vec<_> = frames.iter().map(|f| Codes::F32(f)).collect();
            let mut out = vec![99.0; len];
            run(isa, &rows, RowMut::F32(&mut out));
            out
        }
    });
    let first = results.next().expect("the portable set is always there");
    for other in results {
        assert_eq!(first, other, "at {depth:?}");
    }
    first
}
