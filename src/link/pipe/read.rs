//! The receiving end of a pipe. Memory is touched only as data arrives, so a head that
//! promises too much costs nothing.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use bytemuck::Pod;
use rustix::buffer::spare_capacity;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, ioctl_fionread, read};
use xxhash_rust::xxh3::Xxh3;

use super::Header;
use super::format::{
    HEAD_BYTES, Head, Meta, PREFIX_BYTES, SUM_BYTES, Shape, garbage, header_length, parse_header,
};
use crate::error::{Error, Stop};
use crate::frame::{Depth, Frame, Layout, Plane, PlaneShape, Samples};
use crate::link::{Cancel, Notes, Packet, Part, Payload, Permit, Queue, Received};

/// How long a wait may oversleep a cancellation, in milliseconds.
const TICK_MS: i64 = 50;

/// Samples are read in pieces of so many bytes, which are zeroed first: small enough to stay
/// in the second-level cache in between.
const PIECE: usize = 256 << 10;

/// Reads packets from a pipe.
pub(in crate::link) struct PipeRx {
    from: Wait,
    limit: u64,
    count: u64,
    bytes: u64,
    queue: Arc<Queue>,
}

impl PipeRx {
    pub(super) fn start(
        fd: OwnedFd,
        limit: u64,
        cancel: &Cancel,
        queue: &Arc<Queue>,
    ) -> Result<(Header, Self), Stop> {
        let from = Wait { fd, cancel: cancel.clone() };
        let mut prefix = [0; PREFIX_BYTES];
        from.fill(&mut prefix)?;
        let rest = from.bytes(header_length(&prefix)? as u64 + SUM_BYTES as u64)?;
        let header = parse_header(&prefix, &rest)?;
        Ok((header, Self { from, limit, count: 0, bytes: 0, queue: Arc::clone(queue) }))
    }

    pub(in crate::link) fn recv(&mut self) -> Result<Received, Stop> {
        self.look();
        let mut bytes = [0; HEAD_BYTES];
        self.from.fill(&mut bytes)?;
        let (seq, meta, payload, sum) = match Head::parse(&bytes, self.limit)? {
            Head::Packet { seq, meta, payload, sum } => (seq, meta, payload, sum),
            Head::Last { count, ended } => {
                Head::check(&bytes, &[])?;
                if count != self.count {
                    let came = self.count;
                    return Err(garbage(&format!("ends after {came} of {count} packets")).into());
                }
                return Ok(Received::End(ended));
            }
        };
        let meta = self.from.bytes(meta.into())?;
        Head::check(&bytes, &meta)?;
        self.bytes += (HEAD_BYTES + meta.len()) as u64 + payload;
        let meta = Meta::parse(&meta, payload)?;
        let mut hash = sum.map(|_| Xxh3::new());
        let mut parts = Vec::new();
        for part in &meta.parts {
            let (key, shape) = part.shape()?;
            let payload = match shape {
                Shape::Bytes(bytes) => Payload::Bytes(self.from.bytes(bytes)?),
                Shape::Frame(layout) => Payload::Frame(Arc::new(self.from.frame(layout)?)),
            };
            if let Some(hash) = &mut hash {
                update(hash, &payload);
            }
            parts.push(Part { key, payload });
        }
        if hash.map(|hash| hash.digest()) != sum {
            return Err(garbage(&format!("has a damaged payload in packet {seq}")).into());
        }
        self.count += 1;
        let outcome = meta.error.map_or(Ok(parts), Err);
        let notes: Notes = meta.notes;
        let packet = Packet { seq, item: meta.item, outcome, notes, permit: Permit::none() };
        Ok(Received::Packet(Box::new(packet)))
    }

    /// Moves the dial: the bytes that wait, in packets of the mean size so far.
    fn look(&self) {
        let waiting = ioctl_fionread(&self.from.fd).unwrap_or(0) as f64;
        let mean = self.bytes as f64 / self.count.max(1) as f64;
        self.queue.set(if mean > 0.0 { waiting / mean } else { 0.0 });
    }
}

