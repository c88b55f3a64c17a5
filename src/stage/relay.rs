//! Works of several steps, and works that look at other frames: which frame is ready for which
//! step. Only the bookkeeping; nothing here runs, waits or knows of threads.
//!
//! A frame comes in, waits at the first step until its window is there, is handed out as a
//! [`Job`], comes back as a result, waits at the next step, and so on to the end. Frames are
//! handed out in order at every step and may come back in any.

use std::collections::VecDeque;
use std::ops::Range;

use super::{Needs, Order, Serial, Span};
use crate::error::{Error, Result};
use crate::link::{Packet, Part, Permit};
use crate::ordered::Reorder;

/// Frames on their way through the steps of a work.
#[derive(Debug)]
pub struct Relay {
    stations: Vec<Station>,
    out: Reorder<Packet>,
    /// Frames that came.
    arrived: u64,
    /// Frames that left.
    left: u64,
    /// Frames in all, once that is known.
    total: Option<u64>,
    /// What is kept for each frame from `first_held` on, until no window needs it.
    held: VecDeque<Held>,
    first_held: u64,
}

/// One step for one frame, ready to be done.
#[derive(Debug)]
pub struct Job {
    /// Which step, 0...
    pub step: usize,
    /// Which frame: 0.., no holes, in order of arrival.
    pub index: u64,
    /// Whether the step carries something, so that nothing else may be at it.
    pub state: Serial,
    /// The frames of the window, in order; the rest of the packet is the frame's own.
    pub packet: Packet,
}

/// A frame that is through.
#[derive(Debug)]
pub struct Through {
    /// 0.., no holes, in order of arrival.
    pub index: u64,
    /// With the part of its permit that its bytes need.
    pub packet: Packet,
    /// The longest of its steps; nothing if it failed before the first.
    pub span: Option<Span>,
}

#[derive(Debug)]
struct Held {
    permit: Permit,
    span: Option<Span>,
}

/// Frames that must be there at once for one to get through: the newest one, and those before it
/// that wait for it or are still in a window that does. 1.. ; 1 for a work without windows.
pub fn frames_at_once(needs: &[Needs]) -> usize {
    let (mut ahead, mut most) = (0_usize, 0);
    for needs in needs {
        // The step is `ahead` frames behind the newest, and looks back from there.
        ahead = ahead.saturating_add(needs.after);
        most = most.max(ahead.saturating_add(needs.before));
    }
    most.saturating_add(1)
}

impl Relay {
    /// For a work with these steps.
    ///
    /// # Errors
    /// `Internal` if there is no step, or if frames look at each other in a job without an order.
    pub fn new(needs: &[Needs], order: Order) -> Result<Self> {
        if needs.is_empty() {
            return Err(Error::internal("a work has at least one step"));
        }
        if order == Order::Any && needs != [Needs::NOTHING] {
            return Err(Error::internal("steps that follow each other need a job with an order"));
        }
        Ok(Self {
            stations: needs.iter().map(|needs| Station::new(*needs)).collect(),
            out: Reorder::default(),
            arrived: 0,
            left: 0,
            total: None,
            held: VecDeque::new(),
            first_held: 0,
        })
    }

    /// True for one step that needs nothing: each packet stands for itself.
    pub fn is_plain(&self) -> bool {
        matches!(&self.stations[..], [only] if only.needs == Needs::NOTHING)
    }

    /// Takes the next frame, or the failure that stands for it, and its permit, which lasts until
    /// the last window with the frame is done.
    pub fn arrive(&mut self, mut packet: Packet) {
        let permit = std::mem::take(&mut packet.permit);
        self.held.push_back(Held { permit, span: None });
        let index = self.arrived;
        self.arrived += 1;
        self.put(0, index, packet);
    }

    /// No frame comes any more: from now on the last one stands for those after it. Without this
    /// call the frames whose windows reach beyond it stay where they are.
    pub fn end(&mut self) {
        self.total = Some(self.arrived);
    }

    /// Something that can be done now. Later steps come first: the older a frame, the sooner it
    /// should be out of the way.
    pub fn next_job(&mut self) -> Option<Job> {
        let mut step = self.stations.len();
        while step > 0 {
            step -= 1;
            let station = &mut self.stations[step];
            let Some((index, packet)) = station.issue(self.total) else { continue };
            if packet.outcome.is_ok() {
                let state = station.needs.state;
                station.busy = state == Serial::Carried;
                return Some(Job { step, index, state, packet });
            }
            // There is nothing to be done for a failure; it may complete a window further on.
            self.put(step + 1, index, packet);
            step = self.stations.len();
        }
        None
    }

    /// Takes what a job came to.
    pub fn done(&mut self, step: usize, index: u64, packet: Packet, span: Span) {
        if let Some(held) = self.held.get_mut(offset(self.first_held, index)) {
            held.span = held.span.filter(|longest| longest.seconds >= span.seconds).or(Some(span));
        }
        self.stations[step].busy = false;
        self.put(step + 1, index, packet);
        self.release();
    }

