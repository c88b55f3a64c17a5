//! The work on stills: coded bytes in, coded bytes out; decode, plan, encode.

use std::sync::Arc;
use std::time::Duration;

use super::beside::beside;
use super::plans::{Key, Plans};
use super::stopwatch::Stopwatch;
use crate::codec::{self, DecodeHint, EncodeOptions, Format, Header, Limits, Means};
use crate::error::{Error, Result};
use crate::event::Loss;
use crate::frame::{BufferPool, Layout};
use crate::link::{Packet, Part, Payload};
use crate::plan::{Bands, Chain, Decoder, Input, Media, Plan, Shrink};
use crate::stage::Work;

/// How stills are worked on, beside the chain.
#[derive(Clone, Debug)]
pub struct StillOptions {
    /// How outputs are written.
    pub encode: EncodeOptions,
    /// What an input may ask for, and the chain on its way.
    pub limits: Limits,
    /// Whether a reduction may begin in the decoder.
    pub shrink: Shrink,
    /// How long one picture may be computed; looked at between passes. `None` is no limit.
    pub timeout: Option<Duration>,
}

/// Buffers that a thread has in use at most: the planes of a frame, and of what is made of it.
const FRAME_BUFFERS: usize = 2 * 3;

/// Puts a chain on coded pictures. Needs no file and no network.
pub struct StillWork {
    chain: Chain,
    options: StillOptions,
    plans: Plans,
    pool: BufferPool,
    threads: usize,
}

impl StillWork {
    /// A work for a pool of `threads` threads.
    pub fn new(chain: Chain, options: StillOptions, threads: usize) -> Self {
        let (plans, pool) = (Plans::default(), BufferPool::new(FRAME_BUFFERS * threads));
        Self { chain, options, plans, pool, threads }
    }

    /// What a coded picture is, and what will be done to it.
    ///
    /// # Errors
    /// It is no picture that we read, it is over the limits, or the chain cannot work on it.
    pub fn plan(&self, bytes: &[u8]) -> Result<(Header, Arc<Plan>)> {
        let header = codec::probe(bytes, &self.options.limits)?;
        let plan = self.plans.get(Key::of(&header), || self.make(&header))?;
        Ok((header, plan))
    }

    /// The most bytes that a picture of `coded` bytes holds at once, those included. `head` is the
    /// file, or as much of it as `header` was read from.
    pub fn peak_bytes(
        &self,
        (head, coded): (&[u8], u64),
        header: &Header,
        plan: &Plan,
        bands: Bands<'_>,
    ) -> u64 {
        let threads = bands.most_threads(self.threads);
        // The decoder's frame is the plan's input; each is counted once.
        let decoder =
            codec::decoded_peak(head, coded, header).saturating_sub(header.layout.bytes());
        coded
            + decoder
            + plan.peak_bytes(threads)
            + codec::encode_bound(self.format(header), plan.output())
    }

    fn format(&self, header: &Header) -> Format {
        self.options.encode.format.unwrap_or(header.format)
    }

    fn make(&self, header: &Header) -> Result<Plan> {
        let format = self.format(header);
        let decoder = if header.format == Format::Jpeg { Decoder::Scaling } else { Decoder::Whole };
        let input = Input {
            layout: header.layout,
            orientation: header.orientation,
            icc: header.icc.as_deref(),
            finish: codec::curve_between(header.format, format),
            decoder,
        };
        let fit = |layout: Layout| codec::fit(format, layout, &self.options.encode);
        let plan = Plan::new(&self.chain, &input, &fit, Media::Still, self.options.shrink)?;
        codec::check_size(format, plan.output().size())?;
        let (largest, most) = (plan.largest(), self.options.limits.max_pixels);
        if largest.pixels() > most {
            let pixels = largest.pixels();
            let message =
                format!("the chain makes {largest}, {pixels} pixels (--max-pixels {most})");
            return Err(Error::input(message));
        }
        Ok(plan)
    }

