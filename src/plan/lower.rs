//! Lowering: passes become segments of row producers. A segment streams; a turn or a rotation
//! needs the whole picture and starts a new one.

use std::sync::Arc;

use super::direct::{Direct, Steps};
use super::passes::{Kind, Pass, Path, Rep, Run};
use super::run::{Fused, OnPlanes};
use crate::filter::{Affine3, Area, AreaKind, Channels, Curve, Dihedral, Geometry, Kernel, Window};
use crate::frame::{Depth, Layout, PlaneShape, Siting};
use crate::kernel::{
    AxisMap, AxisWeights, BlurRows, BoxRows, ClampRows, Components, ConvolveRows, Flatten,
    GradientRows, Grid, Lift, Lookup, Lower, Luma, Numbers, PickRows, Placement, PlanarPoint,
    PointRows, Precision, Premultiply, RankRows, ResampleRows, Slab, Step, TakePlane, Taps,
    Unpremultiply, Wide, WindowRows, taps,
};

/// Makes a row producer on top of another.
pub(super) type Make = Box<dyn for<'a> Fn(BoxRows<'a>) -> BoxRows<'a> + Send + Sync>;

/// How a segment takes its picture.
pub(super) enum Head {
    /// Row by row.
    Rows,
    /// Turned or flipped.
    Turn(Dihedral),
    /// Rotated by any angle.
    Rotate { degrees: f64, fill: Vec<Vec<f32>>, kernel: Kernel },
}

/// Row producers from one whole picture to the next.
pub(super) struct Segment {
    pub head: Head,
    /// What the head gives.
    pub head_shapes: Vec<PlaneShape>,
    pub makes: Vec<Make>,
    /// What leaves.
    pub shapes: Vec<PlaneShape>,
    /// Bytes of the rows that one chain of the producers keeps at most.
    pub held: u64,
}

/// A plan as the engine runs it.
pub(super) struct Program {
    pub segments: Vec<Segment>,
    pub wide: Wide,
    /// A shorter way to the same bytes, where there is one.
    pub direct: Option<Direct>,
}

/// How exactly intermediate reals are kept.
#[derive(Clone, Copy, PartialEq)]
enum Class {
    Codes(Precision),
    /// Floats in and out: nothing is clamped, functions are computed as they are.
    Floats,
}

impl Program {
    pub fn new(passes: &[Pass], input: &Layout, output: &Layout) -> Self {
        let deep = |l: &Layout| matches!(l.depth(), Depth::U16 | Depth::F32);
        let class = if input.depth() == Depth::F32 {
            Class::Floats
        } else if deep(input) || deep(output) {
            Class::Codes(Precision::Sixteen)
        } else {
            Class::Codes(Precision::Eight)
        };
        let wide = if class == Class::Codes(Precision::Eight) { Wide::U16 } else { Wide::F32 };
        let shapes: Vec<PlaneShape> = input.planes().collect();
        let mut lowering = Lowering { class, segments: vec![Segment::rows(shapes)] };
        for (index, pass) in passes.iter().enumerate() {
            lowering.pass(pass);
            let last = index + 1 == passes.len();
            // The last pass is clamped as it is stored.
            if !last && class != Class::Floats {
                lowering.push(shapes_after(pass), |up| Box::new(ClampRows::new(up)));
            }
        }
        let curve = |curve: &Curve| lowering.gray_step(curve);
        let fused = |fused: &[Fused]| lowering.steps(fused);
        let direct = Direct::of(passes, input, output, &Steps { curve: &curve, fused: &fused });
        Self { segments: lowering.segments, wide, direct }
    }

    /// Bytes of the whole pictures between segments that live at the same time: two at most.
    pub fn intermediate_bytes(&self) -> u64 {
        let between = &self.segments[..self.segments.len() - 1];
        let sizes: Vec<u64> = between.iter().map(|s| Slab::size_of(&s.shapes, self.wide)).collect();
        let pairs = sizes.windows(2).map(|pair| pair[0] + pair[1]).max();
        pairs.or(sizes.first().copied()).unwrap_or(0)
    }

