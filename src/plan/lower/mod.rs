//! Lowering: passes become segments of row producers. A segment streams; a turn or a rotation
//! needs the whole picture and starts a new one.

mod area;
mod geometry;

use std::sync::Arc;

use super::bands;
use super::direct::{Direct, Steps};
use super::passes::{Kind, Pass, Path, Rep, Run};
use super::run::{Fused, OnPlanes};
use super::tables::Class;
use crate::filter::{Curve, Dihedral, Geometry, Kernel};
use crate::frame::{Depth, Layout, PlaneShape, Siting};
use crate::kernel::{
    BoxRows, ClampRows, Flatten, Lift, Lower, PickRows, PlanarPoint, PointRows, Precision, Sited,
    Slab, Step, TakePlane, Through, Wide,
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
    /// Luma rows above and below a band that are computed for it alone, together.
    pub halo: usize,
}

/// A plan as the engine runs it.
pub(super) struct Program {
    pub segments: Vec<Segment>,
    pub wide: Wide,
    /// A shorter way to the same bytes, where there is one.
    pub direct: Option<Direct>,
    /// True if a single band may be written over the frame that comes: frames are alike, and pixels
    /// stay where they are.
    pub in_place: bool,
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
        let bytes = wide == Wide::U16 && input.depth() == Depth::U8;
        let segments = vec![Segment::rows(shapes)];
        let mut lowering =
            Lowering { class, bytes, segments, unclamped: false, together: Vec::new() };
        for (index, pass) in passes.iter().enumerate() {
            lowering.pass(pass, index + 1 == passes.len());
        }
        let curve = |curve: &Curve| class.gray_step(curve);
        let fused = |fused: &[Fused]| class.steps(fused);
        let direct = Direct::of(passes, input, output, &Steps { curve: &curve, fused: &fused });
        let moves = passes.iter().any(|pass| matches!(pass, Pass::Geometry { .. }));
        Self { segments: lowering.segments, wide, direct, in_place: input == output && !moves }
    }

    /// Bytes of the whole pictures between segments that live at the same time: two at most.
    pub fn intermediate_bytes(&self) -> u64 {
        let between = &self.segments[..self.segments.len() - 1];
        let sizes: Vec<u64> = between.iter().map(|s| Slab::size_of(&s.shapes, self.wide)).collect();
        let pairs = sizes.windows(2).map(|pair| pair[0] + pair[1]).max();
        pairs.or(sizes.first().copied()).unwrap_or(0)
    }

    /// Bytes of the rows that area operations and resampling keep in the bands that `threads`
    /// threads compute at the same time.
    pub fn held_bytes(&self, threads: usize) -> u64 {
        let held = |s: &Segment| s.held * s.bands(threads).min(threads) as u64;
        self.segments.iter().map(held).max().unwrap_or(0)
    }
}

impl Segment {
    fn rows(shapes: Vec<PlaneShape>) -> Self {
        Self {
            head: Head::Rows,
            head_shapes: shapes.clone(),
            makes: Vec::new(),
            shapes,
            held: 0,
            halo: 0,
        }
    }

    /// How many bands `threads` threads cut it into. It changes no result.
    pub fn bands(&self, threads: usize) -> usize {
        bands::count(self.shapes[0].height, self.halo, threads)
    }

    /// The chain of its producers.
    pub fn chain<'a>(&self, head: BoxRows<'a>) -> BoxRows<'a> {
        self.makes.iter().fold(head, |chain, make| make(chain))
    }

    fn untouched(&self) -> bool {
        matches!(self.head, Head::Rows) && self.makes.is_empty()
    }
}

struct Lowering {
    class: Class,
    /// The frame that comes has 8 bits.
    bytes: bool,
    segments: Vec<Segment>,
    /// What the last producer gives is still to be clamped. At the end it stays so: rows are
    /// clamped as they are stored.
    unclamped: bool,
    /// Where all planes are made together, the bytes of each for a row of luma: its rows wait there
    /// while those of another are asked for. Empty where planes come from different places.
    together: Vec<u64>,
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

