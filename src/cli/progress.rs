//! Progress on stderr: a bar, plain lines, or nothing. The only user of indicatif.
//!
//! Events only move counters; a thread of its own draws them every 80 ms. It sleeps nearly all
//! the time, so the scheduler gives it a core at once even when the pool keeps all of them
//! busy.

use std::fmt::Write;
use std::io::IsTerminal;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use lumaloom::event::{Event, Observer};
use lumaloom::observe::{Ticker, Unit};

use super::args::ProgressArg;
use super::say;
use super::value::{count, show_seconds};

/// Time between two drawings: below the 100 ms that people notice.
const REDRAW: Duration = Duration::from_millis(80);

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// A bar that is redrawn in place; needs a terminal.
    Bar,
    /// A line now and then.
    Plain,
    /// Nothing.
    None,
}

impl Look {
    /// What the options mean where stderr is, or is not, a terminal.
    pub fn choose(asked: ProgressArg, quiet: Quiet) -> Self {
        Self::for_terminal(asked, quiet, std::io::stderr().is_terminal())
    }

    fn for_terminal(asked: ProgressArg, quiet: Quiet, is_terminal: bool) -> Self {
        match (asked, quiet) {
            (ProgressArg::None | ProgressArg::Jsonl, _) => Self::None,
            (ProgressArg::Auto, Quiet::Yes) => Self::None,
            (ProgressArg::Plain, _) => Self::Plain,
            (ProgressArg::Auto | ProgressArg::Bar, _) if is_terminal => Self::Bar,
            (ProgressArg::Auto | ProgressArg::Bar, _) => Self::Plain,
        }
    }
}

/// `-q`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quiet {
    /// Say only what went wrong.
    Yes,
    /// Say the usual.
    No,
}

/// An observer that shows progress, and the one way to print a line while it does.
pub struct Progress {
    counters: Arc<Counters>,
    bar: Option<ProgressBar>,
    ticker: Mutex<Option<Ticker>>,
}

struct Counters {
    unit: Unit,
    start: Instant,
    total: AtomicU64,
    about: AtomicU64,
    bytes: AtomicU64,
    done: AtomicU64,
    failed: AtomicU64,
    taken: AtomicU64,
    pixels: AtomicU64,
}

impl Progress {
    /// Starts to show. Without a thread to draw with, nothing is shown.
    pub fn start(look: Look, unit: Unit) -> Self {
        let counters = Arc::new(Counters::new(unit));
        let bar = (look == Look::Bar).then(|| bar(&counters));
        let (drawn, read) = (bar.clone(), Arc::clone(&counters));
        let ticker = match look {
            Look::None => None,
            Look::Bar => {
                Ticker::start("progress", REDRAW, move || draw(drawn.as_ref(), &read)).ok()
            }
            Look::Plain => {
                let mut pace = Pace::default();
                let tick = move || {
                    let now = read.snapshot();
                    if pace.is_due(&now) {
                        say::line(&now.line());
                    }
                };
                Ticker::start("progress", REDRAW, tick).ok()
            }
        };
        Self { counters, bar, ticker: Mutex::new(ticker) }
    }

    /// Prints a line on stderr; the bar makes room.
    pub fn say(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| say::line(line)),
            None => say::line(line),
        }
    }

    /// Takes the bar away and joins the thread.
    pub fn finish(&self) {
        drop(self.ticker.lock().unwrap_or_else(PoisonError::into_inner).take());
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
    }
}

impl Observer for Progress {
    fn on(&self, event: &Event) {
        let counters = &self.counters;
        match event {
            Event::Planned { items, bytes } => {
                counters.bytes.fetch_add(*bytes, Ordering::Relaxed);
                counters.total.fetch_add(*items, Ordering::Relaxed);
            }
            Event::Estimated { items } => {
                counters.about.fetch_add(*items, Ordering::Relaxed);
            }
            Event::Done { pixels, input_bytes, .. } => {
                counters.taken.fetch_add(*input_bytes, Ordering::Relaxed);
                counters.pixels.fetch_add(*pixels, Ordering::Relaxed);
                counters.done.fetch_add(1, Ordering::Relaxed);
            }
            Event::Failed { input_bytes, .. } => {
                counters.taken.fetch_add(*input_bytes, Ordering::Relaxed);
                counters.failed.fetch_add(1, Ordering::Relaxed);
            }
            _ => {}
        }
    }
}

