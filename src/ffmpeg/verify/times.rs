//! Times of source and result, to the tick that both can have.

use super::{Row, Verdict, row};
use crate::ffmpeg::time::TimeBase;

/// Nanoseconds, rounded down.
pub(super) fn nanos(ticks: i64, base: TimeBase) -> i128 {
    let scaled = i128::from(ticks) * i128::from(base.num()) * 1_000_000_000;
    scaled.div_euclid(i128::from(base.den()))
}

/// The longer tick of two in nanoseconds, and what rounding down may add.
pub(super) fn coarser(a: TimeBase, b: TimeBase) -> i128 {
    nanos(1, a).max(nanos(1, b)) + 2
}

pub(super) fn shifted(times: &[i128], by: i128) -> Vec<i128> {
    times.iter().map(|time| time + by).collect()
}

/// What times are rounded to, in nanoseconds.
#[derive(Clone, Copy)]
pub(super) struct Ticks {
    /// From one packet to the next.
    pub each: i128,
    /// The first one.
    pub start: i128,
}

pub(super) const MILLISECOND: i128 = 1_000_000;

/// Whether two lists of times are the same to a tick, or moved as the whole file has.
pub(super) fn timing(what: &str, due: &[i128], is: &[i128], slide: i128, ticks: Ticks) -> Row {
    let moved = || due.iter().zip(is).map(|(due, is)| is - due);
    let start = moved().next().unwrap_or(0);
    let even = moved().all(|by| (by - start).abs() <= ticks.each);
    let together = (start - slide).abs() <= ticks.start;
    let verdict = match (due.len() == is.len() && even && together, slide) {
        (true, 0) => Verdict::Same,
        (true, _) => Verdict::Changed,
        (false, _) => Verdict::Lost,
    };
    let seconds = |nanos: i128| nanos as f64 / 1e9;
    let span = |times: &[i128]| match (times.first(), times.last()) {
        (Some(first), Some(last)) => format!("{:.3} to {:.3} s", seconds(*first), seconds(*last)),
        _ => "none".to_owned(),
    };
    let off = match verdict {
        Verdict::Same => String::new(),
        Verdict::Changed => format!(", all streams by {:.3} s", seconds(slide)),
        Verdict::Lost => {
            let most = moved().map(|by| (by - slide).abs()).max().unwrap_or(0);
            format!(", off by up to {:.6} s", seconds(most))
        }
    };
    row(what, span(due), format!("{}{off}", span(is)), verdict)
}
