//! Exact turns and flips of a whole picture.

use super::Rows;
use super::dispatch::Isa;
use super::load::unit;
use super::view::{Codes, View};
use crate::filter::Dihedral;

/// Rows of a turned or flipped picture. Samples move, none changes.
pub struct TurnRows<'a> {
    views: Vec<View<'a>>,
    turn: Dihedral,
    planes: Vec<Strip>,
    isa: Isa,
}

/// Columns of a plane that were read together, as rows.
#[derive(Default)]
struct Strip {
    rows: Vec<f32>,
    /// The number of the strip, counted in `TALL` rows of output.
    number: Option<usize>,
}

/// Columns that are read together when rows and columns change places: their bytes lie in the
/// same cache lines.
const TALL: usize = 16;

impl<'a> TurnRows<'a> {
    /// Every plane is turned alike; that is exact for subsampled planes only where chroma covers
    /// whole samples of luma along each axis that is reversed.
    pub fn new(views: Vec<View<'a>>, turn: Dihedral) -> Self {
        let planes = views.iter().map(|_| Strip::default()).collect();
        Self { views, turn, planes, isa: Isa::best() }
    }
}

impl Rows for TurnRows<'_> {
    fn begin(&mut self, _first: &[usize]) {}

    fn row(&mut self, plane: usize, y: usize, out: &mut [f32]) {
        let view = &self.views[plane];
        let n = view.shape().components;
        let height = if self.turn.transpose { view.shape().width } else { view.shape().height };
        let y = if self.turn.flip_y { height - 1 - y } else { y };
        if self.turn.transpose {
            self.planes[plane].column(view, y, out);
        } else {
            unit(self.isa, view.row(y), view.max(), out);
        }
        if self.turn.flip_x {
            out.reverse();
            out.chunks_exact_mut(n).for_each(<[f32]>::reverse);
        }
    }
}

impl Strip {
    fn column(&mut self, view: &View<'_>, x: usize, out: &mut [f32]) {
        if self.number != Some(x / TALL) {
            self.number = Some(x / TALL);
            let first = x / TALL * TALL;
            let count = TALL.min(view.shape().width - first);
            self.rows.resize(out.len() * TALL, 0.0);
            match view.codes() {
                Codes::U8(v) => self.read(view, v, first, count, f32::from),
                Codes::U16(v) => self.read(view, v, first, count, f32::from),
                Codes::F32(v) => self.read(view, v, first, count, |v| v),
            }
        }
        let start = x % TALL * out.len();
        out.copy_from_slice(&self.rows[start..start + out.len()]);
    }

    fn read<T: Copy>(
        &mut self,
        view: &View<'_>,
        samples: &[T],
        first: usize,
        count: usize,
        real: impl Fn(T) -> f32,
    ) {
        let (n, len) = (view.shape().components, self.rows.len() / TALL);
        // The same product as `unit` makes; 1 for floats, which it leaves as they are.
        let scale = 1.0 / view.max();
        for y in 0..view.shape().height {
            let start = y * view.stride() + first * n;
            let pixels = samples[start..start + count * n].chunks_exact(n);
            for (pixel, row) in pixels.zip(self.rows.chunks_exact_mut(len)) {
                for (o, &v) in row[y * n..(y + 1) * n].iter_mut().zip(pixel) {
                    *o = real(v) * scale;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Depth, Frame, Layout, Model, Size};
    use crate::kernel::testing::{check, close, formula, shape};

    #[test]
    fn all_eight_turns_move_every_sample() {
        for (width, height) in [(37, 20), (16, 16), (1, 5), (5, 1)] {
            for (model, depth) in
                [(Model::Gray, Depth::U8), (Model::Rgba, Depth::U16), (Model::Rgb, Depth::F32)]
            {
                let layout =
                    Layout::new(Size::new(width as u32, height as u32), model, depth).unwrap();
                let n = model.components();
                let mut frame = Frame::zeroed(layout);
                let plane = &mut frame.planes_mut()[0];
                for i in 0..width * height * n {
                    match depth {
                        Depth::U8 => plane.data_mut::<u8>().unwrap()[i] = (i * 7) as u8,
                        Depth::F32 => plane.data_mut::<f32>().unwrap()[i] = i as f32 - 9.5,
                        _ => plane.data_mut::<u16>().unwrap()[i] = (i * 77) as u16,
                    }
                }
                let mut values = vec![0.0; width * height * n];
                let mut load = crate::kernel::Load::new(View::all(&frame));
                for (y, row) in values.chunks_exact_mut(width * n).enumerate() {
                    load.row(0, y, row);
                }
                for orientation in 1..=8 {
                    let turn = Dihedral::from_exif(orientation);
                    let (w, h) = if turn.transpose { (height, width) } else { (width, height) };
                    let to = shape(w, h, n);
                    let got = check(&[to], &|_| Box::new(TurnRows::new(View::all(&frame), turn)));
                    let want = formula(to, |x, y, c| {
                        let x = if turn.flip_x { w as isize - 1 - x } else { x };
                        let y = if turn.flip_y { h as isize - 1 - y } else { y };
                        let (x, y) = if turn.transpose { (y, x) } else { (x, y) };
                        f64::from(values[(y as usize * width + x as usize) * n + c])
                    });
                    close(&got[0], &want, 0.0);
                }
            }
        }
    }
}
