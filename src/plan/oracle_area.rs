//! The reference of area operations and geometry: sums over neighbourhoods, written out.

use super::color::{codes_from_reals, rgb_from_ycbcr, ycbcr_from_rgb};
use super::oracle::{Reals, shapes};
use super::passes::{Kind, Rep};
use crate::filter::{Area, AreaKind, Channels, Dihedral, Geometry, Kernel, Window};
use crate::frame::{Matrix, PlaneShape, Siting};

/// An area operation on every component that it is for.
pub(super) fn area(planes: &[Reals], area: &Area, rep: &Rep) -> Vec<Reals> {
    let premultiplied = area.channels == Channels::Each && rep.alpha;
    let mut input: Vec<Reals> = planes.to_vec();
    if premultiplied {
        input[0] = premultiply(&input[0]);
    }
    let luma_of_rgb = area.channels == Channels::Luma && rep.kind == Kind::Rgb;
    if luma_of_rgb {
        input[0] = mapped(&input[0], &ycbcr_from_rgb(Matrix::Bt601));
    }
    let mut out: Vec<Reals> = input
        .iter()
        .enumerate()
        .map(|(index, plane)| {
            let shape = plane.shape;
            Reals::new(shape, |x, y, c| {
                let is_alpha = rep.alpha && c == shape.components - 1;
                let works = match area.channels {
                    Channels::Each => true,
                    Channels::Luma => index == 0 && c == 0,
                    Channels::Rgb => !is_alpha,
                };
                if works {
                    value(plane, &area.kind, x as i64, y as i64, c)
                } else {
                    plane.at(x as i64, y as i64, c)
                }
            })
        })
        .collect();
    if luma_of_rgb {
        out[0] = mapped(&out[0], &rgb_from_ycbcr(Matrix::Bt601));
    }
    if premultiplied {
        out[0] = unpremultiply(&out[0]);
    }
    out
}

fn mapped(plane: &Reals, m: &crate::filter::Affine3) -> Reals {
    Reals::new(plane.shape, |x, y, c| {
        let at = |c| plane.at(x as i64, y as i64, c);
        if c == 3 { at(3) } else { m.apply([at(0), at(1), at(2)])[c] }
    })
}

pub(super) fn premultiply(plane: &Reals) -> Reals {
    let last = plane.shape.components - 1;
    Reals::new(plane.shape, |x, y, c| {
        let at = |c| plane.at(x as i64, y as i64, c);
        if c == last { at(c) } else { at(c) * at(last) }
    })
}

pub(super) fn unpremultiply(plane: &Reals) -> Reals {
    let last = plane.shape.components - 1;
    Reals::new(plane.shape, |x, y, c| {
        let at = |c| plane.at(x as i64, y as i64, c);
        match at(last) {
            alpha if c == last => alpha,
            0.0 => 0.0,
            alpha => at(c) / alpha,
        }
    })
}

fn value(plane: &Reals, kind: &AreaKind, x: i64, y: i64, c: usize) -> f64 {
    match kind {
        AreaKind::Blur { x: wx, y: wy } => blur(plane, *wx, *wy, x, y, c),
        AreaKind::Unsharp { x: wx, y: wy, amount } => {
            let v = plane.at(x, y, c);
            v + amount * (v - blur(plane, *wx, *wy, x, y, c))
        }
        AreaKind::Convolve { width, height, weights, bias } => {
            let (rx, ry) = ((*width / 2) as i64, (*height / 2) as i64);
            let mut sum = *bias;
            for (i, w) in weights.iter().enumerate() {
                let (dx, dy) = ((i % width) as i64 - rx, (i / width) as i64 - ry);
                sum += w * plane.at(x + dx, y + dy, c);
            }
            sum
        }
        AreaKind::Gradient { scale, bias } => {
            let at = |dx, dy| plane.at(x + dx, y + dy, c);
            let gx =
                at(1, -1) + 2.0 * at(1, 0) + at(1, 1) - at(-1, -1) - 2.0 * at(-1, 0) - at(-1, 1);
            let gy =
                at(-1, 1) + 2.0 * at(0, 1) + at(1, 1) - at(-1, -1) - 2.0 * at(0, -1) - at(1, -1);
            scale * (gx * gx + gy * gy).sqrt() + bias
        }
        AreaKind::Rank { rx, ry, fraction } => {
            let (rx, ry) = (*rx as i64, *ry as i64);
            let mut all: Vec<f64> = (-ry..=ry)
                .flat_map(|dy| (-rx..=rx).map(move |dx| (dx, dy)))
                .map(|(dx, dy)| plane.at(x + dx, y + dy, c))
                .collect();
            all.sort_by(f64::total_cmp);
            all[(fraction * (all.len() - 1) as f64 + 0.5).floor() as usize]
        }
    }
}

fn blur(plane: &Reals, wx: Window, wy: Window, x: i64, y: i64, c: usize) -> f64 {
    let (tx, ty) = (taps(wx, plane.shape.shift_x), taps(wy, plane.shape.shift_y));
    let mut sum = 0.0;
    for (dy, b) in &ty {
        let row: f64 = tx.iter().map(|(dx, a)| a * plane.at(x + dx, y + dy, c)).sum();
        sum += b * row;
    }
    sum
}

