//! The engine against the reference: random chains, layouts, sizes and pixels, under the
//! precision rule.

use std::fmt;
use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use rayon::ThreadPoolBuilder;

use super::oracle::reference;
use super::*;
use crate::filter::{Affine3, Area, AreaKind, Channels, Curve, Kernel, Map, Point, Space, Window};
use crate::frame::{BufferPool, Depth, Frame, Matrix, Range, Sample, Siting, Subsampling, Ycbcr};

/// A filter made of operations, for chains that no text describes.
struct Ops(Vec<Op>);

impl fmt::Display for Ops {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl Filter for Ops {
    fn compile(&self, _: &Context<'_>) -> Result<Vec<Op>> {
        Ok(self.0.clone())
    }
}

fn plan(ops: &[Op], layout: Layout, media: Media) -> Plan {
    let chain = Chain::new(vec![Arc::new(Ops(ops.to_vec()))]);
    let orientation = Dihedral::IDENTITY;
    let source = Input { layout, orientation, icc: None, finish: None, decoder: Decoder::Whole };
    Plan::new(&chain, &source, &|l| l, media, Shrink::Off).unwrap()
}

pub(super) fn jpeg(subsampling: Subsampling) -> Model {
    Model::Ycbcr(Ycbcr::jpeg(subsampling))
}

pub(super) fn layout(width: u32, height: u32, model: Model, depth: Depth) -> Layout {
    Layout::new(Size::new(width, height), model, depth).unwrap()
}

/// A small generator, so that a frame is told by its seed.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn real(&mut self) -> f64 {
        self.next() as f64 / f64::from(1u32 << 31)
    }
}

pub(super) fn frame(layout: Layout, seed: u64) -> Frame {
    let mut frame = Frame::zeroed(layout);
    let mut noise = Noise(seed);
    let max = layout.depth().max();
    fn fill<T: Sample>(data: Option<&mut [T]>, mut value: impl FnMut() -> T) {
        for v in data.into_iter().flatten() {
            *v = value();
        }
    }
    for plane in frame.planes_mut() {
        // Extremes are as likely as everything between.
        let mut code = || match noise.next() % 8 {
            0 => 0.0,
            1 => max,
            _ => (noise.real() * (max + 0.999)).floor(),
        };
        fill(plane.data_mut::<u8>(), || code() as u8);
        fill(plane.data_mut::<u16>(), || code() as u16);
        fill(plane.data_mut::<f32>(), || (code() * 1.5 - 0.25) as f32);
    }
    frame
}

pub(super) fn codes(frame: &Frame) -> Vec<Vec<f64>> {
    (0..frame.planes().len())
        .map(|i| {
            let shape = frame.layout().plane(i);
            let rows = 0..shape.height;
            match frame.layout().depth() {
                Depth::U8 => {
                    rows.flat_map(|y| frame.row::<u8>(i, y).unwrap()).map(|&v| v.into()).collect()
                }
                Depth::F32 => {
                    rows.flat_map(|y| frame.row::<f32>(i, y).unwrap()).map(|&v| v.into()).collect()
                }
                _ => {
                    rows.flat_map(|y| frame.row::<u16>(i, y).unwrap()).map(|&v| v.into()).collect()
                }
            }
        })
        .collect()
}

