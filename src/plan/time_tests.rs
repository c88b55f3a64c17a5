//! Steps over time against the reference, and scores: how chains are cut, and what they say.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use rayon::ThreadPoolBuilder;

use super::oracle::sequence;
use super::tests::{any_layout, codes, frame, jpeg, layout};
use super::*;
use crate::error::Kind as Fault;
use crate::frame::{BufferPool, Depth, Frame, Matrix, Subsampling, Ycbcr};

fn score(chain: &str, layout: Layout) -> Score {
    let orientation = Dihedral::IDENTITY;
    let source = Input { layout, orientation, icc: None, finish: None, decoder: Decoder::Whole };
    let chain = Chain::parse(chain).unwrap();
    Score::new(&chain, &source, &|l| l, Media::Video, Shrink::Off).unwrap()
}

/// All frames of a clip through a step, the first and the last repeated where it asks for more.
fn through(step: &Step, frames: &[Frame], bands: Bands<'_>) -> Vec<Frame> {
    let pool = BufferPool::new(2);
    let last = frames.len() - 1;
    match step {
        Step::Frame(plan) => {
            frames.iter().map(|f| plan.apply(f.clone(), bands, &pool).unwrap()).collect()
        }
        Step::Window(window) => {
            let made = |i: usize| {
                let places = 0..window.before() + 1 + window.after();
                let at = places.map(|k| (i + k).saturating_sub(window.before()).min(last));
                let around: Vec<&Frame> = at.map(|i| &frames[i]).collect();
                window.apply(&around, bands, &pool).unwrap()
            };
            (0..frames.len()).map(made).collect()
        }
        Step::Carried(carried) => {
            let mut state = carried.state();
            let made = |f: &Frame| carried.apply(&mut state, f.clone(), bands).unwrap();
            frames.iter().map(made).collect()
        }
    }
}

/// Codes that a step may be away from the reference's real, half a code of rounding among them.
/// Ranks are exact. A mean is a sum of at most a few products of 24 bits. The recursion makes an
/// error of 2^-20 in each of its steps and passes on what was before it weakened, since a pull
/// never rises faster than its argument; 2^-13 is left for what adds up.
fn slack(step: &Step, depth: Depth) -> f64 {
    let near = |power: i32| 0.5 + depth.max() * f64::from(power).exp2();
    match (step, depth) {
        (Step::Frame(_), _) => 1.5,
        (Step::Window(window), _) => match window.around().blend {
            crate::filter::Blend::Rank { .. } => 1e-6,
            crate::filter::Blend::Mean { .. } => near(-20),
        },
        (Step::Carried(_), Depth::U16) => near(-16),
        (Step::Carried(_), _) => near(-13),
    }
}

fn check(chain: &str, layout: Layout, seed: u64) {
    let score = score(chain, layout);
    let mut frames: Vec<Frame> = (0..5).map(|i| frame(layout, seed + i)).collect();
    // Noise alone is too rough to be smoothed: the last frames differ by little.
    let alike: Vec<Frame> = (0..3).map(|i| near(&frames[0], seed + i)).collect();
    frames.extend(alike);
    for step in score.steps() {
        let want = sequence(step, &frames);
        let got = through(step, &frames, Bands::One);
        assert_eq!(got.len(), want.len());
        for (index, (got, want)) in got.iter().zip(&want).enumerate() {
            assert_eq!(got.layout(), step.output());
            let (depth, model) = (got.layout().depth(), got.layout().model());
            let n = model.components();
            for (plane, (got, want)) in codes(got).iter().zip(want).enumerate() {
                assert_eq!(got.len(), want.data.len());
                for (i, (v, w)) in got.iter().zip(&want.data).enumerate() {
                    // A colour that is all but transparent is a quotient of two numbers near 0.
                    if model.has_alpha() && want.data[i / n * n + n - 1] < 0.02 {
                        continue;
                    }
                    let (off, slack) = ((v - w * depth.max()).abs(), slack(step, depth));
                    assert!(
                        off <= slack,
                        "{v} is off by {off}, frame {index}, plane {plane}, sample {i}, {layout}\n{}",
                        score.explain().join("\n")
                    );
                }
            }
        }
        frames = got;
    }
}

