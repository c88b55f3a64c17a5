//! Geometry: pixels that move.

use super::super::passes::{Kind, Rep};
use super::{Head, Lowering, ROW};
use crate::filter::{Geometry, Kernel};
use crate::frame::{PlaneShape, Siting};
use crate::kernel::{
    AxisMap, AxisWeights, Grid, Placement, Premultiply, ResampleRows, Unpremultiply, WindowRows,
};

impl Lowering {
    pub(super) fn geometry(&mut self, geometry: &Geometry, from: &Rep, to: &Rep) {
        let (before, after) = (from.shapes(), to.shapes());
        match geometry {
            Geometry::Resize { kernel, .. } => self.resize(*kernel, from, to),
            Geometry::Crop { x, y, .. } => {
                self.window((i64::from(*x), i64::from(*y)), [0.0; 4], before, after);
            }
            Geometry::Pad { x, y, color, .. } => {
                let fill = to.color(*color).map(|v| v as f32);
                self.window((-i64::from(*x), -i64::from(*y)), fill, before, after);
            }
            Geometry::Turn(turn) => self.head(Head::Turn(*turn), after),
            Geometry::Rotate { degrees, color, kernel, .. } => {
                let mut fill = to.color(*color);
                if to.alpha {
                    let colors = after[0].components - 1;
                    let alpha = fill[colors];
                    fill[..colors].iter_mut().for_each(|v| *v *= alpha);
                    self.premultiply(&before);
                }
                let fill = per_plane(fill.map(|v| v as f32), &after);
                let (degrees, kernel) = (*degrees, *kernel);
                self.head(Head::Rotate { degrees, fill, kernel }, after.clone());
                if to.alpha {
                    self.unpremultiply(&after);
                }
            }
        }
    }

    pub(super) fn premultiply(&mut self, shapes: &[PlaneShape]) {
        let components = shapes[0].components;
        self.push(shapes.to_vec(), move |up| Box::new(Premultiply::new(up, components)));
    }

    pub(super) fn unpremultiply(&mut self, shapes: &[PlaneShape]) {
        let components = shapes[0].components;
        self.push(shapes.to_vec(), move |up| Box::new(Unpremultiply::new(up, components)));
    }

    /// A rectangle whose origin is given in luma samples; it lies on the chroma grid.
    fn window(
        &mut self,
        origin: (i64, i64),
        fill: [f32; 4],
        before: Vec<PlaneShape>,
        after: Vec<PlaneShape>,
    ) {
        let planes: Vec<Placement> = before
            .iter()
            .zip(&after)
            .zip(per_plane(fill, &after))
            .map(|((&from, &to), fill)| Placement {
                from,
                to,
                x: (origin.0 >> to.shift_x) as isize,
                y: (origin.1 >> to.shift_y) as isize,
                fill,
            })
            .collect();
        self.push(after, move |up| Box::new(WindowRows::new(up, planes.clone())));
    }

    fn resize(&mut self, kernel: Kernel, from: &Rep, to: &Rep) {
        let (before, after) = (from.shapes(), to.shapes());
        let siting = match to.kind {
            Kind::Planes(y) => y.siting,
            _ => Siting::Center,
        };
        let axis = |luma: (u32, u32), plane: (usize, usize), grid: Grid| {
            let luma = AxisMap::resize(luma.0 as usize, luma.1 as usize);
            AxisWeights::chroma((plane.0, grid), (plane.1, grid), luma, kernel).shared()
        };
        let (mut xs, mut ys) = (Vec::new(), Vec::new());
        for (a, b) in before.iter().zip(&after) {
            let width = (from.size.width, to.size.width);
            xs.push(axis(width, (a.width, b.width), Grid::x(siting, a.shift_x)));
            let height = (from.size.height, to.size.height);
            let y = axis(height, (a.height, b.height), Grid::y(siting, a.shift_y));
            self.hold(y.taps(), PlaneShape { height: a.height, ..*b }, ROW);
            ys.push(y);
        }
        let (old, new) = (from.size.height as usize, to.size.height as usize);
        let taps = ys.iter().zip(&before).map(|(y, s)| y.taps() << s.shift_y).max().unwrap_or(0);
        self.ahead(&ys.iter().map(|y| y.taps()).collect::<Vec<_>>());
        // A row of the result is made of so many more.
        self.together.iter_mut().for_each(|b| *b = (*b * old as u64).div_ceil(new as u64));
        let segment = self.last();
        segment.halo = ((segment.halo + taps) * new).div_ceil(old);
        if to.alpha {
            self.premultiply(&before);
        }
        let out = after.clone();
        self.push(out.clone(), move |up| {
            Box::new(ResampleRows::new(up, &before, &after, &xs, &ys))
        });
        if to.alpha {
            self.unpremultiply(&out);
        }
    }
}

/// A colour for each plane: planes of one component take their own, interleaved ones all.
fn per_plane(color: [f32; 4], shapes: &[PlaneShape]) -> Vec<Vec<f32>> {
    let plane = |(i, s): (usize, &PlaneShape)| color[i..i + s.components].to_vec();
    shapes.iter().enumerate().map(plane).collect()
}