/// The precision rule, with a range that is sampled, not proved: each code lies within `slack` of the range that the reference takes when
/// its intermediate reals move by 2^-12 (8 and 10 bit) or 2^-20.
fn check(ops: &[Op], layout: Layout, media: Media, seed: u64, slack: f64) {
    let plan = plan(ops, layout, media);
    let input = frame(layout, seed);
    let deep = layout.depth().bits() > 10;
    let delta = if deep { (-20f64).exp2() } else { (-12f64).exp2() };
    let pool = BufferPool::new(2);
    let max = plan.output().depth().max();
    let got = codes(&plan.apply(input.clone(), Bands::One, &pool).unwrap());
    let mut low: Vec<Vec<f64>> = got.iter().map(|p| vec![f64::INFINITY; p.len()]).collect();
    let mut high: Vec<Vec<f64>> = got.iter().map(|p| vec![f64::NEG_INFINITY; p.len()]).collect();
    let mut noise = Noise(seed ^ 0x5eed);
    for variant in 0..24u32 {
        // Eight variants go through the signs of three components, the others are random.
        let mut calls = 0;
        let mut nudge = || {
            calls += 1;
            let up = match variant {
                0 => return 0.0,
                1..=8 => (variant - 1) >> (calls % 3) & 1 == 1,
                _ => noise.next().is_multiple_of(2),
            };
            if up { delta } else { -delta }
        };
        let reals = reference(&plan, &input, &mut nudge);
        assert_eq!(reals.len(), got.len());
        for (plane, r) in reals.iter().enumerate() {
            assert_eq!(r.data.len(), got[plane].len(), "plane {plane}");
            for (i, v) in r.data.iter().enumerate() {
                low[plane][i] = low[plane][i].min(v * max);
                high[plane][i] = high[plane][i].max(v * max);
            }
        }
    }
    // A colour that is all but transparent is a quotient of two numbers near 0.
    let components = plan.output().model().components();
    let alpha = plan.output().model().has_alpha();
    // What follows a quotient of two numbers near 0 is as undetermined as it is.
    let neighbourhoods = ops.iter().filter(|op| !matches!(op, Op::Point(_))).count();
    let blind = neighbourhoods > 1;
    for plane in 0..got.len() {
        for (i, v) in got[plane].iter().enumerate() {
            let last = i / components * components + components - 1;
            if alpha && i != last && (got[plane][last] < 2.0 || blind) {
                continue;
            }
            let (lo, hi) = (low[plane][i] - slack, high[plane][i] + slack);
            assert!(
                (lo..=hi).contains(v),
                "plane {plane} sample {i}: {v} is not in {lo}..{hi} for {layout}\n{}",
                plan.explain().join("\n")
            );
        }
    }
}

fn gamma(g: f64) -> Curve {
    Curve::function(move |v: f64| v.abs().powf(1.0 / g).copysign(v))
}

fn point(space: Space, map: Map) -> Op {
    Op::Point(Point { space, map })
}

fn any_curve() -> impl Strategy<Value = Curve> {
    prop_oneof![
        (0.3..2.0f64, -0.3..0.3f64).prop_map(|(a, b)| Curve::affine(a, b)),
        (0.4..2.5f64).prop_map(gamma),
        (2u32..8).prop_map(|n| {
            let n = f64::from(n);
            Curve::function(move |v: f64| (v.clamp(0.0, 1.0) * (n - 1.0)).round() / (n - 1.0))
        }),
    ]
}

fn any_point() -> impl Strategy<Value = Op> {
    let rgb_curve =
        any_curve().prop_map(|c| point(Space::Rgb, Map::Curves([c.clone(), c.clone(), c])));
    let curves = (any_curve(), any_curve(), any_curve())
        .prop_map(|(a, b, c)| point(Space::Rgb, Map::Curves([a, b, c])));
    let luma = (any_curve(), 0.0..2.0f64).prop_map(|(y, s)| {
        let chroma = Curve::affine(s, 0.0);
        point(Space::Ycbcr, Map::Curves([y, chroma.clone(), chroma]))
    });
    let hue = (0.0..6.3f64).prop_map(|h: f64| {
        let (s, c) = h.sin_cos();
        let rows = [[1.0, 0.0, 0.0, 0.0], [0.0, c, -s, 0.0], [0.0, s, c, 0.0]];
        point(Space::Ycbcr, Map::Matrix(Affine3(rows)))
    });
    let mixer = proptest::array::uniform3(proptest::array::uniform4(-0.5..1.0f64))
        .prop_map(|m| point(Space::Rgb, Map::Matrix(Affine3(m))));
    let gray =
        Just(point(Space::Ycbcr, Map::Matrix(Affine3([[1.0, 0.0, 0.0, 0.0], [0.0; 4], [0.0; 4]]))));
    prop_oneof![rgb_curve, curves, luma, hue, mixer, gray]
}

