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
        self.release();
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

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::super::naive::{stir, through};
    use super::*;
    use crate::link::{Budget, Item, Over, Payload};

    const SPAN: Span = Span { start: 0.0, seconds: 1.0, thread: 0 };

    fn number(part: &Part) -> u64 {
        let Payload::Bytes(bytes) = &part.payload else { panic!("a frame") };
        u64::from_le_bytes(bytes[..].try_into().unwrap())
    }

    fn packet(seq: u64, value: Result<u64>) -> Packet {
        match value {
            Ok(value) => Packet::bytes(seq, Item::default(), value.to_le_bytes().to_vec()),
            Err(error) => Packet::failed(seq, Item::default(), error),
        }
    }

    fn values(packet: &Packet) -> Result<Vec<u64>> {
        packet
            .outcome
            .as_deref()
            .map(|parts| parts.iter().map(number).collect())
            .map_err(Clone::clone)
    }

    fn steps() -> impl Strategy<Value = Vec<Needs>> {
        let state = prop_oneof![Just(Serial::Free), Just(Serial::Carried)];
        let needs = (0..4_usize, 0..4_usize, state);
        vec(needs.prop_map(|(before, after, state)| Needs { before, after, state }), 1..=4)
    }

    proptest! {
        #[test]
        fn whatever_comes_back_first_each_frame_sees_its_window(
            needs in steps(),
            broken in vec(prop::bool::weighted(0.1), 0..14),
            seed: u64,
        ) {
            let frames: Vec<Result<u64>> = broken.iter().zip(0..).map(|(broken, at)| {
                if *broken { Err(Error::input(format!("frame {at}"))) } else { Ok(at) }
            }).collect();
            let want = through(&needs, frames.clone(), |_, _| None);
            let budget = Budget::new(1 << 20, Over::Refuse);
            let mut relay = Relay::new(&needs, Order::Strict).unwrap();
            let mut carried = vec![0; needs.len()];
            let (mut coming, mut at_work, mut got) = (frames.into_iter(), Vec::new(), Vec::new());
            let mut draw = seed;
            let mut ended = false;
            loop {
                while let Some(job) = relay.next_job() {
                    let at = needs[job.step];
                    let window = values(&job.packet).unwrap();
                    prop_assert_eq!(window.len(), at.before + at.after + 1);
                    let same = |other: &Job| other.step == job.step;
                    prop_assert!(job.state == Serial::Free || !at_work.iter().any(|(job, _)| same(job)));
                    // A carried step's result is settled when it begins: nothing overtakes it.
                    let value = stir(job.step, &window, &mut carried[job.step], job.state);
                    at_work.push((job, value));
                }
                while let Some(Through { index, packet, .. }) = relay.pop() {
                    prop_assert_eq!((index, packet.seq), (got.len() as u64, got.len() as u64));
                    got.push(values(&packet).map(|values| values[0]));
                }
                if at_work.is_empty() {
                    // Nothing moves before the next frame comes, and these are held for it.
                    let kept = if ended { 0 } else { frames_at_once(&needs) - 1 };
                    prop_assert_eq!(relay.held.len(), kept.min(relay.arrived as usize));
                    if ended {
                        break;
                    }
                }
                draw = draw.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
                let choice = (draw >> 33) as usize % (at_work.len() + 1);
                if choice < at_work.len() {
                    let (job, value) = at_work.swap_remove(choice);
                    relay.done(job.step, job.index, packet(job.packet.seq, Ok(value)), SPAN);
                } else if let Some(value) = coming.next() {
                    let mut packet = packet(relay.arrived, value);
                    packet.permit = budget.take(100).unwrap();
                    relay.arrive(packet);
                } else {
                    relay.end();
                    ended = true;
                }
            }
            prop_assert_eq!(got, want);
            prop_assert_eq!((budget.used(), relay.waiting()), (0, 0));
        }
    }

    fn window(before: usize, after: usize) -> Needs {
        Needs { before, after, state: Serial::Free }
    }

    #[test]
    fn the_ends_stand_for_what_is_beyond_them() {
        let mut relay = Relay::new(&[window(5, 5)], Order::Strict).unwrap();
        relay.arrive(packet(0, Ok(7)));
        assert!(relay.next_job().is_none(), "more may come");
        relay.end();
        assert_eq!(values(&relay.next_job().unwrap().packet), Ok(vec![7; 11]));
        let mut relay = Relay::new(&[window(1, 2)], Order::Strict).unwrap();
        (0..3).for_each(|n| relay.arrive(packet(n, Ok(n))));
        relay.end();
        let windows =
            std::iter::from_fn(|| relay.next_job()).map(|job| values(&job.packet).unwrap());
        assert_eq!(windows.collect::<Vec<_>>(), [[0, 0, 1, 2], [0, 1, 2, 2], [1, 2, 2, 2]]);
    }

    #[test]
    fn a_permit_follows_the_bytes_and_the_rest_stays_for_the_windows() {
        let budget = Budget::new(100, Over::Refuse);
        let mut relay = Relay::new(&[window(1, 0)], Order::Strict).unwrap();
        let arrive = |relay: &mut Relay, seq| {
            let mut packet = packet(seq, Ok(seq));
            packet.permit = budget.take(20).unwrap();
            relay.arrive(packet);
            let job = relay.next_job().unwrap();
            relay.done(job.step, job.index, super::tests::packet(seq, Ok(seq)), SPAN);
            relay.pop().unwrap()
        };
        let first = arrive(&mut relay, 0);
        assert_eq!((first.packet.permit.bytes(), budget.used()), (8, 20));
        drop(first);
        assert_eq!(budget.used(), 12, "the next window has it");
        let second = arrive(&mut relay, 1);
        assert_eq!((second.index, budget.used()), (1, 20));
        assert_eq!(relay.give_up(), 2..2);
        assert_eq!(budget.used(), 8);
    }

    #[test]
    fn the_last_window_is_alone_with_a_frame() {
        let mut relay = Relay::new(&[window(1, 0)], Order::Strict).unwrap();
        let layout = crate::frame::Layout::new(
            crate::frame::Size::new(2, 2),
            crate::frame::Model::Gray,
            crate::frame::Depth::U8,
        );
        let frame = std::sync::Arc::new(crate::frame::Frame::zeroed(layout.unwrap()));
        let seen = std::sync::Arc::downgrade(&frame);
        for seq in 0..3 {
            let payload =
                if seq == 0 { Payload::Frame(frame.clone()) } else { Payload::Bytes(vec![]) };
            let part = Part { key: (seq, 0), payload };
            relay.arrive(Packet::new(seq, Item::default(), Ok(vec![part])));
        }
        drop(frame);
        let first = relay.next_job().unwrap();
        let second = relay.next_job().unwrap();
        drop(first);
        assert_eq!(seen.strong_count(), 1, "the second has it");
        drop(second);
        assert_eq!(seen.strong_count(), 0);
    }

    #[test]
    fn steps_need_an_order_and_a_work_needs_a_step() {
        for (needs, order, fine) in [
            (&[Needs::NOTHING][..], Order::Any, true),
            (&[Needs::NOTHING; 2], Order::Any, false),
            (&[Needs::NOTHING; 2], Order::Strict, true),
            (&[window(0, 1)], Order::Any, false),
            (&[], Order::Strict, false),
        ] {
            assert_eq!(Relay::new(needs, order).is_ok(), fine, "{needs:?} {order:?}");
        }
    }

    #[test]
    fn a_failure_keeps_its_own_reason_and_passes_it_on() {
        let mut relay = Relay::new(&[window(1, 1), window(0, 0)], Order::Strict).unwrap();
        for seq in 0..5 {
            let broken = |name: &str| Err(Error::input(name));
            let value = match seq {
                1 => broken("one"),
                2 => broken("two"),
                _ => Ok(seq),
            };
            relay.arrive(packet(seq, value));
        }
        relay.end();
        while let Some(job) = relay.next_job() {
            relay.done(job.step, job.index, packet(job.packet.seq, Ok(0)), SPAN);
        }
        let all = std::iter::from_fn(|| relay.pop());
        let all: Vec<String> = all
            .map(|through| match values(&through.packet) {
                Ok(_) => "fine".into(),
                Err(error) => error.to_string(),
            })
            .collect();
        assert_eq!(all, ["one", "one", "two", "two", "fine"]);
    }
}