    fn picture(&self, packet: &mut Packet, bands: Bands<'_>) -> Result<Vec<u8>> {
        let watch = Stopwatch::start();
        let bytes = take_bytes(packet)?;
        let (header, plan) = self.plan(&bytes)?;
        let notes = &mut packet.notes;
        notes.pixels = header.layout.size().pixels();
        let hint = plan.hint();
        let hint = DecodeHint { luma_only: hint.luma_only, shrink: hint.shrink, bands };
        let still = codec::decode_owned(bytes, &header, hint, &self.pool)?;
        self.in_time(&watch)?;
        let frame = plan.apply(still.frame, bands, &self.pool)?;
        self.in_time(&watch)?;
        let metadata = beside(plan.profile(), plan.swaps_axes(), still.metadata);
        let size = plan.output().size();
        (notes.width, notes.height) = (size.width, size.height);
        notes.format = Some(self.format(&header).extension().to_owned());
        let encode = &self.options.encode;
        let encoded =
            codec::encode(frame, &metadata, &header, encode, Means { pool: &self.pool, bands })?;
        notes.losses = losses(&header, *plan.output(), encoded.losses);
        Ok(encoded.bytes)
    }

    fn in_time(&self, watch: &Stopwatch) -> Result<()> {
        match self.options.timeout {
            Some(limit) if watch.elapsed() > limit => {
                Err(Error::input(format!("took longer than {} s (--timeout)", limit.as_secs_f64())))
            }
            _ => Ok(()),
        }
    }
}

impl Work for StillWork {
    fn peak(&self, packet: &Packet, bands: Bands<'_>) -> Result<u64> {
        let bytes = bytes(packet)?;
        let (header, plan) = self.plan(bytes)?;
        Ok(self.peak_bytes((bytes, bytes.len() as u64), &header, &plan, bands))
    }

    fn process(&self, _: usize, mut packet: Packet, bands: Bands<'_>) -> Packet {
        packet.outcome = self.picture(&mut packet, bands).map(|bytes| {
            vec![Part { key: (packet.item.number, 0), payload: Payload::Bytes(bytes) }]
        });
        packet
    }

    fn rest(&self) {
        self.pool.clear();
    }
}

/// The coded picture in a packet.
fn bytes(packet: &Packet) -> Result<&[u8]> {
    match packet.outcome.as_deref() {
        Ok([Part { payload: Payload::Bytes(bytes), .. }]) => Ok(bytes),
        Ok(_) => Err(not_one_file()),
        Err(error) => Err(error.clone()),
    }
}

/// The coded picture, taken out of its packet, so that it can go before the output is made.
fn take_bytes(packet: &mut Packet) -> Result<Vec<u8>> {
    let parts = std::mem::replace(&mut packet.outcome, Ok(Vec::new()))?;
    match <[Part; 1]>::try_from(parts) {
        Ok([Part { payload: Payload::Bytes(bytes), .. }]) => Ok(bytes),
        _ => Err(not_one_file()),
    }
}

fn not_one_file() -> Error {
    Error::internal("a packet of this job is one coded file")
}

