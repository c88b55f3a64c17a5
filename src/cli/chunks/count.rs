//! Between one segment and whoever listens to the whole run.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use lumaloom::event::{Event, Observer};

/// Hands events on with the numbers that frames have in the whole run, and adds up what was done.
pub struct Counted<'a> {
    observer: &'a dyn Observer,
    before: u64,
    begun: AtomicBool,
    pixels: AtomicU64,
    damaged: AtomicBool,
}

impl<'a> Counted<'a> {
    /// A segment with so many frames before it.
    pub fn new(observer: &'a dyn Observer, before: u64) -> Self {
        let (begun, damaged) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { observer, before, begun, pixels: AtomicU64::new(0), damaged }
    }

    /// Whether a frame was read.
    pub fn has_begun(&self) -> bool {
        self.begun.load(Ordering::Relaxed)
    }

    /// Whether its decoder reported errors.
    pub fn is_damaged(&self) -> bool {
        self.damaged.load(Ordering::Relaxed)
    }

    /// Pixels of the frames that are done.
    pub fn pixels(&self) -> u64 {
        self.pixels.load(Ordering::Relaxed)
    }
}

impl Observer for Counted<'_> {
    fn on(&self, event: &Event) {
        let mut event = event.clone();
        match &mut event {
            Event::Done { seq, pixels, .. } => {
                *seq += self.before;
                self.pixels.fetch_add(*pixels, Ordering::Relaxed);
            }
            Event::Read { seq, .. } => {
                *seq += self.before;
                self.begun.store(true, Ordering::Relaxed);
            }
            Event::Worked { seq, .. } | Event::Failed { seq, .. } => {
                *seq += self.before;
            }
            // Said once for the whole run, or of no frame.
            Event::Planned { .. } | Event::Estimated { .. } => return,
            Event::HelperEnded(helper) => {
                self.damaged.fetch_or(helper.is_damage(), Ordering::Relaxed);
            }
            Event::StageStarted { .. }
            | Event::StageEnded(_)
            | Event::StageFailed { .. }
            | Event::Sample { .. }
            | Event::Warning { .. } => {}
        }
        self.observer.on(&event);
    }
}
