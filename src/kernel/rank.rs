//! Rank filters: median, minimum, maximum and all between.

use super::dispatch::Isa;
use super::network::{network, sort_network};
use super::ring::{Ring, around, padded, replicated, shifted};
use super::{BoxRows, Components, Numbers, Rows};
use crate::frame::PlaneShape;

/// The value of a given rank in a window. Edges replicate.
pub struct RankRows<'a> {
    up: BoxRows<'a>,
    planes: Vec<Option<PlaneRank>>,
    mask: Components,
    isa: Isa,
}

/// A row as it came, and each component that changes by itself, padded: as values or as codes.
#[derive(Default)]
struct Row {
    original: Vec<f32>,
    values: Vec<f32>,
    codes: Vec<u16>,
}

struct PlaneRank {
    shape: PlaneShape,
    radius: (usize, usize),
    /// 0.. for the smallest.
    rank: usize,
    method: Method,
    ring: Ring<Row>,
    padded: Vec<f32>,
    /// One component of the result.
    line: Vec<f32>,
}

enum Method {
    /// A sorting network on many windows side by side.
    Network(Vec<(u8, u8)>),
    /// A histogram of 16-bit codes that slides along the row.
    Histogram(Box<Histogram>),
    /// Each window selected by itself: for floats, which have no codes.
    Select,
}

/// The largest window that a network sorts, 9 by 9. On 12 megapixels of noise and AVX-512, 7 by 7
/// took 0.5 s with its 319 comparisons of 32 windows at once, a histogram of 9 by 9 took 2.3 s.
const NETWORK: usize = 81;

/// Windows that are sorted side by side.
const SIDE: usize = 32;

impl<'a> RankRows<'a> {
    /// `radius` is that along rows and along columns for each plane; `None` passes a plane
    /// through. Of the n values in the window it takes the one of index
    /// `floor(fraction * (n - 1) + 0.5)`. Codes in windows of over 81 pixels are rounded to 16
    /// bits.
    pub fn new(
        up: BoxRows<'a>,
        shapes: &[PlaneShape],
        radius: &[Option<(usize, usize)>],
        fraction: f64,
        numbers: Numbers,
        mask: Components,
    ) -> Self {
        let plane = |(shape, radius): (&PlaneShape, &Option<(usize, usize)>)| {
            radius.map(|(rx, ry)| {
                let count = (2 * rx + 1) * (2 * ry + 1);
                let rank = (fraction * (count - 1) as f64 + 0.5) as usize;
                let method = match numbers {
                    _ if count <= NETWORK => Method::Network(network(count, rank)),
                    Numbers::Bytes | Numbers::Codes => Method::Histogram(Box::default()),
                    Numbers::Reals => Method::Select,
                };
                PlaneRank {
                    shape: *shape,
                    radius: (rx, ry),
                    rank: rank.min(count - 1),
                    method,
                    ring: Ring::new(),
                    padded: Vec::new(),
                    line: vec![0.0; shape.width],
                }
            })
        };
        let planes = shapes.iter().zip(radius).map(plane).collect();
        Self { up, planes, mask, isa: Isa::best() }
    }

    /// The same on a given instruction set.
    #[must_use]
    pub fn on(mut self, isa: Isa) -> Self {
        self.isa = isa;
        self
    }
}

