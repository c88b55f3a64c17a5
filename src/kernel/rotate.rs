//! A turn by any angle about the centre.

use super::Rows;
use super::grid::Grid;
use super::view::{Codes, View};
use super::weights::{radius, value};
use crate::filter::Kernel;
use crate::frame::{PlaneShape, Siting};

/// Rows of a picture that is turned clockwise about its centre, which comes to lie on the
/// centre of the new canvas.
///
/// Each output sample is mapped back to where it came from. Samples beyond an edge replicate
/// it; the result is then blended with the fill by how much of a triangle of two samples' width
/// around the position lies on the picture: full from half a sample inside the edge, half on
/// it, none from half a sample outside. So edges are smooth for every interpolation, and a
/// kernel with negative weights makes no ringing against the fill. `Nearest` does not blend.
pub struct RotateRows<'a> {
    views: Vec<View<'a>>,
    planes: Vec<PlaneTurn>,
    kernel: Kernel,
}

struct PlaneTurn {
    /// Input position (x, y) of output sample (0, 0).
    origin: [f64; 2],
    /// How it moves with one step to the right, and with one step down.
    step: [[f64; 2]; 2],
    fill: Vec<f32>,
}

impl<'a> RotateRows<'a> {
    /// `to` are the planes' new shapes, the first being luma's; `siting` places chroma, and
    /// means nothing for one plane. `fill` holds one unit code per component for each plane.
    /// `kernel` is `Nearest`, `Bilinear` or any other as it is, unstretched.
    pub fn new(
        views: Vec<View<'a>>,
        degrees: f64,
        to: &[PlaneShape],
        siting: Siting,
        fill: &[Vec<f32>],
        kernel: Kernel,
    ) -> Self {
        let radians = degrees.to_radians();
        let (sin, cos) = (libm::sin(radians), libm::cos(radians));
        let centre = |len: usize| (len as f64 - 1.0) / 2.0;
        let (from_x, from_y) = (centre(views[0].shape().width), centre(views[0].shape().height));
        let (to_x, to_y) = (centre(to[0].width), centre(to[0].height));
        let plane = |(shape, fill): (&PlaneShape, &Vec<f32>)| {
            let (gx, gy) = (Grid::x(siting, shape.shift_x), Grid::y(siting, shape.shift_y));
            // Rows run downwards, so this is the inverse of a clockwise turn as one sees it.
            let back = |x: f64, y: f64| {
                let (dx, dy) = (gx.to_luma(x) - to_x, gy.to_luma(y) - to_y);
                let (sx, sy) = (cos * dx + sin * dy + from_x, cos * dy - sin * dx + from_y);
                [gx.of_luma(sx), gy.of_luma(sy)]
            };
            let origin = back(0.0, 0.0);
            let [right, down] =
                [back(1.0, 0.0), back(0.0, 1.0)].map(|p| [p[0] - origin[0], p[1] - origin[1]]);
            PlaneTurn { origin, step: [right, down], fill: fill.clone() }
        };
        let planes = to.iter().zip(fill).map(plane).collect();
        Self { views, planes, kernel }
    }
}

impl Rows for RotateRows<'_> {
    fn begin(&mut self, _first: &[usize]) {}

    fn row(&mut self, plane: usize, y: usize, out: &mut [f32]) {
        let (view, turn) = (&self.views[plane], &self.planes[plane]);
        match view.codes() {
            Codes::U8(v) => turn.row(view, v, self.kernel, y, out, f32::from),
            Codes::U16(v) => turn.row(view, v, self.kernel, y, out, f32::from),
            Codes::F32(v) => turn.row(view, v, self.kernel, y, out, |v| v),
        }
    }
}

/// The most samples that an interpolation takes along one axis.
const REACH: usize = 6;

impl PlaneTurn {
    fn row<T: Copy>(
        &self,
        view: &View<'_>,
        samples: &[T],
        kernel: Kernel,
        y: usize,
        out: &mut [f32],
        real: impl Fn(T) -> f32,
    ) {
        let shape = view.shape();
        let scale = 1.0 / view.max();
        let [[xx, xy], [yx, yy]] = self.step;
        let start = [self.origin[0] + yx * y as f64, self.origin[1] + yy * y as f64];
        for (x, out) in out.chunks_exact_mut(shape.components).enumerate() {
            let at = [start[0] + xx * x as f64, start[1] + xy * x as f64];
            let cover = cover(at[0], shape.width, kernel) * cover(at[1], shape.height, kernel);
            if cover == 0.0 {
                out.copy_from_slice(&self.fill);
                continue;
            }
            let (left, wx, nx) = weights(kernel, at[0]);
            let (top, wy, ny) = weights(kernel, at[1]);
            for (c, (o, &fill)) in out.iter_mut().zip(&self.fill).enumerate() {
                let mut sum = 0.0;
                for (j, wy) in wy[..ny].iter().enumerate() {
                    let row = (top + j as isize).clamp(0, shape.height as isize - 1) as usize;
                    let mut line = 0.0;
                    for (i, wx) in wx[..nx].iter().enumerate() {
                        let x = (left + i as isize).clamp(0, shape.width as isize - 1) as usize;
                        line += wx * real(samples[row * view.stride() + x * shape.components + c]);
                    }
                    sum += wy * line;
                }
                *o = sum * scale * cover + fill * (1.0 - cover);
            }
        }
    }
}