    /// Counts what waits where the next producer asks, one plane after the other, for `rows` rows
    /// of each plane at once.
    fn ahead(&mut self, rows: &[usize]) {
        let Segment { shapes, .. } = self.last();
        let luma = |(rows, s): (&usize, &PlaneShape)| (rows.min(&s.height) << s.shift_y) as u64;
        let rows: Vec<u64> = rows.iter().zip(&*shapes).map(luma).collect();
        let waiting = |asked: usize| -> u64 {
            let made = rows[..=asked].iter().max().copied().unwrap_or(0);
            let taken = |plane: usize| if plane < asked { rows[plane] } else { 0 };
            let others = self.together.iter().enumerate().filter(|(plane, _)| *plane != asked);
            others.map(|(plane, bytes)| bytes * (made - taken(plane))).sum()
        };
        let held = (0..rows.len()).map(waiting).max().unwrap_or(0);
        self.last().held += held;
    }

    /// Says that planes of these shapes are made together from here on.
    fn make_together(&mut self, shapes: &[PlaneShape]) {
        let bytes = |s: &PlaneShape| (s.row() as u64 * ROW).div_ceil(1 << s.shift_y);
        self.together = shapes.iter().map(bytes).collect();
    }

    /// Starts a segment whose head is given, in the current one if nothing is in it yet.
    fn head(&mut self, head: Head, shapes: Vec<PlaneShape>) {
        let segment = Segment { head, ..Segment::rows(shapes) };
        if self.last().untouched() {
            self.segments.pop();
        }
        self.segments.push(segment);
        self.together.clear();
    }

    fn pass(&mut self, pass: &Pass, last: bool) {
        match pass {
            Pass::Run(run) => match &run.path {
                Path::Pixels(fused) => self.pixels(run, fused, last),
                path => {
                    self.clamp();
                    self.run(path, run.to.kind, run.to.shapes());
                    self.unclamped = true;
                }
            },
            Pass::Area { area, rep } => {
                self.clamp();
                self.unclamped = !self.area(area, rep);
            }
            Pass::Geometry { geometry, from, to } => {
                self.clamp();
                self.geometry(geometry, from, to);
                self.unclamped = !matches!(geometry, Geometry::Crop { .. } | Geometry::Turn(_));
            }
        }
    }

    /// True where rows are still the 8-bit codes of the frame that comes.
    fn is_fresh(&self) -> bool {
        self.bytes && self.segments.len() == 1 && self.segments[0].untouched()
    }

    /// Clamps what has been left to clamp.
    fn clamp(&mut self) {
        if std::mem::take(&mut self.unclamped) && self.class != Class::Floats {
            let shapes = self.last().shapes.clone();
            self.push(shapes, |up| Box::new(ClampRows::new(up)));
        }
    }

    /// A run on the components that are there.
    fn run(&mut self, path: &Path, kind: Kind, to: Vec<PlaneShape>) {
        match path {
            Path::Planes(planes) if kind == Kind::Gray => {
                let luma = self.class.gray_step(&planes.luma);
                self.together.clear();
                self.push(to, move |up| {
                    let up = Box::new(TakePlane::new(up, 0, 3));
                    Box::new(PointRows::new(up, luma.clone(), 1))
                });
            }
            Path::Planes(planes) => self.planar(planes, to),
            Path::Gray(curve) if !curve.is_identity() => {
                let steps = self.class.gray_step(curve);
                let components = to[0].components;
                self.push(to, move |up| Box::new(PointRows::new(up, steps.clone(), components)));
            }
            Path::Gray(_) | Path::Pixels(_) => {}
        }
    }

