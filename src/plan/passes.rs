//! Passes: from operations to the steps that a frame goes through, and the representation that
//! it is held in between them. The path rule stands here.
//!
//! A pass ends in one clamp to the codes of its representation. A run of pointwise operations
//! stays on the planes if it reduces exactly to Y' = f(Y), (Cb', Cr') = A (Cb, Cr) + b.
//! Otherwise chroma is lifted to full size, and lowered again when an operation follows that is
//! defined on planes, or at the end.

use super::color::{codes_from_reals, reals_from_codes, rgb_from_ycbcr, ycbcr_from_rgb};
use super::run::{Fused, OnPlanes, fuse, in_spaces, keeps_neutral, makes_neutral, on_planes};
use crate::error::Result;
use crate::filter::{Area, Channels, Curve, Dihedral, Geometry, Map, Op, Point, Space};
use crate::frame::{Depth, Layout, Matrix, Model, PlaneShape, Siting, Size, Subsampling, Ycbcr};

/// What the frames belong to; it decides how freely the output's layout may be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Media {
    /// A picture of its own: it becomes grey or coloured as the chain makes it.
    Still,
    /// A frame of a clip: the pixel format stays.
    Video,
}

/// How components are spread between two passes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    /// One real, 0 black to 1 white.
    Gray,
    /// R, G, B side by side.
    Rgb,
    /// R, G, B in planes of full size: between two passes of a frame that comes in planes.
    RgbPlanes,
    /// Y, Cb, Cr side by side at full size, as unit codes.
    Full(Ycbcr),
    /// Y, Cb, Cr in planes, as unit codes.
    Planes(Ycbcr),
}

/// A representation: what a pass reads or leaves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rep {
    pub size: Size,
    pub kind: Kind,
    pub alpha: bool,
    /// The integer codes that YCbCr unit codes stand for.
    pub depth: Depth,
}

impl Rep {
    pub fn of(layout: &Layout) -> Self {
        let kind = match layout.model() {
            Model::Gray | Model::GrayAlpha => Kind::Gray,
            Model::Rgb | Model::Rgba => Kind::Rgb,
            Model::Ycbcr(y) => Kind::Planes(y),
        };
        let alpha = layout.model().has_alpha();
        Self { size: layout.size(), kind, alpha, depth: layout.depth() }
    }

    pub fn layout(&self, depth: Depth) -> Result<Layout> {
        let model = match (self.kind, self.alpha) {
            (Kind::Gray, false) => Model::Gray,
            (Kind::Gray, true) => Model::GrayAlpha,
            (Kind::Rgb, false) | (Kind::RgbPlanes | Kind::Full(_), _) => Model::Rgb,
            (Kind::Rgb, true) => Model::Rgba,
            (Kind::Planes(y), _) => Model::Ycbcr(y),
        };
        Layout::new(self.size, model, depth)
    }

    /// The shapes of its planes.
    pub fn shapes(&self) -> Vec<PlaneShape> {
        let depth = if matches!(self.kind, Kind::Planes(_)) { self.depth } else { Depth::U8 };
        // A size that a pass was made for has been checked.
        let layout = self.layout(depth).expect("the planner made it");
        match self.kind {
            Kind::RgbPlanes => vec![PlaneShape { components: 1, ..layout.plane(0) }; 3],
            _ => layout.planes().collect(),
        }
    }

    /// R, G, B and alpha as unit codes of its components; alpha is the last of them.
    pub fn color(&self, color: [f64; 4]) -> [f64; 4] {
        let [r, g, b, alpha] = color;
        match self.kind {
            Kind::Gray => [r, alpha, 0.0, 0.0],
            Kind::Rgb | Kind::RgbPlanes => color,
            Kind::Full(y) | Kind::Planes(y) => {
                let reals = ycbcr_from_rgb(y.matrix).apply([r, g, b]);
                let [y, cb, cr] = codes_from_reals(&y, self.depth).apply(reals);
                [y, cb, cr, alpha]
            }
        }
    }

    fn ycbcr(&self) -> Option<Ycbcr> {
        match self.kind {
            Kind::Full(y) | Kind::Planes(y) => Some(y),
            Kind::Gray | Kind::Rgb | Kind::RgbPlanes => None,
        }
    }

    fn space(&self) -> Space {
        if self.ycbcr().is_some() { Space::Ycbcr } else { Space::Rgb }
    }
}

/// One pass.
#[derive(Clone, Debug)]
pub(super) enum Pass {
    /// Pointwise operations, and the change of representation around them.
    Run(Run),
    /// An area operation; the representation stays.
    Area { area: Area, rep: Rep },
    /// Pixels move; the kind stays.
    Geometry { geometry: Geometry, from: Rep, to: Rep },
}

