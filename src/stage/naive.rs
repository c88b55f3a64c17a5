//! Steps by their definition, over a whole clip at once, with a made-up work on numbers: what
//! everything that runs steps is compared with.

use super::{Needs, Serial};
use crate::error::{Error, Result};

/// A step of the made-up work: stirs what it was shown, and on top of it what it carries.
pub(crate) fn stir(step: usize, window: &[u64], carried: &mut u64, state: Serial) -> u64 {
    let stirred = window.iter().fold(step as u64 + 1, |sum, value| {
        (sum ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29)
    });
    if state == Serial::Free {
        return stirred;
    }
    *carried = carried.wrapping_mul(31).wrapping_add(stirred);
    *carried
}

/// What becomes of the frames, step after step; `breaks` says which steps fail at which frame.
pub(crate) fn through(
    needs: &[Needs],
    frames: Vec<Result<u64>>,
    breaks: impl Fn(usize, u64) -> Option<Error>,
) -> Vec<Result<u64>> {
    needs.iter().enumerate().fold(frames, |frames, (step, needs)| {
        let last = frames.len() as i64 - 1;
        let mut carried = 0;
        let each = |at: i64| {
            frames[at as usize].clone()?;
            let window = at - needs.before as i64..=at + needs.after as i64;
            let window = window.map(|at| frames[at.clamp(0, last) as usize].clone());
            let window = window.collect::<Result<Vec<u64>>>()?;
            match breaks(step, at as u64) {
                Some(error) => Err(error),
                None => Ok(stir(step, &window, &mut carried, needs.state)),
            }
        };
        (0..=last).map(each).collect()
    })
}
