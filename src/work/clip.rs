//! The work on clips: frames in, frames out; one plan for all of them. Where frames are picture
//! files they are decoded and encoded here, side by side.

use std::ops::Range;
use std::sync::{Arc, Mutex};

use super::beside::beside;
use super::still::losses;
use crate::codec::{self, DecodeHint, EncodeOptions, Format, Header, Limits, Means, Metadata};
use crate::error::{Error, Result};
use crate::filter::Dihedral;
use crate::frame::{BufferPool, Frame, Layout};
use crate::link::{Packet, Part, Payload};
use crate::plan::{Bands, Chain, Decoder, Input, Media, Score, Shrink, State, Step};
use crate::stage::{Needs, Serial, Work};

/// Puts a chain on the frames of one clip.
pub struct ClipWork {
    score: Score,
    steps: Vec<WorkStep>,
    needs: Vec<Needs>,
    /// What each frame is, if frames come as picture files.
    decode: Option<(Header, Limits)>,
    /// How each frame is coded, if frames leave as picture files; what is beside their pixels.
    encode: Option<(EncodeOptions, Header)>,
    threads: usize,
    pool: Arc<BufferPool>,
}

/// One step of the work: some of the score's that need not wait for other frames in between.
struct WorkStep {
    /// Which of them; none where frames are only decoded or coded.
    score: Range<usize>,
    /// What a filter over time carries; only one frame at a time is at such a step.
    state: Option<Mutex<State>>,
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
        let score = Score::new(chain, &input, &fit, Media::Video, Shrink::Off)?;
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
                codec::check_size(*format, score.output().size())?;
                let options = EncodeOptions { format: Some(*format), ..options.clone() };
                Some((options, header(from, *layout)))
            }
        };
        let limits = stills.as_ref().and_then(|stills| stills.files);
        let decode = limits.map(|limits| (header(from, *layout), limits));
        let steps = steps(score.steps(), decode.is_some(), encode.is_some());
        let needs = steps.iter().map(|step| step.needs(&score)).collect();
        Ok(Self { score, steps, needs, decode, encode, threads, pool })
    }

    /// What happens to each frame.
    pub fn score(&self) -> &Score {
        &self.score
    }

    /// The most bytes that a frame holds at once, without those of its file.
    pub fn peak_bytes(&self, threads: usize) -> u64 {
        let encoder = self.encode.as_ref().and_then(|(options, _)| options.format);
        let encoder = encoder.map_or(0, |format| codec::encode_bound(format, self.score.output()));
        self.score.peak_bytes(threads) + encoder
    }

    /// A step on what is in a packet.
    fn done(&self, step: usize, packet: &mut Packet, bands: Bands<'_>) -> Result<Payload> {
        let parts = std::mem::replace(&mut packet.outcome, Ok(Vec::new()))?;
        let Some(WorkStep { score, state }) = self.steps.get(step) else {
            return Err(Error::internal(format!("there is no step {step}")));
        };
        let mut frames = Vec::with_capacity(parts.len());
        let mut beside = None;
        for part in parts {
            frames.push(match (part.payload, &self.decode) {
                (Payload::Frame(frame), _) => frame,
                (Payload::Bytes(bytes), Some((first, limits))) => {
                    let still = decoded(&bytes, first, limits, (bands, &self.pool))?;
                    beside = Some(still.metadata);
                    Arc::new(still.frame)
                }
                (Payload::Bytes(_), None) => return Err(other_form()),
            });
        }
        if step == 0 {
            packet.notes.pixels = self.score.input().size().pixels();
        }
        for step in &self.score.steps()[score.clone()] {
            let done = match step {
                Step::Frame(plan) => plan.apply(one(frames)?, bands, &self.pool)?,
                Step::Window(window) => {
                    let all: Vec<&Frame> = frames.iter().map(|frame| &**frame).collect();
                    window.apply(&all, bands, &self.pool)?
                }
                Step::Carried(carried) => {
                    let state = state.as_ref().and_then(|state| state.try_lock().ok());
                    // The runner has one frame at a time at this step, so it is always free.
                    let mut state = state.ok_or_else(|| Error::internal("a state is in use"))?;
                    carried.apply(&mut state, one(frames)?, bands)?
                }
            };
            frames = vec![Arc::new(done)];
        }
        let last = step + 1 == self.steps.len();
        match &self.encode {
            Some((options, source)) if last => {
                // What stands beside the pixels of a file does not wait with its frame for others:
                // of such chains the profile alone stays.
                let own = || Metadata { icc: source.icc.clone(), ..Metadata::default() };
                let metadata = beside.unwrap_or_else(own);
                self.coded(one(frames)?, metadata, (options, source, bands), packet)
                    .map(Payload::Bytes)
            }
            _ => {
                let frame = single(frames)?;
                let size = frame.layout().size();
                (packet.notes.width, packet.notes.height) = (size.width, size.height);
                Ok(Payload::Frame(frame))
            }
        }
    }

    /// A frame as a picture file.
    fn coded(
        &self,
        frame: Frame,
        metadata: Metadata,
        (options, source, bands): (&EncodeOptions, &Header, Bands<'_>),
        packet: &mut Packet,
    ) -> Result<Vec<u8>> {
        let size = frame.layout().size();
        (packet.notes.width, packet.notes.height) = (size.width, size.height);
        let metadata = beside(self.score.profile(), self.score.swaps_axes(), metadata);
        let means = Means { pool: &self.pool, bands };
        let encoded = codec::encode(frame, &metadata, source, options, means)?;
        packet.notes.losses = losses(source, *self.score.output(), encoded.losses);
        Ok(encoded.bytes)
    }
}

