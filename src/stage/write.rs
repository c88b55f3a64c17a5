//! Running a sink: one thread brings everything out.
//!
//! In the lecture's terms the writer is a daemon: it starts with the run, serves whoever
//! hands it something, and ends when nothing more comes. But a daemon may die with its parent
//! and lose only comfort; this one would lose pictures. So it is owned, its errors are the
//! run's errors, and whoever started it joins it.

use super::{Context, Doing, Ended, Meter, Sink, SinkError, WhenStopped};
use crate::error::{Error, Stop};
use crate::event::{Event, StageName};
use crate::link::{Packet, Received, Rx};

/// Writes what comes, on the calling thread; commits after a clean end and only then. It is
/// not told to stop: it learns from the stream's end whether this was all.
///
/// # Errors
/// A cause of the sink's own, or `Echo` if the stage before is gone. Outputs that are in place
/// stay in either case.
pub fn run_sink(mut sink: Box<dyn Sink>, mut rx: Rx, context: &Context<'_>) -> Result<Ended, Stop> {
    context.started(StageName::Write, 1);
    let meter = Meter::start(StageName::Write, 1);
    let ended = take_all(&mut *sink, &mut rx, &meter, context);
    let ended = meter.busy(|| end(sink, ended));
    context.progress.set(StageName::Write, Doing::Ended);
    context.observer.on(&Event::StageEnded(meter.report(rx.queue().mean())));
    ended
}

fn take_all(
    sink: &mut dyn Sink,
    rx: &mut Rx,
    meter: &Meter,
    context: &Context<'_>,
) -> Result<Ended, Stop> {
    loop {
        context.progress.set(StageName::Write, Doing::Receiving);
        let peer = rx.peer();
        let packet = match context.progress.from(peer, || rx.recv())? {
            Received::Packet(packet) => *packet,
            Received::End(ended) => return Ok(ended),
        };
        context.progress.set(StageName::Write, Doing::Writing);
        meter.busy(|| deliver(sink, packet, context))?;
    }
}

/// Commits what was written, or does not: after an error never, and a part only where a part
/// is worth something.
pub(crate) fn end(sink: Box<dyn Sink>, ended: Result<Ended, Stop>) -> Result<Ended, Stop> {
    let commits = match (&ended, sink.when_stopped()) {
        (Err(_), _) | (Ok(Ended::Stopped), WhenStopped::Discard) => false,
        (Ok(Ended::All), _) | (Ok(Ended::Stopped), WhenStopped::Commit) => true,
    };
    if commits {
        sink.finish()?;
    } else {
        sink.abort();
    }
    ended
}

/// Hands one packet to the sink and says how it went.
///
/// # Errors
/// What ends the run; a failed item does not.
pub fn deliver(sink: &mut dyn Sink, packet: Packet, context: &Context<'_>) -> Result<(), Error> {
    let start = context.epoch.seconds();
    let (seq, item) = (packet.seq, packet.item.clone());
    let (pixels, losses) = (packet.notes.pixels, packet.notes.losses.clone());
    context.progress.moved(StageName::Write);
    let (ended, error) = match &packet.outcome {
        Err(error) => (sink.failed(seq, &item, error), error.clone()),
        Ok(_) => match sink.write(packet) {
            Ok(written) => {
                let seconds = context.epoch.seconds() - start;
                context.observer.on(&Event::Done {
                    seq,
                    input: item.input,
                    output: written.output,
                    bytes: written.bytes,
                    input_bytes: item.size,
                    pixels,
                    losses,
                    start,
                    seconds,
                });
                return Ok(());
            }
            Err(SinkError::Item(error)) => (Ok(()), error),
            Err(SinkError::Run(error)) => return Err(error),
        },
    };
    context.observer.on(&Event::Failed { seq, input: item.input, input_bytes: item.size, error });
    ended
}
