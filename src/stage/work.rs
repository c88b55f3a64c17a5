//! Running a work: a coordinator admits packets, the pool computes, a sender passes them on.
//!
//! Closures in the pool never block and never lock (rayon issues 835, 847, 1269: a blocked
//! pool thread may hold up work that it has itself stolen). So everything that waits happens
//! outside: permits and places are taken before a packet enters the pool, and what comes out
//! goes into a channel that has room for every packet that can be in there.

use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded, select};
use rayon::{ScopeFifo, ThreadPool, ThreadPoolBuilder};

use super::clock::PoolClock;
use super::{Bands, Context, Doing, Ended, Needs, Order, Work};
use crate::error::{Error, Kind, Result, Stop, shown};
use crate::event::{Event, StageName};
use crate::link::{Budget, Item, Packet, Permit, Received, Rx, Tx};
use crate::ordered::{Reorder, Slots};

/// What the threads of the pool share out among them: `--split`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// Frames side by side, each on one thread.
    Frames,
    /// One frame at a time, in bands.
    Bands,
    /// Frames side by side; threads that would be idle take bands of them.
    Auto,
}

impl Split {
    /// How one frame is spread.
    pub const fn bands(self) -> Bands {
        match self {
            Self::Frames => Bands::One,
            Self::Bands | Self::Auto => Bands::Many,
        }
    }

    /// Packets in the pool at once. Twice the threads, so that the next one is there already
    /// when a thread is done.
    const fn at_once(self, threads: usize) -> usize {
        match self {
            Self::Bands => 1,
            Self::Frames | Self::Auto => 2 * threads,
        }
    }
}

/// How a work is run.
#[derive(Clone, Copy)]
pub struct Computing<'a> {
    /// The threads; they belong to this run alone.
    pub pool: &'a ThreadPool,
    /// What they share out.
    pub split: Split,
    /// Whether packets leave in the order in which they came.
    pub order: Order,
    /// Bytes of frames in flight.
    pub budget: &'a Budget,
    /// Called once, when all threads run and before the first packet is taken: the moment to
    /// lock the process in. Its error ends the stage.
    pub started: &'a (dyn Fn() -> Result<()> + Sync),
}

/// Stack of a pool thread.
const STACK_BYTES: usize = 16 << 20;

/// A pool of `threads` named threads, all of them running.
///
/// # Errors
/// `System` if the machine has no more threads to give.
pub fn pool(threads: usize) -> Result<ThreadPool> {
    let pool = ThreadPoolBuilder::new()
        .num_threads(threads.max(1))
        .thread_name(|i| format!("work-{i}"))
        // A thread that waits for its bands takes up other items meanwhile, one inside the
        // other, so its stack has to hold several. Pages that are not touched cost nothing.
        .stack_size(STACK_BYTES)
        .build()
        .map_err(|e| Error::system(format!("failed to start {threads} threads: {e}")))?;
    pool.broadcast(|_| ());
    Ok(pool)
}

/// Computes everything that comes and sends it on.
///
/// With `Order::Strict` permits and places are taken in the order of arrival and kept until a
/// packet has left, so they cover running and parked ones, and the oldest always has both:
/// memory is bounded and nothing waits in a circle.
///
/// Told to stop, it finishes what a thread of the pool has started on and drops the rest; the
/// stream that it sends then ends as `Stopped`. In `Order::Strict` what follows a packet that
/// was dropped is dropped too, so that what was sent has no holes.
///
/// # Errors
/// A cause of the stage's own, or `Echo` if a neighbour is gone. What is wrong with an item,
/// a panic in its filters included, is a failed packet and no error.
pub fn run_work(
    work: &dyn Work,
    mut rx: Rx,
    tx: Tx,
    how: &Computing<'_>,
    context: &Context<'_>,
) -> Result<Ended, Stop> {
    if work.needs() != Needs::default() {
        return Err(Error::internal("filters that look at other frames have no runner").into());
    }
    let threads = how.pool.current_num_threads();
    context.started(StageName::Work, threads);
    let clock = PoolClock::start(how.pool);
    let queue = rx.queue().clone();
    let ended = serve(work, &mut rx, tx, how, context, &clock);
    // Whoever sends to us must not wait for a room that stays full.
    drop(rx);
    context.progress.set(StageName::Work, Doing::Ended);
    let report = clock.report(how.pool, queue.mean());
    context.observer.on(&Event::StageEnded(report));
    let (tx, ended) = ended?;
    tx.finish(ended)?;
    Ok(ended)
}

