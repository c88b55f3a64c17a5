//! What each ffmpeg costs: processor time and memory, kept apart from this process's own.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::event::{Event, HelperReport, Observer};
use crate::stage::memory_of;

/// Where each ffmpeg is entered when it has ended, killed or not. Clones are one ledger.
#[derive(Clone, Debug, Default)]
pub struct Ledger(Arc<Mutex<Vec<HelperReport>>>);

impl Ledger {
    /// What was entered since this was asked last, in the order of the ends.
    pub fn take(&self) -> Vec<HelperReport> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Tells an observer of it, which is then done with.
    pub fn tell(&self, observer: &dyn Observer) {
        for helper in self.take() {
            observer.on(&Event::HelperEnded(helper));
        }
    }

    fn enter(&self, helper: HelperReport) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(helper);
    }
}

/// The longest time between two looks at a process's memory.
const LONGEST: Duration = Duration::from_millis(100);

/// The meter of one process.
#[derive(Debug)]
pub(super) struct Meter {
    name: &'static str,
    pid: u32,
    ledger: Ledger,
    began: Instant,
    looked: Option<Instant>,
    peak: u64,
    /// Its processor time in ticks, once it has ended.
    ticks: Option<u64>,
}

impl Meter {
    /// The meter of a process that has just been started.
    pub(super) fn new(name: &'static str, pid: u32, ledger: &Ledger) -> Self {
        let (ledger, began) = (ledger.clone(), Instant::now());
        Self { name, pid, ledger, began, looked: None, peak: 0, ticks: None }
    }

    /// Looks at its memory if the last look was some time ago: a quarter of its age, so that a
    /// short life is seen too, and at most 100 ms.
    pub(super) fn glance(&mut self) {
        let due = (self.began.elapsed() / 4).min(LONGEST);
        if self.looked.is_none_or(|looked| looked.elapsed() >= due) {
            self.look();
        }
    }

    /// Looks at its memory. The system keeps the peak itself, but only while the process runs:
    /// one that has ended has no memory, waited for or not.
    pub(super) fn look(&mut self) {
        self.looked = Some(Instant::now());
        self.peak = memory_of(self.pid).map_or(self.peak, |memory| memory.peak.max(self.peak));
    }

    /// Takes its processor time: between its end and the wait for it, when that is complete and
    /// still to be had.
    pub(super) fn stop(&mut self) {
        self.ticks = times(self.pid).map(|times| times.iter().sum());
    }

    /// Enters it, when its log is read to the end.
    pub(super) fn enter(&mut self, (errors, first_errors): (u64, Vec<String>)) {
        let Some(ticks) = self.ticks.take() else { return };
        self.ledger.enter(HelperReport {
            name: self.name.to_owned(),
            pid: self.pid,
            cpu_seconds: ticks as f64 / rustix::param::clock_ticks_per_second() as f64,
            peak_rss_bytes: self.peak,
            errors,
            first_errors,
        });
    }
}

/// Processor time of a process so far, all its threads, in the system's ticks (10 ms). `None` where
/// the system does not say.
pub(super) fn own_ticks(pid: u32) -> Option<u64> {
    let [user, system, ..] = times(pid)?;
    Some(user + system)
}

/// User and system time of a process and of its children that it waited for, in ticks.
fn times(pid: u32) -> Option<[u64; 4]> {
    parse(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// Fields 14 to 17 of a `/proc/PID/stat`, whose second one, a name in parentheses, may hold blanks.
fn parse(stat: &str) -> Option<[u64; 4]> {
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let mut next = || fields.next()?.parse().ok();
    Some([next()?, next()?, next()?, next()?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_found_behind_any_name() {
        let stat = "7 (ff) peg 9) S 1 7 7 0 -1 4194304 120 0 0 0 31 4 15 2 20 0 1 0 99";
        assert_eq!(parse(stat), Some([31, 4, 15, 2]));
        assert_eq!(parse("7 (ffmpeg) S 1"), None);
    }

    #[test]
    fn what_was_entered_is_taken_once_from_any_clone() {
        let ledger = Ledger::default();
        let mut meter = Meter::new("decoder", std::process::id(), &ledger.clone());
        meter.glance();
        meter.stop();
        meter.enter((2, vec!["no".to_owned()]));
        meter.enter((0, Vec::new()));
        let [helper] = <[HelperReport; 1]>::try_from(ledger.take()).unwrap();
        assert_eq!((helper.name.as_str(), helper.pid), ("decoder", std::process::id()));
        assert!(helper.peak_rss_bytes > 1 << 16, "{helper:?}");
        assert_eq!((helper.errors, helper.first_errors.as_slice()), (2, &["no".to_owned()][..]));
        assert!(ledger.clone().take().is_empty(), "entered once");
    }
}
