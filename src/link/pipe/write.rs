//! The sending end of a pipe: head, meta and payload in as few system calls as it takes.

use std::fs::File;
use std::io::{self, IoSlice, Write};
use std::os::fd::OwnedFd;

use xxhash_rust::xxh3::Xxh3;

use super::format::{Head, Meta, header_bytes};
use super::{Checksum, Header, MAX_PAYLOAD};
use crate::error::{Error, Stop, shown};
use crate::link::{Cancel, Ended, Packet, Payload};

/// Writes packets to a pipe. Nothing is copied or buffered on the way.
pub(in crate::link) struct PipeTx {
    to: File,
    checksum: Checksum,
    count: u64,
}

impl PipeTx {
    pub(super) fn start(fd: OwnedFd, header: &Header, checksum: Checksum) -> Result<Self, Stop> {
        let mut to = File::from(fd);
        to.write_all(&header_bytes(header)?).map_err(stop)?;
        Ok(Self { to, checksum, count: 0 })
    }

    /// Blocks while the pipe is full. A stop does not interrupt it: the reader sees the stop
    /// too and closes its end, which does.
    pub(in crate::link) fn send(&mut self, packet: Packet, cancel: &Cancel) -> Result<(), Stop> {
        if cancel.is_now() {
            return Err(Stop::Cause(cancel.error()));
        }
        let packet = within_limit(packet);
        let meta = Meta::bytes_of(&packet)?;
        let mut pieces: Vec<&[u8]> = Vec::new();
        for part in packet.outcome.as_deref().unwrap_or_default() {
            match &part.payload {
                Payload::Bytes(bytes) => pieces.push(bytes),
                Payload::Frame(frame) => pieces.extend(frame.bytes()),
            }
        }
        let sum = match self.checksum {
            Checksum::Heads => None,
            Checksum::Payloads => {
                let mut hash = Xxh3::new();
                pieces.iter().for_each(|piece| hash.update(piece));
                Some(hash.digest())
            }
        };
        let head = Head::Packet {
            seq: packet.seq,
            meta: meta.len() as u32,
            payload: packet.payload_bytes(),
            sum,
        }
        .bytes(&meta);
        let mut slices = vec![IoSlice::new(&head), IoSlice::new(&meta)];
        slices.extend(pieces.into_iter().map(IoSlice::new));
        write_all(&mut self.to, &mut slices).map_err(stop)?;
        self.count += 1;
        Ok(())
    }

    pub(in crate::link) fn finish(mut self, ended: Ended) -> Result<(), Stop> {
        let last = Head::Last { count: self.count, ended }.bytes(&[]);
        self.to.write_all(&last).map_err(stop)
    }
}

/// A packet that no reader would take fails here, and only it.
fn within_limit(mut packet: Packet) -> Packet {
    let bytes = packet.payload_bytes();
    if bytes > MAX_PAYLOAD {
        packet.outcome = Err(Error::input(format!(
            "{}: {bytes} bytes are over the {MAX_PAYLOAD} that stages hand on at once",
            shown(&packet.item.input)
        )));
    }
    packet
}

fn write_all(to: &mut File, mut slices: &mut [IoSlice<'_>]) -> io::Result<()> {
    // Empty slices in front would make a write of nothing look like a full disk.
    IoSlice::advance_slices(&mut slices, 0);
    while !slices.is_empty() {
        match to.write_vectored(slices) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => IoSlice::advance_slices(&mut slices, n),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

/// A reader that went away is an echo.
fn stop(error: io::Error) -> Stop {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return Stop::Echo;
    }
    Stop::Cause(Error::system(format!("failed to write to the next stage: {error}")))
}