/// How much of the picture is seen at a position along an axis of `len` samples, 0..=1.
fn cover(at: f64, len: usize, kernel: Kernel) -> f32 {
    let inside = (at + 1.0).min(len as f64 - at);
    if kernel == Kernel::Nearest {
        return if inside >= 0.5 { 1.0 } else { 0.0 };
    }
    inside.clamp(0.0, 1.0) as f32
}

/// The first sample, the weights and their number.
fn weights(kernel: Kernel, at: f64) -> (isize, [f32; REACH], usize) {
    let mut weights = [0.0; REACH];
    if matches!(kernel, Kernel::Nearest | Kernel::Area) {
        weights[0] = 1.0;
        return ((at + 0.5).floor() as isize, weights, 1);
    }
    let reach = radius(kernel) as isize;
    let first = at.floor() as isize + 1 - reach;
    let count = 2 * reach as usize;
    // Lanczos does not add up to 1 by itself.
    let raw: [f64; REACH] = std::array::from_fn(|k| {
        if k < count { value(kernel, (first + k as isize) as f64 - at) } else { 0.0 }
    });
    let sum: f64 = raw.iter().sum();
    for (w, raw) in weights.iter_mut().zip(raw) {
        *w = (raw / sum) as f32;
    }
    (first, weights, count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Depth, Frame, Layout, Model, Size, Subsampling, Ycbcr};
    use crate::kernel::testing::{check, close, formula, shape};

    fn ramp(width: usize, height: usize) -> Frame {
        let size = Size::new(width as u32, height as u32);
        let mut frame = Frame::zeroed(Layout::new(size, Model::Gray, Depth::U8).unwrap());
        let samples = frame.planes_mut()[0].data_mut::<u8>().unwrap();
        for (i, v) in samples.iter_mut().enumerate() {
            *v = (i % width * 5 + i / width * 3) as u8;
        }
        frame
    }

    #[test]
    fn a_quarter_turn_is_clockwise() {
        let frame = ramp(9, 6);
        let to = shape(6, 9, 1);
        for kernel in [Kernel::Nearest, Kernel::Bilinear, Kernel::Bicubic] {
            let fill = [vec![0.0]];
            let got = check(&[to], &|_| {
                Box::new(RotateRows::new(
                    View::all(&frame),
                    90.0,
                    &[to],
                    Siting::Center,
                    &fill,
                    kernel,
                ))
            });
            // The left column, read upwards, is the top row.
            let want = formula(to, |x, y, _| (y * 5 + (5 - x) * 3) as f64 / 255.0);
            close(&got[0], &want, 1e-5);
        }
    }

    #[test]
    fn inside_a_ramp_stays_a_ramp_and_outside_is_the_fill() {
        let frame = ramp(24, 24);
        let to = shape(40, 40, 1);
        let fill = [vec![0.75]];
        let radians = 30f64.to_radians();
        for kernel in [Kernel::Bilinear, Kernel::Bicubic] {
            let got = check(&[to], &|_| {
                let views = View::all(&frame);
                Box::new(RotateRows::new(views, 30.0, &[to], Siting::Center, &fill, kernel))
            });
            let mut inner = 0;
            for (i, &v) in got[0].iter().enumerate() {
                let (dx, dy) = ((i % 40) as f64 - 19.5, (i / 40) as f64 - 19.5);
                let sx = radians.cos() * dx + radians.sin() * dy + 11.5;
                let sy = radians.cos() * dy - radians.sin() * dx + 11.5;
                let away = |s: f64| (s - 11.5).abs();
                if away(sx).max(away(sy)) < 9.0 {
                    inner += 1;
                    assert!((f64::from(v) - (5.0 * sx + 3.0 * sy) / 255.0).abs() < 1e-5);
                } else if away(sx).max(away(sy)) > 12.5 {
                    assert_eq!(v, 0.75);
                }
            }
            assert!(inner > 300);
        }
    }

    #[test]
    fn chroma_turns_about_lumas_centre() {
        let size = Size::new(8, 8);
        let model = Model::Ycbcr(Ycbcr::jpeg(Subsampling::S420));
        let layout = Layout::new(size, model, Depth::U8).unwrap();
        let mut frame = Frame::zeroed(layout);
        for plane in frame.planes_mut() {
            let samples = plane.data_mut::<u8>().unwrap();
            samples.iter_mut().enumerate().for_each(|(i, v)| *v = (i * 3) as u8);
        }
        let to: Vec<_> = layout.planes().collect();
        let fill = [vec![0.0], vec![0.5], vec![0.5]];
        let got = check(&to, &|_| {
            let views = View::all(&frame);
            Box::new(RotateRows::new(views, 180.0, &to, Siting::Center, &fill, Kernel::Bilinear))
        });
        for (plane, got) in got.iter().enumerate() {
            let last = to[plane].width * to[plane].height - 1;
            let want: Vec<f64> =
                (0..=last).map(|i| ((last - i) * 3 % 256) as f64 / 255.0).collect();
            close(got, &want, 1e-5);
        }
    }
}
