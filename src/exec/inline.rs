//! The plainest executor: one loop on the calling thread. It is what the others are compared
//! with, so it shares everything with them but the links.

use super::{Listening, Settings, budgets, outcome, watched};
use crate::error::{Kind, Result, Stop};
use crate::event::{Event, Observer, StageName};
use crate::link::{Budget, Cancel, Packet};
use crate::stage::{
    Bands, Context, Doing, Ended, Job, Meter, Relay, Sink, Source, Through, Ticket, Work, admit,
    compute, deliver, end, read_one, refused, worked,
};

/// Runs the job to its end, item after item, on this thread (`-j 1`).
///
/// # Errors
/// As for `threads::run`.
pub fn run(
    source: &dyn Source,
    work: &dyn Work,
    mut sink: Box<dyn Sink>,
    settings: &Settings,
    observer: &dyn Observer,
    cancel: &Cancel,
) -> Result<Ended> {
    let listening = Listening { observer, cancel, on_error: settings.on_error };
    let ended = watched(settings, &listening, cancel, |context| {
        let (ahead, frames) = budgets(settings, cancel);
        let meters = Meters::start(context);
        let each = Loop { source, work, ahead, frames, context, meters: &meters };
        let ended = each.run(&mut *sink);
        let ended = end(sink, ended);
        meters.end(context);
        ended
    });
    outcome(ended, cancel)
}

struct Loop<'a> {
    source: &'a dyn Source,
    work: &'a dyn Work,
    ahead: Budget,
    frames: Budget,
    context: &'a Context<'a>,
    meters: &'a Meters,
}

impl Loop<'_> {
    fn run(&self, sink: &mut dyn Sink) -> Result<Ended, Stop> {
        let (context, meters) = (self.context, self.meters);
        let mut relay = Relay::new(self.work.needs(), self.source.order())?;
        loop {
            context.progress.set(StageName::Read, Doing::Reading);
            let next = || meters.time(StageName::Read, || self.source.next());
            let Some(ticket) = context.progress.outside(next) else {
                relay.end();
                return self.bring(&mut relay, sink);
            };
            let read = || meters.time(StageName::Read, || self.read(ticket));
            let packet = context.progress.outside(read);
            // Looked at last: where nothing more came, nothing was left out.
            if context.cancel.is_requested() {
                return Ok(Ended::Stopped);
            }
            let admit = |packet| admit(self.work, packet, Bands::One, &self.frames);
            relay.arrive(meters.time(StageName::Work, || packet.and_then(admit))?);
            if self.bring(&mut relay, sink)? == Ended::Stopped {
                return Ok(Ended::Stopped);
            }
        }
    }

    /// Does what can be done now, and brings out what is through.
    fn bring(&self, relay: &mut Relay, sink: &mut dyn Sink) -> Result<Ended, Stop> {
        let (context, meters) = (self.context, self.meters);
        loop {
            let job = relay.next_job();
            while let Some(Through { packet, span, .. }) = relay.pop() {
                if let Some(span) = span {
                    worked(&packet, span, context);
                }
                context.progress.set(StageName::Write, Doing::Writing);
                meters.time(StageName::Write, || deliver(sink, packet, context))?;
            }
            let Some(Job { step, index, packet, .. }) = job else { return Ok(Ended::All) };
            if context.cancel.is_requested() {
                return Ok(Ended::Stopped);
            }
            let (packet, span) = meters.time(StageName::Work, || {
                compute(self.work, step, packet, Bands::One, context.epoch)
            });
            relay.done(step, index, packet, span);
        }
    }

    fn read(&self, ticket: Ticket) -> Result<Packet> {
        let permit = match self.ahead.take(ticket.bytes) {
            Ok(permit) => permit,
            Err(e) if e.kind() == Kind::Interrupted => return Err(e),
            Err(e) => return Ok(refused(self.source, &ticket, e)),
        };
        let mut packet = read_one(self.source, ticket, self.context);
        packet.permit = permit;
        Ok(packet)
    }
}

/// The stages take turns: while one is busy, those before it wait for room and those after it
/// for input.
struct Meters([Meter; 3]);

const STAGES: [StageName; 3] = [StageName::Read, StageName::Work, StageName::Write];

impl Meters {
    fn start(context: &Context<'_>) -> Self {
        for name in STAGES {
            context.started(name, 1);
        }
        Self(STAGES.map(|name| Meter::start(name, 1)))
    }

    fn time<T>(&self, name: StageName, work: impl FnOnce() -> T) -> T {
        let [read, computing, writing] = &self.0;
        match name {
            StageName::Read => read.busy(work),
            StageName::Work => read.blocked_out(|| computing.busy(work)),
            StageName::Write => read.blocked_out(|| computing.blocked_out(|| writing.busy(work))),
        }
    }

    fn end(&self, context: &Context<'_>) {
        for meter in &self.0 {
            context.observer.on(&Event::StageEnded(meter.report(0.0)));
        }
    }
}
