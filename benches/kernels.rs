//! Kernels on one core: a picture of 12 megapixels, from 8-bit samples to 8-bit samples.

use std::sync::Arc;

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use lumaloom::filter::{Kernel, Window};
use lumaloom::frame::{Depth, Frame, Layout, Model, PlaneShape, Siting, Size, Subsampling, Ycbcr};
use lumaloom::kernel::{
    AxisMap, AxisWeights, Blur, BlurRows, BoxRows, Components, Fused8, Grid, Isa, Lift, Load,
    Lookup, Lower, Numbers, PlaneMut, PointRows, Precision, RankRows, ResampleRows, Sited, Step,
    TurnRows, View, fill, taps,
};

const SIZE: Size = Size::new(4000, 3000);

fn main() {
    divan::main();
}

fn frame(model: Model, depth: Depth) -> Frame {
    let layout = Layout::new(SIZE, model, depth).expect("a valid layout");
    let mut frame = Frame::zeroed(layout);
    for plane in frame.planes_mut() {
        if let Some(samples) = plane.data_mut::<u8>() {
            // Slow waves and some noise, as photographs have.
            for (i, v) in samples.iter_mut().enumerate() {
                *v = ((i / 97) as u8) ^ (i.wrapping_mul(2_654_435_761) >> 29) as u8;
            }
        }
    }
    frame
}

/// Runs a chain over the whole picture.
fn run(
    bencher: Bencher<'_, '_>,
    (input, model): (&Frame, Model),
    to: Size,
    make: impl for<'a> Fn(BoxRows<'a>, Vec<View<'a>>) -> BoxRows<'a> + Sync,
) {
    let layout = Layout::new(to, model, Depth::U8).expect("a valid layout");
    let mut output = Frame::zeroed(layout);
    bencher.counter(ItemsCount::new(SIZE.pixels())).bench_local(|| {
        let mut bands: Vec<_> = PlaneMut::all(&mut output).into_iter().map(|p| (0, p)).collect();
        let mut chain = make(Box::new(Load::new(View::all(input))), View::all(input));
        fill(&mut *chain, black_box(&mut bands));
    });
}

fn steps() -> Vec<Step> {
    let gamma = |v: f64| v.abs().powf(1.0 / 1.1).copysign(v);
    let table = Lookup::new(gamma, (-0.5, 1.5), Precision::Eight).shared();
    let matrix = [[1.2, -0.1, -0.05, 0.0], [-0.05, 1.1, 0.0, 0.01], [0.0, -0.1, 1.15, -0.02]];
    vec![Step::Matrix(matrix), Step::Curves([table.clone(), table.clone(), table])]
}

#[divan::bench]
fn copy(bencher: Bencher<'_, '_>) {
    let input = frame(Model::Rgb, Depth::U8);
    run(bencher, (&input, Model::Rgb), SIZE, |up, _| up);
}

#[divan::bench]
fn point_rows(bencher: Bencher<'_, '_>) {
    let input = frame(Model::Rgb, Depth::U8);
    let steps: Arc<[Step]> = steps().into();
    run(bencher, (&input, Model::Rgb), SIZE, |up, _| {
        Box::new(PointRows::new(up, steps.clone(), 3))
    });
}

#[divan::bench(args = Isa::available().into_iter().map(|i| i.name()))]
fn point_fused(bencher: Bencher<'_, '_>, isa: &str) {
    let isa = Isa::available().into_iter().find(|i| i.name() == isa).expect("from the list");
    let input = frame(Model::Rgb, Depth::U8);
    let mut pixels = input.planes()[0].data::<u8>().expect("8 bit").to_vec();
    let fused = Fused8::new(&steps(), 3).on(isa);
    bencher
        .counter(ItemsCount::new(SIZE.pixels()))
        .bench_local(|| fused.row(black_box(&mut pixels)));
}

fn blurred(bencher: Bencher<'_, '_>, window: Window) {
    let input = frame(Model::Rgb, Depth::U8);
    let shapes: Vec<PlaneShape> = input.layout().planes().collect();
    let taps =
        vec![Some((taps::of(window, 0, Precision::Eight), taps::of(window, 0, Precision::Eight)))];
    let (numbers, mask) = (Numbers::Codes, Components::ALL);
    let blur = Blur { taps, numbers, mask, amount: None };
    run(bencher, (&input, Model::Rgb), SIZE, |up, _| Box::new(BlurRows::new(up, &shapes, &blur)));
}

