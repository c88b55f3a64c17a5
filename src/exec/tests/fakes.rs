//! A source of numbers, a work that squares them, a sink that keeps them.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::event::{Event, Observer};
use crate::link::{Item, Packet, Part, Payload};
use crate::stage::{
    Bands, Cancel, Order, Sink, SinkError, Source, Ticket, WhenStopped, Work, Written,
};

pub struct Numbers {
    pub count: u64,
    pub order: Order,
    pub broken: fn(u64) -> bool,
    pub delay: Duration,
    pub next: AtomicU64,
}

impl Numbers {
    pub fn new(count: u64) -> Self {
        Self {
            count,
            order: Order::Any,
            broken: |_| false,
            delay: Duration::ZERO,
            next: AtomicU64::new(0),
        }
    }

    pub fn given(&self) -> u64 {
        self.next.load(Ordering::Relaxed).min(self.count)
    }
}

impl Source for Numbers {
    fn order(&self) -> Order {
        self.order
    }

    fn total(&self) -> Option<u64> {
        Some(self.count)
    }

    fn next(&self) -> Option<Ticket> {
        let seq = self.next.fetch_add(1, Ordering::Relaxed);
        (seq < self.count).then_some(Ticket { seq, bytes: 8 })
    }

    fn item(&self, ticket: &Ticket) -> Item {
        let input = PathBuf::from(format!("item-{}", ticket.seq));
        Item { rel: input.clone(), input, number: ticket.seq + 1, size: 8, mtime_ns: 0 }
    }

    fn read(&self, ticket: Ticket) -> Packet {
        sleep(self.delay);
        let item = self.item(&ticket);
        if (self.broken)(ticket.seq) {
            return Packet::failed(ticket.seq, item, Error::input("broken"));
        }
        Packet::bytes(ticket.seq, item, ticket.seq.to_le_bytes().to_vec())
    }
}

pub struct Square {
    pub peak: fn(u64) -> u64,
    pub too_large: fn(u64) -> bool,
    pub panics: fn(u64) -> bool,
    pub delay: Duration,
    /// Later items are faster, so that they overtake.
    pub jitter: bool,
    pub held: AtomicU64,
    pub most: AtomicU64,
    /// What `process` was called with. A real work has no lock.
    pub begun: Mutex<Vec<u64>>,
}

impl Default for Square {
    fn default() -> Self {
        let (held, most, begun) = Default::default();
        Self {
            peak: |_| 1,
            too_large: |_| false,
            panics: |_| false,
            delay: Duration::ZERO,
            jitter: false,
            held,
            most,
            begun,
        }
    }
}

/// The numbers in a packet, one a part.
pub fn numbers(packet: &Packet) -> Vec<u64> {
    let number = |part: &Part| match &part.payload {
        Payload::Bytes(bytes) => u64::from_le_bytes(bytes[..].try_into().unwrap()),
        Payload::Frame(_) => panic!("a frame"),
    };
    packet.outcome.as_deref().unwrap().iter().map(number).collect()
}

fn number(packet: &Packet) -> u64 {
    match numbers(packet)[..] {
        [number] => number,
        ref others => panic!("{others:?}"),
    }
}

impl Work for Square {
    fn peak(&self, packet: &Packet, _: Bands<'_>) -> Result<u64> {
        let n = number(packet);
        if (self.too_large)(n) { Err(Error::input("too large")) } else { Ok((self.peak)(n)) }
    }

    fn process(&self, _: usize, packet: Packet, _: Bands<'_>) -> Packet {
        let n = number(&packet);
        self.begun.lock().unwrap().push(n);
        let peak = (self.peak)(n);
        let held = self.held.fetch_add(peak, Ordering::Relaxed) + peak;
        self.most.fetch_max(held, Ordering::Relaxed);
        sleep(self.delay);
        if self.jitter {
            sleep(Duration::from_micros(n.wrapping_mul(0x9e37_79b9) % 7 * 100));
        }
        self.held.fetch_sub(peak, Ordering::Relaxed);
        assert!(!(self.panics)(n), "five is right out");
        let square = (n * n).to_le_bytes().to_vec();
        let mut out = Packet::bytes(packet.seq, packet.item, square);
        out.notes.pixels = n;
        out
    }
}

/// A source and a work for a stop that comes when the source is at its end and the work at
/// its beginning.
pub fn stopped_in_between(count: u64, order: Order, cancel: &Cancel) -> (StopsAtEnd, UntilStopped) {
    let (begun, cancel) = (Arc::new(AtomicBool::new(false)), cancel.clone());
    let numbers = Numbers { order, ..Numbers::new(count) };
    let source = StopsAtEnd { numbers, begun: begun.clone(), cancel: cancel.clone() };
    (source, UntilStopped { square: Square::default(), begun, cancel })
}