    fn planar(&mut self, planes: &OnPlanes, to: Vec<PlaneShape>) {
        let luma =
            (!planes.luma.is_identity()).then(|| self.class.lookup(&planes.luma, (0.0, 1.0)));
        let chroma = planes.chroma_matrix();
        if chroma.is_some_and(|[cb, cr]| cb[1] != 0.0 || cr[0] != 0.0) && self.together.is_empty() {
            // It makes both planes of chroma at once, and luma apart.
            self.make_together(&to);
            self.together[0] = 0;
        }
        self.push(to, move |up| Box::new(PlanarPoint::new(up, luma.clone(), chroma)));
    }

    /// A run on three components at full size. Where no alpha stands beside them and chroma is
    /// not resampled, clamping is a step among its own.
    fn pixels(&mut self, run: &Run, fused: &[Fused], last: bool) {
        let (from, to) = (&run.from, &run.to);
        let alpha = from.alpha;
        let planes = |rep: &Rep| match rep.kind {
            Kind::Planes(y) => Some(Sited { shapes: three(&rep.shapes()), siting: y.siting }),
            Kind::RgbPlanes => Some(Sited { shapes: three(&rep.shapes()), siting: Siting::Center }),
            _ => None,
        };
        let resampled = |rep: &Rep| matches!(rep.kind, Kind::Planes(_));
        let (lifted, lowered) = (planes(from), planes(to));
        let mut steps = self.class.steps(fused).to_vec();
        if !resampled(from) && !alpha && self.class != Class::Floats {
            if std::mem::take(&mut self.unclamped) {
                steps.insert(0, Step::Clamp);
            }
        } else {
            self.clamp();
        }
        let ends = !resampled(to) && !alpha && self.class != Class::Floats;
        if ends && !last {
            steps.push(Step::Clamp);
        }
        self.unclamped = !ends;
        let steps: Arc<[Step]> = steps.into();
        let (leaving, size) =
            (to.shapes(), PlaneShape { shift_x: 0, shift_y: 0, ..to.shapes()[0] });
        let full = PlaneShape { components: 3 + usize::from(alpha), ..size };
        self.together.clear();
        if lowered.is_some() {
            self.make_together(&leaving);
        }
        match (lifted, lowered) {
            (Some(from), Some(to)) => {
                self.push(leaving, move |up| Box::new(Through::new(up, from, steps.clone(), to)));
                return;
            }
            (Some(from), None) => {
                self.push(vec![full], move |up| Box::new(Lift::new(up, from, steps.clone())));
            }
            (None, Some(to)) if !alpha && from.kind != Kind::Gray => {
                self.push(leaving, move |up| Box::new(Lower::new(up, steps.clone(), to)));
                return;
            }
            _ => {
                if from.kind == Kind::Gray {
                    let map: &[usize] = if alpha { &[0, 0, 0, 1] } else { &[0, 0, 0] };
                    self.push(vec![full], move |up| {
                        Box::new(PickRows::new(up, 1 + usize::from(alpha), map))
                    });
                }
                if !steps.is_empty() {
                    let components = full.components;
                    self.push(vec![full], move |up| {
                        Box::new(PointRows::new(up, steps.clone(), components))
                    });
                }
            }
        }
        if alpha && !to.alpha {
            let opaque = PlaneShape { components: 3, ..full };
            let mut white = to.color([1.0; 4]).map(|v| v as f32);
            if to.kind == Kind::Gray {
                white = [1.0, 0.0, 0.0, 1.0];
            }
            self.push(vec![opaque], move |up| Box::new(Flatten::new(up, &white[..3])));
        }
        if let Some(to) = lowered {
            let none: Arc<[Step]> = Arc::new([]);
            self.push(leaving, move |up| Box::new(Lower::new(up, none.clone(), to)));
        } else if to.kind == Kind::Gray {
            let map: &[usize] = if to.alpha { &[0, 3] } else { &[0] };
            let from = if to.alpha { 4 } else { 3 };
            self.push(leaving, move |up| Box::new(PickRows::new(up, from, map)));
        }
    }
}

/// Bytes of a value in a row.
const ROW: u64 = 4;

fn three(shapes: &[PlaneShape]) -> [PlaneShape; 3] {
    [shapes[0], shapes[1], shapes[2]]
}
