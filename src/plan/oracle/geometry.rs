//! The reference of geometry: where each sample comes from, written out.

use super::reals::{Reals, premultiply, unpremultiply};
use super::rotate::rotate;
use super::weight::{radius, weight};
use crate::filter::{Dihedral, Geometry, Kernel};
use crate::frame::{PlaneShape, Siting};
use crate::plan::passes::{Kind, Rep};

/// A geometry on every plane.
pub fn geometry(planes: &[Reals], g: &Geometry, from: &Rep, to: &Rep) -> Vec<Reals> {
    let shapes = to.shapes();
    match g {
        Geometry::Resize { kernel, .. } => {
            let siting = match to.kind {
                Kind::Planes(y) => y.siting,
                _ => Siting::Center,
            };
            let resampled =
                |plane: &Reals, shape: PlaneShape| resize(plane, shape, from, to, *kernel, siting);
            if to.alpha {
                return vec![unpremultiply(&resampled(&premultiply(&planes[0]), shapes[0]))];
            }
            planes.iter().zip(shapes).map(|(p, s)| resampled(p, s)).collect()
        }
        Geometry::Crop { x, y, .. } => shifted(planes, &shapes, i64::from(*x), i64::from(*y), None),
        Geometry::Pad { x, y, color, .. } => {
            let fill = to.color(*color);
            shifted(planes, &shapes, -i64::from(*x), -i64::from(*y), Some(fill))
        }
        Geometry::Turn(turn) => {
            planes.iter().zip(shapes).map(|(p, s)| turned(p, s, *turn)).collect()
        }
        Geometry::Rotate { degrees, color, kernel, .. } => {
            let fill = to.color(*color);
            rotate(planes, &shapes, *degrees, fill, *kernel, to.alpha)
        }
    }
}

/// Rows and columns moved by whole luma samples; outside is `fill`, or the edge.
fn shifted(
    planes: &[Reals],
    shapes: &[PlaneShape],
    x0: i64,
    y0: i64,
    fill: Option<[f64; 4]>,
) -> Vec<Reals> {
    planes
        .iter()
        .zip(shapes)
        .enumerate()
        .map(|(index, (plane, &shape))| {
            let (x0, y0) = (x0 >> shape.shift_x, y0 >> shape.shift_y);
            Reals::new(shape, |x, y, c| {
                let (x, y) = (x as i64 + x0, y as i64 + y0);
                let inside = (0..plane.shape.width as i64).contains(&x)
                    && (0..plane.shape.height as i64).contains(&y);
                match fill {
                    Some(fill) if !inside => fill[index.max(c)],
                    _ => plane.at(x, y, c),
                }
            })
        })
        .collect()
}

fn turned(plane: &Reals, shape: PlaneShape, turn: Dihedral) -> Reals {
    Reals::new(shape, |x, y, c| {
        let x = if turn.flip_x { shape.width - 1 - x } else { x };
        let y = if turn.flip_y { shape.height - 1 - y } else { y };
        let (x, y) = if turn.transpose { (y, x) } else { (x, y) };
        plane.at(x as i64, y as i64, c)
    })
}

fn resize(
    plane: &Reals,
    shape: PlaneShape,
    from: &Rep,
    to: &Rep,
    kernel: Kernel,
    siting: Siting,
) -> Reals {
    let wx = axis(
        (from.size.width, plane.shape.width),
        (to.size.width, shape.width),
        shape.shift_x,
        siting.cosited_x(),
        kernel,
    );
    let wy = axis(
        (from.size.height, plane.shape.height),
        (to.size.height, shape.height),
        shape.shift_y,
        siting.cosited_y(),
        kernel,
    );
    Reals::new(shape, |x, y, c| {
        let mut sum = 0.0;
        for &(sy, b) in &wy[y] {
            let row: f64 = wx[x].iter().map(|&(sx, a)| a * plane.at(sx, sy, c)).sum();
            sum += b * row;
        }
        sum
    })
}

/// For each output sample of an axis, the input samples and their normalised weights. Lengths
/// are (luma, plane). Sample i of a plane lies at (i + 0.5) * step - 0.5 luma samples where it
/// is centred, at i * step where it is co-sited.
fn axis(
    input: (u32, usize),
    output: (u32, usize),
    shift: u8,
    cosited: bool,
    kernel: Kernel,
) -> Vec<Vec<(i64, f64)>> {
    let step = f64::from(1u32 << shift);
    let scale = f64::from(input.0) / f64::from(output.0);
    let position = |out: usize| {
        let i = out as f64;
        let luma = if cosited { i * step } else { (i + 0.5) * step - 0.5 };
        let source = (luma + 0.5) * scale - 0.5;
        if cosited { source / step } else { (source + 0.5) / step - 0.5 }
    };
    let stretch = scale.max(1.0);
    (0..output.1)
        .map(|out| {
            let center = position(out);
            if kernel == Kernel::Nearest {
                return vec![((center + 0.5 + 1e-9).floor() as i64, 1.0)];
            }
            let radius = radius(kernel) * stretch;
            let first = (center - radius).floor() as i64;
            let last = (center + radius).ceil() as i64;
            let weight = |i: i64| match kernel {
                Kernel::Area => {
                    let (lo, hi) = (center - scale / 2.0, center + scale / 2.0);
                    ((i as f64 + 0.5).min(hi) - (i as f64 - 0.5).max(lo)).max(0.0)
                }
                _ => weight(kernel, (i as f64 - center) / stretch),
            };
            let raw: Vec<(i64, f64)> = (first..=last).map(|i| (i, weight(i))).collect();
            let total: f64 = raw.iter().map(|(_, w)| w).sum();
            raw.into_iter().map(|(i, w)| (i, w / total)).collect()
        })
        .collect()
}
