//! Running a source: I/O threads that only move bytes.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Context, Doing, Ended, Meter, Order, Source, Ticket};
use crate::error::{Error, Kind, Stop};
use crate::event::{Event, StageName};
use crate::link::{Budget, Packet, Tx};
use crate::ordered::Turnstile;

/// How a source is run.
#[derive(Clone, Copy, Debug)]
pub struct Reading<'a> {
    /// Threads that read, 1...
    pub io_threads: usize,
    /// Bytes that may be read ahead: the readers' share, so that they cannot take the memory
    /// that the frames before them need to get done.
    pub budget: &'a Budget,
}

/// Reads everything and sends it on; with `Order::Strict` in the order of the tickets.
///
/// Tickets and permits are taken together, in sequence: a later item can then never hold the
/// memory that an earlier one waits for while it waits for its turn.
///
/// # Errors
/// A cause of the reader's own, or `Echo` if the next stage is gone before anyone was told to
/// stop. What is wrong with an item is a failed packet and no error.
pub fn run_source(
    source: &dyn Source,
    tx: Tx,
    reading: &Reading<'_>,
    context: &Context<'_>,
) -> Result<Ended, Stop> {
    let threads = reading.io_threads.max(1);
    context.started(StageName::Read, threads);
    let readers = Readers {
        source,
        budget: reading.budget,
        context,
        meter: Meter::start(StageName::Read, threads),
        gate: Mutex::new(Gate { issued: 0, shut: None }),
        turnstile: Turnstile::default(),
        tx: Mutex::new(tx),
    };
    let ended = readers.run(threads);
    context.progress.set(StageName::Read, Doing::Ended);
    context.observer.on(&Event::StageEnded(readers.meter.report(0.0)));
    let tx = readers.tx.into_inner().unwrap_or_else(PoisonError::into_inner);
    let cancel = context.cancel;
    match ended.and_then(|ended| tx.finish(ended).map(|()| ended)) {
        // The work was told to stop too and did not wait for the rest. A work that broke
        // meanwhile says so itself.
        Err(Stop::Echo) if cancel.is_requested() && !cancel.is_now() => Ok(Ended::Stopped),
        ended => ended,
    }
}

/// What the reader threads share.
struct Readers<'a> {
    source: &'a dyn Source,
    budget: &'a Budget,
    context: &'a Context<'a>,
    meter: Meter,
    gate: Mutex<Gate>,
    turnstile: Turnstile,
    tx: Mutex<Tx>,
}

/// Where tickets are given out, one at a time.
struct Gate {
    issued: u64,
    shut: Option<Shut>,
}

#[derive(Clone, Copy)]
enum Shut {
    Ended(Ended),
    Failed,
}

impl Readers<'_> {
    fn run(&self, threads: usize) -> Result<Ended, Stop> {
        let mut stops = Vec::new();
        std::thread::scope(|scope| {
            let mut handles = Vec::new();
            for i in 0..threads {
                let builder = std::thread::Builder::new().name(format!("read-{i}"));
                match builder.spawn_scoped(scope, || self.thread()) {
                    Ok(handle) => handles.push(handle),
                    Err(e) => {
                        self.shut(Shut::Failed);
                        stops.push(Error::system(format!("failed to start a reader: {e}")).into());
                        break;
                    }
                }
            }
            for handle in handles {
                let died = || Error::internal("a reader panicked").into();
                stops.extend(handle.join().unwrap_or_else(|_| Err(died())).err());
            }
        });
        let cause = stops.iter().position(|stop| matches!(stop, Stop::Cause(_)));
        if !stops.is_empty() {
            return Err(stops.swap_remove(cause.unwrap_or(0)));
        }
        match self.gate().shut {
            Some(Shut::Ended(ended)) => Ok(ended),
            Some(Shut::Failed) | None => Err(Stop::Echo),
        }
    }

    fn thread(&self) -> Result<(), Stop> {
        let guard = FailOnDrop(self);
        while let Some((number, packet)) = self.next()? {
            self.send(number, packet)?;
        }
        std::mem::forget(guard);
        Ok(())
    }

    /// Takes a ticket, memory for it, and reads. `None` at the end.
    fn next(&self) -> Result<Option<(u64, Packet)>, Stop> {
        let progress = self.context.progress;
        let mut gate = self.meter.blocked_out(|| self.gate());
        if gate.shut.is_some() {
            return Ok(None);
        }
        progress.set(StageName::Read, Doing::Reading);
        let ticket = progress.outside(|| self.meter.busy(|| self.source.next()));
        let Some(ticket) = ticket else {
            gate.shut = Some(Shut::Ended(Ended::All));
            return Ok(None);
        };
        // Looked at after the end: where nothing more came, nothing was left out.
        if self.context.cancel.is_requested() {
            gate.shut = Some(Shut::Ended(Ended::Stopped));
            return Ok(None);
        }
        let number = gate.issued;
        gate.issued += 1;
        progress.set(StageName::Read, Doing::WaitingForMemory);
        let permit = self.meter.blocked_out(|| self.budget.take(ticket.bytes));
        drop(gate);
        let permit = match permit {
            Ok(permit) => permit,
            Err(e) if e.kind() == Kind::Interrupted => return Err(Stop::Cause(e)),
            Err(e) => return Ok(Some((number, refused(self.source, &ticket, e)))),
        };
        progress.set(StageName::Read, Doing::Reading);
        let mut packet =
            progress.outside(|| self.meter.busy(|| read_one(self.source, ticket, self.context)));
        packet.permit = permit;
        packet.permit.shrink(packet.payload_bytes());
        Ok(Some((number, packet)))
    }

    fn send(&self, number: u64, packet: Packet) -> Result<(), Stop> {
        self.context.progress.set(StageName::Read, Doing::Sending);
        self.meter.blocked_out(|| {
            if self.source.order() == Order::Strict {
                self.turnstile.wait(number).map_err(|_| Stop::Echo)?;
            }
            self.tx.lock().unwrap_or_else(PoisonError::into_inner).send(packet)?;
            self.turnstile.pass();
            Ok(())
        })
    }

    fn gate(&self) -> MutexGuard<'_, Gate> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shut(&self, why: Shut) {
        self.gate().shut.get_or_insert(why);
    }
}

/// Whoever leaves by an error or a panic takes the others along; they would wait for its turn.
struct FailOnDrop<'a>(&'a Readers<'a>);

impl Drop for FailOnDrop<'_> {
    fn drop(&mut self) {
        self.0.turnstile.close();
        self.0.shut(Shut::Failed);
    }
}

/// Reads one item and says so.
pub fn read_one(source: &dyn Source, ticket: Ticket, context: &Context<'_>) -> Packet {
    let start = context.epoch.seconds();
    let packet = source.read(ticket);
    let seconds = context.epoch.seconds() - start;
    let (seq, bytes) = (ticket.seq, packet.payload_bytes());
    context.progress.moved(StageName::Read);
    context.observer.on(&Event::Read { seq, bytes, start, seconds });
    packet
}

/// The packet of an item that is too large to be read.
pub(crate) fn refused(source: &dyn Source, ticket: &Ticket, error: Error) -> Packet {
    let item = source.item(ticket);
    Packet::failed(ticket.seq, item, error)
}