/// Requests the stop at its end, once work has begun.
pub struct StopsAtEnd {
    numbers: Numbers,
    begun: Arc<AtomicBool>,
    cancel: Cancel,
}

impl Source for StopsAtEnd {
    fn order(&self) -> Order {
        self.numbers.order()
    }

    fn total(&self) -> Option<u64> {
        self.numbers.total()
    }

    fn next(&self) -> Option<Ticket> {
        let next = self.numbers.next();
        if next.is_none() {
            while !self.begun.load(Ordering::Relaxed) {
                sleep(Duration::from_millis(1));
            }
            self.cancel.request();
        }
        next
    }

    fn item(&self, ticket: &Ticket) -> Item {
        self.numbers.item(ticket)
    }

    fn read(&self, ticket: Ticket) -> Packet {
        self.numbers.read(ticket)
    }
}

/// Is not through with its first items before the stop.
pub struct UntilStopped {
    square: Square,
    begun: Arc<AtomicBool>,
    cancel: Cancel,
}

impl Work for UntilStopped {
    fn peak(&self, packet: &Packet, bands: Bands<'_>) -> Result<u64> {
        self.square.peak(packet, bands)
    }

    fn process(&self, step: usize, packet: Packet, bands: Bands<'_>) -> Packet {
        self.begun.store(true, Ordering::Relaxed);
        while !self.cancel.is_requested() {
            sleep(Duration::from_millis(1));
        }
        self.square.process(step, packet, bands)
    }
}

#[derive(Debug, Default)]
pub struct Collected {
    pub values: Vec<u64>,
    pub failed: Vec<(u64, Error)>,
    pub finished: bool,
    pub aborted: bool,
}

pub struct Collect {
    pub kept: Arc<Mutex<Collected>>,
    pub full_at: Option<usize>,
    /// Before value number N: call `request` so many times.
    pub at: Option<(usize, Cancel, usize)>,
    pub delay: Duration,
    pub stuck: Option<Arc<AtomicBool>>,
    pub when_stopped: WhenStopped,
}

impl Collect {
    pub fn new() -> (Self, Arc<Mutex<Collected>>) {
        let kept: Arc<Mutex<Collected>> = Arc::default();
        let delay = Duration::ZERO;
        let collect = Self {
            kept: kept.clone(),
            full_at: None,
            at: None,
            delay,
            stuck: None,
            when_stopped: WhenStopped::Commit,
        };
        (collect, kept)
    }
}

impl Sink for Collect {
    fn write(&mut self, packet: Packet) -> Result<Written, SinkError> {
        sleep(self.delay);
        while self.stuck.as_ref().is_some_and(|stuck| stuck.load(Ordering::Relaxed)) {
            sleep(Duration::from_millis(5));
        }
        let mut kept = self.kept.lock().unwrap();
        let so_far = kept.values.len();
        if let Some((_, cancel, times)) = self.at.take_if(|(at, ..)| *at == so_far) {
            (0..times).for_each(|_| cancel.request());
        }
        if self.full_at == Some(so_far) {
            return Err(Error::system("disk full").into());
        }
        kept.values.push(number(&packet));
        Ok(Written { output: packet.item.rel, bytes: 8 })
    }

    fn failed(&mut self, seq: u64, _: &Item, error: &Error) -> Result<()> {
        self.kept.lock().unwrap().failed.push((seq, error.clone()));
        Ok(())
    }

    fn when_stopped(&self) -> WhenStopped {
        self.when_stopped
    }

    fn finish(self: Box<Self>) -> Result<()> {
        self.kept.lock().unwrap().finished = true;
        Ok(())
    }

    fn abort(self: Box<Self>) {
        self.kept.lock().unwrap().aborted = true;
    }
}

#[derive(Default)]
pub struct Kept(Mutex<Vec<(Instant, Event)>>);

impl Kept {
    pub fn all(&self) -> Vec<Event> {
        self.timed().into_iter().map(|(_, event)| event).collect()
    }

    /// With the times at which they came.
    pub fn timed(&self) -> Vec<(Instant, Event)> {
        self.0.lock().unwrap().clone()
    }

    pub fn count(&self, which: impl Fn(&Event) -> bool) -> usize {
        self.0.lock().unwrap().iter().filter(|(_, e)| which(e)).count()
    }
}

impl Observer for Kept {
    fn on(&self, event: &Event) {
        self.0.lock().unwrap().push((Instant::now(), event.clone()));
    }
}
