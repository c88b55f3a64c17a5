//! The reference: what a plan means, in f64, one operation after the other, with nothing fused.
//! Slow on purpose. Tests hold the engine against it.

mod area;
mod geometry;
mod reals;
mod rotate;
mod time;
mod weight;

use super::Plan;
use super::color::{codes_from_reals, reals_from_codes, rgb_from_ycbcr, ycbcr_from_rgb};
use super::passes::{Kind, Pass, Path, Rep, Run, working_matrix};
use crate::filter::{Map, Space};
use crate::frame::{Depth, Frame, PlaneShape, Sample, Siting, Ycbcr};

pub use reals::Reals;
pub use time::sequence;

/// What the plan makes of the frame, before the last rounding. `nudge` is added to each
/// intermediate real; give 0 for the reference itself, and small numbers to learn the range that
/// a kernel's rounding may take.
pub fn reference(plan: &Plan, frame: &Frame, nudge: &mut dyn FnMut() -> f64) -> Vec<Reals> {
    let mut planes: Vec<Reals> = (0..frame.planes().len()).map(|i| load(frame, i)).collect();
    for pass in &plan.passes {
        planes = match pass {
            Pass::Run(r) => run(planes, r, nudge),
            Pass::Area { area: a, rep } => area::area(&planes, a, rep),
            Pass::Geometry { geometry: g, from, to } => geometry::geometry(&planes, g, from, to),
        };
        let clamped = plan.output.depth() != Depth::F32 || plan.input.depth() != Depth::F32;
        for v in planes.iter_mut().flat_map(|p| &mut p.data) {
            *v += nudge();
            if clamped {
                *v = v.clamp(0.0, 1.0);
            }
        }
    }
    planes
}

fn load(frame: &Frame, index: usize) -> Reals {
    let shape = frame.layout().plane(index);
    let max = frame.layout().depth().max();
    fn typed<T: Sample + Into<f64>>(frame: &Frame, index: usize, max: f64) -> Vec<f64> {
        let height = frame.layout().plane(index).height;
        let rows = (0..height).filter_map(|y| frame.row::<T>(index, y));
        rows.flatten().map(|&v| v.into() / max).collect()
    }
    let data = match frame.layout().depth() {
        Depth::U8 => typed::<u8>(frame, index, max),
        Depth::U10 | Depth::U16 => typed::<u16>(frame, index, max),
        Depth::F32 => typed::<f32>(frame, index, max),
    };
    Reals { shape, data }
}

fn run(planes: Vec<Reals>, run: &Run, nudge: &mut dyn FnMut() -> f64) -> Vec<Reals> {
    let (from, to) = (&run.from, &run.to);
    if let (Path::Planes(_), Kind::Planes(_)) = (&run.path, to.kind) {
        return on_planes(&planes, run, nudge);
    }
    let full = lift(&planes, from);
    let mut full = Reals { data: full.data.clone(), ..full };
    let components = full.shape.components;
    let colors = if from.alpha { components - 1 } else { components };
    let out_shape = PlaneShape { components: 3 + usize::from(from.alpha), ..full.shape };
    let mut out = Vec::with_capacity(out_shape.row() * out_shape.height);
    for pixel in full.data.chunks_exact(components) {
        let v = if colors == 1 { [pixel[0]; 3] } else { [pixel[0], pixel[1], pixel[2]] };
        out.extend(pixel_run(v, run, nudge));
        if from.alpha {
            out.push(pixel[components - 1]);
        }
    }
    full = Reals { shape: out_shape, data: out };
    if from.alpha && !to.alpha {
        full = flatten(&full, to);
    }
    lower(&full, to)
}

/// A run that keeps luma and chroma apart, in their own grids.
fn on_planes(planes: &[Reals], run: &Run, nudge: &mut dyn FnMut() -> f64) -> Vec<Reals> {
    let zero = zero_codes(&run.from);
    let luma = planes[0].data.iter();
    let luma = luma.map(|&y| pixel_run([y, zero[1], zero[2]], run, nudge)[0]).collect();
    let chroma = planes[1].data.iter().zip(&planes[2].data);
    let chroma: Vec<[f64; 3]> =
        chroma.map(|(&cb, &cr)| pixel_run([zero[0], cb, cr], run, nudge)).collect();
    vec![
        Reals { shape: planes[0].shape, data: luma },
        Reals { shape: planes[1].shape, data: chroma.iter().map(|v| v[1]).collect() },
        Reals { shape: planes[2].shape, data: chroma.iter().map(|v| v[2]).collect() },
    ]
}

fn zero_codes(rep: &Rep) -> [f64; 3] {
    match rep.kind {
        Kind::Planes(y) | Kind::Full(y) => codes_from_reals(&y, rep.depth).apply([0.0; 3]),
        Kind::Gray | Kind::Rgb | Kind::RgbPlanes => [0.0; 3],
    }
}

