//! How many threads may share a frame: those that have none of their own, whatever became of the
//! frames before it.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::fakes::{Collect, Kept, Numbers, numbers};
use super::*;
use crate::link::Packet;
use crate::stage::{Bands, Needs};

const THREADS: u64 = 4;
const LAST: u64 = 15;

/// A work whose first frames fill the pool, and whose last one is alone in it in the end.
struct Crowd {
    steps: Vec<Needs>,
    first: AtomicUsize,
    /// Threads that might have shared each of the first frames, and the last.
    shared: Mutex<Vec<(u64, usize)>>,
}

fn until(done: impl Fn() -> bool) {
    let begin = Instant::now();
    while !done() && begin.elapsed() < Duration::from_secs(5) {
        sleep(Duration::from_millis(1));
    }
}

impl Work for Crowd {
    fn needs(&self) -> &[Needs] {
        &self.steps
    }

    fn peak(&self, packet: &Packet, _: Bands<'_>) -> Result<u64> {
        let n = numbers(packet)[0];
        if n == 5 { Err(Error::input("too large")) } else { Ok(1) }
    }

    fn process(&self, step: usize, packet: Packet, bands: Bands<'_>) -> Packet {
        match (step, packet.seq) {
            (0, n) if n < THREADS => {
                self.first.fetch_add(1, Ordering::SeqCst);
                until(|| self.first.load(Ordering::SeqCst) as u64 == THREADS);
            }
            (0, 6) => panic!("as it is told to"),
            (0, 7) => return Packet { outcome: Err(Error::input("broken")), ..packet },
            (_, LAST) if step + 1 == self.steps.len() => {
                until(|| bands.threads() as u64 == THREADS);
            }
            _ => return packet,
        }
        self.shared.lock().unwrap().push((packet.seq, bands.threads()));
        // None of the first leaves before all have been asked.
        until(|| self.shared.lock().unwrap().len() as u64 >= THREADS);
        packet
    }
}

#[test]
fn a_full_pool_shares_nothing_and_the_last_frame_has_all_threads() {
    for (order, steps) in [(Order::Any, 1), (Order::Strict, 1), (Order::Strict, 2)] {
        let steps = vec![Needs::NOTHING; steps];
        let work = Crowd { steps, first: AtomicUsize::new(0), shared: Mutex::default() };
        let settings = Settings { capacity: 8, ..settings(THREADS as usize) };
        let (source, (sink, kept)) = (Numbers { order, ..Numbers::new(LAST + 1) }, Collect::new());
        let (events, cancel) = (Kept::default(), Cancel::default());
        threads::run(&source, &work, Box::new(sink), &settings, &events, &cancel).unwrap();
        let kept = kept.lock().unwrap();
        assert_eq!((kept.values.len(), kept.failed.len()), (13, 3));
        for &(frame, threads) in work.shared.lock().unwrap().iter() {
            let due = if frame == LAST { THREADS as usize } else { 1 };
            assert_eq!(threads, due, "frame {frame}, {order:?}");
        }
    }
}
