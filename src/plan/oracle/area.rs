//! The reference of area operations: sums over neighbourhoods, written out.

use super::reals::{Reals, premultiply, unpremultiply};
use crate::filter::{Affine3, Area, AreaKind, Channels, Window};
use crate::frame::Matrix;
use crate::plan::color::{rgb_from_ycbcr, ycbcr_from_rgb};
use crate::plan::passes::{Kind, Rep};

/// An area operation on every component that it is for.
pub fn area(planes: &[Reals], area: &Area, rep: &Rep) -> Vec<Reals> {
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

fn mapped(plane: &Reals, m: &Affine3) -> Reals {
    Reals::new(plane.shape, |x, y, c| {
        let at = |c| plane.at(x as i64, y as i64, c);
        if c == 3 { at(3) } else { m.apply([at(0), at(1), at(2)])[c] }
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