/// What was lost in reading, between the layouts and in writing, each kind once.
pub(super) fn losses(header: &Header, output: Layout, written: Vec<Loss>) -> Vec<Loss> {
    let mut all = header.losses.clone();
    all.extend(codec::fit_losses(header.layout, output));
    all.extend(written);
    all.sort_unstable();
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Metadata;
    use crate::codec::{Density, DensityUnit};
    use crate::frame::{Depth, Frame, Model, Size};
    use crate::link::Item;

    fn options(encode: EncodeOptions) -> StillOptions {
        let limits = Limits { max_pixels: 1_000_000 };
        StillOptions { encode, limits, shrink: Shrink::Auto, timeout: None }
    }

    fn png(model: Model, depth: Depth) -> Vec<u8> {
        let layout = Layout::new(Size::new(37, 21), model, depth).unwrap();
        let mut frame = Frame::zeroed(layout);
        for (i, v) in frame.planes_mut()[0].data_mut::<u8>().unwrap().iter_mut().enumerate() {
            *v = (i * 7 % 256) as u8;
        }
        let header = Header {
            format: Format::Png,
            layout,
            orientation: crate::filter::Dihedral::IDENTITY,
            icc: None,
            losses: Vec::new(),
        };
        let pool = BufferPool::new(1);
        let options = EncodeOptions::default();
        codec::encode(frame, &Metadata::default(), &header, &options, Means::alone(&pool))
            .unwrap()
            .bytes
    }

    fn run(work: &StillWork, bytes: Vec<u8>) -> Packet {
        let packet = Packet::bytes(0, Item::default(), bytes);
        match work.peak(&packet, Bands::One) {
            Ok(peak) => assert!(peak > 0),
            Err(error) => return Packet::failed(0, Item::default(), error),
        }
        work.process(0, packet, Bands::One)
    }

    fn coded(packet: Packet) -> Vec<u8> {
        take_bytes(&mut { packet }).unwrap()
    }

    #[test]
    fn a_picture_changes_format_and_says_what_is_lost() {
        let encode = EncodeOptions { format: Some(Format::Jpeg), ..EncodeOptions::default() };
        let work = StillWork::new(Chain::default(), options(encode), 1);
        let done = run(&work, png(Model::Rgba, Depth::U8));
        assert_eq!(done.notes.format.as_deref(), Some("jpg"));
        assert_eq!((done.notes.width, done.notes.height, done.notes.pixels), (37, 21, 777));
        assert_eq!(done.notes.losses, [Loss::Alpha]);
        let bytes = coded(done);
        assert_eq!(codec::sniff(&bytes), Some(Format::Jpeg));
    }

    #[test]
    fn a_grey_chain_never_decodes_chroma() {
        let jpeg = EncodeOptions { format: Some(Format::Jpeg), ..EncodeOptions::default() };
        let first = StillWork::new(Chain::default(), options(jpeg), 1);
        let picture = coded(run(&first, png(Model::Rgb, Depth::U8)));
        let chain = Chain::parse("eq=contrast=1.2,gray,gamma=1.4").unwrap();
        let work = StillWork::new(chain, options(EncodeOptions::default()), 1);
        let (_, plan) = work.plan(&picture).unwrap();
        assert!(plan.hint().luma_only, "{:?}", plan.explain());
        let gray = coded(run(&work, picture));
        let header = codec::probe(&gray, &Limits { max_pixels: 1_000_000 }).unwrap();
        assert_eq!(header.layout.model(), Model::Gray);
    }

    #[test]
    fn a_reduction_begins_in_the_decoder_only_where_it_may() {
        let jpeg = EncodeOptions { format: Some(Format::Jpeg), ..EncodeOptions::default() };
        let first = StillWork::new(Chain::default(), options(jpeg), 1);
        let picture = coded(run(&first, png(Model::Rgb, Depth::U8)));
        for (chain, shrink) in [("resize=4:2", 4), ("resize=9:5", 2), ("resize=19:11", 1)] {
            let work =
                StillWork::new(Chain::parse(chain).unwrap(), options(EncodeOptions::default()), 1);
            assert_eq!(work.plan(&picture).unwrap().1.hint().shrink, shrink, "{chain}");
        }
        let off = StillOptions { shrink: Shrink::Off, ..options(EncodeOptions::default()) };
        let work = StillWork::new(Chain::parse("resize=4:2").unwrap(), off, 1);
        assert_eq!(work.plan(&picture).unwrap().1.hint().shrink, 1);
    }

    #[test]
    fn a_chain_that_makes_too_much_is_refused() {
        let encode = EncodeOptions::default();
        for chain in ["resize=60000:60000", "resize=1200:1000,crop=1:1", "pad=60000:60000"] {
            let work = StillWork::new(Chain::parse(chain).unwrap(), options(encode.clone()), 1);
            let error = work.plan(&png(Model::Rgb, Depth::U8)).err().expect(chain);
            assert!(error.to_string().contains("--max-pixels"), "{chain}: {error}");
        }
    }

    #[test]
    fn what_the_output_cannot_hold_is_refused_before_it_is_made() {
        for (format, chain, most) in [
            (Format::WebP, "resize=16384:10", 16_383),
            (Format::WebP, "rotate=90,resize=10:16384", 16_383),
            (Format::Jpeg, "resize=1:65501", 65_500),
        ] {
            let encode = EncodeOptions { format: Some(format), ..EncodeOptions::default() };
            let work = StillWork::new(Chain::parse(chain).unwrap(), options(encode), 1);
            let error = work.plan(&png(Model::Rgb, Depth::U8)).err().expect(chain).to_string();
            for part in [format.name(), &most.to_string(), &(most + 1).to_string(), "--format"] {
                assert!(error.contains(part), "{chain}: {error}");
            }
            let fits = chain.replace(&(most + 1).to_string(), &most.to_string());
            let encode = EncodeOptions { format: Some(format), ..EncodeOptions::default() };
            let work = StillWork::new(Chain::parse(&fits).unwrap(), options(encode), 1);
            assert!(work.plan(&png(Model::Rgb, Depth::U8)).is_ok(), "{fits}");
        }
    }

    /// A picture whose pixels are twice as dense along its rows, in JPEG also by its EXIF.
    fn dense(format: Format) -> Vec<u8> {
        let options = EncodeOptions { format: Some(format), ..EncodeOptions::default() };
        let picture = png(Model::Rgb, Depth::U8);
        let limits = Limits::default();
        let pool = BufferPool::new(1);
        let header = codec::probe(&picture, &limits).unwrap();
        let still = codec::decode(&picture, &header, DecodeHint::FULL, &pool).unwrap();
        let chain = Plan::new(
            &Chain::default(),
            &Input {
                layout: header.layout,
                orientation: header.orientation,
                icc: None,
                finish: None,
                decoder: Decoder::Whole,
            },
            &|layout| codec::fit(format, layout, &options),
            Media::Still,
            Shrink::Off,
        );
        let frame = chain.unwrap().apply(still.frame, Bands::One, &pool).unwrap();
        // Three entries from 10 on: orientation 1, then both resolutions, 300 and 150.
        let mut exif = b"II*\0\x08\0\0\0\x03\0".to_vec();
        exif.extend(b"\x12\x01\x03\0\x01\0\0\0\x01\0\0\0");
        exif.extend(b"\x1a\x01\x05\0\x01\0\0\0\x32\0\0\0\x1b\x01\x05\0\x01\0\0\0\x3a\0\0\0");
        exif.extend(b"\0\0\0\0\x2c\x01\0\0\x01\0\0\0\x96\0\0\0\x01\0\0\0");
        let density = Some(Density { x: 300.0, y: 150.0, unit: DensityUnit::Inch });
        let metadata = Metadata { density, exif: Some(exif), ..Metadata::default() };
        codec::encode(frame, &metadata, &header, &options, Means::alone(&pool)).unwrap().bytes
    }

    #[test]
    fn density_is_turned_with_the_picture() {
        let upright = [300.0, 150.0];
        for (chain, format, want) in [
            ("", Format::Tiff, upright),
            ("rotate=180,hflip", Format::Jpeg, upright),
            ("rotate=90,transpose", Format::Png, upright),
            ("transpose", Format::Jpeg, [150.0, 300.0]),
            ("resize=9:9,rotate=90", Format::Jpeg, [150.0, 300.0]),
            ("transpose", Format::Png, [150.0, 300.0]),
            ("transpose", Format::Tiff, [150.0, 300.0]),
            ("transpose", Format::Bmp, [150.0, 300.0]),
        ] {
            let work =
                StillWork::new(Chain::parse(chain).unwrap(), options(EncodeOptions::default()), 1);
            let density = density(&coded(run(&work, dense(format))));
            assert_eq!(density, want, "{chain} on {}", format.name());
        }
    }

    #[test]
    fn an_orientation_turns_the_density_in_exif_too() {
        let mut picture = dense(Format::Jpeg);
        let entry = b"\x12\x01\x03\0\x01\0\0\0\x01";
        let at = picture.windows(entry.len()).position(|bytes| bytes == entry).unwrap();
        picture[at + entry.len() - 1] = 6;
        let work = StillWork::new(Chain::default(), options(EncodeOptions::default()), 1);
        let turned = coded(run(&work, picture));
        assert_eq!(density(&turned), [150.0, 300.0]);
        let still = decoded(&turned);
        let exif = codec::exif::density(still.metadata.exif.as_deref().unwrap()).unwrap();
        assert_eq!([exif.x, exif.y], [150.0, 300.0]);
    }

    fn decoded(picture: &[u8]) -> codec::Still {
        let header = codec::probe(picture, &Limits::default()).unwrap();
        codec::decode(picture, &header, DecodeHint::FULL, &BufferPool::new(1)).unwrap()
    }

    /// Pixels per inch along rows and along columns, to the nearest whole one.
    fn density(picture: &[u8]) -> [f64; 2] {
        let density = decoded(picture).metadata.density.unwrap();
        assert_eq!(density.unit, DensityUnit::Inch);
        [density.x.round(), density.y.round()]
    }

    #[test]
    fn what_is_no_picture_or_too_slow_fails_with_its_reason() {
        let work = StillWork::new(Chain::default(), options(EncodeOptions::default()), 1);
        assert!(run(&work, b"not a picture".to_vec()).outcome.is_err());
        let hurried =
            StillOptions { timeout: Some(Duration::ZERO), ..options(EncodeOptions::default()) };
        let work = StillWork::new(Chain::default(), hurried, 1);
        let error = run(&work, png(Model::Rgb, Depth::U8)).outcome.unwrap_err();
        assert!(error.to_string().contains("--timeout"), "{error}");
    }
}
