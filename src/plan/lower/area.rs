//! Area operations.

use super::super::color;
use super::super::passes::{Kind, Rep};
use super::super::run::Fused;
use super::{Lowering, ROW};
use crate::filter::{Affine3, Area, AreaKind, Channels, Window};
use crate::frame::{Matrix, PlaneShape};
use crate::kernel::{
    Blur, BlurRows, Components, ConvolveRows, GradientRows, Numbers, PointRows, RankRows, Taps,
    taps,
};

/// What an area operation changes: the first so many planes, and of their pixels these
/// components.
#[derive(Clone, Copy)]
struct Selection {
    planes: usize,
    mask: Components,
}

impl Lowering {
    /// True if what leaves needs no clamp.
    pub(super) fn area(&mut self, area: &Area, rep: &Rep) -> bool {
        let shapes = rep.shapes();
        let premultiplied = area.channels == Channels::Each && rep.alpha;
        let luma_of_rgb = area.channels == Channels::Luma && rep.kind == Kind::Rgb;
        if premultiplied {
            self.premultiply(&shapes);
        }
        if luma_of_rgb {
            self.matrix(color::ycbcr_from_rgb(Matrix::Bt601), &shapes);
        }
        let selection = match area.channels {
            Channels::Each => Selection { planes: shapes.len(), mask: Components::ALL },
            Channels::Luma => Selection { planes: 1, mask: Components::FIRST },
            Channels::Rgb => match rep.kind {
                Kind::Gray => Selection { planes: 1, mask: Components::FIRST },
                Kind::RgbPlanes => Selection { planes: 3, mask: Components::ALL },
                _ => Selection { planes: 1, mask: Components::COLOR },
            },
        };
        let inside = self.area_kind(&area.kind, selection, &shapes);
        if luma_of_rgb {
            self.matrix(color::rgb_from_ycbcr(Matrix::Bt601), &shapes);
        }
        if premultiplied {
            self.unpremultiply(&shapes);
        }
        inside && !luma_of_rgb && !premultiplied
    }

    /// True if values that are clamped stay so.
    fn area_kind(&mut self, kind: &AreaKind, selection: Selection, shapes: &[PlaneShape]) -> bool {
        let Selection { planes, mask } = selection;
        let enabled: Vec<bool> = (0..shapes.len()).map(|i| i < planes).collect();
        let numbers = self.class.numbers();
        let owned = shapes.to_vec();
        let rows =
            |rows: usize| enabled.iter().map(|on| if *on { rows } else { 1 }).collect::<Vec<_>>();
        match kind.clone() {
            AreaKind::Blur { x, y } => return self.blur((x, y), None, selection, owned),
            AreaKind::Unsharp { x, y, amount } => {
                return self.blur((x, y), Some(amount as f32), selection, owned);
            }
            AreaKind::Convolve { width, height, weights, bias } => {
                self.last().halo += height - 1;
                self.ahead(&rows(height));
                for shape in &shapes[..planes] {
                    self.hold(height, *shape, ROW);
                }
                self.push(owned.clone(), move |up| {
                    let weights = (width, &weights[..]);
                    Box::new(ConvolveRows::new(up, &owned, &enabled, mask, weights, bias))
                });
            }
            AreaKind::Gradient { scale, bias } => {
                self.last().halo += 2;
                self.ahead(&rows(3));
                for shape in &shapes[..planes] {
                    self.hold(3, *shape, ROW);
                }
                self.push(owned.clone(), move |up| {
                    Box::new(GradientRows::new(up, &owned, &enabled, mask, scale, bias))
                });
            }
            AreaKind::Rank { rx, ry, fraction } => {
                let radius = |(i, s): (usize, &PlaneShape)| {
                    (i < planes).then_some((rx >> s.shift_x, ry >> s.shift_y))
                };
                let radii: Vec<_> = shapes.iter().enumerate().map(radius).collect();
                self.last().halo += 2 * ry;
                let window =
                    |radius: &Option<(usize, usize)>| radius.map_or(1, |(_, ry)| 2 * ry + 1);
                self.ahead(&radii.iter().map(window).collect::<Vec<_>>());
                for (shape, (_, ry)) in shapes.iter().zip(radii.iter().flatten()) {
                    self.hold(2 * ry + 1, *shape, 2 * ROW);
                }
                self.push(owned.clone(), move |up| {
                    Box::new(RankRows::new(up, &owned, &radii, fraction, numbers, mask))
                });
                return true;
            }
        }
        false
    }

    fn blur(
        &mut self,
        (x, y): (Window, Window),
        unsharp: Option<f32>,
        selection: Selection,
        shapes: Vec<PlaneShape>,
    ) -> bool {
        let precision = self.class.precision();
        let numbers = if self.is_fresh() { Numbers::Bytes } else { self.class.numbers() };
        let taps: Vec<Option<(Taps, Taps)>> = shapes
            .iter()
            .enumerate()
            .map(|(i, s)| {
                (i < selection.planes)
                    .then(|| (taps::of(x, s.shift_x, precision), taps::of(y, s.shift_y, precision)))
            })
            .collect();
        let blur = Blur { taps, numbers, mask: selection.mask, amount: unsharp };
        self.ahead(&blur.ahead(&shapes));
        let segment = self.last();
        segment.held += blur.held_bytes(&shapes);
        let reach = blur.reach(&shapes).into_iter().zip(&shapes).map(|(rows, s)| rows << s.shift_y);
        segment.halo += 2 * reach.max().unwrap_or(0);
        let inside = blur.stays_inside(&shapes);
        self.push(shapes.clone(), move |up| Box::new(BlurRows::new(up, &shapes, &blur)));
        inside
    }

    fn matrix(&mut self, m: Affine3, shapes: &[PlaneShape]) {
        let steps = self.class.steps(&[Fused::Matrix(m)]);
        let components = shapes[0].components;
        self.push(shapes.to_vec(), move |up| {
            Box::new(PointRows::new(up, steps.clone(), components))
        });
    }
}