/// A run: its operations as they were written, and what they were fused to.
#[derive(Clone, Debug)]
pub(super) struct Run {
    pub points: Vec<Point>,
    pub from: Rep,
    pub to: Rep,
    pub path: Path,
}

/// How a run is computed.
#[derive(Clone, Debug)]
pub(super) enum Path {
    /// On the planes that are there; grey output takes the luma only.
    Planes(OnPlanes),
    /// One table on grey.
    Gray(Curve),
    /// On three components at full size, through these steps, unit codes to unit codes.
    Pixels(Vec<Fused>),
}

impl Pass {
    pub fn to(&self) -> &Rep {
        match self {
            Self::Run(run) => &run.to,
            Self::Area { rep, .. } => rep,
            Self::Geometry { to, .. } => to,
        }
    }
}

/// Neighbouring operations of a kind.
enum Item {
    Run(Vec<Point>),
    Area(Area),
    Geometry(Geometry),
}

/// The representation that the chain ends in if no format has a say: stills that are provably
/// neutral become grey, grey stills with colour become RGB, everything else stays.
pub(super) fn natural_output(ops: &[Op], input: Rep, media: Media) -> Rep {
    let mut size = input.size;
    let mut kind = input.kind;
    for op in ops {
        if let Op::Geometry(g) = op {
            kind = home_after(g, kind, media);
            size = size_after(g, size);
        }
    }
    let neutral = neutral_after(ops, input).last().copied().unwrap_or(input.kind == Kind::Gray);
    let kind = match (media, neutral, kind) {
        (Media::Still, true, _) => Kind::Gray,
        (Media::Still, false, Kind::Gray) => Kind::Rgb,
        (_, _, kind) => kind,
    };
    Rep { size, kind, ..input }
}

/// The passes that take `input` through `ops` to `target`.
pub(super) fn passes(ops: &[Op], input: Rep, target: Rep, media: Media) -> Vec<Pass> {
    let neutral = neutral_after(ops, input);
    // Neutral from after operation i to the end: colour is not needed any more.
    let settled = |i: usize| {
        media == Media::Still && target.kind == Kind::Gray && neutral[i..].iter().all(|n| *n)
    };
    let items = group(ops);
    let mut out = Builder { passes: Vec::new(), rep: input, home: input.kind, media };
    let mut done = 0;
    for (index, (item, count)) in items.iter().enumerate() {
        done += count;
        let rest = &items[index + 1..];
        match item {
            Item::Run(points) => {
                let to = if rest.is_empty() {
                    target
                } else if settled(done - 1) {
                    Rep { kind: Kind::Gray, ..out.rep }
                } else {
                    out.run_target(points, rest)
                };
                out.run(points.clone(), to);
            }
            Item::Area(area) => out.area(area, rest),
            Item::Geometry(geometry) => out.geometry(geometry),
        }
    }
    if out.rep != target {
        out.run(Vec::new(), target);
    }
    out.passes
}

struct Builder {
    passes: Vec<Pass>,
    rep: Rep,
    /// The kind to come back to from a lifted one.
    home: Kind,
    media: Media,
}

impl Builder {
    fn at_home(&self) -> bool {
        matches!(
            (self.rep.kind, self.home),
            (Kind::Gray, _) | (Kind::Rgb, Kind::Rgb | Kind::Gray) | (Kind::Planes(_), _)
        )
    }

    /// Where a run that is not the last one leaves the frame.
    fn run_target(&self, points: &[Point], rest: &[(Item, usize)]) -> Rep {
        let planar = matches!(self.home, Kind::Planes(_)) && self.rep.kind != Kind::Gray;
        if !planar {
            let stays_gray = self.rep.kind == Kind::Gray && points.iter().all(keeps_neutral);
            let kind = if stays_gray { Kind::Gray } else { Kind::Rgb };
            return Rep { kind, ..self.rep };
        }
        let home = Rep { kind: self.home, ..self.rep };
        if self.rep == home && matches!(path(points, self.rep, home), Path::Planes(_)) {
            return home;
        }
        let kind = match rest.first() {
            Some((Item::Area(area), _)) if area.channels == Channels::Rgb => rgb(rest),
            Some((Item::Geometry(g), _)) if !on_grid(g, self.home, self.rep.size, self.media) => {
                full(self.home)
            }
            _ => self.home,
        };
        Rep { kind, ..self.rep }
    }

    fn run(&mut self, points: Vec<Point>, to: Rep) {
        if points.is_empty() && self.rep == to {
            return;
        }
        let path = path(&points, self.rep, to);
        self.passes.push(Pass::Run(Run { points, from: self.rep, to, path }));
        self.rep = to;
    }

    fn go_home(&mut self) {
        if !self.at_home() {
            self.run(Vec::new(), Rep { kind: self.home, ..self.rep });
        }
    }