impl Rows for RankRows<'_> {
    fn begin(&mut self, first: &[usize]) {
        let radius = |p: &Option<PlaneRank>| p.as_ref().map_or(0, |p| p.radius.1);
        let first: Vec<usize> =
            first.iter().zip(&self.planes).map(|(y, p)| y.saturating_sub(radius(p))).collect();
        self.up.begin(&first);
    }

    fn row(&mut self, plane: usize, y: usize, out: &mut [f32]) {
        let Self { up, planes, mask, isa } = self;
        let Some(PlaneRank { shape, radius, rank, method, ring, padded: pad, line }) =
            &mut planes[plane]
        else {
            return up.row(plane, y, out);
        };
        let (n, (rx, ry)) = (shape.components, *radius);
        let long = shape.width + 2 * rx;
        let (first, last) = around(y..y + 1, ry, shape.height);
        ring.need(first, last, |y, row| {
            padded(&mut **up, plane, y, *shape, rx, pad);
            row.original.clear();
            row.original.extend_from_slice(&pad[rx * n..rx * n + shape.row()]);
            row.values.clear();
            row.codes.clear();
            for c in (0..n).filter(|&c| mask.has(c)) {
                let component = pad[c..].iter().step_by(n);
                if matches!(method, Method::Histogram(_)) {
                    row.codes.extend(component.map(|&v| super::load::code(v, 65_535.0) as u16));
                } else {
                    row.values.extend(component);
                }
            }
        });
        out.copy_from_slice(&ring.row(y).original);
        for (i, c) in (0..n).filter(|&c| mask.has(c)).enumerate() {
            let part = i * long..(i + 1) * long;
            let rows = replicated(y..y + 1, ry, shape.height).map(|y| ring.row(y));
            match method {
                Method::Network(pairs) => {
                    let values = rows.flat_map(|row| {
                        shifted(&row.values[part.clone()], 2 * rx + 1, 1, shape.width)
                    });
                    let mut room = [[0.0f32; SIDE]; NETWORK];
                    let values = values.collect::<Vec<_>>();
                    sort_network(*isa, &values, pairs, *rank, &mut room, line);
                }
                Method::Histogram(histogram) => {
                    let codes: Vec<&[u16]> = rows.map(|row| &row.codes[part.clone()]).collect();
                    histogram.slide(&codes, 2 * rx + 1, *rank as u32, line);
                }
                Method::Select => {
                    let values: Vec<&[f32]> = rows.map(|row| &row.values[part.clone()]).collect();
                    select(&values, 2 * rx + 1, *rank, line);
                }
            }
            for (o, v) in out[c..].iter_mut().step_by(n).zip(&*line) {
                *o = *v;
            }
        }
    }
}

/// Counts of codes, and a place among them that moves as little as it has to.
struct Histogram {
    fine: Vec<u32>,
    /// Counts of 256 codes together.
    coarse: Vec<u32>,
    place: usize,
    /// Codes counted that are under `place`.
    below: u32,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { fine: vec![0; 65_536], coarse: vec![0; 256], place: 0, below: 0 }
    }
}

impl Histogram {
    /// The codes of rank `rank` in all windows of `width` columns of the rows.
    fn slide(&mut self, rows: &[&[u16]], width: usize, rank: u32, out: &mut [f32]) {
        for row in rows {
            row[..width - 1].iter().for_each(|&code| self.add(code));
        }
        for (x, out) in out.iter_mut().enumerate() {
            rows.iter().for_each(|row| self.add(row[x + width - 1]));
            *out = self.find(rank) as f32 * (1.0 / 65_535.0);
            rows.iter().for_each(|row| self.take(row[x]));
        }
        // Emptied by what is in it, since clearing all would cost more than most rows.
        for row in rows {
            row[row.len() - width + 1..].iter().for_each(|&code| self.take(code));
        }
    }

    fn add(&mut self, code: u16) {
        self.fine[usize::from(code)] += 1;
        self.coarse[usize::from(code >> 8)] += 1;
        self.below += u32::from(usize::from(code) < self.place);
    }

    fn take(&mut self, code: u16) {
        self.fine[usize::from(code)] -= 1;
        self.coarse[usize::from(code >> 8)] -= 1;
        self.below -= u32::from(usize::from(code) < self.place);
    }