pub(super) fn any_layout() -> impl Strategy<Value = (Layout, Media)> {
    let shifts = prop_oneof![
        Just((0, 0)),
        Just((1, 0)),
        Just((0, 1)),
        Just((1, 1)),
        Just((2, 0)),
        Just((2, 2))
    ];
    let planar = (shifts, any::<bool>(), any::<bool>(), 0..3usize, 0..3usize).prop_map(
        |((h, v), ten, full, matrix, siting)| {
            let y = Ycbcr {
                matrix: [Matrix::Bt601, Matrix::Bt709, Matrix::Bt2020][matrix],
                range: if full { Range::Full } else { Range::Limited },
                siting: [Siting::Center, Siting::Left, Siting::TopLeft][siting],
                ..Ycbcr::jpeg(Subsampling { h, v })
            };
            (Model::Ycbcr(y), if ten { Depth::U10 } else { Depth::U8 }, Media::Video)
        },
    );
    let still = (
        prop_oneof![
            Just(Model::Gray),
            Just(Model::GrayAlpha),
            Just(Model::Rgb),
            Just(Model::Rgba),
            Just(jpeg(Subsampling::S420)),
            Just(jpeg(Subsampling::S444)),
        ],
        any::<bool>(),
    )
        .prop_map(|(model, deep)| {
            let deep = deep && !matches!(model, Model::Ycbcr(_));
            (model, if deep { Depth::U16 } else { Depth::U8 }, Media::Still)
        });
    let size = prop_oneof![Just((1, 1)), Just((1, 7)), Just((9, 1)), (1..24u32, 1..24u32)];
    (prop_oneof![planar, still], size)
        .prop_map(|((model, depth, media), (w, h))| (layout(w, h, model, depth), media))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, rng_seed: RngSeed::Fixed(20_261_124), ..ProptestConfig::default() })]

    #[test]
    fn runs_match_the_reference(
        ops in proptest::collection::vec(any_point(), 0..5),
        (layout, media) in any_layout(),
        seed in any::<u64>(),
    ) {
        check(&ops, layout, media, seed, 1.0);
    }

    #[test]
    fn chains_match_the_reference(
        ops in proptest::collection::vec(prop_oneof![any_point(), any_area(), any_geometry()], 1..4),
        (layout, media) in any_layout(),
        seed in any::<u64>(),
    ) {
        if let Some(ops) = fitted(&ops, layout.size()) {
            check(&ops, layout, media, seed, 1.0);
        }
    }

    #[test]
    fn the_direct_way_gives_the_same_bytes(
        ops in proptest::collection::vec(any_point(), 0..4),
        (layout, media) in any_layout(),
        seed in any::<u64>(),
    ) {
        let mut plan = plan(&ops, layout, media);
        let pool = BufferPool::new(2);
        let direct = plan.apply(frame(layout, seed), Bands::One, &pool).unwrap();
        plan.program.direct = None;
        let rows = plan.apply(frame(layout, seed), Bands::One, &pool).unwrap();
        prop_assert!(direct == rows, "{}", plan.explain().join("\n"));
    }

    #[test]
    fn bands_change_nothing(
        ops in proptest::collection::vec(prop_oneof![any_point(), any_area(), any_geometry()], 1..4),
        (small, media) in any_layout(),
        height in 100..300u32,
        seed in any::<u64>(),
    ) {
        let layout = small.with_size(Size::new(small.size().width, height)).unwrap();
        if let Some(ops) = fitted(&ops, layout.size()) {
            let plan = plan(&ops, layout, media);
            let pool = BufferPool::new(2);
            let input = frame(layout, seed);
            let one = plan.apply(input.clone(), Bands::One, &pool).unwrap();
            for threads in [2, 5] {
                let threads = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                let many = threads.install(|| plan.apply(input.clone(), Bands::Many, &pool)).unwrap();
                prop_assert!(one == many, "{}", plan.explain().join("\n"));
            }
        }
    }
}