    fn area(&mut self, area: &Area, rest: &[(Item, usize)]) {
        match (area.channels, self.rep.kind) {
            (Channels::Rgb, Kind::Planes(_) | Kind::Full(_)) => {
                self.run(Vec::new(), Rep { kind: rgb(rest), ..self.rep });
            }
            (Channels::Rgb, _) => {}
            (Channels::Each | Channels::Luma, _) => self.go_home(),
        }
        self.passes.push(Pass::Area { area: area.clone(), rep: self.rep });
    }

    fn geometry(&mut self, geometry: &Geometry) {
        if self.rep.kind == Kind::Gray && !keeps_gray(geometry) {
            self.run(Vec::new(), Rep { kind: Kind::Rgb, ..self.rep });
        }
        if let Kind::Planes(_) = self.rep.kind
            && !on_grid(geometry, self.rep.kind, self.rep.size, self.media)
        {
            self.run(Vec::new(), Rep { kind: full(self.rep.kind), ..self.rep });
        }
        self.home = home_after(geometry, self.home, self.media);
        let kind = match self.rep.kind {
            Kind::Planes(_) => self.home,
            Kind::Full(_) => full(self.home),
            kind => kind,
        };
        let to = Rep { size: size_after(geometry, self.rep.size), kind, ..self.rep };
        let geometry = geometry.clone();
        self.passes.push(Pass::Geometry { geometry, from: self.rep, to });
        self.rep = to;
    }
}

/// RGB of a frame that comes in planes, for area operations: in planes too, but side by side if
/// pixels move before the next run. A rotation would find each place three times, and resampling
/// asks for many rows of one plane while those of the others wait.
fn rgb(rest: &[(Item, usize)]) -> Kind {
    let mut items = rest.iter().map(|(item, _)| item).take_while(|i| !matches!(i, Item::Run(_)));
    if items.any(|item| matches!(item, Item::Geometry(_))) { Kind::Rgb } else { Kind::RgbPlanes }
}

/// The path rule.
fn path(points: &[Point], from: Rep, to: Rep) -> Path {
    let steps = fuse(maps(points, from, to));
    match (from.kind, to.kind) {
        (Kind::Gray, Kind::Gray) if from.alpha == to.alpha => {
            if steps.is_empty() {
                return Path::Gray(Curve::IDENTITY);
            }
            Path::Gray(Curve::function(move |v| eval(&steps, [v; 3])[0]))
        }
        (Kind::Planes(a), Kind::Planes(b)) if a == b && from.depth == to.depth => {
            on_planes(&steps).map_or(Path::Pixels(steps), Path::Planes)
        }
        (Kind::Planes(_), Kind::Gray) => on_planes(&steps)
            .or_else(|| neutral_on_planes(points, from, to))
            .map_or(Path::Pixels(steps), Path::Planes),
        _ => Path::Pixels(steps),
    }
}

/// A run that first makes the frame neutral, on planes, and then goes on with one real.
fn neutral_on_planes(points: &[Point], from: Rep, to: Rep) -> Option<OnPlanes> {
    let split = points.iter().position(makes_neutral)? + 1;
    let (first, rest) = points.split_at(split);
    if !rest.iter().all(keeps_neutral) {
        return None;
    }
    let first = on_planes(&fuse(maps(first, from, to)))?;
    let Path::Gray(rest) = path(rest, to, to) else { return None };
    Some(OnPlanes { luma: first.luma.then(&rest), ..first })
}

/// The run as maps, unit codes to unit codes. Grey enters as R = G = B and leaves as Y.
pub(super) fn maps(points: &[Point], from: Rep, to: Rep) -> Vec<Map> {
    let matrix = working_matrix(from, to);
    let (to_rgb, to_ycbcr) = (rgb_from_ycbcr(matrix), ycbcr_from_rgb(matrix));
    let mut maps = Vec::new();
    if let Some(y) = from.ycbcr() {
        maps.push(Map::Matrix(reals_from_codes(&y, from.depth)));
    }
    let end = if to.kind == Kind::Gray { Space::Ycbcr } else { to.space() };
    maps.extend(in_spaces(points, from.space(), end, to_rgb, to_ycbcr));
    if let Some(y) = to.ycbcr() {
        maps.push(Map::Matrix(codes_from_reals(&y, to.depth)));
    }
    maps
}

/// The luma weights of a run: the source's, else the result's, else JPEG's.
pub(super) fn working_matrix(from: Rep, to: Rep) -> Matrix {
    from.ycbcr().or(to.ycbcr()).map_or(Matrix::Bt601, |y| y.matrix)
}

/// The steps at `v`.
pub(super) fn eval(steps: &[Fused], v: [f64; 3]) -> [f64; 3] {
    steps.iter().fold(v, |v, step| match step {
        Fused::Curves([a, b, c]) => [a.eval(v[0]), b.eval(v[1]), c.eval(v[2])],
        Fused::Matrix(m) => m.apply(v),
        Fused::Pixel(f) => f.map(v),
    })
}