impl Counters {
    fn new(unit: Unit) -> Self {
        let zero = || AtomicU64::new(0);
        let start = Instant::now();
        Self {
            unit,
            start,
            total: zero(),
            about: zero(),
            bytes: zero(),
            done: zero(),
            failed: zero(),
            taken: zero(),
            pixels: zero(),
        }
    }

    fn snapshot(&self) -> Snapshot {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Snapshot {
            unit: self.unit,
            total: read(&self.total),
            about: read(&self.about),
            bytes: read(&self.bytes),
            taken: read(&self.taken),
            done: read(&self.done),
            failed: read(&self.failed),
            pixels: read(&self.pixels),
            elapsed: self.start.elapsed(),
        }
    }
}

/// A bar whose text is read from the counters when it is drawn, so that a tick draws once.
fn bar(counters: &Arc<Counters>) -> ProgressBar {
    let read = Arc::clone(counters);
    let line = move |_: &ProgressState, out: &mut dyn Write| {
        // A line that cannot be formatted is a line that is not there.
        let _ = out.write_str(&read.snapshot().line());
    };
    let style = ProgressStyle::with_template("{bar:28} {line}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr_with_hz(20));
    bar.set_style(style.with_key("line", line));
    bar
}

fn draw(bar: Option<&ProgressBar>, counters: &Counters) {
    let now = counters.snapshot();
    if let Some(bar) = bar {
        bar.update(|state| {
            state.set_len(now.expected());
            state.set_pos(now.finished());
        });
    }
}

/// The counters at one time.
#[derive(Clone, Copy, Debug)]
struct Snapshot {
    unit: Unit,
    /// 0 where nobody knows.
    total: u64,
    /// Instead of it, what was estimated; 0 where nobody can.
    about: u64,
    /// Of all inputs, where they are known beforehand; 0 otherwise.
    bytes: u64,
    /// Of the inputs that are finished.
    taken: u64,
    done: u64,
    failed: u64,
    pixels: u64,
    elapsed: Duration,
}

impl Snapshot {
    fn finished(&self) -> u64 {
        self.done + self.failed
    }

    /// How many there will be, as far as anyone can tell: an estimate that was passed is none.
    fn expected(&self) -> u64 {
        match self.total {
            0 if self.about > self.finished() => self.about,
            total => total,
        }
    }

    /// `12 of 60 · 5.1 pictures/s · 61.4 MP/s · ETA 10 s · 1 failed`
    fn line(&self) -> String {
        let finished = self.finished();
        let seconds = self.elapsed.as_secs_f64().max(1e-3);
        let rate = finished as f64 / seconds;
        let about = if self.total == 0 { "about " } else { "" };
        let expected = self.expected();
        let mut parts = vec![match expected {
            0 => count(finished, self.unit.noun()),
            expected => format!("{finished} of {about}{expected}"),
        }];
        if finished > 0 {
            parts.push(format!("{rate:.1} {}s/s", self.unit.noun()));
            parts.push(format!("{:.1} MP/s", self.pixels as f64 / 1e6 / seconds));
            if expected > 0 {
                // A large picture takes longer than a small one, and large ones come first. Bytes are
                // no pixels: where formats are mixed this is off.
                let (of, all) = if self.bytes > 0 && self.taken > 0 {
                    (self.taken, self.bytes)
                } else {
                    (finished, expected)
                };
                let left = all.saturating_sub(of) as f64 / of as f64;
                parts.push(format!("ETA {about}{}", eta(left * seconds)));
            }
        }
        if self.failed > 0 {
            parts.push(format!("{} failed", self.failed));
        }
        parts.join(" · ")
    }
}

/// Whole seconds: more would be a lie.
fn eta(seconds: f64) -> String {
    match seconds {
        0.0..60.0 => format!("{} s", seconds.ceil()),
        _ => show_seconds(seconds),
    }
}

/// When the next plain line is due: after each tenth of the work, but never twice within 2 s,
/// and every 30 s where a tenth takes longer.
#[derive(Default)]
struct Pace {
    last: Duration,
    tenths: u64,
}

impl Pace {
    fn is_due(&mut self, now: &Snapshot) -> bool {
        let tenths = (now.finished() * 10).checked_div(now.expected()).unwrap_or(0);
        let since = now.elapsed.saturating_sub(self.last);
        let due = (tenths > self.tenths && since >= Duration::from_secs(2))
            || since >= Duration::from_secs(30);
        if due {
            self.last = now.elapsed;
            self.tenths = tenths;
        }
        due
    }
}

/// What the first signal, or a reader that went away, is answered with.
pub fn stopping(done: u64, unit: Unit) -> String {
    let so_far = match unit {
        Unit::Picture => format!("{} in place", count(done, "output")),
        // What becomes of them the output decides: a part of a clip is none.
        Unit::Frame => format!("{} done", count(done, "frame")),
    };
    format!("stopping: {so_far}, what is in work has 10 s to finish; once more stops at once")
}

impl Progress {
    /// Outputs in place so far.
    pub fn done(&self) -> u64 {
        self.counters.done.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(finished: u64, seconds: u64) -> Snapshot {
        Snapshot {
            unit: Unit::Picture,
            total: 100,
            about: 0,
            bytes: 0,
            taken: 0,
            done: finished,
            failed: 0,
            pixels: finished * 1_000_000,
            elapsed: Duration::from_secs(seconds),
        }
    }

    #[test]
    fn a_line_has_rate_eta_and_failures() {
        assert_eq!(at(0, 0).line(), "0 of 100");
        assert_eq!(at(20, 10).line(), "20 of 100 · 2.0 pictures/s · 2.0 MP/s · ETA 40 s");
        // A third of the bytes is left, whatever the number of files that are.
        let large_first = Snapshot { bytes: 900, taken: 600, ..at(20, 10) };
        assert!(large_first.line().ends_with("ETA 5 s"), "{}", large_first.line());
        let guess = Snapshot { total: 0, about: 50, ..at(20, 10) };
        let line = "20 of about 50 · 2.0 pictures/s · 2.0 MP/s · ETA about 15 s";
        assert_eq!(guess.line(), line);
        let passed = Snapshot { total: 0, about: 19, ..at(20, 10) };
        assert_eq!(passed.line(), "20 pictures · 2.0 pictures/s · 2.0 MP/s");
        let failed = Snapshot { failed: 5, ..at(20, 10) };
        assert!(failed.line().starts_with("25 of 100"), "{}", failed.line());
        assert!(failed.line().ends_with("5 failed"), "{}", failed.line());
    }

    #[test]
    fn plain_lines_are_rare() {
        let mut pace = Pace::default();
        assert!(!pace.is_due(&at(50, 1)), "not before 2 s");
        assert!(pace.is_due(&at(60, 2)));
        assert!(!pace.is_due(&at(69, 10)), "not before the next tenth");
        assert!(pace.is_due(&at(70, 11)));
        assert!(!pace.is_due(&at(80, 12)), "not within 2 s");
        assert!(pace.is_due(&at(80, 13)));
        assert!(pace.is_due(&at(80, 43)), "every 30 s at least");
        let mut pace = Pace::default();
        assert!(!pace.is_due(&Snapshot { total: 0, ..at(0, 3) }));
    }

    #[test]
    fn looks() {
        use ProgressArg::{Auto, Bar, Jsonl, None, Plain};
        for (asked, quiet, terminal, expected) in [
            (Auto, Quiet::No, true, Look::Bar),
            (Auto, Quiet::No, false, Look::Plain),
            (Auto, Quiet::Yes, true, Look::None),
            (Bar, Quiet::Yes, true, Look::Bar),
            (Bar, Quiet::No, false, Look::Plain),
            (Plain, Quiet::No, true, Look::Plain),
            (Jsonl, Quiet::No, true, Look::None),
            (None, Quiet::No, true, Look::None),
        ] {
            assert_eq!(Look::for_terminal(asked, quiet, terminal), expected, "{asked:?} {quiet:?}");
        }
    }

    #[test]
    fn the_thread_moves_while_all_cores_are_busy() {
        let progress = Progress::start(Look::None, Unit::Picture);
        let ticks = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&ticks);
        let ticker = Ticker::start("progress", REDRAW, move || {
            counted.fetch_add(1, Ordering::Relaxed);
        })
        .unwrap();
        let busy = std::thread::available_parallelism().map_or(2, |n| n.get()) + 1;
        let begin = Instant::now();
        std::thread::scope(|scope| {
            for _ in 0..busy {
                scope.spawn(|| {
                    while begin.elapsed() < Duration::from_millis(800) {
                        std::hint::spin_loop();
                    }
                });
            }
        });
        drop(ticker);
        // 10 intervals of 80 ms; half of them is plenty of room on a machine that others use.
        assert!(ticks.load(Ordering::Relaxed) >= 5, "{ticks:?}");
        drop(progress);
    }
}