fn update(hash: &mut Xxh3, payload: &Payload) {
    match payload {
        Payload::Bytes(bytes) => hash.update(bytes),
        Payload::Frame(frame) => frame.bytes().into_iter().for_each(|piece| hash.update(piece)),
    }
}

/// A descriptor that is read with an eye on the cancel flag.
struct Wait {
    fd: OwnedFd,
    cancel: Cancel,
}

impl Wait {
    /// Waits until there is something to read.
    fn ready(&self) -> Result<(), Stop> {
        let tick = Timespec { tv_sec: 0, tv_nsec: TICK_MS * 1_000_000 };
        loop {
            if self.cancel.is_now() {
                return Err(Stop::Cause(self.cancel.error()));
            }
            let mut fds = [PollFd::new(&self.fd, PollFlags::IN)];
            match poll(&mut fds, Some(&tick)) {
                Ok(0) | Err(Errno::INTR) => {}
                Ok(_) => return Ok(()),
                Err(e) => return Err(failed(e)),
            }
        }
    }

    /// Fills the slice; a stream that ends before is an echo.
    fn fill(&self, mut out: &mut [u8]) -> Result<(), Stop> {
        while !out.is_empty() {
            self.ready()?;
            match read(&self.fd, &mut *out) {
                Ok(0) => return Err(Stop::Echo),
                Ok(n) => out = &mut out[n..],
                Err(Errno::INTR | Errno::AGAIN) => {}
                Err(e) => return Err(failed(e)),
            }
        }
        Ok(())
    }

    /// So many bytes, read straight into fresh memory.
    fn bytes(&self, count: u64) -> Result<Vec<u8>, Stop> {
        let count = usize::try_from(count).map_err(|_| too_large(count))?;
        let mut out: Vec<u8> = reserved(count)?;
        while out.len() < count {
            self.ready()?;
            let have = out.len();
            let got = if out.capacity() == count {
                read(&self.fd, spare_capacity(&mut out))
            } else {
                // The allocator gave more than was asked for; that room is not to be filled.
                out.resize(count.min(have + PIECE), 0);
                let got = read(&self.fd, &mut out[have..]);
                out.truncate(have + got.unwrap_or(0));
                got
            };
            match got {
                Ok(0) => return Err(Stop::Echo),
                Ok(_) | Err(Errno::INTR | Errno::AGAIN) => {}
                Err(e) => return Err(failed(e)),
            }
        }
        Ok(out)
    }

    fn frame(&self, layout: Layout) -> Result<Frame, Stop> {
        let plane = |shape: PlaneShape| {
            let count = shape.row() * shape.height;
            let samples = match layout.depth() {
                Depth::U8 => Samples::U8(self.bytes(count as u64)?),
                Depth::U10 | Depth::U16 => Samples::U16(self.samples(count)?),
                Depth::F32 => Samples::F32(self.samples(count)?),
            };
            Ok::<_, Stop>(Plane::new(samples, shape.row()))
        };
        let planes = layout.planes().map(plane).collect::<Result<_, _>>()?;
        Ok(Frame::new(layout, planes)?)
    }

    fn samples<T: Pod>(&self, count: usize) -> Result<Vec<T>, Stop> {
        let mut out = reserved(count)?;
        while out.len() < count {
            let start = out.len();
            out.resize(count.min(start + PIECE / size_of::<T>()), T::zeroed());
            self.fill(bytemuck::cast_slice_mut(&mut out[start..]))?;
        }
        Ok(out)
    }
}

/// Address space for `count` values; pages come when they are written.
fn reserved<T>(count: usize) -> Result<Vec<T>, Stop> {
    let mut out = Vec::new();
    out.try_reserve_exact(count).map_err(|_| too_large((count * size_of::<T>()) as u64))?;
    Ok(out)
}

fn too_large(bytes: u64) -> Stop {
    Error::system(format!("no memory for a packet of {bytes} bytes")).into()
}

fn failed(error: Errno) -> Stop {
    Error::system(format!("failed to read from the stage before: {error}")).into()
}
