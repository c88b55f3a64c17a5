//! Frames step by step: a thread that puts them into the pool each time their turn comes.
//!
//! It waits for nothing but its two inboxes, which have room for all that can come, so neither
//! the coordinator nor the pool ever waits for it, and it decides alone what is done next.
//!
//! While a frame is at a carried step nothing else is put into the pool, and at no time more
//! than its threads can take up at once. The step's bands are shared out, and a thread that
//! waits for the last of them takes up whatever else is there, a whole frame if need be; the
//! frames behind would wait for that one too. So threads that are through with a frame help
//! with the bands instead. Measured with 20 ms beside each other and 4 ms carried in 16 bands,
//! per frame: 4 threads 18.8 ms without this rule and 7.3 ms with it, 8 threads 14.4 and 4.2 ms.

use std::ops::Range;

use crossbeam_channel::{Receiver, RecvError, Sender, bounded, select};
use rayon::ScopeFifo;

use super::feed::Feeder;
use super::relay::{Job, Relay, Through};
use super::send::Done;
use super::{Bands, Context, Ended, Entered, Serial, Span, compute};
use crate::link::{Packet, Permit, Received};

/// What that thread and the pool share.
pub(super) struct Steps<'a> {
    feeder: &'a Feeder<'a>,
    /// Packets with their permits, each with a place, and how the stream ended.
    arrivals: Receiver<Received>,
    to_us: Sender<Stepped>,
    results: Receiver<Stepped>,
    /// To the sender.
    done: Sender<Done>,
    /// Jobs in the pool at once.
    at_once: usize,
}

/// What became of a job.
struct Stepped {
    step: usize,
    index: u64,
    state: Serial,
    /// Nothing if the run was told to stop before it began.
    packet: Option<(Packet, Span)>,
}

/// What is known of the stream of packets.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Feed {
    /// More may come.
    Open,
    /// Nothing more comes; what is there may go on.
    Over,
    /// The run stops: nothing is begun any more.
    Stopped,
}

impl<'a> Steps<'a> {
    pub(super) fn new(
        feeder: &'a Feeder<'a>,
        arrivals: Receiver<Received>,
        done: Sender<Done>,
    ) -> Self {
        let (how, needs) = (feeder.how, feeder.work.needs());
        let threads = how.pool.current_num_threads();
        let carries = needs.iter().any(|needs| needs.state == Serial::Carried);
        let at_once = how.split.at_once(threads).min(if carries { threads } else { usize::MAX });
        let (to_us, results) = bounded(at_once);
        Self { feeder, arrivals, to_us, results, done, at_once }
    }

    /// Brings everything through that comes, and says of the rest that it was not begun.
    pub(super) fn run(self, relay: Relay) {
        let pool = self.feeder.how.pool;
        let rest = pool.in_place_scope_fifo(|pool| self.bring(relay, pool));
        let mut index = rest.end;
        rest.for_each(|index| self.leave_out(index, Permit::none()));
        // The coordinator may be waiting for the places and the memory of what it hands over.
        for received in &self.arrivals {
            if let Received::Packet(packet) = received {
                self.leave_out(index, packet.permit);
                index += 1;
            }
        }
    }

    /// Works until nothing is left to do, and gives back what has not left.
    fn bring<'s>(&'s self, mut relay: Relay, pool: &ScopeFifo<'s>) -> Range<u64> {
        let Context { progress, cancel, .. } = *self.feeder.context;
        let (mut running, mut feed) = (0, Feed::Open);
        // What the job that was put into the pool last carries, while it is there.
        let mut state = Serial::Free;
        loop {
            if cancel.is_requested() {
                feed = Feed::Stopped;
            }
            while feed != Feed::Stopped && state == Serial::Free && running < self.at_once {
                let Some(job) = relay.next_job() else { break };
                running += 1;
                let entered = self.feeder.frames.enter();
                state = job.state;
                pool.spawn_fifo(move |_| self.compute(job, entered));
            }
            while let Some(through) = relay.pop() {
                self.pass_on(through);
            }
            progress.parked(relay.waiting().saturating_sub(running as u64));
            if running == 0 && feed != Feed::Open {
                progress.parked(0);
                return relay.give_up();
            }
            match self.news(feed) {
                News::Arrived(packet) => relay.arrive(packet),
                News::Ended(Ended::All) => {
                    relay.end();
                    feed = Feed::Over;
                }
                // Nothing is made up for what is missing.
                News::Ended(Ended::Stopped) => feed = Feed::Over,
                News::Broken => feed = Feed::Stopped,
                News::Done(stepped) => {
                    running -= 1;
                    if stepped.state == Serial::Carried {
                        state = Serial::Free;
                    }
                    progress.stepped();
                    if let Some((packet, span)) = stepped.packet {
                        relay.done(stepped.step, stepped.index, packet, span);
                    }
                }
            }
        }
    }

    /// Waits for whatever comes first.
    fn news(&self, feed: Feed) -> News {
        let arrived = |received: Result<Received, RecvError>| match received {
            Ok(Received::Packet(packet)) => News::Arrived(*packet),
            Ok(Received::End(ended)) => News::Ended(ended),
            Err(RecvError) => News::Broken,
        };
        // This end of the results is ours too, so they do not break.
        let stepped =
            |stepped: Result<Stepped, RecvError>| stepped.map_or(News::Broken, News::Done);
        if feed != Feed::Open {
            return stepped(self.results.recv());
        }
        select! {
            recv(self.results) -> result => stepped(result),
            recv(self.arrivals) -> received => arrived(received),
        }
    }

    /// In the pool: the step begins here, or never if the run was told to stop.
    fn compute(&self, job: Job, entered: Entered<'_>) {
        let Feeder { work, how, context, frames, .. } = self.feeder;
        let Job { step, index, state, packet } = job;
        let packet = if context.cancel.is_requested() {
            drop(packet);
            None
        } else {
            // Those behind a frame that is at a carried step wait for it, so all threads help.
            let carried = state == Serial::Carried;
            let bands = if carried { Bands::Many } else { how.split.bands(frames) };
            Some(self.feeder.in_pool(|| compute(*work, step, packet, bands, context.epoch)))
        };
        drop(entered);
        // There is room: as many as there is room for are in the pool.
        let _ = self.to_us.try_send(Stepped { step, index, state, packet });
    }

    /// A frame is through all steps.
    fn pass_on(&self, through: Through) {
        let Through { index, mut packet, span } = through;
        let permit = std::mem::take(&mut packet.permit);
        // There is room: this packet has a place.
        let _ = self.done.try_send(Done { index, packet: Some(packet), permit, span });
    }

    /// A frame that was not begun, or was stopped on its way.
    fn leave_out(&self, index: u64, permit: Permit) {
        let _ = self.done.try_send(Done { index, packet: None, permit, span: None });
    }
}

/// What comes to this thread.
enum News {
    Arrived(Packet),
    Ended(Ended),
    /// The coordinator failed.
    Broken,
    Done(Stepped),
}
