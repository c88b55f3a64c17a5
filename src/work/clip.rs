//! The work on clips: frames in, frames out; one plan for all of them.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::filter::Dihedral;
use crate::frame::{BufferPool, Frame, Layout};
use crate::link::{Packet, Part, Payload};
use crate::plan::{Bands, Chain, Decoder, Input, Media, Plan, Shrink};
use crate::stage::Work;

/// Puts a chain on the frames of one clip. Their codecs are ffmpeg's, so this is the plan alone.
pub struct ClipWork {
    plan: Plan,
    threads: usize,
    pool: Arc<BufferPool>,
}

impl ClipWork {
    /// A work for `threads` threads on frames of this layout, turned by `orientation` before the
    /// chain. `pool` is the source's and the sink's too, so that a frame's buffers come back.
    ///
    /// # Errors
    /// `Usage` or `Input`: the chain cannot work on frames of this size.
    pub fn new(
        chain: &Chain,
        layout: Layout,
        orientation: Dihedral,
        threads: usize,
        pool: Arc<BufferPool>,
    ) -> Result<Self> {
        let decoder = Decoder::Whole;
        let input = Input { layout, orientation, icc: None, finish: None, decoder };
        // Every layout that a frame of a clip can come in is one that an encoder can take.
        let plan = Plan::new(chain, &input, &|layout| layout, Media::Video, Shrink::Off)?;
        Ok(Self { plan, threads, pool })
    }

    /// What happens to each frame.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    fn frame(&self, packet: &mut Packet, bands: Bands) -> Result<Frame> {
        let frame = take_frame(packet)?;
        let size = frame.layout().size();
        packet.notes.pixels = size.pixels();
        let done = self.plan.apply(frame, bands, &self.pool)?;
        let size = done.layout().size();
        (packet.notes.width, packet.notes.height) = (size.width, size.height);
        Ok(done)
    }
}

impl Work for ClipWork {
    fn peak(&self, _: &Packet, bands: Bands) -> Result<u64> {
        let threads = if bands == Bands::Many { self.threads } else { 1 };
        Ok(self.plan.peak_bytes(threads))
    }

    fn process(&self, mut packet: Packet, bands: Bands) -> Packet {
        packet.outcome = self.frame(&mut packet, bands).map(|frame| {
            let payload = Payload::Frame(Arc::new(frame));
            vec![Part { key: (packet.item.number, 0), payload }]
        });
        packet
    }
}

/// The frame in a packet, taken out of it. Shared by nobody else it is not copied.
fn take_frame(packet: &mut Packet) -> Result<Frame> {
    let parts = std::mem::replace(&mut packet.outcome, Ok(Vec::new()))?;
    match <[Part; 1]>::try_from(parts) {
        Ok([Part { payload: Payload::Frame(frame), .. }]) => Ok(Arc::unwrap_or_clone(frame)),
        _ => Err(Error::internal("a packet of this job is one frame")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Depth, Matrix, Model, Size, Subsampling, Ycbcr};
    use crate::link::Item;

    fn layout(depth: Depth) -> Layout {
        let model = Model::Ycbcr(Ycbcr::video(Subsampling::S420, Matrix::Bt709));
        Layout::new(Size::new(35, 21), model, depth).unwrap()
    }

    fn run(chain: &str, layout: Layout) -> Result<Frame> {
        let chain = Chain::parse(chain).unwrap();
        let pool = Arc::new(BufferPool::new(2));
        let work = ClipWork::new(&chain, layout, Dihedral::IDENTITY, 2, pool)?;
        let payload = Payload::Frame(Arc::new(Frame::zeroed(layout)));
        let part = Part { key: (1, 0), payload };
        let packet = Packet::new(7, Item::default(), Ok(vec![part]));
        assert!(work.peak(&packet, Bands::One).unwrap() >= 2 * layout.bytes());
        let mut done = work.process(packet, Bands::One);
        assert_eq!((done.seq, done.notes.pixels), (7, 35 * 21));
        take_frame(&mut done)
    }

    #[test]
    fn a_clip_keeps_its_pixel_format_whatever_the_chain() {
        for depth in [Depth::U8, Depth::U10] {
            for chain in ["", "gray", "sepia", "gblur=2,negate"] {
                let frame = run(chain, layout(depth)).unwrap();
                assert_eq!(*frame.layout(), layout(depth), "{chain}");
            }
        }
        let turned = run("rotate=90", layout(Depth::U8)).unwrap();
        assert_eq!(turned.layout().size(), Size::new(21, 35));
    }

    #[test]
    fn what_cannot_be_done_is_said_before_the_first_frame() {
        let error = run("crop=100:100", layout(Depth::U8)).unwrap_err();
        assert!(error.to_string().contains("100"), "{error}");
    }

    #[test]
    fn a_packet_without_a_frame_fails_and_does_not_panic() {
        let pool = Arc::new(BufferPool::new(1));
        let layout = layout(Depth::U8);
        let work = ClipWork::new(&Chain::default(), layout, Dihedral::IDENTITY, 1, pool).unwrap();
        let done = work.process(Packet::bytes(0, Item::default(), vec![1]), Bands::One);
        assert!(done.outcome.is_err());
    }
}