fn any_window() -> impl Strategy<Value = Window> {
    prop_oneof![
        (0.3..3.0f64).prop_map(|sigma| Window::Gaussian { sigma }),
        (1.0..9.0f64).prop_map(|width| Window::Box { width }),
        (0..3usize).prop_map(|r| Window::Binomial { taps: 2 * r + 1 }),
        Just(Window::Point),
    ]
}

fn any_area() -> impl Strategy<Value = Op> {
    let blur = (any_window(), any_window())
        .prop_map(|(x, y)| Area { channels: Channels::Each, kind: AreaKind::Blur { x, y } });
    let unsharp = (any_window(), any_window(), -1.0..2.0f64).prop_map(|(x, y, amount)| Area {
        channels: Channels::Luma,
        kind: AreaKind::Unsharp { x, y, amount },
    });
    let convolve = (0..2usize, 0..3usize, -0.5..0.5f64).prop_flat_map(|(rx, ry, bias)| {
        let (width, height) = (2 * rx + 1, 2 * ry + 1);
        proptest::collection::vec(-0.5..0.7f64, width * height).prop_map(move |w| Area {
            channels: Channels::Rgb,
            kind: AreaKind::Convolve { width, height, weights: w.into(), bias },
        })
    });
    let gradient = (0.1..2.0f64, -0.2..0.2f64).prop_map(|(scale, bias)| Area {
        channels: Channels::Rgb,
        kind: AreaKind::Gradient { scale, bias },
    });
    let rank = (0..4usize, 0..4usize, 0.0..=1.0f64).prop_map(|(rx, ry, fraction)| Area {
        channels: Channels::Luma,
        kind: AreaKind::Rank { rx, ry, fraction },
    });
    prop_oneof![blur, unsharp, convolve, gradient, rank].prop_map(Op::Area)
}

/// Geometry whose numbers are fitted to the frame later.
fn any_geometry() -> impl Strategy<Value = Op> {
    let kernels = [
        Kernel::Nearest,
        Kernel::Bilinear,
        Kernel::Bicubic,
        Kernel::Mitchell,
        Kernel::Lanczos3,
        Kernel::Area,
    ];
    let resize = (1..40u32, 1..40u32, 0..6usize)
        .prop_map(move |(w, h, k)| Geometry::Resize { to: Size::new(w, h), kernel: kernels[k] });
    let crop = (0..6u32, 0..6u32, 1..20u32, 1..20u32).prop_map(|(x, y, w, h)| Geometry::Crop {
        x,
        y,
        size: Size::new(w, h),
    });
    let color = prop_oneof![Just([0.5, 0.5, 0.5, 1.0]), Just([1.0, 0.25, 0.0, 0.5])];
    let pad = (0..6u32, 0..6u32, 0..6u32, 0..6u32, color)
        .prop_map(|(x, y, w, h, color)| Geometry::Pad { x, y, size: Size::new(w, h), color });
    let turn =
        (any::<bool>(), any::<bool>(), any::<bool>()).prop_map(|(transpose, flip_x, flip_y)| {
            Geometry::Turn(Dihedral { transpose, flip_x, flip_y })
        });
    let rotate =
        (-200.0..200.0f64, 1..30u32, 1..30u32, any::<bool>()).prop_map(|(degrees, w, h, cubic)| {
            let kernel = if cubic { Kernel::Bicubic } else { Kernel::Bilinear };
            Geometry::Rotate {
                degrees,
                size: Size::new(w, h),
                color: [0.2, 0.2, 0.2, 0.75],
                kernel,
            }
        });
    prop_oneof![resize, crop, pad, turn, rotate].prop_map(Op::Geometry)
}