/// A frame whose codes differ from another's by a few.
fn near(other: &Frame, seed: u64) -> Frame {
    let layout = *other.layout();
    let noise = frame(layout, seed ^ 0xbeef);
    let mut out = other.clone();
    let few = (layout.depth().max() / 40.0) as u16;
    for (plane, noise) in out.planes_mut().iter_mut().zip(noise.planes()) {
        if let (Some(data), Some(noise)) = (plane.data_mut::<u8>(), noise.data::<u8>()) {
            data.iter_mut().zip(noise).for_each(|(v, n)| *v = v.saturating_add(n % few as u8));
        }
        if let (Some(data), Some(noise)) = (plane.data_mut::<u16>(), noise.data::<u16>()) {
            let max = layout.depth().max() as u16;
            let add = |v: u16, n: u16| v.saturating_add(n % few).min(max);
            data.iter_mut().zip(noise).for_each(|(v, n)| *v = add(*v, *n));
        }
    }
    out
}

fn any_filter() -> impl Strategy<Value = String> {
    let weights = proptest::collection::vec(1..9u32, 1..4);
    let mix = (3..6u32, weights, any::<bool>()).prop_map(|(frames, weights, whole)| {
        let unit = if whole { 1.0 } else { 0.137 };
        let weights: Vec<String> =
            weights.iter().map(|w| (f64::from(*w) * unit).to_string()).collect();
        format!("tmix={frames}:'{}'", weights.join(" "))
    });
    let scaled = (1..40u32).prop_map(|s| format!("tmix=2:'1 2':scale=0.{s}"));
    let blend = (0..4usize, 1..4u32).prop_map(|(mode, radius)| {
        let mode = ["average", "lighten", "darken", "median"][mode];
        format!("tblend={mode}:radius={radius}")
    });
    let strength = || prop_oneof![Just(0.0), 0.1..12.0f64, 12.0..180.0f64];
    let smooth = (strength(), strength(), strength(), strength())
        .prop_map(|(a, b, c, d)| format!("hqdn3d={a}:{b}:{c}:{d}"));
    prop_oneof![mix, scaled, blend, smooth]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, rng_seed: RngSeed::Fixed(20_261_126), ..ProptestConfig::default() })]

    #[test]
    fn steps_over_time_match_the_reference(
        filters in proptest::collection::vec(any_filter(), 1..3),
        (layout, _) in any_layout(),
        seed in 0..u64::MAX / 2,
    ) {
        check(&filters.join(","), layout, seed);
    }

    #[test]
    fn bands_change_nothing_over_time(
        filter in any_filter(),
        (small, _) in any_layout(),
        height in 100..300u32,
        seed in 0..u64::MAX / 2,
    ) {
        let layout = small.with_size(Size::new(small.size().width, height)).unwrap();
        let score = score(&filter, layout);
        let frames: Vec<Frame> = (0..3).map(|i| frame(layout, seed + i)).collect();
        for step in score.steps() {
            let one = through(step, &frames, Bands::One);
            for threads in [2, 5] {
                let threads = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                let many = threads.install(|| through(step, &frames, Bands::Many));
                prop_assert!(one == many, "{}", score.explain().join("\n"));
            }
        }
    }
}

#[test]
fn chains_with_frames_between_match_the_reference() {
    for (model, depth) in [
        (jpeg(Subsampling::S420), Depth::U8),
        (Model::Ycbcr(Ycbcr::video(Subsampling::S422, Matrix::Bt709)), Depth::U10),
        (Model::Rgb, Depth::U8),
        (Model::Gray, Depth::U16),
    ] {
        let layout = layout(19, 13, model, depth);
        for chain in ["gray,tmix=5,gblur=1", "tblend=median,negate,hqdn3d=8", "hflip,tblend,tmix=2"]
        {
            check(chain, layout, 5);
        }
    }
}

fn gray(value: u8) -> Frame {
    let mut frame = Frame::zeroed(layout(1, 1, Model::Gray, Depth::U8));
    frame.planes_mut()[0].data_mut::<u8>().unwrap()[0] = value;
    frame
}

#[test]
fn both_ends_are_repeated() {
    let frames: Vec<Frame> = [10, 40, 100, 250].map(gray).into();
    for (chain, want) in [
        ("tmix", [10.0, 20.0, 50.0, 130.0]),
        ("tmix=2:'0 1'", [10.0, 40.0, 100.0, 250.0]),
        ("tmix=2:'1 0'", [10.0, 10.0, 40.0, 100.0]),
        ("tblend=average", [20.0, 50.0, 130.0, 200.0]),
        ("tblend=lighten", [40.0, 100.0, 250.0, 250.0]),
        ("tblend=darken", [10.0, 10.0, 40.0, 100.0]),
        ("tblend=median", [10.0, 40.0, 100.0, 250.0]),
    ] {
        let score = score(chain, *frames[0].layout());
        let [step] = score.steps() else { panic!("{chain}") };
        let got = through(step, &frames, Bands::One);
        let got: Vec<f64> = got.iter().map(|frame| codes(frame)[0][0]).collect();
        assert_eq!(got, want, "{chain}");
    }
}

