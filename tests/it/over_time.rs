//! Filters over time beside ffmpeg's of the same name, on full-range frames.

use std::process::{Command, Stdio};

use lumaloom::filter::Dihedral;
use lumaloom::frame::{BufferPool, Depth, Frame, Layout, Model, Size, Subsampling, Ycbcr};
use lumaloom::plan::{Bands, Chain, Decoder, Input, Media, Score, Shrink, Step};

use super::program::Place;

const WIDTH: u32 = 96;
const HEIGHT: u32 = 64;
const FRAMES: usize = 12;

fn layout() -> Layout {
    let model = Model::Ycbcr(Ycbcr::jpeg(Subsampling::S420));
    Layout::new(Size::new(WIDTH, HEIGHT), model, Depth::U8).expect("a small frame")
}

/// Slopes, an edge that moves and noise of a few codes: what a denoiser is made for.
fn clip() -> Vec<Frame> {
    let mut state = 20_261_126u64;
    let mut noise = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % 13
    };
    let mut frame = |number: usize| {
        let mut frame = Frame::zeroed(layout());
        for (index, plane) in frame.planes_mut().iter_mut().enumerate() {
            let width = plane.stride();
            let data = plane.data_mut::<u8>().expect("8 bit");
            for (at, v) in data.iter_mut().enumerate() {
                let (x, y) = (at % width, at / width);
                let edge = if x > 20 + 3 * number { 90 } else { 0 };
                *v = (40 + x / (2 + index) + y / 2 + edge + noise()) as u8;
            }
        }
        frame
    };
    (0..FRAMES).map(&mut frame).collect()
}

/// What our chain, of one step, makes of a clip.
fn ours(chain: &str, frames: &[Frame]) -> Vec<u8> {
    let input = Input {
        layout: layout(),
        orientation: Dihedral::IDENTITY,
        icc: None,
        finish: None,
        decoder: Decoder::Whole,
    };
    let chain = Chain::parse(chain).expect("a chain");
    let score = Score::new(&chain, &input, &|layout| layout, Media::Video, Shrink::Off);
    let score = score.expect("a chain for this size");
    let pool = BufferPool::new(2);
    let last = frames.len() - 1;
    let done: Vec<Frame> = match score.steps() {
        [Step::Window(window)] => {
            let made = |i: usize| {
                let places = 0..window.before() + 1 + window.after();
                let at = places.map(|k| (i + k).saturating_sub(window.before()).min(last));
                let around: Vec<&Frame> = at.map(|i| &frames[i]).collect();
                window.apply(&around, Bands::One, &pool).expect("frames of this layout")
            };
            (0..frames.len()).map(made).collect()
        }
        [Step::Carried(carried)] => {
            let mut state = carried.state();
            let mut made = |frame: &Frame| carried.apply(&mut state, frame.clone(), Bands::One);
            frames.iter().map(|frame| made(frame).expect("a frame of this layout")).collect()
        }
        _ => panic!("one step over time"),
    };
    bytes(&done)
}

fn bytes(frames: &[Frame]) -> Vec<u8> {
    frames.iter().flat_map(|frame| frame.bytes().concat()).collect()
}

/// What ffmpeg's chain makes of the same clip.
fn theirs(chain: &str, frames: &[Frame]) -> Vec<u8> {
    let place = Place::new();
    place.file("in.raw", &bytes(frames));
    let shape = format!("-f rawvideo -pix_fmt yuvj420p -video_size {WIDTH}x{HEIGHT}");
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-nostdin"]).args(shape.split(' ')).args(["-i", "in.raw", "-vf"]);
    command.arg(chain).args("-fps_mode passthrough -pix_fmt yuvj420p -f rawvideo -".split(' '));
    let out = command.current_dir(place.path(".")).stdin(Stdio::null()).output();
    let out = out.expect("these tests need ffmpeg: apt-get install ffmpeg");
    assert!(out.status.success(), "{chain}: {}", String::from_utf8_lossy(&out.stderr));
    out.stdout
}

/// The largest and the mean difference in codes.
#[track_caller]
fn apart(ours: &[u8], theirs: &[u8]) -> (u8, f64) {
    assert_eq!(ours.len(), theirs.len());
    let differences = || ours.iter().zip(theirs).map(|(a, b)| a.abs_diff(*b));
    let mean = differences().map(f64::from).sum::<f64>() / ours.len() as f64;
    (differences().max().unwrap_or(0), mean)
}

#[test]
fn pictures_are_refused_before_any_is_read() {
    let place = Place::new();
    place.png("in/a.png", 8, 8, 0);
    place.line("images in -o out -f gray,tblend").code(2).says(&["tblend", "lumaloom video"]);
    assert!(!place.path("out").exists());
}

#[test]
fn tmix_is_ffmpegs_to_a_code() {
    let frames = clip();
    for chain in [
        "tmix",
        "tmix=frames=5",
        "tmix=frames=4:weights='1 2 4'",
        "tmix=frames=2:weights='1 3':scale=0.2",
        "tmix=frames=2:weights='-1 2':scale=1",
    ] {
        let (largest, mean) = apart(&ours(chain, &frames), &theirs(chain, &frames));
        assert!(largest <= 1, "{chain}: {largest} / {mean}");
    }
}

#[test]
fn tblend_is_ffmpegs_tmedian_where_that_has_frames() {
    let frames = clip();
    let size = layout().bytes() as usize;
    for (radius, chain, other) in [
        (1, "tblend=median", "tmedian=radius=1"),
        (3, "tblend=median:radius=3", "tmedian=radius=3"),
        (2, "tblend=lighten:radius=2", "tmedian=radius=2:percentile=1"),
    ] {
        // ffmpeg's drops the frames that lack neighbours.
        let ours = ours(chain, &frames);
        let ours = &ours[radius * size..ours.len() - radius * size];
        assert_eq!(apart(ours, &theirs(other, &frames)), (0, 0.0), "{chain}");
    }
}

#[test]
fn hqdn3d_is_ffmpegs_to_a_code() {
    let frames = clip();
    for chain in ["hqdn3d", "hqdn3d=8", "hqdn3d=2:1:2:3", "hqdn3d=30:30:60:60"] {
        let (largest, mean) = apart(&ours(chain, &frames), &theirs(chain, &frames));
        assert!(largest <= 1 && mean < 0.05, "{chain}: {largest} / {mean}");
        let changed = apart(&ours(chain, &frames), &bytes(&frames));
        assert!(changed.1 > mean * 10.0, "{chain} changes {changed:?}");
    }
}