impl WorkStep {
    fn needs(&self, score: &Score) -> Needs {
        match score.steps().get(self.score.clone()).and_then(<[Step]>::first) {
            Some(Step::Window(window)) => {
                let (before, after) = (window.before(), window.after());
                Needs { before, after, ..Needs::NOTHING }
            }
            Some(Step::Carried(_)) => Needs { state: Serial::Carried, ..Needs::NOTHING },
            Some(Step::Frame(_)) | None => Needs::NOTHING,
        }
    }
}

/// The steps of a score in as few steps of a work as can be: a window waits for frames that are
/// done up to it, and what is carried is carried by one frame at a time and by nothing else.
fn steps(score: &[Step], decode: bool, encode: bool) -> Vec<WorkStep> {
    let mut steps: Vec<WorkStep> = Vec::new();
    let nothing = |at| WorkStep { score: at..at, state: None };
    if decode && !matches!(score.first(), Some(Step::Frame(_))) {
        steps.push(nothing(0));
    }
    for (at, step) in score.iter().enumerate() {
        match (step, steps.last_mut()) {
            (Step::Frame(_), Some(before)) if before.state.is_none() => before.score.end = at + 1,
            (Step::Carried(carried), _) => {
                let state = Some(Mutex::new(carried.state()));
                steps.push(WorkStep { score: at..at + 1, state });
            }
            _ => steps.push(WorkStep { score: at..at + 1, state: None }),
        }
    }
    if encode && steps.last().is_none_or(|step| step.state.is_some()) {
        steps.push(nothing(score.len()));
    }
    steps
}

impl Work for ClipWork {
    fn needs(&self) -> &[Needs] {
        &self.needs
    }

    fn peak(&self, packet: &Packet, bands: Bands<'_>) -> Result<u64> {
        let threads = bands.most_threads(self.threads);
        let coded = match packet.outcome.as_deref() {
            Ok([Part { payload: Payload::Bytes(bytes), .. }]) => {
                let header = self.decode.as_ref().map(|(header, _)| header);
                let decoder =
                    header.map_or(0, |h| codec::decoded_peak(bytes, bytes.len() as u64, h));
                bytes.len() as u64 + decoder
            }
            _ => 0,
        };
        Ok(coded + self.peak_bytes(threads))
    }

    fn process(&self, step: usize, mut packet: Packet, bands: Bands<'_>) -> Packet {
        packet.outcome = self
            .done(step, &mut packet, bands)
            .map(|payload| vec![Part { key: (packet.item.number, 0), payload }]);
        packet
    }
}