/// The same operations with crops and pads that fit the frame; pads come as margins.
fn fitted(ops: &[Op], size: Size) -> Option<Vec<Op>> {
    let mut size = size;
    ops.iter()
        .map(|op| {
            let op = match op {
                Op::Geometry(Geometry::Crop { x, y, size: want }) => {
                    let (x, y) = ((*x).min(size.width - 1), (*y).min(size.height - 1));
                    let to =
                        Size::new(want.width.min(size.width - x), want.height.min(size.height - y));
                    Op::Geometry(Geometry::Crop { x, y, size: to })
                }
                Op::Geometry(Geometry::Pad { x, y, size: margin, color }) => {
                    let to =
                        Size::new(size.width + x + margin.width, size.height + y + margin.height);
                    Op::Geometry(Geometry::Pad { x: *x, y: *y, size: to, color: *color })
                }
                op => op.clone(),
            };
            if let Op::Geometry(g) = &op {
                size = match g {
                    Geometry::Resize { to, .. } => *to,
                    Geometry::Crop { size, .. }
                    | Geometry::Pad { size, .. }
                    | Geometry::Rotate { size, .. } => *size,
                    Geometry::Turn(t) => t.size(size),
                };
            }
            (size.pixels() > 0).then_some(op)
        })
        .collect()
}

fn explained(ops: &[Op], model: Model) -> String {
    plan(ops, layout(64, 48, model, Depth::U8), Media::Still).explain().join("\n")
}

#[test]
fn the_path_rule() {
    let hue = point(
        Space::Ycbcr,
        Map::Matrix(Affine3([[1.0, 0.0, 0.0, 0.0], [0.0, 0.8, -0.6, 0.0], [0.0, 0.6, 0.8, 0.0]])),
    );
    let contrast = point(Space::Rgb, Map::Curves([const { Curve::affine(1.2, 0.0) }; 3]));
    let g = gamma(1.5);
    let rgb_gamma = point(Space::Rgb, Map::Curves([g.clone(), g.clone(), g.clone()]));
    let gray =
        point(Space::Ycbcr, Map::Matrix(Affine3([[1.0, 0.0, 0.0, 0.0], [0.0; 4], [0.0; 4]])));
    let j420 = jpeg(Subsampling::S420);
    let on_planes = explained(&[hue, contrast.clone()], j420);
    assert!(on_planes.contains("on the planes"), "{on_planes}");
    let lifted = explained(&[contrast.clone(), rgb_gamma.clone()], j420);
    assert!(lifted.contains("chroma is lifted"), "{lifted}");
    let luma = explained(&[contrast, gray.clone()], j420);
    assert!(luma.contains("on the luma plane"), "{luma}");
    // RGB's gamma on a neutral picture is one table.
    let both = explained(&[gray, rgb_gamma], j420);
    assert!(both.contains("grey 8 bit"), "{both}");
}

#[test]
fn grey_loses_its_alpha_on_white() {
    let source = Input {
        layout: layout(2, 1, Model::GrayAlpha, Depth::U8),
        orientation: Dihedral::IDENTITY,
        icc: None,
        finish: None,
        decoder: Decoder::Whole,
    };
    let opaque = |l: Layout| l.with_model(Model::Gray).unwrap();
    let flip = Op::Geometry(Geometry::Turn(Dihedral { flip_x: true, ..Dihedral::IDENTITY }));
    for (ops, want) in [(vec![], [100, 255]), (vec![flip], [255, 100])] {
        let chain = Chain::new(vec![Arc::new(Ops(ops))]);
        let plan = Plan::new(&chain, &source, &opaque, Media::Still, Shrink::Off).unwrap();
        let mut frame = Frame::zeroed(source.layout);
        let samples = frame.planes_mut()[0].data_mut::<u8>().unwrap();
        samples.copy_from_slice(&[100, 255, 7, 0]);
        let out = plan.apply(frame, Bands::One, &BufferPool::new(1)).unwrap();
        assert_eq!(out.row::<u8>(0, 0).unwrap(), want);
    }
}

fn box_blur(radius: f64) -> Op {
    let window = Window::Box { width: 2.0 * radius + 1.0 };
    Op::Area(Area { channels: Channels::Each, kind: AreaKind::Blur { x: window, y: window } })
}

