//! Whole plans on a 12-megapixel frame, one thread, without codecs: the engine's share of a job.

use divan::Bencher;
use divan::counter::ItemsCount;
use lumaloom::filter::Dihedral;
use lumaloom::frame::{BufferPool, Depth, Frame, Layout, Model, Size, Subsampling, Ycbcr};
use lumaloom::plan::{Bands, Chain, Decoder, Input, Media, Plan, Shrink};

fn main() {
    divan::main();
}

const SIZE: Size = Size::new(4000, 3000);

/// Chains as people write them, by what the engine has to do for them.
const CHAINS: [&str; 7] = [
    "linear=1.15:-0.0392,gamma=1.1,saturation=1.2,colorchannelmixer=rr=1.05:bb=0.95",
    "eq=brightness=0.03:contrast=1.15:saturation=1.2:gamma=1.1,hue=h=10",
    "gray",
    "gblur=sigma=3",
    "convolution=m='-1 -1 -1 -1 16 -1 -1 -1 -1':div=8",
    "resize=1920:-1",
    "median=radius=2",
];

fn planes() -> Model {
    Model::Ycbcr(Ycbcr::jpeg(Subsampling::S420))
}

fn noise(layout: Layout) -> Frame {
    let mut frame = Frame::zeroed(layout);
    let mut state = 1u64;
    for plane in frame.planes_mut() {
        for v in plane.data_mut::<u8>().into_iter().flatten() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            *v = (state >> 56) as u8;
        }
    }
    frame
}

fn apply(bencher: Bencher<'_, '_>, model: Model, chain: &str) {
    let layout = Layout::new(SIZE, model, Depth::U8).expect("a frame");
    let chain = Chain::parse(chain).expect("a chain");
    let orientation = Dihedral::IDENTITY;
    let input = Input { layout, orientation, icc: None, finish: None, decoder: Decoder::Whole };
    let plan = Plan::new(&chain, &input, &|l| l, Media::Still, Shrink::Off).expect("a plan");
    let (frame, pool) = (noise(layout), BufferPool::new(4));
    bencher
        .counter(ItemsCount::new(SIZE.pixels()))
        .with_inputs(|| frame.clone())
        .bench_local_values(|frame| {
            let done = plan.apply(frame, Bands::One, &pool).expect("a frame of the plan's layout");
            done.recycle(&pool);
        });
}

#[divan::bench(args = CHAINS, sample_count = 10, sample_size = 1)]
fn on_420_planes(bencher: Bencher<'_, '_>, chain: &str) {
    apply(bencher, planes(), chain);
}

#[divan::bench(args = CHAINS, sample_count = 10, sample_size = 1)]
fn on_rgb(bencher: Bencher<'_, '_>, chain: &str) {
    apply(bencher, Model::Rgb, chain);
}