    /// Bytes of the rows that area operations and resampling keep, for one band at a time.
    pub fn held_bytes(&self) -> u64 {
        self.segments.iter().map(|s| s.held).max().unwrap_or(0)
    }
}

impl Segment {
    fn rows(shapes: Vec<PlaneShape>) -> Self {
        Self { head: Head::Rows, head_shapes: shapes.clone(), makes: Vec::new(), shapes, held: 0 }
    }

    fn untouched(&self) -> bool {
        matches!(self.head, Head::Rows) && self.makes.is_empty()
    }
}

fn shapes_after(pass: &Pass) -> Vec<PlaneShape> {
    pass.to().shapes()
}

/// What an area operation changes: the first so many planes, and of their pixels these
/// components.
#[derive(Clone, Copy)]
struct Selection {
    planes: usize,
    mask: Components,
}

struct Lowering {
    class: Class,
    segments: Vec<Segment>,
}

impl Lowering {
    fn last(&mut self) -> &mut Segment {
        self.segments.last_mut().expect("there is always one")
    }

    fn push(
        &mut self,
        shapes: Vec<PlaneShape>,
        make: impl for<'a> Fn(BoxRows<'a>) -> BoxRows<'a> + Send + Sync + 'static,
    ) {
        let last = self.last();
        last.makes.push(Box::new(make));
        last.shapes = shapes;
    }

    /// Counts `rows` rows of a plane that the next producer keeps, `bytes` for each sample.
    fn hold(&mut self, rows: usize, shape: PlaneShape, bytes: u64) {
        let rows = rows.min(shape.height) as u64;
        self.last().held += rows * shape.row() as u64 * bytes;
    }

    /// Starts a segment whose head is given, in the current one if nothing is in it yet.
    fn head(&mut self, head: Head, shapes: Vec<PlaneShape>) {
        let segment = Segment { head, ..Segment::rows(shapes) };
        if self.last().untouched() {
            self.segments.pop();
        }
        self.segments.push(segment);
    }

    fn pass(&mut self, pass: &Pass) {
        match pass {
            Pass::Run(run) => self.run(run),
            Pass::Area { area, rep } => self.area(area, rep),
            Pass::Geometry { geometry, from, to } => self.geometry(geometry, from, to),
        }
    }

    fn run(&mut self, run: &Run) {
        let to = run.to.shapes();
        match &run.path {
            Path::Planes(planes) if run.to.kind == Kind::Gray => {
                let luma = self.gray_step(&planes.luma);
                self.push(to.clone(), move |up| {
                    let up = Box::new(TakePlane::new(up, 0, 3));
                    Box::new(PointRows::new(up, luma.clone(), 1))
                });
            }
            Path::Planes(planes) => self.planar(planes, to),
            Path::Gray(curve) => {
                if curve.is_identity() {
                    return;
                }
                let steps = self.gray_step(curve);
                let components = to[0].components;
                self.push(to, move |up| Box::new(PointRows::new(up, steps.clone(), components)));
            }
            Path::Pixels(fused) => self.pixels(run, fused, to),
        }
    }

    fn planar(&mut self, planes: &OnPlanes, to: Vec<PlaneShape>) {
        let luma = (!planes.luma.is_identity())
            .then(|| Luma::Lookup(self.lookup(&planes.luma, (0.0, 1.0))));
        let chroma = planes.chroma_matrix();
        self.push(to, move |up| Box::new(PlanarPoint::new(up, luma.clone(), chroma)));
    }

    fn pixels(&mut self, run: &Run, fused: &[Fused], to: Vec<PlaneShape>) {
        let from_shapes = run.from.shapes();
        let alpha = run.from.alpha;
        let full =
            PlaneShape { components: 3 + usize::from(alpha), shift_x: 0, shift_y: 0, ..to[0] };
        match run.from.kind {
            Kind::Planes(y) => {
                let siting = y.siting;
                let planes = three(&from_shapes);
                self.push(vec![full], move |up| Box::new(Lift::new(up, planes, siting)));
            }
            Kind::Gray => {
                let map: &[usize] = if alpha { &[0, 0, 0, 1] } else { &[0, 0, 0] };
                self.push(vec![full], move |up| {
                    Box::new(PickRows::new(up, 1 + usize::from(alpha), map))
                });
            }
            Kind::Rgb | Kind::Full(_) => {}
        }
        if !fused.is_empty() {
            let steps = self.steps(fused);
            let components = full.components;
            self.push(vec![full], move |up| {
                Box::new(PointRows::new(up, steps.clone(), components))
            });
        }
        let opaque = PlaneShape { components: 3, ..full };
        if alpha && !run.to.alpha {
            let mut white = run.to.color([1.0; 4]).map(|v| v as f32);
            if run.to.kind == Kind::Gray {
                white = [1.0, 0.0, 0.0, 1.0];
            }
            self.push(vec![opaque], move |up| Box::new(Flatten::new(up, &white[..3])));
        }
        match run.to.kind {
            Kind::Planes(y) => {
                let siting = y.siting;
                let planes = three(&to);
                self.push(to, move |up| Box::new(Lower::new(up, planes, siting)));
            }
            Kind::Gray => {
                let map: &[usize] = if run.to.alpha { &[0, 3] } else { &[0] };
                let from = if run.to.alpha { 4 } else { 3 };
                self.push(to, move |up| Box::new(PickRows::new(up, from, map)));
            }
            Kind::Rgb | Kind::Full(_) => {}
        }
    }

    fn area(&mut self, area: &Area, rep: &Rep) {
        let shapes = rep.shapes();
        let premultiplied = area.channels == Channels::Each && rep.alpha;
        let luma_of_rgb = area.channels == Channels::Luma && rep.kind == Kind::Rgb;
        if premultiplied {
            self.premultiply(&shapes);
        }
        if luma_of_rgb {
            self.matrix(super::color::ycbcr_from_rgb(BT601), &shapes);
        }
        let selection = match area.channels {
            Channels::Each => Selection { planes: shapes.len(), mask: Components::ALL },
            Channels::Luma => Selection { planes: 1, mask: Components::FIRST },
            Channels::Rgb if rep.kind == Kind::Gray => {
                Selection { planes: 1, mask: Components::FIRST }
            }
            Channels::Rgb => Selection { planes: 1, mask: Components::COLOR },
        };
        self.area_kind(&area.kind, selection, &shapes);
        if luma_of_rgb {
            self.matrix(super::color::rgb_from_ycbcr(BT601), &shapes);
        }
        if premultiplied {
            self.unpremultiply(&shapes);
        }
    }

    fn area_kind(&mut self, kind: &AreaKind, selection: Selection, shapes: &[PlaneShape]) {
        let Selection { planes, mask } = selection;
        let enabled: Vec<bool> = (0..shapes.len()).map(|i| i < planes).collect();
        let numbers = self.numbers();
        let owned = shapes.to_vec();
        match kind.clone() {
            AreaKind::Blur { x, y } => self.blur((x, y), None, selection, owned),
            AreaKind::Unsharp { x, y, amount } => {
                self.blur((x, y), Some(amount as f32), selection, owned);
            }
            AreaKind::Convolve { width, height, weights, bias } => {
                for shape in &shapes[..planes] {
                    self.hold(height, *shape, ROW);
                }
                self.push(owned.clone(), move |up| {
                    let weights = (width, &weights[..]);
                    Box::new(ConvolveRows::new(up, &owned, &enabled, mask, weights, bias))
                });
            }
            AreaKind::Gradient { scale, bias } => {
                self.push(owned.clone(), move |up| {
                    Box::new(GradientRows::new(up, &owned, &enabled, mask, scale, bias))
                });
            }
            AreaKind::Rank { rx, ry, fraction } => {
                let radius = |(i, s): (usize, &PlaneShape)| {
                    (i < planes).then_some((rx >> s.shift_x, ry >> s.shift_y))
                };
                let radii: Vec<_> = shapes.iter().enumerate().map(radius).collect();
                for (shape, (_, ry)) in shapes.iter().zip(radii.iter().flatten()) {
                    self.hold(2 * ry + 1, *shape, 2 * ROW);
                }
                self.push(owned.clone(), move |up| {
                    Box::new(RankRows::new(up, &owned, &radii, fraction, numbers, mask))
                });
            }
        }
    }

    fn blur(
        &mut self,
        (x, y): (Window, Window),
        unsharp: Option<f32>,
        selection: Selection,
        shapes: Vec<PlaneShape>,
    ) {
        let (numbers, precision) = (self.numbers(), self.precision());
        let taps: Vec<Option<(Taps, Taps)>> = shapes
            .iter()
            .enumerate()
            .map(|(i, s)| {
                (i < selection.planes)
                    .then(|| (taps::of(x, s.shift_x, precision), taps::of(y, s.shift_y, precision)))
            })
            .collect();
        for (shape, (_, along)) in shapes.iter().zip(taps.iter().flatten()) {
            // Blurred, in fixed point, and as it came.
            self.hold(2 * along.radius() + 1, *shape, 3 * ROW);
        }
        self.push(shapes.clone(), move |up| {
            Box::new(BlurRows::new(up, &shapes, &taps, numbers, selection.mask, unsharp))
        });
    }

    fn precision(&self) -> Precision {
        match self.class {
            Class::Codes(precision) => precision,
            Class::Floats => Precision::Sixteen,
        }
    }

    fn numbers(&self) -> Numbers {
        if self.class == Class::Floats { Numbers::Reals } else { Numbers::Codes }
    }

    fn matrix(&mut self, m: Affine3, shapes: &[PlaneShape]) {
        let steps = self.steps(&[Fused::Matrix(m)]);
        let components = shapes[0].components;
        self.push(shapes.to_vec(), move |up| {
            Box::new(PointRows::new(up, steps.clone(), components))
        });
    }

    fn geometry(&mut self, geometry: &Geometry, from: &Rep, to: &Rep) {
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

    fn premultiply(&mut self, shapes: &[PlaneShape]) {
        let components = shapes[0].components;
        self.push(shapes.to_vec(), move |up| Box::new(Premultiply::new(up, components)));
    }

    fn unpremultiply(&mut self, shapes: &[PlaneShape]) {
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

    /// One curve for grey rows.
    fn gray_step(&self, curve: &Curve) -> Arc<[Step]> {
        self.steps(&[Fused::Curves([curve.clone(), curve.clone(), curve.clone()])])
    }

    /// The engine's steps, with each table as wide as what can come in.
    fn steps(&self, fused: &[Fused]) -> Arc<[Step]> {
        let mut bounds = Some([(0.0, 1.0); 3]);
        if self.class == Class::Floats {
            bounds = None;
        }
        fused
            .iter()
            .map(|step| {
                let engine = self.step(step, bounds);
                bounds = bounds.and_then(|b| bounds_after(step, b));
                engine
            })
            .collect()
    }

    fn step(&self, step: &Fused, bounds: Option<[(f64, f64); 3]>) -> Step {
        match step {
            Fused::Matrix(m) => Step::Matrix(m.0.map(|r| r.map(|v| v as f32))),
            Fused::Pixel(f) => Step::Pixel(f.clone()),
            Fused::Curves(curves) => match bounds {
                Some(bounds) if bounds.iter().all(|(lo, hi)| hi - lo <= self.widest_table()) => {
                    Step::Curves(self.tables(curves, bounds))
                }
                _ => Step::Exact(curves.clone()),
            },
        }
    }

    /// Wider domains than this are computed as they are. At 8 bits 64 x 4335 entries fill an L2
    /// cache; at 16 bits a table whose every cell is split takes 9 MB for each unit.
    fn widest_table(&self) -> f64 {
        match self.precision() {
            Precision::Eight => 64.0,
            Precision::Sixteen => 4.0,
        }
    }

    /// Three tables; equal curves share one over the union of their domains.
    fn tables(&self, curves: &[Curve; 3], bounds: [(f64, f64); 3]) -> [Arc<Lookup>; 3] {
        let [r, g, b] = curves;
        if r.same(g) && g.same(b) {
            let lo = bounds.iter().map(|b| b.0).fold(f64::INFINITY, f64::min);
            let hi = bounds.iter().map(|b| b.1).fold(f64::NEG_INFINITY, f64::max);
            let table = self.lookup(r, (lo, hi));
            return [table.clone(), table.clone(), table];
        }
        [0, 1, 2].map(|i| self.lookup(&curves[i], bounds[i]))
    }

    fn lookup(&self, curve: &Curve, domain: (f64, f64)) -> Arc<Lookup> {
        // A constant needs a domain too.
        let (low, high) = domain;
        let domain = (low, high.max(low + LEAST_TABLE));
        Lookup::new(|v| curve.eval(v), domain, self.precision()).shared()
    }
}

/// Bytes of a value in a row.
const ROW: u64 = 4;

const BT601: crate::frame::Matrix = crate::frame::Matrix::Bt601;

/// The narrowest domain of a table.
const LEAST_TABLE: f64 = 1.0 / 256.0;

fn three(shapes: &[PlaneShape]) -> [PlaneShape; 3] {
    [shapes[0], shapes[1], shapes[2]]
}

/// A colour for each plane: planes of one component take their own, interleaved ones all.
fn per_plane(color: [f32; 4], shapes: &[PlaneShape]) -> Vec<Vec<f32>> {
    let plane = |(i, s): (usize, &PlaneShape)| color[i..i + s.components].to_vec();
    shapes.iter().enumerate().map(plane).collect()
}

/// The intervals that a step's results lie in, if they can be told.
fn bounds_after(step: &Fused, bounds: [(f64, f64); 3]) -> Option<[(f64, f64); 3]> {
    match step {
        Fused::Matrix(m) => Some(m.0.map(|row| {
            let mut sum = (row[3], row[3]);
            for (factor, (lo, hi)) in row.iter().zip(bounds) {
                let (a, b) = (factor * lo, factor * hi);
                sum = (sum.0 + a.min(b), sum.1 + a.max(b));
            }
            sum
        })),
        Fused::Curves(curves) => {
            let mut out = [(0.0, 0.0); 3];
            for (i, curve) in curves.iter().enumerate() {
                out[i] = range_of(curve, bounds[i])?;
            }
            Some(out)
        }
        Fused::Pixel(_) => None,
    }
}

/// The range of a curve over an interval, from 4097 samples and a margin of a hundredth.
fn range_of(curve: &Curve, (lo, hi): (f64, f64)) -> Option<(f64, f64)> {
    let samples = (0..=4096).map(|i| curve.eval(lo + (hi - lo) * f64::from(i) / 4096.0));
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    for v in samples {
        if !v.is_finite() {
            return None;
        }
        low = low.min(v);
        high = high.max(v);
    }
    let margin = (high - low) / 100.0;
    Some((low - margin, high + margin))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_over_a_wide_domain_is_made_only_where_it_is_small() {
        let mut gain = Affine3::IDENTITY;
        (0..3).for_each(|i| gain.0[i][i] = 30.0);
        let steep = Curve::function(|v: f64| v.powi(9));
        let fused = [Fused::Matrix(gain), Fused::Curves([steep.clone(), steep.clone(), steep])];
        let steps = |precision| {
            Lowering { class: Class::Codes(precision), segments: Vec::new() }.steps(&fused)
        };
        assert!(matches!(steps(Precision::Eight)[1], Step::Curves(_)));
        assert!(matches!(steps(Precision::Sixteen)[1], Step::Exact(_)));
    }
}
