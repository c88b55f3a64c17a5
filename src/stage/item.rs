//! What happens to one packet in the work: it is admitted, it is computed. The only place where
//! a panic is caught.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{Bands, Work};
use crate::error::{Error, Kind, Result, shown};
use crate::link::{Budget, Item, Packet, Permit};

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