/// One pixel through the operations as they were written, unit codes to unit codes.
fn pixel_run(v: [f64; 3], run: &Run, nudge: &mut dyn FnMut() -> f64) -> [f64; 3] {
    let matrix = working_matrix(run.from, run.to);
    let mut v = v;
    let mut space = Space::Rgb;
    if let Kind::Planes(y) | Kind::Full(y) = run.from.kind {
        v = reals_from_codes(&y, run.from.depth).apply(v);
        space = Space::Ycbcr;
    }
    let enter = |v: [f64; 3], space: &mut Space, next: Space| {
        let m = match (*space, next) {
            (Space::Rgb, Space::Ycbcr) => ycbcr_from_rgb(matrix),
            (Space::Ycbcr, Space::Rgb) => rgb_from_ycbcr(matrix),
            _ => return v,
        };
        *space = next;
        m.apply(v)
    };
    for point in &run.points {
        v = enter(v, &mut space, point.space);
        v = match &point.map {
            Map::Curves(curves) => [0, 1, 2].map(|i| curves[i].eval(v[i] + nudge())),
            Map::Matrix(m) => m.apply(v.map(|v| v + nudge())),
            Map::Pixel(f) => f.map(v.map(|v| v + nudge())),
        };
    }
    match run.to.kind {
        Kind::Planes(y) | Kind::Full(y) => {
            let v = enter(v, &mut space, Space::Ycbcr);
            codes_from_reals(&y, run.to.depth).apply(v)
        }
        Kind::Gray => enter(v, &mut space, Space::Ycbcr),
        Kind::Rgb | Kind::RgbPlanes => enter(v, &mut space, Space::Rgb),
    }
}

/// Alpha over white, in unit codes.
fn flatten(full: &Reals, to: &Rep) -> Reals {
    let white = match to.kind {
        Kind::Planes(y) | Kind::Full(y) => codes_from_reals(&y, to.depth).apply([1.0, 0.0, 0.0]),
        Kind::Gray => [1.0, 0.0, 0.0],
        Kind::Rgb | Kind::RgbPlanes => [1.0; 3],
    };
    let shape = PlaneShape { components: 3, ..full.shape };
    Reals::new(shape, |x, y, c| {
        let at = (y * shape.width + x) * 4;
        let alpha = full.data[at + 3];
        full.data[at + c] * alpha + white[c] * (1.0 - alpha)
    })
}

/// Planes to components side by side: chroma by the triangle at its siting.
fn lift(planes: &[Reals], from: &Rep) -> Reals {
    let shape = PlaneShape { components: 3, ..planes[0].shape };
    let y = match from.kind {
        Kind::Planes(y) => y,
        Kind::RgbPlanes => {
            return Reals::new(shape, |x, y, c| planes[c].at(x as i64, y as i64, 0));
        }
        Kind::Gray | Kind::Rgb | Kind::Full(_) => return planes[0].clone(),
    };
    Reals::new(shape, |px, py, c| match c {
        0 => planes[0].at(px as i64, py as i64, 0),
        _ => {
            let plane = &planes[c];
            let (x, y) = chroma_position(px as f64, py as f64, &y);
            let (x0, y0) = (x.floor(), y.floor());
            let (fx, fy) = (x - x0, y - y0);
            let at = |dx: i64, dy: i64| plane.at(x0 as i64 + dx, y0 as i64 + dy, 0);
            let top = at(0, 0) * (1.0 - fx) + at(1, 0) * fx;
            let bottom = at(0, 1) * (1.0 - fx) + at(1, 1) * fx;
            top * (1.0 - fy) + bottom * fy
        }
    })
}

/// Where a luma sample lies in the chroma plane, in chroma samples.
fn chroma_position(x: f64, y: f64, ycbcr: &Ycbcr) -> (f64, f64) {
    let axis = |v: f64, shift: u8, cosited: bool| {
        let step = f64::from(1u32 << shift);
        if cosited { v / step } else { (v + 0.5) / step - 0.5 }
    };
    let (h, v) = (ycbcr.subsampling.h, ycbcr.subsampling.v);
    (axis(x, h, ycbcr.siting.cosited_x()), axis(y, v, ycbcr.siting.cosited_y()))
}

/// Components side by side to the planes of `to`: chroma by a box on centred axes, a triangle
/// on co-sited ones.
fn lower(full: &Reals, to: &Rep) -> Vec<Reals> {
    let shapes = to.shapes();
    if to.kind == Kind::RgbPlanes {
        let plane = |c| Reals::new(shapes[c], |x, y, _| full.at(x as i64, y as i64, c));
        return [0, 1, 2].map(plane).to_vec();
    }
    let Kind::Planes(ycbcr) = to.kind else {
        let shape = shapes[0];
        // Grey takes the first of three; alpha is the last of either.
        let source = full.shape.components;
        return vec![Reals::new(shape, |x, y, c| {
            let is_alpha = to.alpha && c == shape.components - 1;
            full.at(x as i64, y as i64, if is_alpha { source - 1 } else { c })
        })];
    };
    let siting = ycbcr.siting;
    let taps_x = lower_taps(ycbcr.subsampling.h, siting, Siting::cosited_x);
    let taps_y = lower_taps(ycbcr.subsampling.v, siting, Siting::cosited_y);
    let (step_x, step_y) = (1i64 << ycbcr.subsampling.h, 1i64 << ycbcr.subsampling.v);
    shapes
        .iter()
        .enumerate()
        .map(|(plane, &shape)| {
            Reals::new(shape, |x, y, _| {
                if plane == 0 {
                    return full.at(x as i64, y as i64, 0);
                }
                let mut sum = 0.0;
                for &(dy, wy) in &taps_y {
                    for &(dx, wx) in &taps_x {
                        let (x, y) = (x as i64 * step_x + dx, y as i64 * step_y + dy);
                        sum += wx * wy * full.at(x, y, plane);
                    }
                }
                sum
            })
        })
        .collect()
}

/// Offsets from the first covered sample, with their weights.
fn lower_taps(shift: u8, siting: Siting, cosited: fn(Siting) -> bool) -> Vec<(i64, f64)> {
    let n = 1i64 << shift;
    if cosited(siting) {
        let total = (n * n) as f64;
        (1 - n..n).map(|d| (d, (n - d.abs()) as f64 / total)).collect()
    } else {
        (0..n).map(|d| (d, 1.0 / n as f64)).collect()
    }
}