fn group(ops: &[Op]) -> Vec<(Item, usize)> {
    let mut items: Vec<(Item, usize)> = Vec::new();
    for op in ops {
        match (op, items.last_mut()) {
            (Op::Point(p), Some((Item::Run(run), count))) => {
                run.push(p.clone());
                *count += 1;
            }
            (Op::Point(p), _) => items.push((Item::Run(vec![p.clone()]), 1)),
            (Op::Area(a), _) => items.push((Item::Area(a.clone()), 1)),
            (Op::Geometry(g), _) => items.push((Item::Geometry(g.clone()), 1)),
            (Op::Time(_), _) => unreachable!("chains are cut at their filters over time"),
        }
    }
    items
}

/// For each operation: is the frame provably neutral after it?
fn neutral_after(ops: &[Op], input: Rep) -> Vec<bool> {
    let mut neutral = input.kind == Kind::Gray;
    ops.iter()
        .map(|op| {
            neutral = match op {
                Op::Point(p) => makes_neutral(p) || (neutral && keeps_neutral(p)),
                Op::Area(_) | Op::Time(_) => neutral,
                Op::Geometry(g) => neutral && keeps_gray(g),
            };
            neutral
        })
        .collect()
}

/// True unless it brings in a colour.
fn keeps_gray(geometry: &Geometry) -> bool {
    match geometry {
        Geometry::Pad { color: [r, g, b, _], .. }
        | Geometry::Rotate { color: [r, g, b, _], .. } => r == g && g == b,
        Geometry::Resize { .. } | Geometry::Crop { .. } | Geometry::Turn(_) => true,
    }
}

fn size_after(geometry: &Geometry, size: Size) -> Size {
    match geometry {
        Geometry::Resize { to, .. } => *to,
        Geometry::Crop { size, .. }
        | Geometry::Pad { size, .. }
        | Geometry::Rotate { size, .. } => *size,
        Geometry::Turn(turn) => turn.size(size),
    }
}

/// The home representation after a geometry: a still's chroma grid turns with the picture, a
/// video keeps its pixel format.
fn home_after(geometry: &Geometry, home: Kind, media: Media) -> Kind {
    match (geometry, home, media) {
        (Geometry::Turn(Dihedral { transpose: true, .. }), Kind::Planes(y), Media::Still) => {
            let Subsampling { h, v } = y.subsampling;
            Kind::Planes(Ycbcr { subsampling: Subsampling { h: v, v: h }, ..y })
        }
        _ => home,
    }
}

fn full(home: Kind) -> Kind {
    match home {
        Kind::Planes(y) => Kind::Full(y),
        kind => kind,
    }
}

/// True if the geometry can be done on the planes: the chroma grid holds it exactly, or it is a
/// resize, which resamples chroma anyway.
fn on_grid(geometry: &Geometry, kind: Kind, size: Size, media: Media) -> bool {
    let Kind::Planes(y) = kind else { return true };
    let Subsampling { h, v } = y.subsampling;
    let (step_x, step_y) = (1u32 << h, 1u32 << v);
    match geometry {
        Geometry::Resize { .. } => true,
        Geometry::Crop { x, y, .. } => x.is_multiple_of(step_x) && y.is_multiple_of(step_y),
        Geometry::Pad { x, y, size: canvas, .. } => {
            let fits = |start: u32, len: u32, canvas: u32, step: u32| {
                let end = start + len;
                start.is_multiple_of(step) && (end.is_multiple_of(step) || end == canvas)
            };
            fits(*x, size.width, canvas.width, step_x)
                && fits(*y, size.height, canvas.height, step_y)
        }
        Geometry::Turn(turn) => {
            let mirrored = |len: u32, step: u32, cosited: bool| {
                if cosited { (len - 1).is_multiple_of(step) } else { len.is_multiple_of(step) }
            };
            let symmetric = match y.siting {
                Siting::Center | Siting::TopLeft => true,
                Siting::Left => h == 0,
            };
            let (width, height) = (size.width, size.height);
            let (cosited_x, cosited_y) = (y.siting.cosited_x(), y.siting.cosited_y());
            if turn.transpose {
                symmetric
                    && (h == v || media == Media::Still)
                    && (!turn.flip_x || mirrored(height, step_y, cosited_y))
                    && (!turn.flip_y || mirrored(width, step_x, cosited_x))
            } else {
                (!turn.flip_x || mirrored(width, step_x, cosited_x))
                    && (!turn.flip_y || mirrored(height, step_y, cosited_y))
            }
        }
        Geometry::Rotate { .. } => h == 0 && v == 0,
    }
}
