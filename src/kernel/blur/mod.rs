//! Separable averages and unsharp masking.

mod along;
mod down;
mod lines;
mod product;
mod sums;
mod words;

use super::dispatch::{Isa, per_isa};
use super::ring::keep;
use super::taps::Taps;
use super::{BoxRows, Components, Numbers, Rows};
use crate::frame::PlaneShape;
use along::Along;
use down::{BATCH, Down};
use lines::{Form, Lines, Original, Source};

/// What a blur does: the weights of each plane, and what is made of the result.
#[derive(Clone, Debug)]
pub struct Blur {
    /// The weights along rows and along columns of each plane; `None` passes a plane through.
    pub taps: Vec<Option<(Taps, Taps)>>,
    /// What the values are.
    pub numbers: Numbers,
    /// The components that change.
    pub mask: Components,
    /// If given, the difference to the blur is added instead, times this.
    pub amount: Option<f32>,
}

/// A separable blur, or `v + amount * (v - blur(v))`. Edges replicate.
pub struct BlurRows<'a> {
    up: BoxRows<'a>,
    planes: Vec<Option<PlaneBlur>>,
    mask: Components,
    amount: Option<f32>,
    isa: Isa,
}

struct PlaneBlur {
    lines: Lines,
    down: Down,
}

impl Blur {
    /// Bytes of the rows that a node keeps at the same time.
    pub fn held_bytes(&self, shapes: &[PlaneShape]) -> u64 {
        let held = |blur: PlaneBlur| blur.down.held(&blur.lines) + blur.lines.room();
        self.planes(shapes).into_iter().flatten().map(held).sum()
    }

    /// Rows that the values of each plane reach on each side.
    pub fn reach(&self, shapes: &[PlaneShape]) -> Vec<usize> {
        let reach = |blur: Option<PlaneBlur>| blur.map_or(0, |blur| blur.down.reach());
        self.planes(shapes).into_iter().map(reach).collect()
    }

    /// Rows of each plane that are asked for before another plane is.
    pub fn ahead(&self, shapes: &[PlaneShape]) -> Vec<usize> {
        self.reach(shapes).into_iter().map(|reach| 2 * reach + BATCH).collect()
    }

    /// True if values in 0..=1 stay there to the last bit.
    pub fn stays_inside(&self, shapes: &[PlaneShape]) -> bool {
        let words = |blur: &PlaneBlur| matches!(blur.down, Down::Words(_));
        self.planes(shapes).iter().flatten().all(words)
    }

    /// How a plane is averaged along its rows, and then along its columns.
    fn form(&self, x: &Taps, y: &Taps, original: Original) -> (Form, Down) {
        if (self.numbers, original) == (Numbers::Bytes, Original::Drop)
            && let (Some(x), Some(y)) = (words::weights(x), words::weights(y))
        {
            return (Form::Words(x), Down::words(y));
        }
        let (along, down) = (Along::new(x, self.numbers), Down::new(y, self.numbers));
        (if down.fixed() { Form::Fixed(along) } else { Form::Values(along) }, down)
    }

    fn planes(&self, shapes: &[PlaneShape]) -> Vec<Option<PlaneBlur>> {
        let plane = |(&shape, taps): (&PlaneShape, &Option<(Taps, Taps)>)| {
            let (x, y) = taps.as_ref()?;
            let partial = !self.mask.covers(shape.components);
            let original =
                if partial || self.amount.is_some() { Original::Keep } else { Original::Drop };
            let (form, down) = self.form(x, y, original);
            Some(PlaneBlur { lines: Lines::new(shape, form, original), down })
        };
        shapes.iter().zip(&self.taps).map(plane).collect()
    }
}

impl<'a> BlurRows<'a> {
    /// Blurs planes of these shapes.
    pub fn new(up: BoxRows<'a>, shapes: &[PlaneShape], blur: &Blur) -> Self {
        let Blur { mask, amount, .. } = *blur;
        Self { up, planes: blur.planes(shapes), mask, amount, isa: Isa::best() }
    }

    /// The same on a given instruction set.
    #[must_use]
    pub fn on(mut self, isa: Isa) -> Self {
        self.isa = isa;
        self
    }
}

impl Rows for BlurRows<'_> {
    fn begin(&mut self, first: &[usize]) {
        let reach = |p: &Option<PlaneBlur>| p.as_ref().map_or(0, |p| p.down.reach());
        let first: Vec<usize> =
            first.iter().zip(&self.planes).map(|(y, p)| y.saturating_sub(reach(p))).collect();
        self.up.begin(&first);
    }

    fn row(&mut self, plane: usize, y: usize, out: &mut [f32]) {
        let Some(PlaneBlur { lines, down }) = &mut self.planes[plane] else {
            return self.up.row(plane, y, out);
        };
        let mut source = Source { up: &mut *self.up, plane, isa: self.isa };
        down.row(lines, &mut source, y, out);
        if !lines.keeps_original() {
            return;
        }
        let original = &lines.row(y).original;
        if let Some(amount) = self.amount {
            sharpen(self.isa, original, amount, out);
        }
        keep(self.mask, lines.shape.components, original, out);
    }
}