#[test]
fn the_peak_counts_the_rows_of_a_wide_blur() {
    let layout = layout(100, 80, Model::Rgb, Depth::U8);
    // On one thread the result is written over the picture.
    let peak = |ops: &[Op]| plan(ops, layout, Media::Still).peak_bytes(1) - layout.bytes();
    let (row, picture) = (100 * 3 * 4, 100 * 80 * 3 * 4);
    // Five rows for the first of eight, one more for each other, all with room to begin where a
    // line of the cache does, the eight, and a padded one of 104 pixels: words, then floats.
    let (words, padded) = (row / 2, 104 * 3 * 2);
    let first = (5 + 7) * (words + 62) + 8 * words + padded;
    assert_eq!(peak(&[box_blur(2.0)]), first);
    let second = (5 + 7) * (row + 60) + 8 * row + 2 * padded;
    assert_eq!(peak(&[box_blur(2.0), box_blur(2.0)]), first + second);
    // No more rows than there are, sums of columns, and what a row of 1,100 pixels is made in.
    let wide = picture + 2 * row + 1100 * 3 * 16 + 3 * 8 + row;
    assert_eq!(peak(&[box_blur(500.0)]), wide);
    assert_eq!(peak(&[box_blur(500.0), box_blur(500.0)]), 2 * wide);
}

#[test]
fn the_peak_counts_the_rows_that_wait_for_other_planes() {
    let from = layout(400, 4000, jpeg(Subsampling::S420), Depth::U8);
    let held = |ops: &[&Op]| {
        let ops: Vec<Op> = ops.iter().map(|op| (*op).clone()).collect();
        let plan = plan(&ops, from, Media::Still);
        let output = if plan.output() == plan.input() { 0 } else { plan.output().bytes() };
        plan.peak_bytes(1) - plan.input().bytes() - output
    };
    let to = Size::new(8, 16);
    let resize = Op::Geometry(Geometry::Resize { to, kernel: Kernel::Lanczos3 });
    let g = gamma(1.5);
    let curve = point(Space::Rgb, Map::Curves([g.clone(), g.clone(), g]));
    let area =
        |channels| Op::Area(Area { channels, kind: AreaKind::Gradient { scale: 1.0, bias: 0.0 } });
    let (rgb, each) = (area(Channels::Rgb), area(Channels::Each));
    // A row of chroma is made of 1,500, and while they are made there are 3,000 of luma, half of
    // which wait, and 1,500 of the other chroma.
    let waiting = held(&[&curve, &resize]) - held(&[&resize]);
    let due = 1500 * 400 * 4 + 1500 * 200 * 4;
    assert!((due..due * 101 / 100).contains(&waiting), "{waiting}");
    // Interleaved pixels wait for nobody.
    assert!(held(&[&rgb, &resize]) < 1_000_000);
    // Lifted for the first and lowered for the second: three rows of chroma, six of luma.
    let apart = held(&[&rgb]) + held(&[&each]);
    assert_eq!(held(&[&rgb, &each]) - apart, 3 * 1600 + 6 * 400);
}

#[test]
fn the_peak_counts_every_band_and_bands_are_worth_their_halo() {
    let layout = layout(10, 3000, Model::Gray, Depth::U8);
    let held = |radius: f64, threads: usize| {
        let plan = plan(&[box_blur(radius)], layout, Media::Still);
        let pictures = if threads == 1 { 1 } else { 2 };
        plan.peak_bytes(threads) - pictures * layout.bytes()
    };
    for (radius, threads, bands) in
        [(2.0, 1, 1), (2.0, 2, 2), (2.0, 8, 8), (2.0, 999, 46), (200.0, 999, 3), (800.0, 999, 1)]
    {
        assert_eq!(held(radius, threads), bands * held(radius, 1), "{radius} on {threads}");
    }
}

#[test]
fn wide_gaussians_match_the_reference() {
    for (model, depth, sigma) in [
        (Model::Rgba, Depth::U8, 9.0),
        (jpeg(Subsampling::S420), Depth::U8, 18.0),
        (jpeg(Subsampling::S420), Depth::U10, 18.0),
        (Model::Gray, Depth::U16, 17.0),
    ] {
        let window = Window::Gaussian { sigma };
        let kind = AreaKind::Blur { x: window, y: window };
        let media = if depth == Depth::U10 { Media::Video } else { Media::Still };
        let blur = Op::Area(Area { channels: Channels::Each, kind });
        check(&[blur], layout(13, 11, model, depth), media, 7, 1.0);
    }
}
