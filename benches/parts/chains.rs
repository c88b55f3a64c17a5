//! Chains on one frame, by one thread: what the engine makes of them, without codecs. Items are
//! pixels of the input.

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use lumaloom::filter::Dihedral;
use lumaloom::frame::BufferPool;
use lumaloom::plan::{Bands, Chain, Decoder, Input, Media, Plan, Shrink};

use crate::picture::{Kind, SIZE};

/// One of each kind of work: a table, a matrix, planes only, a run of three, small and large
/// neighbourhoods, a rank, resampling, moved pixels.
const CHAINS: &[&str] = &[
    "gamma=1.2",
    "colorchannelmixer=rr=1.05:bb=0.95",
    "eq=contrast=1.15:saturation=1.2",
    "eq=contrast=1.15:saturation=1.2,gamma=1.1,colorchannelmixer=rr=1.05:bb=0.95",
    "gray",
    "gblur=sigma=2",
    "gblur=sigma=20",
    "boxblur=5",
    "unsharp=5:5:0.8",
    "sobel",
    "median=radius=2",
    "resize=960:540",
    "resize=2400:1350",
    "transpose=clock",
    "rotate=7",
];

fn apply(bencher: Bencher<'_, '_>, chain: &str, kind: Kind) {
    let input = Input {
        layout: kind.layout(),
        orientation: Dihedral::IDENTITY,
        icc: None,
        finish: None,
        decoder: Decoder::Whole,
    };
    let chain = Chain::parse(chain).expect("a chain of this file");
    let plan = Plan::new(&chain, &input, &|layout| layout, Media::Still, Shrink::Off)
        .expect("a plan for it");
    let pool = BufferPool::new(16);
    let frame = kind.frame();
    bencher.counter(ItemsCount::new(SIZE.pixels())).with_inputs(|| frame.clone()).bench_values(
        |frame| {
            let out = plan.apply(black_box(frame), Bands::One, &pool).expect("a frame");
            out.recycle(&pool);
        },
    );
}

#[divan::bench(args = CHAINS, sample_count = 10)]
fn jpeg_planes(bencher: Bencher<'_, '_>, chain: &str) {
    apply(bencher, chain, Kind::Jpeg420);
}

#[divan::bench(args = CHAINS, sample_count = 10)]
fn rgb8(bencher: Bencher<'_, '_>, chain: &str) {
    apply(bencher, chain, Kind::Rgb8);
}

#[divan::bench(args = CHAINS, sample_count = 10)]
fn rgb16(bencher: Bencher<'_, '_>, chain: &str) {
    apply(bencher, chain, Kind::Rgb16);
}
