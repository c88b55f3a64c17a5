//! Segments side by side.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::Builder;

use lumaloom::error::{Error, Kind, Result};
use lumaloom::link::{Cancel, Level, Reason};

/// Does `work` on each item, in order, on so many threads, which are joined. A stop that was asked
/// for begins no further item; a failure ends the others, too.
///
/// # Errors
/// The first failure.
pub fn side_by_side(
    items: &[usize],
    workers: usize,
    cancel: &Cancel,
    work: impl Fn(usize) -> Result<()> + Sync,
) -> Result<()> {
    let next = AtomicUsize::new(0);
    let first = Mutex::new(None);
    let fail = |error: Error| {
        // Who was told to stop has nothing to tell the others.
        let cause = error.kind() != Kind::Interrupted;
        // Before the others hear of it, whose stop is then no first failure.
        first.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        if cause {
            cancel.raise(Level::Now, Reason::Failure);
        }
    };
    let run = || {
        while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
            let done = if cancel.is_requested() { Err(cancel.error()) } else { work(*item) };
            if let Err(error) = done {
                return fail(error);
            }
        }
    };
    std::thread::scope(|scope| {
        let mut crew = Vec::new();
        for number in 1..=workers {
            let started =
                Builder::new().name(format!("segments-{number}")).spawn_scoped(scope, run);
            match started {
                Ok(thread) => crew.push(thread),
                Err(e) => fail(Error::system(format!("failed to start a thread: {e}"))),
            }
        }
        for thread in crew {
            if thread.join().is_err() {
                fail(Error::internal("the thread of a segment panicked"));
            }
        }
    });
    first.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_item_is_done_once_by_any_number_of_workers() {
        for workers in 1..4 {
            let items: Vec<usize> = (0..20).collect();
            let done = Mutex::new(Vec::new());
            let work = |item| {
                done.lock().unwrap().push(item);
                Ok(())
            };
            side_by_side(&items, workers, &Cancel::default(), work).unwrap();
            let mut done = done.into_inner().unwrap();
            done.sort_unstable();
            assert_eq!(done, items, "{workers}");
        }
    }

    #[test]
    fn the_first_failure_is_the_news_and_nothing_is_begun_after_it() {
        let (cancel, begun) = (Cancel::default(), AtomicUsize::new(0));
        let work = |item| {
            begun.fetch_add(1, Ordering::Relaxed);
            if item == 1 { Err(Error::input("broken")) } else { Ok(()) }
        };
        let error = side_by_side(&[0, 1, 2, 3], 1, &cancel, work).unwrap_err();
        assert_eq!((error.to_string().as_str(), begun.into_inner()), ("broken", 2));
        assert!(cancel.is_now());
    }

    #[test]
    fn a_stop_begins_nothing_more() {
        let cancel = Cancel::default();
        let work = |_| {
            cancel.request();
            Ok(())
        };
        let error = side_by_side(&[0, 1], 1, &cancel, work).unwrap_err();
        assert_eq!((error.kind(), cancel.level()), (Kind::Interrupted, Level::Drain));
        // What was the last one anyway is whole.
        let work = |_| Ok(());
        assert!(side_by_side(&[], 2, &cancel, work).is_ok());
    }
}