/// Runs coordinator and sender to their ends; gives the link back, and how it is to be ended,
/// if both ends were clean.
fn serve(
    work: &dyn Work,
    rx: &mut Rx,
    tx: Tx,
    how: &Computing<'_>,
    context: &Context<'_>,
    clock: &PoolClock,
) -> Result<(Tx, Ended), Stop> {
    let threads = how.pool.current_num_threads();
    // A packet has a place from admission until it was sent on; running ones have a second.
    let places = Slots::new(2 * threads + 2);
    let running = Slots::new(how.split.at_once(threads));
    let (done, from_pool) = bounded(places.free().len());
    let (here, gone) = bounded::<Infallible>(0);
    std::thread::scope(|scope| {
        let sender = Sending { order: how.order, places: places.clone(), context };
        let sending = std::thread::Builder::new()
            .name("work-out".into())
            .spawn_scoped(scope, move || {
                let ended = sender.run(&from_pool, tx);
                drop(here);
                // What still comes out of the pool holds memory that the coordinator may be
                // waiting for.
                from_pool.iter().for_each(drop);
                ended
            })
            .map_err(|e| Error::system(format!("failed to start a thread: {e}")))?;
        let feeder = Feeder { work, how, context, clock, places, running, done, gone };
        let fed = (how.started)().map_err(Stop::from);
        let fed = fed.and_then(|()| how.pool.in_place_scope_fifo(|pool| feeder.run(rx, pool)));
        drop(feeder);
        let sent = sending.join();
        let sent = sent.unwrap_or_else(|_| Err(Error::internal("the sender panicked").into()));
        match (fed, sent) {
            (Ok(fed), Ok((tx, sent))) => Ok((tx, fed.and(sent))),
            (Ok(_), Err(stop)) => Err(stop),
            // What stopped the sender is why the coordinator found it gone.
            (Err(Stop::Echo), Err(stop)) => Err(stop),
            (Err(stop), _) => Err(stop),
        }
    })
}

/// How long a source that may have been told to stop is waited for.
const A_MOMENT: Duration = Duration::from_millis(500);

/// What comes out of the pool.
struct Done {
    /// 0.., no holes, in order of arrival.
    index: u64,
    /// Nothing if the run was told to stop before its work began.
    packet: Option<Packet>,
    permit: Permit,
    /// Start and length in seconds and the thread; nothing if it never was in the pool.
    span: Option<(f64, f64, usize)>,
}

/// The coordinator: the only one that waits for packets, memory and places.
struct Feeder<'a> {
    work: &'a dyn Work,
    how: &'a Computing<'a>,
    context: &'a Context<'a>,
    clock: &'a PoolClock,
    places: Slots,
    running: Slots,
    done: Sender<Done>,
    gone: Receiver<Infallible>,
}

impl Feeder<'_> {
    fn run<'s>(&'s self, rx: &mut Rx, pool: &ScopeFifo<'s>) -> Result<Ended, Stop> {
        let ended = self.feed(rx, pool);
        // From here on idle threads lack input, until the last one is done.
        self.clock.input_ended();
        if ended == Ok(Ended::Stopped) {
            self.let_end(rx);
        }
        ended
    }

    /// Takes packets to the end of the stream, or to the first that is not to be begun.
    fn feed<'s>(&'s self, rx: &mut Rx, pool: &ScopeFifo<'s>) -> Result<Ended, Stop> {
        let progress = self.context.progress;
        let mut index = 0;
        loop {
            progress.set(StageName::Work, Doing::Receiving);
            let peer = rx.peer();
            let packet = match self.clock.waiting_in(|| progress.from(peer, || rx.recv()))? {
                Received::Packet(packet) => *packet,
                Received::End(ended) => return Ok(ended),
            };
            if self.context.cancel.is_requested() {
                return Ok(Ended::Stopped);
            }
            progress.moved(StageName::Work);
            progress.set(StageName::Work, Doing::WaitingForMemory);
            let (packet, permit) = self.clock.waiting_out(|| {
                admit(self.work, packet, self.how.split.bands(), self.how.budget)
            })?;
            progress.set(StageName::Work, Doing::WaitingForPlace);
            self.take(&self.places)?;
            if packet.outcome.is_err() {
                // There is room: this packet has a place.
                let packet = Some(packet);
                let _ = self.done.try_send(Done { index, packet, permit, span: None });
            } else {
                self.take(&self.running)?;
                pool.spawn_fifo(move |_| self.compute(index, packet, permit));
            }
            index += 1;
        }
    }

    /// Drops what still comes until the source has ended too: it was told to stop when we were
    /// and is not to find the link broken while it says so. If it was not, it is left.
    fn let_end(&self, rx: &mut Rx) {
        let begin = Instant::now();
        let peer = rx.peer();
        let mut recv = || self.context.progress.from(peer, || rx.recv());
        while begin.elapsed() < A_MOMENT && matches!(recv(), Ok(Received::Packet(_))) {}
    }

    /// Waits for a place, for a stop, or for the end of the sender.
    fn take(&self, slots: &Slots) -> Result<(), Stop> {
        let cancel = self.context.cancel;
        if cancel.is_now() {
            return Err(Stop::Cause(cancel.error()));
        }
        self.clock.waiting_out(|| {
            select! {
                recv(self.gone) -> _ => Err(Stop::Echo),
                recv(cancel.now()) -> _ => Err(Stop::Cause(cancel.error())),
                recv(slots.free()) -> _ => Ok(()),
            }
        })
    }

    /// In the pool: the item begins here, or never if the run was told to stop.
    fn compute(&self, index: u64, packet: Packet, permit: Permit) {
        if self.context.cancel.is_requested() {
            drop(packet);
            let _ = self.done.try_send(Done { index, packet: None, permit, span: None });
            self.running.give();
            return;
        }
        let (thread, start) = (PoolClock::thread(), self.context.epoch.seconds());
        let packet = self.context.progress.computing(|| {
            self.clock.computing(thread, || compute(self.work, packet, self.how.split.bands()))
        });
        let seconds = self.context.epoch.seconds() - start;
        let span = Some((start, seconds, thread));
        // There is room: this packet has a place. If nobody takes it any more, the run is
        // ending, and the permit goes back from here, which takes a lock for an instant.
        let packet = Some(packet);
        let _ = self.done.try_send(Done { index, packet, permit, span });
        self.running.give();
    }
}