    /// The next frame that is through, in order of arrival.
    pub fn pop(&mut self) -> Option<Through> {
        let mut packet = self.out.pop()?;
        let index = self.left;
        self.left += 1;
        let held = self.held.get_mut(offset(self.first_held, index))?;
        packet.permit = held.permit.split(packet.payload_bytes());
        let span = held.span;
        self.release();
        Some(Through { index, packet, span })
    }

    /// Frames that came and have not left.
    pub fn waiting(&self) -> u64 {
        self.arrived - self.left
    }

    /// Gives up what has not left and says which frames those are.
    pub fn give_up(self) -> Range<u64> {
        self.left..self.arrived
    }

    fn put(&mut self, step: usize, index: u64, packet: Packet) {
        match self.stations.get_mut(step) {
            Some(station) => station.put(index, packet),
            None => self.out.push(index, packet),
        }
    }

    /// Lets go of the frames that no step needs any more.
    fn release(&mut self) {
        let needed = self.stations.iter().enumerate().map(|(step, station)| {
            let done = self.stations.get(step + 1).map_or(self.left, Station::come);
            if self.total == Some(done) {
                done
            } else {
                done.saturating_sub(station.needs.before as u64)
            }
        });
        let needed_from = needed.min().unwrap_or(self.left);
        while self.first_held < needed_from {
            self.held.pop_front();
            self.first_held += 1;
        }
    }
}

/// Where frames wait for one step.
#[derive(Debug)]
struct Station {
    needs: Needs,
    coming: Reorder<Packet>,
    /// What came, in order, from frame `first` on: the rest is in no window any more.
    frames: VecDeque<Packet>,
    first: u64,
    /// The frame that is handed out next.
    next: u64,
    /// A frame is at a step that carries something.
    busy: bool,
}

impl Station {
    fn new(needs: Needs) -> Self {
        let (coming, frames) = (Reorder::default(), VecDeque::new());
        Self { needs, coming, frames, first: 0, next: 0, busy: false }
    }

    /// Frames that came, without holes.
    fn come(&self) -> u64 {
        self.first + self.frames.len() as u64
    }

    fn put(&mut self, index: u64, packet: Packet) {
        self.coming.push(index, packet);
        while let Some(packet) = self.coming.pop() {
            self.frames.push_back(packet);
        }
    }

    /// The next frame with its window, if that is there.
    fn issue(&mut self, total: Option<u64>) -> Option<(u64, Packet)> {
        let (index, come) = (self.next, self.come());
        let whole = index.saturating_add(self.needs.after as u64) < come || total == Some(come);
        if self.busy || index >= come || !whole {
            return None;
        }
        let outcome = self.window(index);
        let own = self.frame_mut(index)?;
        let mut packet = Packet::new(own.seq, std::mem::take(&mut own.item), outcome);
        packet.notes = std::mem::take(&mut own.notes);
        self.next += 1;
        // Dropped here and not when the job is done, so that the last user of a frame may find
        // itself alone with it.
        let needed_from = self.next.saturating_sub(self.needs.before as u64);
        while self.first < needed_from {
            self.frames.pop_front();
            self.first += 1;
        }
        Some((index, packet))
    }

    /// The parts of the frames around this one, or why there are none: its own failure, or the
    /// first of the others.
    fn window(&mut self, index: u64) -> Result<Vec<Part>> {
        let Needs { before, after, .. } = self.needs;
        if before == 0 && after == 0 {
            let own = self.frame_mut(index).ok_or_else(lost)?;
            return std::mem::replace(&mut own.outcome, Ok(Vec::new()));
        }
        self.part(index)?;
        // Behind the newest there is something only if that is the last.
        let newest = self.come() - 1;
        let span = before as u64 + after as u64 + 1;
        let places = (index..index + span).map(|at| at.saturating_sub(before as u64).min(newest));
        places.map(|at| self.part(at).cloned()).collect()
    }

    /// What a frame is in the window of another.
    fn part(&self, index: u64) -> Result<&Part> {
        let at = self.place(index);
        match self.frames.get(at).ok_or_else(lost)?.outcome.as_deref() {
            Ok([part]) => Ok(part),
            Ok(_) => Err(Error::internal("a frame that others look at has one part")),
            Err(error) => Err(error.clone()),
        }
    }

    fn frame_mut(&mut self, index: u64) -> Option<&mut Packet> {
        let at = self.place(index);
        self.frames.get_mut(at)
    }

    fn place(&self, index: u64) -> usize {
        offset(self.first, index)
    }
}

/// Where `index` lies in a queue that begins with `first`; beyond any queue if before that.
fn offset(first: u64, index: u64) -> usize {
    index.checked_sub(first).and_then(|at| usize::try_from(at).ok()).unwrap_or(usize::MAX)
}

fn lost() -> Error {
    Error::internal("a frame is gone before its last window")
}
