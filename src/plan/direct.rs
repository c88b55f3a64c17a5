//! The commonest plans, one pointwise pass on 8-bit samples, from bytes to bytes: the same
//! result as through rows of floats, in a third of the time. They work in place, in the buffers that
//! the frame came in: memory that is touched for the first time costs as much as a whole pass does.

use std::sync::Arc;

use super::bands::{self, Band, Bands};
use super::passes::{Kind, Pass, Path};
use crate::error::Result;
use crate::frame::{BufferPool, Depth, Frame, Layout, PlaneShape};
use crate::kernel::bytes::{Fused8, chroma_bytes, map_bytes, table_of};
use crate::kernel::{Edges, PlaneMut, PointRows, RowMut, Sited, Step, Through8};

/// A pass from bytes to bytes.
pub(super) enum Direct {
    /// Each plane that is there by tables, one per component: grey, with alpha or without.
    Tables(Vec<[u8; 256]>),
    /// Planes: luma by a table, chroma by a matrix on unit codes; `None` copies.
    Planes { luma: Option<Box<[u8; 256]>>, chroma: Option<[[f32; 3]; 2]> },
    /// Interleaved colours, with alpha or without.
    Pixels(Fused8),
    /// Planes by way of colours at full size.
    Through(Through8),
}

impl Direct {
    /// The direct form of a plan, if it has one. `steps` gives the engine's steps for a curve
    /// on one component, or for the fused steps of the run.
    pub fn of(passes: &[Pass], input: &Layout, output: &Layout, steps: &Steps<'_>) -> Option<Self> {
        let [Pass::Run(run)] = passes else { return None };
        if input.depth() != Depth::U8 || output.depth() != Depth::U8 {
            return None;
        }
        let table = |steps: Arc<[Step]>| table_of(|up| Box::new(PointRows::new(up, steps, 1))).ok();
        match (&run.path, run.from.kind, run.to.kind) {
            (Path::Planes(p), _, Kind::Gray) => {
                Some(Self::Tables(vec![table((steps.curve)(&p.luma))?]))
            }
            (Path::Planes(p), _, _) => {
                let luma = match p.luma.is_identity() {
                    true => None,
                    false => Some(Box::new(table((steps.curve)(&p.luma))?)),
                };
                Some(Self::Planes { luma, chroma: p.chroma_matrix() })
            }
            (Path::Gray(curve), _, _) if run.from.alpha == run.to.alpha => {
                let mut tables = vec![table((steps.curve)(curve))?];
                if run.to.alpha {
                    tables.push(std::array::from_fn(|code| code as u8));
                }
                Some(Self::Tables(tables))
            }
            (Path::Pixels(fused), Kind::Rgb, Kind::Rgb) if run.from.alpha == run.to.alpha => {
                let components = input.model().components();
                Some(Self::Pixels(Fused8::new(&(steps.fused)(fused), components)))
            }
            (Path::Pixels(fused), Kind::Planes(y), Kind::Planes(to)) if y == to => {
                let shapes = [0, 1, 2].map(|plane| input.plane(plane));
                let planes = Sited { shapes, siting: y.siting };
                Through8::new(planes, (steps.fused)(fused)).map(Self::Through)
            }
            _ => None,
        }
    }

    /// Makes a frame of `output` of one whose planes are of the same shapes, or more.
    pub fn apply(
        &self,
        mut frame: Frame,
        output: Layout,
        bands: Bands<'_>,
        pool: &BufferPool,
    ) -> Result<Frame> {
        let shapes: Vec<PlaneShape> = output.planes().collect();
        let mut planes = PlaneMut::all(&mut frame);
        planes.truncate(shapes.len());
        let count = bands::count(shapes[0].height, 0, bands.threads());
        let mut tasks = bands::split(&shapes, planes, count);
        if let Self::Through(through) = self {
            let edges = Edges::of(&mut tasks);
            let tasks = tasks.into_iter().zip(edges).collect();
            bands.map(tasks, |(mut band, edges)| through.compute(edges, &mut band));
        } else {
            bands.map(tasks, |band| self.compute(band));
        }
        frame.relaid(output, pool)
    }

    /// Computes one band.
    fn compute(&self, mut band: Band<'_>) {
        match (self, &mut *band) {
            (Self::Tables(tables), [(_, plane), ..]) => {
                each_row(plane, |row| map_bytes(row, tables));
            }
            (Self::Pixels(fused), [(_, plane), ..]) => each_row(plane, |row| fused.row(row)),
            (Self::Planes { luma, chroma }, [(_, y), (_, cb), (_, cr)]) => {
                if let Some(table) = luma {
                    each_row(y, |row| map_bytes(row, std::slice::from_ref(table)));
                }
                if let Some(matrix) = chroma {
                    chroma_rows(matrix, cb, cr);
                }
            }
            _ => unreachable!("a band has the planes of its plan"),
        }
    }
}

/// How a curve, or fused steps, become the engine's steps.
pub(super) struct Steps<'a> {
    pub curve: &'a dyn Fn(&crate::filter::Curve) -> Arc<[Step]>,
    pub fused: &'a dyn Fn(&[super::run::Fused]) -> Arc<[Step]>,
}

fn each_row(plane: &mut PlaneMut<'_>, run: impl Fn(&mut [u8])) {
    for y in 0..plane.shape().height {
        if let RowMut::U8(row) = plane.row(y) {
            run(row);
        }
    }
}

fn chroma_rows(matrix: &[[f32; 3]; 2], cb: &mut PlaneMut<'_>, cr: &mut PlaneMut<'_>) {
    for y in 0..cb.shape().height {
        if let (RowMut::U8(cb), RowMut::U8(cr)) = (cb.row(y), cr.row(y)) {
            chroma_bytes(matrix, [cb, cr]);
        }
    }
}