/// Asks what an item will need and waits for that much. What the packet held before is given
/// back: it was the reader's share. An item that cannot be admitted comes back as failed.
///
/// # Errors
/// Only if the run was told to stop now.
pub fn admit(
    work: &dyn Work,
    mut packet: Packet,
    bands: Bands,
    budget: &Budget,
) -> Result<(Packet, Permit)> {
    if packet.outcome.is_err() {
        packet.permit = Permit::none();
        return Ok((packet, Permit::none()));
    }
    let have = std::mem::take(&mut packet.permit);
    // Parsers of headers run here, on bytes that nobody has looked at before.
    let peak = guarded(&packet.item, || work.peak(&packet, bands)).flatten();
    let permit = peak.and_then(|bytes| budget.exchange(have, bytes));
    match permit {
        Ok(permit) => Ok((packet, permit)),
        Err(e) if e.kind() == Kind::Interrupted => Err(e),
        Err(e) => {
            packet.outcome = Err(e);
            Ok((packet, Permit::none()))
        }
    }
}

/// Does an item's work. A panic fails the item.
pub fn compute(work: &dyn Work, packet: Packet, bands: Bands) -> Packet {
    let (seq, item) = (packet.seq, packet.item.clone());
    // The packet is moved in and lost with the panic, so nothing half-done is seen again.
    let done = guarded(&item, || work.process(packet, bands));
    done.unwrap_or_else(|error| Packet::failed(seq, item, error))
}

/// The one place where a panic is caught.
fn guarded<T>(item: &Item, work: impl FnOnce() -> T) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        let text = text.unwrap_or_else(|| "no message".into());
        Error::internal(format!("{}: the work panicked: {text}", shown(&item.input)))
    })
}

/// The sender: the only one that waits for room in the next link.
struct Sending<'a> {
    order: Order,
    places: Slots,
    context: &'a Context<'a>,
}

impl Sending<'_> {
    /// Sends on what comes out of the pool and says whether all of it was begun.
    fn run(&self, from_pool: &Receiver<Done>, mut tx: Tx) -> Result<(Tx, Ended), Stop> {
        let mut reorder = Reorder::default();
        let mut ended = Ended::All;
        for done in from_pool {
            let index = done.index;
            let packet = self.computed(done);
            match self.order {
                Order::Any => ended = ended.and(self.send(&mut tx, packet)?),
                Order::Strict => {
                    reorder.push(index, packet);
                    while let Some(packet) = reorder.pop() {
                        // Behind a hole there is no order to keep.
                        let packet = packet.filter(|_| ended == Ended::All);
                        ended = ended.and(self.send(&mut tx, packet)?);
                    }
                }
            }
        }
        Ok((tx, ended))
    }

    fn computed(&self, done: Done) -> Option<Packet> {
        let mut packet = done.packet?;
        if let Some((start, seconds, thread)) = done.span {
            let (seq, pixels) = (packet.seq, packet.notes.pixels);
            self.context.progress.moved(StageName::Work);
            self.context.observer.on(&Event::Worked { seq, pixels, start, seconds, thread });
        }
        packet.permit = done.permit;
        packet.permit.shrink(packet.payload_bytes());
        Some(packet)
    }

    /// Sends a packet, if there is one, and gives its place back.
    fn send(&self, tx: &mut Tx, packet: Option<Packet>) -> Result<Ended, Stop> {
        let ended = if packet.is_some() { Ended::All } else { Ended::Stopped };
        packet.map_or(Ok(()), |packet| tx.send(packet))?;
        self.places.give();
        Ok(ended)
    }
}
