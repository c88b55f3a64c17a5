//! Crop and pad by whole samples.

use super::{BoxRows, Rows};
use crate::frame::PlaneShape;

/// Where a plane's new rectangle lies on the old one.
#[derive(Clone, Debug, PartialEq)]
pub struct Placement {
    /// The old plane.
    pub from: PlaneShape,
    /// The new one; as many components.
    pub to: PlaneShape,
    /// The column of the old plane that becomes column 0; negative pads.
    pub x: isize,
    /// The row of the old plane that becomes row 0; negative pads.
    pub y: isize,
    /// What stands outside the old plane: one unit code per component.
    pub fill: Vec<f32>,
}

/// A rectangle of the picture, which may reach over its edges.
pub struct WindowRows<'a> {
    up: BoxRows<'a>,
    planes: Vec<Placement>,
    row: Vec<f32>,
}

impl<'a> WindowRows<'a> {
    /// One placement per plane.
    pub fn new(up: BoxRows<'a>, planes: Vec<Placement>) -> Self {
        Self { up, planes, row: Vec::new() }
    }
}

impl Rows for WindowRows<'_> {
    fn begin(&mut self, first: &[usize]) {
        let rows = first.iter().zip(&self.planes);
        let rows: Vec<usize> = rows.map(|(&y, p)| y.saturating_add_signed(p.y)).collect();
        self.up.begin(&rows);
    }

    fn row(&mut self, plane: usize, y: usize, out: &mut [f32]) {
        let p = &self.planes[plane];
        let n = p.to.components;
        let source = y.checked_add_signed(p.y).filter(|&y| y < p.from.height);
        // Columns of the new plane that the old one covers.
        let clip = |x: isize| x.clamp(0, p.to.width as isize) as usize;
        let (left, right) = (clip(-p.x), clip(p.from.width as isize - p.x));
        let Some(source) = source.filter(|_| left < right) else {
            return paint(out, &p.fill);
        };
        let (before, rest) = out.split_at_mut(left * n);
        let (inside, after) = rest.split_at_mut((right - left) * n);
        paint(before, &p.fill);
        paint(after, &p.fill);
        if inside.len() == p.from.row() {
            return self.up.row(plane, source, inside);
        }
        self.row.resize(p.from.row(), 0.0);
        self.up.row(plane, source, &mut self.row);
        let start = (left as isize + p.x) as usize * n;
        inside.copy_from_slice(&self.row[start..start + inside.len()]);
    }
}

fn paint(out: &mut [f32], fill: &[f32]) {
    for pixel in out.chunks_exact_mut(fill.len()) {
        pixel.copy_from_slice(fill);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::testing::{Picture, check, close, formula, shape};

    #[test]
    fn rectangles_inside_over_and_beside_the_picture() {
        let from = shape(13, 11, 3);
        let p = Picture::noise(&[from]);
        let fill = [0.25, 0.5, 0.75];
        for (x, y, width, height) in
            [(2, 3, 5, 4), (0, 0, 13, 11), (-2, -3, 20, 18), (4, -1, 30, 5), (20, 2, 3, 3)]
        {
            let to = shape(width, height, 3);
            let got = check(&[to], &|_| {
                let place = Placement { from, to, x, y, fill: fill.map(|v| v as f32).to_vec() };
                Box::new(WindowRows::new(p.rows(), vec![place]))
            });
            let want = formula(to, |i, j, c| {
                let (sx, sy) = (i + x, j + y);
                let inside = (0..13).contains(&sx) && (0..11).contains(&sy);
                if inside { p.at(0, sx, sy, c) } else { fill[c] }
            });
            close(&got[0], &want, 0.0);
        }
    }
}
