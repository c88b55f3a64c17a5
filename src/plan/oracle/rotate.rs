//! The reference of rotation by any angle.

use super::reals::{Reals, premultiply, unpremultiply};
use super::weight::weight;
use crate::filter::Kernel;
use crate::frame::PlaneShape;

/// Turns planes of equal size clockwise about their centre. What lies off the picture is
/// `fill`, blended in over the half sample on either side of the edge.
pub(super) fn rotate(
    planes: &[Reals],
    shapes: &[PlaneShape],
    degrees: f64,
    fill: [f64; 4],
    kernel: Kernel,
    alpha: bool,
) -> Vec<Reals> {
    let (sin, cos) = degrees.to_radians().sin_cos();
    let turned = |plane: &Reals, shape: PlaneShape, fill: &dyn Fn(usize) -> f64| {
        let centre = |s: PlaneShape| ((s.width as f64 - 1.0) / 2.0, (s.height as f64 - 1.0) / 2.0);
        let ((tx, ty), (fx, fy)) = (centre(shape), centre(plane.shape));
        Reals::new(shape, |x, y, c| {
            let (dx, dy) = (x as f64 - tx, y as f64 - ty);
            let (sx, sy) = (cos * dx + sin * dy + fx, cos * dy - sin * dx + fy);
            let seen = cover(sx, plane.shape.width, kernel) * cover(sy, plane.shape.height, kernel);
            interpolated(plane, sx, sy, c, kernel) * seen + fill(c) * (1.0 - seen)
        })
    };
    if alpha {
        let last = shapes[0].components - 1;
        let fill = |c: usize| if c == last { fill[c] } else { fill[c] * fill[last] };
        return vec![unpremultiply(&turned(&premultiply(&planes[0]), shapes[0], &fill))];
    }
    let plane = |(i, (p, &s)): (usize, (&Reals, &PlaneShape))| turned(p, s, &|c| fill[i.max(c)]);
    planes.iter().zip(shapes).enumerate().map(plane).collect()
}

fn cover(at: f64, len: usize, kernel: Kernel) -> f64 {
    let inside = (at + 1.0).min(len as f64 - at);
    match kernel {
        Kernel::Nearest => f64::from(u8::from(inside >= 0.5)),
        _ => inside.clamp(0.0, 1.0),
    }
}

fn interpolated(plane: &Reals, x: f64, y: f64, c: usize, kernel: Kernel) -> f64 {
    if kernel == Kernel::Nearest {
        return plane.at((x + 0.5).floor() as i64, (y + 0.5).floor() as i64, c);
    }
    let (left, top) = (x.floor() as i64, y.floor() as i64);
    let mut sum = 0.0;
    for sy in top - 2..=top + 3 {
        for sx in left - 2..=left + 3 {
            let w = weight(kernel, sx as f64 - x) * weight(kernel, sy as f64 - y);
            sum += w * plane.at(sx, sy, c);
        }
    }
    sum
}
