//! Events as JSON lines: for `--progress jsonl`, and for a stage's parent on `--events-fd`.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::event::{Event, Observer};

/// Writes each event as one line of JSON. Lines of different threads never mix.
pub struct Lines<W> {
    out: Mutex<W>,
    closed: AtomicBool,
}

impl<W: Write + Send> Lines<W> {
    /// Writes to `out`, one `write` call per event.
    pub fn new(out: W) -> Self {
        Self { out: Mutex::new(out), closed: AtomicBool::new(false) }
    }

    /// Whether a line could not be written because the reader has gone (or the disk is full).
    /// Nothing is written afterwards.
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }
}

impl<W: Write + Send> Observer for Lines<W> {
    fn on(&self, event: &Event) {
        if self.is_closed() {
            return;
        }
        // Events hold numbers, strings and paths in their JSON form: this cannot fail.
        let Ok(mut line) = serde_json::to_vec(event) else { return };
        line.push(b'\n');
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        if out.write_all(&line).and_then(|()| out.flush()).is_err() {
            self.closed.store(true, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_event_is_one_line_that_reads_back() {
        let lines = Lines::new(Vec::new());
        let event = Event::Warning { text: "two\nlines".into() };
        lines.on(&event);
        lines.on(&Event::Planned { items: 2, bytes: 9 });
        let text = String::from_utf8(lines.out.into_inner().unwrap()).unwrap();
        assert_eq!(text.lines().count(), 2);
        assert_eq!(serde_json::from_str::<Event>(text.lines().next().unwrap()).unwrap(), event);
    }

    struct Gone;

    impl Write for Gone {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_went_away_is_noticed() {
        let lines = Lines::new(Gone);
        assert!(!lines.is_closed());
        lines.on(&Event::Planned { items: 0, bytes: 0 });
        assert!(lines.is_closed());
    }
}