    /// The code that `rank` others do not exceed; more than `rank` are counted.
    fn find(&mut self, rank: u32) -> usize {
        while self.below > rank {
            let cell = self.place >> 8;
            if self.place & 255 == 0 && self.below - self.coarse[cell - 1] > rank {
                self.place -= 256;
                self.below -= self.coarse[cell - 1];
            } else {
                self.place -= 1;
                self.below -= self.fine[self.place];
            }
        }
        while self.below + self.fine[self.place] <= rank {
            let cell = self.place >> 8;
            if self.place & 255 == 0 && self.below + self.coarse[cell] <= rank {
                self.below += self.coarse[cell];
                self.place += 256;
            } else {
                self.below += self.fine[self.place];
                self.place += 1;
            }
        }
        self.place
    }
}

fn select(rows: &[&[f32]], width: usize, rank: usize, out: &mut [f32]) {
    let mut window = Vec::with_capacity(rows.len() * width);
    for (x, out) in out.iter_mut().enumerate() {
        window.clear();
        rows.iter().for_each(|row| window.extend_from_slice(&row[x..x + width]));
        *out = *window.select_nth_unstable_by(rank, f32::total_cmp).1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::testing::{Picture, check, close, formula, planar, shape};

    fn direct(p: &Picture, plane: usize, rx: isize, ry: isize, fraction: f64) -> Vec<f64> {
        formula(p.shapes[plane], |x, y, c| {
            let mut window: Vec<f64> = (-ry..=ry)
                .flat_map(|dy| (-rx..=rx).map(move |dx| (dx, dy)))
                .map(|(dx, dy)| p.at(plane, x + dx, y + dy, c))
                .collect();
            window.sort_by(f64::total_cmp);
            window[(fraction * (window.len() - 1) as f64 + 0.5) as usize]
        })
    }

    #[test]
    fn ranks_are_those_of_the_sorted_window() {
        for (rx, ry) in [(0, 0), (1, 1), (2, 2), (3, 3), (1, 0), (0, 4), (5, 3), (9, 9)] {
            for (s, fraction) in [
                (shape(37, 17, 3), 0.5),
                (shape(3, 33, 1), 0.0),
                (shape(66, 3, 2), 1.0),
                (shape(1, 1, 4), 0.3),
            ] {
                let p = Picture::noise(&[s]);
                for numbers in [Numbers::Codes, Numbers::Reals] {
                    let got = check(&[s], &|isa| {
                        let (radius, all) = ([Some((rx, ry))], Components::ALL);
                        let node = RankRows::new(p.rows(), &[s], &radius, fraction, numbers, all);
                        Box::new(node.on(isa))
                    });
                    // The noise is 16-bit codes, which a histogram gives back to an f32's last bit.
                    close(&got[0], &direct(&p, 0, rx as isize, ry as isize, fraction), 1e-7);
                }
            }
        }
    }

    #[test]
    fn only_what_is_asked_for_changes() {
        let p = Picture::noise(&[shape(21, 12, 3)]);
        for radius in [1, 6] {
            let got = check(&p.shapes, &|isa| {
                let (first, codes) = (Components::FIRST, Numbers::Codes);
                let window = [Some((radius, radius))];
                let node = RankRows::new(p.rows(), &p.shapes, &window, 0.5, codes, first);
                Box::new(node.on(isa))
            });
            let ranked = direct(&p, 0, radius as isize, radius as isize, 0.5);
            let kept = formula(p.shapes[0], |x, y, c| p.at(0, x, y, c));
            let want: Vec<f64> =
                (0..kept.len()).map(|i| if i % 3 == 0 { ranked[i] } else { kept[i] }).collect();
            close(&got[0], &want, 1e-7);
        }
        let p = Picture::noise(&planar(21, 12, 1, 1));
        let got = check(&p.shapes, &|isa| {
            let (all, codes) = (Components::ALL, Numbers::Codes);
            let radius = [Some((1, 1)), None, None];
            let node = RankRows::new(p.rows(), &p.shapes, &radius, 0.5, codes, all);
            Box::new(node.on(isa))
        });
        assert_eq!(got[1..], p.planes[1..]);
        close(&got[0], &direct(&p, 0, 1, 1, 0.5), 0.0);
    }
}
