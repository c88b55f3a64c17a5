//! The commonest plans, one pointwise pass on 8-bit samples, from bytes to bytes: the same
//! result as through rows of floats, in a third of the time.

use std::sync::Arc;

use super::passes::{Kind, Pass, Path};
use crate::frame::{Depth, Layout};
use crate::kernel::bytes::{Fused8, chroma_bytes, map_bytes, table_of};
use crate::kernel::{Codes, PlaneMut, PointRows, RowMut, Sited, Step, Through8, View};

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

    /// Computes one band; `band` is the first row and the rows of each plane.
    pub fn compute(&self, views: &[View<'_>], band: &mut [(usize, PlaneMut<'_>)]) {
        match self {
            Self::Tables(tables) => {
                each_row(views, &mut band[..1], |source, out| map_bytes(source, out, tables));
            }
            Self::Pixels(fused) => {
                each_row(views, &mut band[..1], |source, out| fused.row(source, out));
            }
            Self::Through(through) => through.compute(views, band),
            Self::Planes { luma, chroma } => {
                let (first, rest) = band.split_at_mut(1);
                match luma {
                    Some(table) => {
                        let tables = std::slice::from_ref(&**table);
                        each_row(views, first, |source, out| map_bytes(source, out, tables));
                    }
                    None => each_row(views, first, |source, out| out.copy_from_slice(source)),
                }
                match chroma {
                    Some(matrix) => chroma_rows(matrix, &views[1..], rest),
                    None => {
                        each_row(&views[1..], rest, |source, out| out.copy_from_slice(source));
                    }
                }
            }
        }
    }
}

/// How a curve, or fused steps, become the engine's steps.
pub(super) struct Steps<'a> {
    pub curve: &'a dyn Fn(&crate::filter::Curve) -> Arc<[Step]>,
    pub fused: &'a dyn Fn(&[super::run::Fused]) -> Arc<[Step]>,
}

fn each_row(
    views: &[View<'_>],
    band: &mut [(usize, PlaneMut<'_>)],
    run: impl Fn(&[u8], &mut [u8]),
) {
    for (view, (first, rows)) in views.iter().zip(band) {
        for y in 0..rows.shape().height {
            if let (Codes::U8(source), RowMut::U8(out)) = (view.row(*first + y), rows.row(y)) {
                run(source, out);
            }
        }
    }
}

fn chroma_rows(matrix: &[[f32; 3]; 2], views: &[View<'_>], band: &mut [(usize, PlaneMut<'_>)]) {
    let ([cb, cr], [(first, out_cb), (_, out_cr)]) = (views, band) else { return };
    for y in 0..out_cb.shape().height {
        let source = (cb.row(*first + y), cr.row(*first + y));
        if let ((Codes::U8(cb), Codes::U8(cr)), RowMut::U8(out_cb), RowMut::U8(out_cr)) =
            (source, out_cb.row(y), out_cr.row(y))
        {
            chroma_bytes(matrix, [cb, cr], [out_cb, out_cr]);
        }
    }
}