/// Offsets and weights of a window on a plane whose samples cover `1 << shift` pixels.
fn taps(window: Window, shift: u8) -> Vec<(i64, f64)> {
    let step = f64::from(1u32 << shift);
    let raw: Vec<(i64, f64)> = match window {
        Window::Point => vec![(0, 1.0)],
        Window::Gaussian { sigma } => {
            let sigma = sigma / step;
            let r = (6.0 * sigma).ceil() as i64;
            (-r..=r).map(|d| (d, (-0.5 * (d as f64 / sigma).powi(2)).exp())).collect()
        }
        Window::Box { width } => {
            let width = (width / step).max(1.0);
            let r = (width / 2.0).ceil() as i64;
            let covered = |d: i64| {
                let (lo, hi) = (d as f64 - 0.5, d as f64 + 0.5);
                (hi.min(width / 2.0) - lo.max(-width / 2.0)).max(0.0)
            };
            (-r..=r).map(|d| (d, covered(d))).collect()
        }
        Window::Binomial { taps } => {
            // The radius is divided, half up.
            let taps = 2 * ((taps / 2) as f64 / step + 0.5).floor() as usize + 1;
            let mut row = vec![1.0];
            for _ in 1..taps {
                let mut next = vec![1.0; row.len() + 1];
                for i in 1..row.len() {
                    next[i] = row[i - 1] + row[i];
                }
                row = next;
            }
            let r = (taps / 2) as i64;
            row.into_iter().enumerate().map(|(i, w)| (i as i64 - r, w)).collect()
        }
    };
    let total: f64 = raw.iter().map(|(_, w)| w).sum();
    raw.into_iter().map(|(d, w)| (d, w / total)).collect()
}

/// A geometry on every plane.
pub(super) fn geometry(planes: &[Reals], g: &Geometry, from: &Rep, to: &Rep) -> Vec<Reals> {
    let shapes = shapes(to);
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
            let fill = fill_codes(*color, to);
            shifted(planes, &shapes, -i64::from(*x), -i64::from(*y), Some(fill))
        }
        Geometry::Turn(turn) => {
            planes.iter().zip(shapes).map(|(p, s)| turned(p, s, *turn)).collect()
        }
        Geometry::Rotate { degrees, color, kernel, .. } => {
            let fill = fill_codes(*color, to);
            super::oracle_rotate::rotate(planes, &shapes, *degrees, fill, *kernel, to.alpha)
        }
    }
}

/// A colour in the unit codes of a representation; alpha last.
pub(super) fn fill_codes(color: [f64; 4], rep: &Rep) -> [f64; 4] {
    let [r, g, b, alpha] = color;
    match rep.kind {
        Kind::Gray => [r, alpha, 0.0, 0.0],
        Kind::Rgb => color,
        Kind::Full(y) | Kind::Planes(y) => {
            let reals = ycbcr_from_rgb(y.matrix).apply([r, g, b]);
            let [y, cb, cr] = codes_from_reals(&y, rep.depth).apply(reals);
            [y, cb, cr, alpha]
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

fn radius(kernel: Kernel) -> f64 {
    match kernel {
        Kernel::Nearest | Kernel::Area | Kernel::Bilinear => 1.0,
        Kernel::Bicubic | Kernel::Mitchell => 2.0,
        Kernel::Lanczos3 => 3.0,
    }
}

/// The kernel at distance `d`.
pub(super) fn weight(kernel: Kernel, d: f64) -> f64 {
    let cubic = |b: f64, c: f64| {
        let d = d.abs();
        if d < 1.0 {
            ((12.0 - 9.0 * b - 6.0 * c) * d.powi(3)
                + (-18.0 + 12.0 * b + 6.0 * c) * d.powi(2)
                + (6.0 - 2.0 * b))
                / 6.0
        } else if d < 2.0 {
            ((-b - 6.0 * c) * d.powi(3)
                + (6.0 * b + 30.0 * c) * d.powi(2)
                + (-12.0 * b - 48.0 * c) * d
                + (8.0 * b + 24.0 * c))
                / 6.0
        } else {
            0.0
        }
    };
    let sinc = |v: f64| {
        if v == 0.0 { 1.0 } else { (std::f64::consts::PI * v).sin() / (std::f64::consts::PI * v) }
    };
    match kernel {
        Kernel::Nearest | Kernel::Area => f64::from(u8::from(d.abs() < 0.5)),
        Kernel::Bilinear => (1.0 - d.abs()).max(0.0),
        Kernel::Bicubic => cubic(0.0, 0.5),
        Kernel::Mitchell => cubic(1.0 / 3.0, 1.0 / 3.0),
        Kernel::Lanczos3 if d.abs() < 3.0 => sinc(d) * sinc(d / 3.0),
        Kernel::Lanczos3 => 0.0,
    }
}