#[test]
fn noise_fades_and_edges_stay() {
    let layout = layout(64, 48, Model::Gray, Depth::U8);
    let score = score("hqdn3d", layout);
    // Two halves, 60 and 180, with noise of a few codes.
    let noisy = |seed: u64| {
        let mut out = frame(layout, seed);
        for (i, v) in out.planes_mut()[0].data_mut::<u8>().unwrap().iter_mut().enumerate() {
            *v = if i % 64 < 32 { 60 } else { 180 } + *v % 5;
        }
        out
    };
    let frames: Vec<Frame> = (0..20).map(noisy).collect();
    let done = through(&score.steps()[0], &frames, Bands::One);
    let spread = |frame: &Frame| {
        let all = codes(frame).remove(0);
        let rows = all.chunks(64).skip(8);
        let inside: Vec<f64> = rows.flat_map(|row| row[8..32].to_vec()).collect();
        let mean = inside.iter().sum::<f64>() / inside.len() as f64;
        (inside.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / inside.len() as f64).sqrt()
    };
    let (before, after) = (spread(&frames[19]), spread(&done[19]));
    assert!(after < before / 3.0, "{before} to {after}");
    let edge = &codes(&done[19])[0][20 * 64..21 * 64];
    assert!(edge[31] < 66.0 && edge[32] > 178.0, "{edge:?}");
}

fn kinds(score: &Score) -> String {
    let kind = |step: &Step| match step {
        Step::Frame(_) => 'f',
        Step::Window(_) => 'w',
        Step::Carried(_) => 'c',
    };
    score.steps().iter().map(kind).collect()
}

#[test]
fn chains_are_cut_at_their_filters_over_time() {
    let model = Model::Ycbcr(Ycbcr::video(Subsampling::S420, Matrix::Bt709));
    let layout = layout(64, 48, model, Depth::U8);
    for (chain, want) in [
        ("", "f"),
        ("gray,gblur=1", "f"),
        ("tmix", "w"),
        ("tmix=1", "f"),
        ("gray,tmix=5,gblur=1", "fwf"),
        ("tblend,tmix", "ww"),
        ("negate,gblur=1,hqdn3d,resize=32:24,tblend=median", "fcfw"),
        ("hqdn3d=0,tmix=2", "w"),
    ] {
        let score = score(chain, layout);
        assert_eq!(kinds(&score), want, "{chain}");
        assert_eq!((score.hint(), score.input()), (Hint::WHOLE, &layout), "{chain}");
        let last = score.steps().last().unwrap();
        assert_eq!(score.output(), last.output(), "{chain}");
    }
    let halved = score("tmix,resize=32:48,hqdn3d,rotate=90", layout);
    assert_eq!(halved.output().size(), Size::new(48, 32));
    assert_eq!(halved.pixel_aspect((1, 1)), (1, 2));
}

#[test]
fn a_format_has_its_say_after_the_last_step_only() {
    let source = Input {
        layout: layout(8, 8, Model::Rgb, Depth::U8),
        orientation: Dihedral::from_exif(6),
        icc: None,
        finish: None,
        decoder: Decoder::Whole,
    };
    let chain = Chain::parse("tmix").unwrap();
    let grey = |l: Layout| l.with_model(Model::Gray).unwrap();
    let score = Score::new(&chain, &source, &grey, Media::Video, Shrink::Off).unwrap();
    assert_eq!(kinds(&score), "fwf");
    let models: Vec<Model> = score.steps().iter().map(|s| s.output().model()).collect();
    assert_eq!(models, [Model::Rgb, Model::Rgb, Model::Gray]);
}

