//! The work on clips: frames in, frames out; one plan for all of them. Where frames are picture
//! files they are decoded and encoded here, side by side.

use std::sync::Arc;

use super::beside::beside;
use crate::codec::{self, DecodeHint, EncodeOptions, Format, Header, Limits, Metadata};
use crate::error::{Error, Result};
use crate::filter::Dihedral;
use crate::frame::{BufferPool, Layout};
use crate::link::{Packet, Part, Payload};
use crate::plan::{Bands, Chain, Decoder, Input, Media, Plan, Shrink};
use crate::stage::Work;

/// Puts a chain on the frames of one clip.
pub struct ClipWork {
    plan: Plan,
    /// What each frame is, if frames come as picture files.
    decode: Option<(Header, Limits)>,
    /// How each frame is coded, if frames leave as picture files; what is beside their pixels.
    encode: Option<(EncodeOptions, Header)>,
    threads: usize,
    pool: Arc<BufferPool>,
}

/// Frames as they come.
#[derive(Clone, Debug)]
pub struct Incoming {
    /// What each is.
    pub layout: Layout,
    /// What turns it upright.
    pub orientation: Dihedral,
    /// The pictures that they are, if they are; frames of a clip are none.
    pub stills: Option<Pictures>,
}

/// Picture files, or pictures that were in one.
#[derive(Clone, Debug)]
pub struct Pictures {
    /// The format.
    pub format: Format,
    /// Their colour profile.
    pub icc: Option<Vec<u8>>,
    /// What a file may ask for, if files come; nothing if frames do.
    pub files: Option<Limits>,
}

/// Frames as they leave.
pub enum Outgoing<'a> {
    /// As frames, in the layout that this makes of the chain's.
    Frames(&'a dyn Fn(Layout) -> Layout),
    /// As picture files; the format is set.
    Files(EncodeOptions, Format),
}

impl ClipWork {
    /// A work for `threads` threads. `pool` is the source's and the sink's too, so that a frame's
    /// buffers come back.
    ///
    /// # Errors
    /// `Usage` or `Input`: the chain cannot work on frames of this size, or the format of the
    /// files cannot hold the result.
    pub fn new(
        chain: &Chain,
        incoming: &Incoming,
        outgoing: &Outgoing<'_>,
        threads: usize,
        pool: Arc<BufferPool>,
    ) -> Result<Self> {
        let Incoming { layout, orientation, stills } = incoming;
        // A clip's codes are meant for a display, as those of a PNG are.
        let from = stills.as_ref().map_or(Format::Png, |stills| stills.format);
        let to = match outgoing {
            Outgoing::Frames(_) => Format::Png,
            Outgoing::Files(_, format) => *format,
        };
        let input = Input {
            layout: *layout,
            orientation: *orientation,
            icc: stills.as_ref().and_then(|stills| stills.icc.as_deref()),
            finish: codec::curve_between(from, to),
            // Luma alone would be another layout than the first frame's.
            decoder: Decoder::Whole,
        };
        let fit = |layout: Layout| match outgoing {
            Outgoing::Frames(fit) => fit(layout),
            Outgoing::Files(options, format) => codec::fit(*format, layout, options),
        };
        let plan = Plan::new(chain, &input, &fit, Media::Video, Shrink::Off)?;
        let header = |format, layout| Header {
            format,
            layout,
            orientation: *orientation,
            icc: stills.as_ref().and_then(|stills| stills.icc.clone()),
            losses: Vec::new(),
        };
        let encode = match outgoing {
            Outgoing::Frames(_) => None,
            Outgoing::Files(options, format) => {
                codec::check_size(*format, plan.output().size())?;
                let options = EncodeOptions { format: Some(*format), ..options.clone() };
                Some((options, header(from, *layout)))
            }
        };
        let limits = stills.as_ref().and_then(|stills| stills.files.clone());
        let decode = limits.map(|limits| (header(from, *layout), limits));
        Ok(Self { plan, decode, encode, threads, pool })
    }

    /// What happens to each frame.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The most bytes that a frame holds at once, without those of its file.
    pub fn peak_bytes(&self, threads: usize) -> u64 {
        let encoder = self.encode.as_ref().and_then(|(options, _)| options.format);
        let encoder = encoder.map_or(0, |format| codec::encode_bound(format, self.plan.output()));
        self.plan.peak_bytes(threads) + encoder
    }

    fn done(&self, packet: &mut Packet, bands: Bands) -> Result<Payload> {
        let (frame, metadata) = match (take(packet)?, &self.decode) {
            (Payload::Frame(frame), None) => (Arc::unwrap_or_clone(frame), None),
            (Payload::Bytes(bytes), Some((first, limits))) => {
                let still = decoded(&bytes, first, limits, &self.pool)?;
                (still.frame, Some(still.metadata))
            }
            _ => return Err(Error::internal("a frame came in another form than was said")),
        };
        packet.notes.pixels = frame.layout().size().pixels();
        let done = self.plan.apply(frame, bands, &self.pool)?;
        let size = done.layout().size();
        (packet.notes.width, packet.notes.height) = (size.width, size.height);
        let Some((options, source)) = &self.encode else {
            return Ok(Payload::Frame(Arc::new(done)));
        };
        let metadata =
            metadata.unwrap_or_else(|| Metadata { icc: source.icc.clone(), ..Metadata::default() });
        let metadata = beside(&self.plan, metadata);
        let encoded = codec::encode(done, &metadata, source, options, &self.pool)?;
        packet.notes.losses = encoded.losses;
        Ok(Payload::Bytes(encoded.bytes))
    }
}

