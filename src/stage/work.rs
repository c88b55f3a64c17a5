//! Running a work: a coordinator admits packets, the pool computes, a sender passes them on.
//!
//! Closures in the pool never block and never lock (rayon issues 835, 847, 1269: a blocked
//! pool thread may hold up work that it has itself stolen). So everything that waits happens
//! outside: permits and places are taken before a packet enters the pool, and what comes out
//! goes into a channel that has room for every packet that can be in there.

use std::convert::Infallible;
use std::thread::{Builder, Scope, ScopedJoinHandle};

use crossbeam_channel::{Sender, bounded};
use rayon::{ThreadPool, ThreadPoolBuilder};

use super::beside::Beside;
use super::clock::PoolClock;
use super::feed::Feeder;
use super::relay::Relay;
use super::send::{Done, Sending};
use super::steps::Steps;
use super::{Bands, Context, Doing, Ended, InPool, Order, Work, frames_at_once};
use crate::error::{Error, Result, Stop};
use crate::event::{Event, StageName};
use crate::link::{Budget, Received, Rx, Tx};
use crate::ordered::Slots;

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
    /// How one frame is spread at most: what memory is reckoned with.
    pub const fn widest(self) -> Bands<'static> {
        match self {
            Self::Frames => Bands::One,
            Self::Bands | Self::Auto => Bands::Many,
        }
    }

    /// How one of the frames in the pool is spread.
    pub(super) const fn bands(self, frames: &InPool) -> Bands<'_> {
        match self {
            Self::Auto => Bands::Spare(frames),
            Self::Frames | Self::Bands => self.widest(),
        }
    }

    /// Packets in the pool at once. Twice the threads, so that the next one is there already
    /// when a thread is done.
    pub(super) const fn at_once(self, threads: usize) -> usize {
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
/// memory is bounded and nothing waits in a circle. A work with steps (`stage` has the whole of
/// it) has a thread more, which puts each frame into the pool again when its turn comes.
///
/// Told to stop, it finishes what a thread of the pool has started on and drops the rest; the
/// stream that it sends then ends as `Stopped`. In `Order::Strict` what follows a packet that
/// was dropped is dropped too, so that what was sent has no holes.
///
/// # Errors
/// A cause of the stage's own, or `Echo` if a neighbour is gone. `Usage` if the frames that are
/// looked at together are over the budget. What is wrong with an item, a panic in its filters
/// included, is a failed packet and no error.
pub fn run_work(
    work: &dyn Work,
    mut rx: Rx,
    tx: Tx,
    how: &Computing<'_>,
    context: &Context<'_>,
) -> Result<Ended, Stop> {
    let relay = Relay::new(work.needs(), how.order)?;
    let threads = how.pool.current_num_threads();
    context.started(StageName::Work, threads);
    let clock = PoolClock::start(how.pool);
    let queue = rx.queue().clone();
    let ended = serve(work, relay, &mut rx, tx, how, context, &clock);
    // Whoever sends to us must not wait for a room that stays full.
    drop(rx);
    work.rest();
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
    relay: Relay,
    rx: &mut Rx,
    tx: Tx,
    how: &Computing<'_>,
    context: &Context<'_>,
    clock: &PoolClock,
) -> Result<(Tx, Ended), Stop> {
    let threads = how.pool.current_num_threads();
    // A packet has a place from admission until it was sent on; running ones have a second.
    // Those that wait for others to come keep theirs, so there are places for the others.
    let places = Slots::new(2 * threads + 1 + frames_at_once(work.needs()));
    let (done, computed) = bounded(places.all());
    let (here, gone) = bounded::<Infallible>(0);
    std::thread::scope(|scope| {
        let sender = Sending { order: how.order, places: places.clone(), context };
        let sending = spawn(scope, "work-out", move || {
            let ended = sender.run(&computed, tx);
            drop(here);
            // What still comes holds memory that the coordinator may be waiting for.
            computed.iter().for_each(drop);
            ended
        })?;
        let frames = InPool::default();
        let feeder = Feeder { work, how, context, clock, places, frames, gone };
        let fed = (how.started)().map_err(Stop::from).and_then(|()| {
            if relay.is_plain() {
                let beside = Beside::new(&feeder, done);
                how.pool.in_place_scope_fifo(|pool| {
                    feeder.run(rx, |index, packet| beside.begin(index, packet, pool))
                })
            } else {
                step_by_step(&feeder, relay, rx, done)
            }
        });
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

/// Runs the coordinator with a thread behind it that brings the frames through their steps.
fn step_by_step(
    feeder: &Feeder<'_>,
    relay: Relay,
    rx: &mut Rx,
    done: Sender<Done>,
) -> Result<Ended, Stop> {
    // A packet that comes in here has a place, and the end has one too.
    let (to_steps, arrivals) = bounded(feeder.places.all() + 1);
    std::thread::scope(|scope| {
        let steps = Steps::new(feeder, arrivals, done);
        let stepping = spawn(scope, "work-steps", move || steps.run(relay))?;
        let fed = feeder.run(rx, |_, packet| {
            // If nobody takes it, the wait for the next place says so.
            let _ = to_steps.try_send(Received::Packet(Box::new(packet)));
            Ok(())
        });
        if let Ok(ended) = fed {
            let _ = to_steps.try_send(Received::End(ended));
        }
        drop(to_steps);
        let stepped = stepping.join();
        stepped.map_err(|_| Error::internal("the thread of the steps panicked"))?;
        fed
    })
}

fn spawn<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    name: &str,
    run: impl FnOnce() -> T + Send + 'scope,
) -> Result<ScopedJoinHandle<'scope, T>> {
    let started = Builder::new().name(name.into()).spawn_scoped(scope, run);
    started.map_err(|e| Error::system(format!("failed to start a thread: {e}")))
}
