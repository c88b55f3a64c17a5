//! A link between two processes: packets as bytes in a pipe, behind a header, before an end.
//!
//! The format is in `format`; a test freezes its bytes. A stream that breaks off is an echo of
//! whatever happened to its writer; bytes that are no packet are a cause.

mod format;
mod read;
mod write;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub(super) use read::PipeRx;
pub(super) use write::PipeTx;

use super::queue::Queue;
use super::{Cancel, Rx, RxTransport, Tx, TxTransport};
use crate::error::Stop;
use crate::frame::Layout;

/// The largest payload of one packet, in bytes: 100 megapixels as RGBA floats are 1.6 GB.
pub const MAX_PAYLOAD: u64 = 4 << 30;

/// What Linux lets anyone ask for. Measured between two processes with 1080p frames: 0.6 GB/s
/// through 64 KiB, 1.8 to 2.2 through 1 MiB.
const PIPE_BYTES: usize = 1 << 20;

/// What a stream says of itself before its first packet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// The program's version.
    pub version: String,
    /// What is being done: `images`, `video`.
    pub job: String,
    /// True if packets must stay in this order.
    pub strict: bool,
    /// Packets in all, where that is known.
    pub total: Option<u64>,
    /// The frames' layout, colour included, where it is one for all.
    pub layout: Option<Layout>,
    /// What the job's stages tell each other beside packets: of a clip its path, stream, time
    /// base and more. The link hands it on and does not look into it.
    pub facts: Option<serde_json::Value>,
}

impl Header {
    /// A header of this program's version that says nothing else.
    pub fn new(job: impl Into<String>) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").into(),
            job: job.into(),
            strict: false,
            total: None,
            layout: None,
            facts: None,
        }
    }
}

/// Whether payloads carry a checksum. Heads always do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksum {
    /// Within one machine, where a pipe is memory.
    Heads,
    /// Where the bytes travel further. XXH3, which costs about 0.1 s per gigabyte.
    Payloads,
}

/// Writes the header and gives the sending end.
///
/// # Errors
/// `Echo` if nobody reads; a cause if the write failed.
pub fn writer(fd: OwnedFd, header: &Header, checksum: Checksum) -> Result<Tx, Stop> {
    widen(fd.as_fd());
    let tx = PipeTx::start(fd, header, checksum)?;
    Ok(Tx::over(TxTransport::Pipe(tx)))
}

/// Reads the header and gives the receiving end. `limit` bounds one packet's payload, in
/// bytes; waits end at `cancel`'s `Now`; `queue` follows the packets that wait.
///
/// # Errors
/// `Echo` if the stream breaks off within the header; a cause if it is none of ours.
pub fn reader(
    fd: OwnedFd,
    limit: u64,
    cancel: &Cancel,
    queue: &Arc<Queue>,
) -> Result<(Header, Rx), Stop> {
    widen(fd.as_fd());
    let (header, rx) = PipeRx::start(fd, limit, cancel, queue)?;
    Ok((header, Rx::over(RxTransport::Pipe(Box::new(rx)), queue).with_cancel(cancel)))
}

/// Asks for a larger pipe. Refused for what is no pipe and above a user's limit; both are fine.
fn widen(fd: BorrowedFd<'_>) {
    #[cfg(target_os = "linux")]
    let _ = rustix::pipe::fcntl_setpipe_size(fd, PIPE_BYTES);
    #[cfg(not(target_os = "linux"))]
    let _ = (fd, PIPE_BYTES);
}

#[cfg(test)]
mod tests;