per_isa! {
    fn sharpen(original: &[f32], amount: f32, out: &mut [f32]) {
        for (o, &v) in out.iter_mut().zip(original) {
            *o = v + amount * (v - *o);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::lookup::Precision;
    use super::*;
    use crate::filter::Window;
    use crate::kernel::taps;
    use crate::kernel::testing::{Picture, check, close, formula, planar, shape};

    /// A window's weights, from its definition, wide enough for any use here.
    fn weights(window: Window) -> Vec<f64> {
        let half: Vec<f64> = match window {
            Window::Gaussian { sigma } => {
                (0..200).map(|k| (-0.5 * (f64::from(k) / sigma).powi(2)).exp()).collect()
            }
            Window::Box { width } => {
                (0..200).map(|k| (width / 2.0 - (f64::from(k) - 0.5)).clamp(0.0, 1.0)).collect()
            }
            Window::Binomial { taps: 5 } => vec![6.0, 4.0, 1.0],
            _ => vec![1.0],
        };
        let sum = half[0] + 2.0 * half[1..].iter().sum::<f64>();
        half.iter().map(|w| w / sum).collect()
    }

    fn direct(p: &Picture, plane: usize, x: Window, y: Window) -> Vec<f64> {
        let (wx, wy) = (weights(x), weights(y));
        let s = p.shapes[plane];
        let along = formula(s, |i, j, c| {
            let side =
                |k: usize| p.at(plane, i - k as isize, j, c) + p.at(plane, i + k as isize, j, c);
            wx[0] * p.at(plane, i, j, c) + (1..wx.len()).map(|k| wx[k] * side(k)).sum::<f64>()
        });
        let at = |i: isize, j: isize, c: usize| {
            let j = j.clamp(0, s.height as isize - 1) as usize;
            along[j * s.row() + i as usize * s.components + c]
        };
        formula(s, |i, j, c| {
            let side = |k: usize| at(i, j - k as isize, c) + at(i, j + k as isize, c);
            wy[0] * at(i, j, c) + (1..wy.len()).map(|k| wy[k] * side(k)).sum::<f64>()
        })
    }

    #[test]
    fn blurs_are_their_sums_on_every_plane() {
        let windows = [
            Window::Point,
            Window::Gaussian { sigma: 0.7 },
            Window::Gaussian { sigma: 3.0 },
            Window::Box { width: 1.0 },
            Window::Box { width: 4.5 },
            Window::Box { width: 31.0 },
            Window::Binomial { taps: 5 },
            Window::Box { width: 61.0 },
            Window::Box { width: 56.5 },
            Window::Gaussian { sigma: 11.0 },
        ];
        for (i, &x) in windows.iter().enumerate() {
            let ys = [windows[(i * 3 + 2) % windows.len()], windows[(i * 7 + 1) % windows.len()]];
            let shapes = [shape(71, 43, 3), shape(5, 61, 1), shape(70, 3, 4), shape(1, 1, 2)];
            for (s, y) in shapes.into_iter().flat_map(|s| ys.map(|y| (s, y))) {
                let pair =
                    Some((taps::of(x, 0, Precision::Eight), taps::of(y, 0, Precision::Eight)));
                for numbers in [Numbers::Codes, Numbers::Reals, Numbers::Bytes] {
                    let p = Picture::noise(&[s]);
                    let p = if numbers == Numbers::Bytes { p.in_bytes() } else { p };
                    let got = check(&[s], &|isa| {
                        let taps = vec![pair.clone()];
                        let blur = Blur { taps, numbers, mask: Components::ALL, amount: None };
                        Box::new(BlurRows::new(p.rows(), &[s], &blur).on(isa))
                    });
                    // What a Gaussian leaves away on two axes, and f32; what words lose.
                    let limit = if numbers == Numbers::Bytes { 3.4e-4 } else { 1.3e-4 };
                    close(&got[0], &direct(&p, 0, x, y), limit);
                }
            }
        }
    }

    /// Pictures that show what a blur does worst.
    fn hard(s: PlaneShape) -> Vec<Picture> {
        let of = |f: fn(usize, usize) -> f32| {
            let values = (0..s.height * s.width * s.components)
                .map(|i| f(i / s.components % s.width, i / s.row()));
            Picture::new(&[s], vec![values.collect()])
        };
        fn white(is: bool) -> f32 {
            f32::from(u8::from(is))
        }
        vec![
            of(|x, y| (0.4 * x as f32 + 0.3 * y as f32) / 255.0),
            of(|x, y| ((7 * x + 2 * y) % 256) as f32 / 255.0),
            of(|x, y| white((x, y) == (40, 30))),
            of(|x, y| white(x > 33 || y < 17)),
            of(|x, y| white((x + y) % 2 == 0)),
            of(|x, y| white((x / 16 + y / 16) % 2 == 0)),
            of(|_, _| 1.0),
            Picture::noise(&[s]),
        ]
    }

    #[test]
    fn wide_gaussians_are_gaussians_for_any_picture() {
        for (precision, sigmas, limit) in [
            (Precision::Eight, [8.0, 9.1, 14.0], 0.2 / 255.0),
            (Precision::Sixteen, [16.0, 18.3, 21.0], 1.6 / 65_535.0),
        ] {
            for (sigma, s) in
                sigmas.into_iter().zip([shape(83, 61, 3), shape(71, 97, 1), shape(45, 40, 4)])
            {
                let window = Window::Gaussian { sigma };
                let taps =
                    vec![Some((taps::of(window, 0, precision), taps::of(window, 0, precision)))];
                let (numbers, mask) = (Numbers::Codes, Components::ALL);
                let blur = Blur { taps, numbers, mask, amount: None };
                assert!(matches!(
                    blur.planes(&[s])[0],
                    Some(PlaneBlur { down: Down::Spline(_), .. })
                ));
                for p in hard(s) {
                    let got =
                        check(&[s], &|isa| Box::new(BlurRows::new(p.rows(), &[s], &blur).on(isa)));
                    close(&got[0], &direct(&p, 0, window, window), limit);
                }
            }
        }
    }

    /// A blur of 8-bit codes along both axes.
    fn of_bytes(window: Window, mask: Components, amount: Option<f32>) -> Blur {
        let taps = taps::of(window, 0, Precision::Eight);
        Blur { taps: vec![Some((taps.clone(), taps))], numbers: Numbers::Bytes, mask, amount }
    }

    fn in_words(blur: &Blur, s: PlaneShape) -> bool {
        matches!(blur.planes(&[s])[0], Some(PlaneBlur { down: Down::Words(_), .. }))
    }

    #[test]
    fn words_are_near_their_sums() {
        let gaussian = |sigma| (Window::Gaussian { sigma }, 0.06, 0.018);
        for ((window, limit, mean_limit), s) in [
            (gaussian(0.5), shape(300, 70, 1)),
            (gaussian(1.5), shape(171, 47, 1)),
            (gaussian(3.0), shape(83, 61, 3)),
            (gaussian(3.8), shape(45, 40, 4)),
            // Its products are all alike, and so is what they lose.
            ((Window::Box { width: 31.0 }, 0.07, 0.025), shape(141, 61, 1)),
        ] {
            let blur = of_bytes(window, Components::ALL, None);
            assert!(in_words(&blur, s));
            let noise = Picture::noise(&[s]).in_bytes();
            for p in hard(s) {
                let p = p.in_bytes();
                let got =
                    check(&[s], &|isa| Box::new(BlurRows::new(p.rows(), &[s], &blur).on(isa)));
                let want = direct(&p, 0, window, window);
                let off: Vec<f64> =
                    got[0].iter().zip(&want).map(|(g, w)| 255.0 * (f64::from(*g) - w)).collect();
                let mean = |of: &dyn Fn(f64) -> f64| {
                    off.iter().map(|v| of(*v)).sum::<f64>() / off.len() as f64
                };
                let most = off.iter().fold(0.0f64, |most, v| most.max(v.abs()));
                let (rms, bias) = (mean(&|v| v * v).sqrt(), mean(&|v| v));
                assert!(most < limit && rms < mean_limit, "{window:?}: at most {most}, {rms}");
                // Patterns meet the same few roundings everywhere, noise meets all.
                let fair = if p.planes == noise.planes { 0.002 } else { 0.01 };
                assert!(bias.abs() < fair, "{window:?}: {bias} on average");
            }
        }
    }

    #[test]
    fn words_leave_what_is_flat_as_it_is() {
        let s = shape(40, 21, 1);
        let blur = of_bytes(Window::Gaussian { sigma: 3.0 }, Components::ALL, None);
        assert!(in_words(&blur, s));
        for code in 0..=255u8 {
            let value = f32::from(code) * (1.0 / 255.0);
            let p = Picture::new(&[s], vec![vec![value; s.row() * s.height]]).in_bytes();
            let got = check(&[s], &|isa| Box::new(BlurRows::new(p.rows(), &[s], &blur).on(isa)));
            close(&got[0], &vec![f64::from(value); got[0].len()], 1e-7);
        }
    }

    #[test]
    fn what_is_not_for_words_is_done_in_floats() {
        let s = shape(37, 29, 3);
        let p = Picture::noise(&[s]).in_bytes();
        let all = Components::ALL;
        let gaussian = |sigma| Window::Gaussian { sigma };
        for (window, mask, amount, off) in [
            // Too wide.
            (gaussian(5.0), all, None, 0.02),
            (gaussian(9.0), all, None, 0.2),
            // Floats hold its weights exactly.
            (Window::Binomial { taps: 5 }, all, None, 1e-4),
            // Rows are needed as they came.
            (gaussian(2.0), Components::FIRST, None, 0.02),
            (gaussian(2.0), all, Some(0.5), 0.02),
        ] {
            let blur = of_bytes(window, mask, amount);
            assert!(!in_words(&blur, s));
            let got = check(&[s], &|isa| Box::new(BlurRows::new(p.rows(), &[s], &blur).on(isa)));
            let blurred = direct(&p, 0, window, window);
            let want = formula(s, |x, y, c| {
                let v = p.at(0, x, y, c);
                let b = blurred[y as usize * s.row() + x as usize * 3 + c];
                match amount {
                    _ if !mask.has(c) => v,
                    Some(amount) => v + f64::from(amount) * (v - b),
                    None => b,
                }
            });
            close(&got[0], &want, off / 255.0);
        }
    }

    #[test]
    fn the_rows_that_are_kept_are_counted() {
        for (window, amount) in [
            (Window::Gaussian { sigma: 2.0 }, None),
            (Window::Gaussian { sigma: 9.0 }, None),
            (Window::Gaussian { sigma: 9.0 }, Some(0.5)),
            (Window::Box { width: 71.5 }, None),
            (Window::Box { width: 71.0 }, Some(0.5)),
        ] {
            let s = shape(190, 230, 3);
            let taps = taps::of(window, 0, Precision::Eight);
            let taps = vec![Some((taps.clone(), taps))];
            let p = Picture::noise(&[s]).in_bytes();
            for numbers in [Numbers::Codes, Numbers::Bytes] {
                let (taps, mask) = (taps.clone(), Components::ALL);
                let blur = Blur { taps, numbers, mask, amount };
                let mut node = BlurRows::new(p.rows(), &[s], &blur);
                node.begin(&[0]);
                let mut row = vec![0.0; s.row()];
                (0..s.height).for_each(|y| node.row(0, y, &mut row));
                let Some(PlaneBlur { lines, down }) = &node.planes[0] else { panic!("it blurs") };
                let (taken, counted) =
                    ((lines.taken() + down.taken()) as f64, blur.held_bytes(&[s]) as f64);
                let share = taken / counted;
                assert!((0.9..=1.0).contains(&share), "{window:?} {amount:?}: {share}");
            }
        }
    }

    #[test]
    fn a_mask_and_planes_without_taps_keep_what_they_had() {
        let wide = Window::Box { width: 70.0 };
        let s = shape(31, 29, 3);
        let p = Picture::noise(&[s]);
        let taps_of =
            |w| [Some((taps::of(w, 0, Precision::Eight), taps::of(w, 0, Precision::Eight)))];
        let got = check(&[s], &|isa| {
            let taps = taps_of(wide).to_vec();
            let (numbers, mask) = (Numbers::Codes, Components::FIRST);
            let blur = Blur { taps, numbers, mask, amount: Some(0.5) };
            Box::new(BlurRows::new(p.rows(), &[s], &blur).on(isa))
        });
        let blurred = direct(&p, 0, wide, wide);
        let want = formula(s, |x, y, c| {
            let v = p.at(0, x, y, c);
            let b = blurred[y as usize * s.row() + x as usize * 3 + c];
            if c == 0 { v + 0.5 * (v - b) } else { v }
        });
        close(&got[0], &want, 1e-5);

        let p = Picture::noise(&planar(21, 12, 1, 1));
        let [luma] = taps_of(Window::Gaussian { sigma: 1.0 });
        let taps = [luma, None, None];
        let got = check(&p.shapes, &|isa| {
            let (taps, numbers) = (taps.to_vec(), Numbers::Codes);
            let blur = Blur { taps, numbers, mask: Components::ALL, amount: None };
            Box::new(BlurRows::new(p.rows(), &p.shapes, &blur).on(isa))
        });
        assert_eq!(got[1..], p.planes[1..]);
        assert_ne!(got[0], p.planes[0]);
    }
}