/// The picture in a file, as a frame like all of them.
fn decoded(
    bytes: &[u8],
    all: &Header,
    limits: &Limits,
    (bands, pool): (Bands<'_>, &BufferPool),
) -> Result<codec::Still> {
    let header = codec::probe(bytes, limits)?;
    let fits = header.layout.common(&all.layout) == Some(all.layout);
    if !fits || header.orientation != all.orientation {
        let (is, was) = (header.layout, all.layout);
        let turned = if fits { ", turned another way" } else { "" };
        return Err(Error::input(format!(
            "it is {is}{turned}, where the sequence is {was}; all have to be alike"
        )));
    }
    let still = codec::decode(bytes, &header, DecodeHint::FULL, pool)?;
    if header.layout == all.layout {
        return Ok(still);
    }
    let input = Input {
        layout: header.layout,
        orientation: Dihedral::IDENTITY,
        icc: None,
        finish: codec::curve_between(header.format, header.format),
        decoder: Decoder::Whole,
    };
    // Such pictures are few: programs write a black frame in grey.
    let fit = |_| all.layout;
    let score = Score::new(&Chain::default(), &input, &fit, Media::Video, Shrink::Off)?;
    let frame = score.steps().iter().try_fold(still.frame, |frame, step| match step {
        Step::Frame(plan) => plan.apply(frame, bands, pool),
        Step::Window(_) | Step::Carried(_) => Err(Error::internal("no chain is over time")),
    })?;
    Ok(codec::Still { frame, ..still })
}

/// The one frame of a step that has no window.
fn single(frames: Vec<Arc<Frame>>) -> Result<Arc<Frame>> {
    match <[Arc<Frame>; 1]>::try_from(frames) {
        Ok([frame]) => Ok(frame),
        Err(_) => Err(Error::internal("a packet of this step is one frame")),
    }
}

/// The same, to be changed; copied only where windows share it.
fn one(frames: Vec<Arc<Frame>>) -> Result<Frame> {
    single(frames).map(Arc::unwrap_or_clone)
}

fn other_form() -> Error {
    Error::internal("a frame came in another form than was said")
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
        let work = work(&chain, layout, 2, pool)?;
        let payload = Payload::Frame(Arc::new(Frame::zeroed(layout)));
        let part = Part { key: (1, 0), payload };
        let packet = Packet::new(7, Item::default(), Ok(vec![part]));
        assert!(work.peak(&packet, Bands::One).unwrap() >= layout.bytes());
        let mut done = work.process(0, packet, Bands::One);
        assert_eq!((done.seq, done.notes.pixels), (7, 35 * 21));
        match taken(&mut done)? {
            Payload::Frame(frame) => Ok(Arc::unwrap_or_clone(frame)),
            Payload::Bytes(_) => panic!("bytes"),
        }
    }

    fn taken(packet: &mut Packet) -> Result<Payload> {
        let mut parts = std::mem::replace(&mut packet.outcome, Ok(Vec::new()))?;
        assert_eq!(parts.len(), 1);
        Ok(parts.remove(0).payload)
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
            codec::encode(Frame::zeroed(layout), &metadata, &header, &options, Means::alone(&pool))
                .unwrap()
                .bytes
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
        let Payload::Bytes(bytes) = taken(&mut done).unwrap() else { panic!("a frame") };
        let header = codec::probe(&bytes, &Limits { max_pixels: 10_000 }).unwrap();
        assert_eq!(header.format, Format::Qoi);
        let still = codec::decode(&bytes, &header, DecodeHint::FULL, &pool).unwrap();
        assert!(still.frame.bytes()[0].iter().all(|byte| *byte == 255));
        // What has less is made like the others.
        let mut done = run(png(35, Model::Gray));
        let Payload::Bytes(bytes) = taken(&mut done).unwrap() else { panic!("a frame") };
        let layout = codec::probe(&bytes, &limits).unwrap().layout;
        assert_eq!(layout.model(), Model::Rgb);
        for other in [png(36, Model::Rgb), png(35, Model::Rgba)] {
            let error = run(other).outcome.unwrap_err().to_string();
            assert!(error.contains("35x21") && error.contains("alike"), "{error}");
        }
    }
    #[test]
    fn steps_are_as_few_as_can_be() {
        let shape = |chain: &str, files: bool| {
            let size = Size::new(16, 16);
            let layout = Layout::new(size, Model::Rgb, Depth::U8).unwrap();
            let limits = files.then_some(Limits { max_pixels: 10_000 });
            let stills = Some(Pictures { format: Format::Png, icc: None, files: limits });
            let incoming = Incoming { layout, orientation: Dihedral::IDENTITY, stills };
            let outgoing = match files {
                true => Outgoing::Files(EncodeOptions::default(), Format::Png),
                false => Outgoing::Frames(&|layout| layout),
            };
            let (chain, pool) = (Chain::parse(chain).unwrap(), Arc::new(BufferPool::new(1)));
            let work = ClipWork::new(&chain, &incoming, &outgoing, 1, pool).unwrap();
            let letter = |needs: &Needs| match (needs.state, needs.before + needs.after) {
                (Serial::Carried, _) => 'c',
                (Serial::Free, 0) => '.',
                (Serial::Free, _) => 'w',
            };
            work.needs().iter().map(letter).collect::<String>()
        };
        for (chain, frames, files) in [
            ("negate,gblur=2", ".", "."),
            ("tmix", "w", ".w"),
            ("negate,tmix,gblur=2", ".w", ".w"),
            ("tmix,negate,tmix", "ww", ".ww"),
            ("hqdn3d", "c", ".c."),
            ("negate,hqdn3d,negate", ".c.", ".c."),
            ("tmix,hqdn3d,tmix", "wcw", ".wcw"),
        ] {
            assert_eq!(
                (shape(chain, false), shape(chain, true)),
                (frames.into(), files.into()),
                "{chain}"
            );
        }
    }
}
