//! What happens to one packet in the work: it is admitted, it is computed. The only place where
//! a panic is caught.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::clock::PoolClock;
use super::{Bands, Context, Epoch, Work, frames_at_once};
use crate::error::{Error, Kind, Result, shown};
use crate::event::{Event, StageName};
use crate::link::{Budget, Item, Packet};

/// Asks what an item will need and waits for that much. What the packet held before is given
/// back: it was the reader's share. The packet comes back with its permit, or failed if it
/// cannot be admitted.
///
/// # Errors
/// Only if the run was told to stop now, or if the frames that the work looks at together have
/// no room beside each other.
pub fn admit(
    work: &dyn Work,
    mut packet: Packet,
    bands: Bands<'_>,
    budget: &Budget,
) -> Result<Packet> {
    let have = std::mem::take(&mut packet.permit);
    if packet.outcome.is_err() {
        return Ok(packet);
    }
    // Parsers of headers run here, on bytes that nobody has looked at before.
    let peak = guarded(&packet.item, || work.peak(&packet, bands)).flatten();
    let frames = frames_at_once(work.needs());
    if let Ok(bytes) = &peak
        && frames > 1
    {
        budget.windows(frames, have.bytes().max(*bytes))?;
    }
    let permit = peak.and_then(|bytes| budget.exchange(have, bytes));
    match permit {
        Ok(permit) => packet.permit = permit,
        Err(e) if e.kind() == Kind::Interrupted => return Err(e),
        Err(e) => packet.outcome = Err(e),
    }
    Ok(packet)
}

/// When and where an item, or a step of it, was computed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Span {
    /// Seconds since the run started, when work began.
    pub start: f64,
    /// Seconds it took.
    pub seconds: f64,
    /// Which pool thread did it, 0...
    pub thread: usize,
}

/// Says that an item was computed.
pub(crate) fn worked(packet: &Packet, span: Span, context: &Context<'_>) {
    let (seq, pixels) = (packet.seq, packet.notes.pixels);
    let Span { start, seconds, thread } = span;
    context.progress.moved(StageName::Work);
    context.observer.on(&Event::Worked { seq, pixels, start, seconds, thread });
}

/// Does a step of an item's work. A panic fails the item.
pub fn compute(
    work: &dyn Work,
    step: usize,
    packet: Packet,
    bands: Bands<'_>,
    epoch: Epoch,
) -> (Packet, Span) {
    let (seq, item) = (packet.seq, packet.item.clone());
    let (thread, start) = (PoolClock::thread(), epoch.seconds());
    // The packet is moved in and lost with the panic, so nothing half-done is seen again.
    let done = guarded(&item, || work.process(step, packet, bands));
    let done = done.unwrap_or_else(|error| Packet::failed(seq, item, error));
    (done, Span { start, seconds: epoch.seconds() - start, thread })
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