#[test]
fn only_the_first_part_has_a_decoder() {
    let source = Input {
        layout: layout(64, 48, Model::Rgb, Depth::U8),
        orientation: Dihedral::IDENTITY,
        icc: None,
        finish: None,
        decoder: Decoder::Scaling,
    };
    for (chain, shrink) in [("resize=8:6,tmix", 4), ("tmix,resize=8:6", 1)] {
        let chain = Chain::parse(chain).unwrap();
        let score = Score::new(&chain, &source, &|l| l, Media::Video, Shrink::Auto).unwrap();
        assert_eq!(score.hint().shrink, shrink, "{chain}");
        let mut size = Size::new(64 / u32::from(shrink), 48 / u32::from(shrink));
        assert_eq!(score.input().size(), size, "{chain}");
        for step in score.steps() {
            if let Step::Frame(plan) = step {
                assert_eq!(plan.input().size(), size, "{chain}");
            }
            size = step.output().size();
        }
    }
}

#[test]
fn a_score_says_where_it_rounds() {
    let layout = layout(64, 48, jpeg(Subsampling::S420), Depth::U8);
    let lines =
        score("eq=contrast=1.2,tmix=5,hqdn3d=3:luma_tmp=0:chroma_tmp=0,gblur=1", layout).explain();
    let starts: Vec<&str> = lines.iter().map(|l| l.split(' ').next().unwrap()).collect();
    assert_eq!(starts, ["load", "run", "round", "time", "time", "area", "store"], "{lines:#?}");
    assert!(lines[3].ends_with("mean of 5 frames: 4 before, this one, 0 after"), "{}", lines[3]);
    assert!(lines[4].contains("smoothed along rows and down columns"), "{}", lines[4]);
}

#[test]
fn the_peak_counts_what_windows_may_still_look_at() {
    let layout = layout(100, 80, Model::Rgb, Depth::U8);
    let bytes = layout.bytes();
    let peak = |chain: &str| score(chain, layout).peak_bytes(1);
    assert_eq!(peak("tmix"), 2 * bytes);
    assert_eq!(peak("tmix,tblend"), 3 * bytes);
    assert_eq!(peak("tmix,rotate=90"), 3 * bytes);
    assert_eq!(peak("tmix,negate"), 2 * bytes, "it works in place");
    assert_eq!(peak("negate,tmix"), 2 * bytes);
    // 16 rows of 300 values on their way and the one above them, each with its padding.
    assert_eq!(peak("hqdn3d"), bytes + 17 * (304 + 16) * 4);
    assert_eq!(score("tmix,hqdn3d,negate", layout).state_bytes(), 100 * 80 * 3 * 4);
    assert_eq!(score("tmix", layout).state_bytes(), 0);
}

#[test]
fn a_picture_has_no_other_frames() {
    let orientation = Dihedral::IDENTITY;
    let layout = layout(8, 8, Model::Rgb, Depth::U8);
    let source = Input { layout, orientation, icc: None, finish: None, decoder: Decoder::Whole };
    let chain = Chain::parse("negate,tblend=median").unwrap();
    let plan = |media| Plan::new(&chain, &source, &|l| l, media, Shrink::Off).err().unwrap();
    let still = plan(Media::Still);
    assert_eq!(still.kind(), Fault::Usage);
    let text = still.to_string();
    assert!(text.contains("tblend=mode=median") && text.contains("lumaloom video"), "{text}");
    let score = Score::new(&chain, &source, &|l| l, Media::Still, Shrink::Off);
    assert_eq!(score.err(), Some(still));
    assert_eq!(plan(Media::Video).kind(), Fault::Internal);
    assert!(Chain::parse("negate").unwrap().suits_stills().is_ok());
}

#[test]
fn what_does_not_fit_a_step_is_an_error() {
    let pool = BufferPool::new(1);
    let small = layout(1, 1, Model::Gray, Depth::U8);
    let large = layout(2, 1, Model::Gray, Depth::U8);
    let window = score("tmix=2", small);
    let Step::Window(window) = &window.steps()[0] else { panic!() };
    let (a, b) = (Frame::zeroed(small), Frame::zeroed(large));
    assert!(window.apply(&[&a], Bands::One, &pool).is_err());
    assert!(window.apply(&[&a, &b], Bands::One, &pool).is_err());
    let [one, other] = [small, large].map(|layout| score("hqdn3d", layout));
    let [Step::Carried(one), Step::Carried(other)] = [&one.steps()[0], &other.steps()[0]] else {
        panic!()
    };
    let mut state = one.state();
    assert!(one.apply(&mut state, b.clone(), Bands::One).is_err());
    assert!(one.apply(&mut state, a, Bands::One).is_ok());
    assert!(other.apply(&mut state, b, Bands::One).is_err());
}
