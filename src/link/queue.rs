//! How many packets wait in a link: now, and on average over time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// The depth of one link, shared by its two ends and whoever reads the dial.
#[derive(Debug)]
pub struct Queue {
    depth: AtomicUsize,
    area: Mutex<Area>,
}

/// The integral of the depth over time.
#[derive(Debug)]
struct Area {
    begin: Instant,
    last: Instant,
    depth: f64,
    packet_seconds: f64,
}

impl Default for Queue {
    fn default() -> Self {
        let now = Instant::now();
        let area = Area { begin: now, last: now, depth: 0.0, packet_seconds: 0.0 };
        Self { depth: AtomicUsize::new(0), area: Mutex::new(area) }
    }
}

impl Queue {
    /// Packets that wait now. In a pipe: whole packets' worth of bytes, when last looked at.
    pub fn depth(&self) -> usize {
        self.depth.load(Ordering::Relaxed)
    }

    /// The mean over time, from the link's making until now.
    pub fn mean(&self) -> f64 {
        let area = self.area.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let open = area.depth * (now - area.last).as_secs_f64();
        let seconds = (now - area.begin).as_secs_f64();
        if seconds > 0.0 { (area.packet_seconds + open) / seconds } else { 0.0 }
    }

    /// The depth is `depth` from now on.
    pub(super) fn set(&self, depth: f64) {
        let mut area = self.area.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        area.packet_seconds += area.depth * (now - area.last).as_secs_f64();
        (area.last, area.depth) = (now, depth);
        self.depth.store(depth as usize, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_mean_weighs_depths_by_time() {
        let queue = Queue::default();
        queue.set(4.0);
        std::thread::sleep(Duration::from_millis(20));
        assert_eq!(queue.depth(), 4);
        let early = queue.mean();
        assert!((3.0..=4.0).contains(&early), "{early}");
        queue.set(0.0);
        std::thread::sleep(Duration::from_millis(60));
        assert!(queue.mean() < early / 1.5);
    }
}
