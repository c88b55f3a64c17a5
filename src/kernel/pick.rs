//! Components put in another order: grey to three, one of three, alpha dropped or kept.

use super::{BoxRows, Rows};

/// Pixels of the components `map` says: component `i` of a pixel is component `map[i]` of the
/// pixel above.
pub struct PickRows<'a> {
    up: BoxRows<'a>,
    /// Components of a pixel above.
    from: usize,
    map: Vec<usize>,
    pixels: Vec<f32>,
}

impl<'a> PickRows<'a> {
    /// Picks from pixels of `from` components; each entry of `map` is under `from`.
    pub fn new(up: BoxRows<'a>, from: usize, map: &[usize]) -> Self {
        assert!(map.iter().all(|&i| i < from), "what is picked is there");
        Self { up, from, map: map.to_vec(), pixels: Vec::new() }
    }
}

impl Rows for PickRows<'_> {
    fn begin(&mut self, first: &[usize]) {
        self.up.begin(first);
    }

    fn row(&mut self, plane: usize, y: usize, out: &mut [f32]) {
        self.pixels.resize(out.len() / self.map.len() * self.from, 0.0);
        self.up.row(plane, y, &mut self.pixels);
        match (self.map.as_slice(), self.from) {
            // Grey from colour is the usual case, and needs no loop over the map.
            (&[index], 3) => return one(self.pixels.as_chunks::<3>().0, index, out),
            (&[index], 4) => return one(self.pixels.as_chunks::<4>().0, index, out),
            _ => {}
        }
        for (out, pixel) in
            out.chunks_exact_mut(self.map.len()).zip(self.pixels.chunks_exact(self.from))
        {
            for (value, &index) in out.iter_mut().zip(&self.map) {
                *value = pixel[index];
            }
        }
    }
}

/// Component `index` of each pixel.
fn one<const N: usize>(pixels: &[[f32; N]], index: usize, out: &mut [f32]) {
    for (value, pixel) in out.iter_mut().zip(pixels) {
        *value = pixel[index];
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Picture, shape};
    use super::*;

    #[test]
    fn grey_and_alpha_become_three_and_alpha() {
        let picture = Picture::noise(&[shape(5, 1, 2)]);
        let mut out = [0.0; 20];
        PickRows::new(picture.rows(), 2, &[0, 0, 0, 1]).row(0, 0, &mut out);
        let planes = &picture.planes[0];
        for (pixel, given) in out.chunks_exact(4).zip(planes.chunks_exact(2)) {
            assert_eq!(pixel, [given[0], given[0], given[0], given[1]]);
        }
    }

    #[test]
    fn one_of_several_is_the_one_that_was_asked_for() {
        for from in 2..=4 {
            let picture = Picture::noise(&[shape(5, 1, from)]);
            for index in 0..from {
                let mut out = [0.0; 5];
                PickRows::new(picture.rows(), from, &[index]).row(0, 0, &mut out);
                let want: Vec<f32> =
                    picture.planes[0].iter().skip(index).step_by(from).copied().collect();
                assert_eq!(out.as_slice(), want);
            }
        }
    }
}
