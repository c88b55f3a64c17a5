//! Many small runs with drawn settings: whatever happens, they end, and they end right.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use super::fakes::{Collect, Collected, Kept, Numbers, Square};
use super::*;

/// SplitMix64; any even spread would do.
pub struct Draw(pub u64);

impl Draw {
    pub fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }

    pub fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }
}

#[test]
fn two_hundred_schedules_end_right() {
    for seed in 0..200 {
        let mut draw = Draw(seed);
        let count = draw.one(&[0, 1, 2, 7, 40]);
        let order = draw.one(&[Order::Any, Order::Strict]);
        let none: fn(u64) -> bool = |_| false;
        let source =
            Numbers { order, broken: draw.one(&[none, |n| n % 5 == 1]), ..Numbers::new(count) };
        let work = Square {
            panics: draw.one(&[none, none, |n| n % 11 == 3]),
            peak: draw.one(&[|_| 1, |n| 1 + n % 90, |_| 40, |n| if n == 2 { 500 } else { 40 }]),
            jitter: draw.below(2) == 1,
            ..Square::default()
        };
        let settings = Settings {
            threads: draw.one(&[1, 2, 5]),
            io_threads: draw.one(&[1, 2, 4]),
            capacity: draw.one(&[1, 2, 16]),
            split: draw.one(&[Split::Frames, Split::Bands, Split::Auto]),
            mem: draw.one(&[40, 200, 1 << 30]),
            over: draw.one(&[Over::Alone, Over::Refuse]),
            ..settings(1)
        };
        let cancel = Cancel::default();
        let (sink, kept) = Collect::new();
        let mut sink = sink;
        sink.when_stopped = draw.one(&[WhenStopped::Commit, WhenStopped::Discard]);
        let commits = sink.when_stopped == WhenStopped::Commit;
        let on_error = draw.one(&[OnError::Continue, OnError::Stop]);
        let settings = Settings { on_error, ..settings };
        let turn = draw.below(6);
        match turn {
            0 => sink.full_at = Some(draw.below(5) as usize),
            1 | 2 => sink.at = Some((draw.below(5) as usize, cancel.clone(), turn as usize)),
            _ => {}
        }
        let full = sink.full_at.is_some();
        let events = Kept::default();
        let ended = threads::run(&source, &work, Box::new(sink), &settings, &events, &cancel);
        let kept = kept.lock().unwrap();
        let what = format!("seed {seed}: {settings:?} {order:?} {ended:?}");
        assert!(kept.finished != kept.aborted, "one of both: {what}");
        assert_eq!(kept.finished, !kept.aborted);
        assert_eq!(settings.gauges.in_flight.load(Ordering::Relaxed), 0, "{what}");
        let failed: std::collections::HashSet<u64> = kept.failed.iter().map(|f| f.0).collect();
        assert_eq!(failed.len(), kept.failed.len(), "each fails once: {what}");
        let refused = |n: u64| settings.over == Over::Refuse && (work.peak)(n) > settings.mem;
        for (n, error) in &kept.failed {
            let named = error.to_string().contains("--mem");
            assert!(!named || refused(*n), "{n} fits: {error}: {what}");
        }
        if order == Order::Strict {
            assert!(kept.values.is_sorted(), "{what}");
        }
        match ended {
            Ok(Ended::All) => {
                assert!(kept.finished, "{what}");
                assert_eq!(kept.values.len() + failed.len(), count as usize, "{what}");
            }
            Ok(Ended::Stopped) => {
                assert!(on_error == OnError::Stop && !failed.is_empty(), "{what}");
                assert_eq!((kept.finished, cancel.reason()), (commits, Reason::Failure), "{what}");
                stopped(&source, &work, &kept, order, &what);
            }
            Err(error) if full => assert_eq!(error.to_string(), "disk full", "{what}"),
            Err(error) => {
                assert_eq!(error.kind(), Kind::Interrupted, "{what}");
                assert!(cancel.is_requested(), "{what}");
                if !cancel.is_now() {
                    assert_eq!(kept.finished, commits, "{what}");
                    stopped(&source, &work, &kept, order, &what);
                }
            }
        }
    }
}

/// After a stop each item that was given out is written, failed, or not begun, and nothing
/// that was begun is lost. In order, what is there has no holes.
fn stopped(source: &Numbers, work: &Square, kept: &Collected, order: Order, what: &str) {
    let written = kept.values.iter().map(|square| square.isqrt());
    let there: BTreeSet<u64> = written.chain(kept.failed.iter().map(|(n, _)| *n)).collect();
    assert_eq!(there.len(), kept.values.len() + kept.failed.len(), "each once: {what}");
    assert!(there.last().is_none_or(|last| *last < source.given()), "{what}");
    let begun = work.begun.lock().unwrap();
    match order {
        Order::Any => assert!(begun.iter().all(|n| there.contains(n)), "{begun:?}: {what}"),
        // Behind one that was not begun even one that was is dropped.
        Order::Strict => assert!(there.iter().copied().eq(0..there.len() as u64), "{what}"),
    }
}