#[divan::bench(args = [0.5, 3.0, 10.0, 30.0, 100.0])]
fn gaussian(bencher: Bencher<'_, '_>, sigma: f64) {
    blurred(bencher, Window::Gaussian { sigma });
}

#[divan::bench(args = [5.0, 15.0, 25.0, 41.0, 201.0])]
fn boxed(bencher: Bencher<'_, '_>, width: f64) {
    blurred(bencher, Window::Box { width });
}

#[divan::bench(args = [1, 2, 3, 4, 10])]
fn median(bencher: Bencher<'_, '_>, radius: usize) {
    let input = frame(Model::Rgb, Depth::U8);
    let shapes: Vec<PlaneShape> = input.layout().planes().collect();
    run(bencher, (&input, Model::Rgb), SIZE, |up, _| {
        let (radius, mask) = ([Some((radius, radius))], Components::FIRST);
        Box::new(RankRows::new(up, &shapes, &radius, 0.5, Numbers::Codes, mask))
    });
}

#[divan::bench(args = [(1920, 1440), (1000, 750), (6000, 4500)])]
fn resample_rgb(bencher: Bencher<'_, '_>, (width, height): (u32, u32)) {
    let input = frame(Model::Rgb, Depth::U8);
    let to = Size::new(width, height);
    let from: Vec<PlaneShape> = input.layout().planes().collect();
    let shapes: Vec<PlaneShape> = input.layout().with_size(to).expect("valid").planes().collect();
    let x = [AxisWeights::resize(from[0].width, shapes[0].width, Kernel::Lanczos3).shared()];
    let y = [AxisWeights::resize(from[0].height, shapes[0].height, Kernel::Lanczos3).shared()];
    run(bencher, (&input, Model::Rgb), to, |up, _| {
        Box::new(ResampleRows::new(up, &from, &shapes, &x, &y))
    });
}

#[divan::bench]
fn resample_planes(bencher: Bencher<'_, '_>) {
    let model = Model::Ycbcr(Ycbcr::jpeg(Subsampling::S420));
    let input = frame(model, Depth::U8);
    let to = Size::new(1920, 1440);
    let from: Vec<PlaneShape> = input.layout().planes().collect();
    let shapes: Vec<PlaneShape> = input.layout().with_size(to).expect("valid").planes().collect();
    let weights = |side: fn(&PlaneShape) -> usize, grid: Grid| -> Vec<Arc<AxisWeights>> {
        let luma = AxisMap::resize(side(&from[0]), side(&shapes[0]));
        let pairs = from.iter().zip(&shapes).zip([Grid::LUMA, grid, grid]);
        let axis = pairs.map(|((from, to), grid)| {
            AxisWeights::chroma((side(from), grid), (side(to), grid), luma, Kernel::Lanczos3)
        });
        axis.map(AxisWeights::shared).collect()
    };
    let x = weights(|s| s.width, Grid::x(Siting::Center, 1));
    let y = weights(|s| s.height, Grid::y(Siting::Center, 1));
    run(bencher, (&input, model), to, |up, _| {
        Box::new(ResampleRows::new(up, &from, &shapes, &x, &y))
    });
}

#[divan::bench]
fn lift_and_lower(bencher: Bencher<'_, '_>) {
    let model = Model::Ycbcr(Ycbcr::jpeg(Subsampling::S420));
    let input = frame(model, Depth::U8);
    let layout = *input.layout();
    let shapes = [0, 1, 2].map(|i| layout.plane(i));
    let sited = Sited { shapes, siting: Siting::Center };
    let none: Arc<[Step]> = Arc::new([]);
    run(bencher, (&input, model), SIZE, |up, _| {
        let lifted = Box::new(Lift::new(up, sited, none.clone()));
        Box::new(Lower::new(lifted, none.clone(), sited))
    });
}

#[divan::bench]
fn quarter_turn(bencher: Bencher<'_, '_>) {
    let input = frame(Model::Rgb, Depth::U8);
    let turn = lumaloom::filter::Dihedral::from_exif(6);
    run(bencher, (&input, Model::Rgb), SIZE.transposed(), |_, views| {
        Box::new(TurnRows::new(views, turn))
    });
}