impl Work for ClipWork {
    fn peak(&self, packet: &Packet, bands: Bands) -> Result<u64> {
        let threads = if bands == Bands::Many { self.threads } else { 1 };
        let coded = match packet.outcome.as_deref() {
            Ok([Part { payload: Payload::Bytes(bytes), .. }]) => {
                let header = self.decode.as_ref().map(|(header, _)| header);
                let decoder = header.map_or(0, |h| codec::decoded_peak(bytes, h));
                bytes.len() as u64 + decoder
            }
            _ => 0,
        };
        Ok(coded + self.peak_bytes(threads))
    }

    fn process(&self, _: usize, mut packet: Packet, bands: Bands) -> Packet {
        packet.outcome = self
            .done(&mut packet, bands)
            .map(|payload| vec![Part { key: (packet.item.number, 0), payload }]);
        packet
    }
}

/// The picture in a file, which has to be like the first one.
fn decoded(
    bytes: &[u8],
    first: &Header,
    limits: &Limits,
    pool: &BufferPool,
) -> Result<codec::Still> {
    let header = codec::probe(bytes, limits)?;
    if (header.layout, header.orientation) != (first.layout, first.orientation) {
        let (is, was) = (header.layout, first.layout);
        let turned = if is == was { ", turned another way" } else { "" };
        return Err(Error::input(format!(
            "it is {is}{turned}, where the first of the sequence is {was}; all have to be alike"
        )));
    }
    codec::decode(bytes, &header, DecodeHint::FULL, pool)
}

/// The one payload in a packet, taken out of it.
fn take(packet: &mut Packet) -> Result<Payload> {
    let parts = std::mem::replace(&mut packet.outcome, Ok(Vec::new()))?;
    match <[Part; 1]>::try_from(parts) {
        Ok([part]) => Ok(part.payload),
        Err(_) => Err(Error::internal("a packet of this job is one frame")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Depth, Frame, Matrix, Model, Size, Subsampling, Ycbcr};
    use crate::link::Item;

    fn layout(depth: Depth) -> Layout {
        let model = Model::Ycbcr(Ycbcr::video(Subsampling::S420, Matrix::Bt709));
        Layout::new(Size::new(35, 21), model, depth).unwrap()
    }

    fn run(chain: &str, layout: Layout) -> Result<Frame> {
        let chain = Chain::parse(chain).unwrap();
        let pool = Arc::new(BufferPool::new(2));
        let work = work(&chain, layout, 2, pool)?;
        let payload = Payload::Frame(Arc::new(Frame::zeroed(layout)));
        let part = Part { key: (1, 0), payload };
        let packet = Packet::new(7, Item::default(), Ok(vec![part]));
        assert!(work.peak(&packet, Bands::One).unwrap() >= 2 * layout.bytes());
        let mut done = work.process(0, packet, Bands::One);
        assert_eq!((done.seq, done.notes.pixels), (7, 35 * 21));
        match take(&mut done)? {
            Payload::Frame(frame) => Ok(Arc::unwrap_or_clone(frame)),
            Payload::Bytes(_) => panic!("bytes"),
        }
    }

    fn work(
        chain: &Chain,
        layout: Layout,
        threads: usize,
        pool: Arc<BufferPool>,
    ) -> Result<ClipWork> {
        let incoming = Incoming { layout, orientation: Dihedral::IDENTITY, stills: None };
        ClipWork::new(chain, &incoming, &Outgoing::Frames(&|layout| layout), threads, pool)
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
        let work = work(&Chain::default(), layout, 1, pool).unwrap();
        let done = work.process(0, Packet::bytes(0, Item::default(), vec![1]), Bands::One);
        assert!(done.outcome.is_err());
    }
    #[test]
    fn files_are_decoded_and_coded_and_have_to_be_alike() {
        let pool = Arc::new(BufferPool::new(4));
        let png = |width, model| {
            let layout = Layout::new(Size::new(width, 21), model, Depth::U8).unwrap();
            let header = Header {
                format: Format::Png,
                layout,
                orientation: Dihedral::IDENTITY,
                icc: None,
                losses: vec![],
            };
            let (metadata, options) = (Metadata::default(), EncodeOptions::default());
            codec::encode(Frame::zeroed(layout), &metadata, &header, &options, &pool).unwrap().bytes
        };
        let limits = Limits { max_pixels: 10_000 };
        let first = codec::probe(&png(35, Model::Rgb), &limits).unwrap();
        let pictures = Pictures { format: Format::Png, icc: None, files: Some(limits) };
        let (layout, orientation) = (first.layout, Dihedral::IDENTITY);
        let incoming = Incoming { layout, orientation, stills: Some(pictures) };
        let outgoing = Outgoing::Files(EncodeOptions::default(), Format::Qoi);
        let chain = Chain::parse("negate").unwrap();
        let work = ClipWork::new(&chain, &incoming, &outgoing, 1, pool.clone()).unwrap();
        let run = |bytes| work.process(0, Packet::bytes(0, Item::default(), bytes), Bands::One);
        let mut done = run(png(35, Model::Rgb));
        let Payload::Bytes(bytes) = take(&mut done).unwrap() else { panic!("a frame") };
        let header = codec::probe(&bytes, &Limits { max_pixels: 10_000 }).unwrap();
        assert_eq!(header.format, Format::Qoi);
        let still = codec::decode(&bytes, &header, DecodeHint::FULL, &pool).unwrap();
        assert!(still.frame.bytes()[0].iter().all(|byte| *byte == 255));
        for other in [png(36, Model::Rgb), png(35, Model::Rgba)] {
            let error = run(other).outcome.unwrap_err().to_string();
            assert!(error.contains("35x21") && error.contains("alike"), "{error}");
        }
    }
}
