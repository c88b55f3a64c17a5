//! The commonest plans from bytes to bytes, without rows of floats between: the same bytes as
//! `Load`, the pointwise node and `store` give, in fewer passes.

use super::BoxRows;
use super::dispatch::{Isa, per_isa};
use super::load::{Load, code, store};
use super::lookup::Lookup;
use super::point::{BLOCK, Block, Colors, Step, parts, run};
use super::view::{RowMut, View};
use crate::error::Result;
use crate::frame::{Depth, Frame, Layout, Model, Plane, Samples, Size};

/// What a pointwise chain on one component makes of each byte.
pub fn table_of(run: impl for<'a> FnOnce(BoxRows<'a>) -> BoxRows<'a>) -> Result<[u8; 256]> {
    let layout = Layout::new(Size::new(256, 1), Model::Gray, Depth::U8)?;
    let frame = Frame::new(layout, vec![Plane::new(Samples::U8((0..=255).collect()), 256)])?;
    let mut values = [0.0; 256];
    run(Box::new(Load::new(View::all(&frame)))).row(0, 0, &mut values);
    let mut table = [0; 256];
    store(&values, RowMut::U8(&mut table));
    Ok(table)
}

/// Each component of a row through its table. `tables` are as many as a pixel has components.
pub fn map_bytes(row: &mut [u8], tables: &[[u8; 256]]) {
    match tables {
        [only] => {
            for v in row {
                *v = only[usize::from(*v)];
            }
        }
        [r, g, b] => {
            for v in row.as_chunks_mut::<3>().0 {
                *v = [r[usize::from(v[0])], g[usize::from(v[1])], b[usize::from(v[2])]];
            }
        }
        _ => {
            for pixel in row.chunks_exact_mut(tables.len()) {
                for (v, table) in pixel.iter_mut().zip(tables) {
                    *v = table[usize::from(*v)];
                }
            }
        }
    }
}

/// A row of Cb and one of Cr through a matrix on unit codes, as [`super::PlanarPoint`] does it:
/// a row of `m` is the factors of Cb and of Cr and the offset.
pub fn chroma_bytes(m: &[[f32; 3]; 2], rows: [&mut [u8]; 2]) {
    chroma_bytes_on(Isa::best(), m, rows);
}

/// [`chroma_bytes`] on a given instruction set.
pub fn chroma_bytes_on(isa: Isa, m: &[[f32; 3]; 2], rows: [&mut [u8]; 2]) {
    let [cb, cr] = rows;
    if m[0][1] == 0.0 && m[1][0] == 0.0 {
        scaled(isa, m[0][0], m[0][2], cb);
        scaled(isa, m[1][1], m[1][2], cr);
    } else {
        mixed(isa, m, cb, cr);
    }
}

/// A pointwise run on 8-bit RGB or RGBA, block by block: curves at the start become tables of
/// 256 entries, curves at the end give bytes.
#[derive(Debug)]
pub struct Fused8 {
    /// The first value of each code, if it is not the code itself.
    entry: Option<Box<[[f32; 256]; 3]>>,
    steps: Vec<Step>,
    exit: Option<Box<[ByteLookup; 3]>>,
    components: usize,
    isa: Isa,
}

/// A nearest-entry [`Lookup`] whose entries are stored already.
#[derive(Debug)]
struct ByteLookup {
    low: f32,
    scale: f32,
    table: Vec<u8>,
}

impl Fused8 {
    /// `components` is 3, or 4 with alpha, which is copied.
    pub fn new(steps: &[Step], components: usize) -> Self {
        assert!(components == 3 || components == 4, "a pixel is RGB or RGBA");
        let mut rest = steps;
        let mut entry: Option<Box<[[f32; 256]; 3]>> = None;
        while let [Step::Curves(curves), after @ ..] = rest {
            let tables = entry.get_or_insert_with(|| {
                let codes: [f32; 256] = std::array::from_fn(|k| k as f32 * (1.0 / 255.0));
                Box::new([codes; 3])
            });
            for (table, curve) in tables.iter_mut().zip(curves) {
                curve.apply(Isa::PORTABLE, table);
            }
            rest = after;
        }
        let mut exit = None;
        if let [before @ .., Step::Curves([r, g, b])] = rest
            && let (Some(r), Some(g), Some(b)) =
                (ByteLookup::of(r), ByteLookup::of(g), ByteLookup::of(b))
        {
            exit = Some(Box::new([r, g, b]));
            rest = before;
        }
        Self { entry, steps: rest.to_vec(), exit, components, isa: Isa::best() }
    }

    /// The same on a given instruction set.
    #[must_use]
    pub fn on(mut self, isa: Isa) -> Self {
        self.isa = isa;
        self
    }

    /// One row, or any whole number of pixels, in place. Alpha stays.
    pub fn row(&self, row: &mut [u8]) {
        let (isa, n) = (self.isa, self.components);
        let mut block = [[0.0; BLOCK]; 3];
        let mut bytes = [[0; BLOCK]; 3];
        for pixels in row.chunks_mut(BLOCK * n) {
            let len = pixels.len() / n;
            match (&self.entry, n) {
                (Some(tables), _) => enter(tables, pixels, n, &mut block),
                (None, 3) => split_bytes(isa, pixels.as_chunks::<3>().0, &mut block),
                (None, _) => split_bytes(isa, pixels.as_chunks::<4>().0, &mut block),
            }
            run(&self.steps, isa, Colors::Three, parts(&mut block, len));
            for (i, (bytes, values)) in bytes.iter_mut().zip(&block).enumerate() {
                match &self.exit {
                    Some(tables) => tables[i].store(isa, values, bytes),
                    None => codes(isa, values, bytes),
                }
            }
            if n == 3 {
                join_bytes(isa, &bytes, pixels.as_chunks_mut::<3>().0);
            } else {
                join_bytes(isa, &bytes, pixels.as_chunks_mut::<4>().0);
            }
        }
    }
}

impl ByteLookup {
    fn of(lookup: &Lookup) -> Option<Self> {
        let (low, scale, entries) = lookup.nearest_entries()?;
        let mut table = vec![0; entries.len()];
        store(entries, RowMut::U8(&mut table));
        Some(Self { low, scale, table })
    }

    fn store(&self, isa: Isa, values: &[f32; BLOCK], out: &mut [u8; BLOCK]) {
        nearest_bytes(isa, &self.table, self.low, self.scale, values, out);
    }
}

fn enter(tables: &[[f32; 256]; 3], source: &[u8], n: usize, block: &mut Block) {
    let [r, g, b] = block;
    let [tr, tg, tb] = tables;
    for (((p, r), g), b) in source.chunks_exact(n).zip(r).zip(g).zip(b) {
        *r = tr[usize::from(p[0])];
        *g = tg[usize::from(p[1])];
        *b = tb[usize::from(p[2])];
    }
}

per_isa! {
    fn scaled(a: f32, b: f32, row: &mut [u8]) {
        for v in row {
            *v = code(f32::from(*v) * (1.0 / 255.0) * a + b, 255.0) as u8;
        }
    }

    fn mixed(m: &[[f32; 3]; 2], cb: &mut [u8], cr: &mut [u8]) {
        let [p, q] = *m;
        for (cb, cr) in cb.iter_mut().zip(cr) {
            let v = [f32::from(*cb) * (1.0 / 255.0), f32::from(*cr) * (1.0 / 255.0)];
            *cb = code(p[0] * v[0] + p[1] * v[1] + p[2], 255.0) as u8;
            *cr = code(q[0] * v[0] + q[1] * v[1] + q[2], 255.0) as u8;
        }
    }

    fn split_bytes[const N: usize](pixels: &[[u8; N]], block: &mut Block) {
        let [r, g, b] = block;
        for (((p, r), g), b) in pixels.iter().zip(r).zip(g).zip(b) {
            *r = f32::from(p[0]) * (1.0 / 255.0);
            *g = f32::from(p[1]) * (1.0 / 255.0);
            *b = f32::from(p[2]) * (1.0 / 255.0);
        }
    }

    fn join_bytes[const N: usize](bytes: &[[u8; BLOCK]; 3], pixels: &mut [[u8; N]]) {
        let [r, g, b] = bytes;
        for (((p, r), g), b) in pixels.iter_mut().zip(r).zip(g).zip(b) {
            [p[0], p[1], p[2]] = [*r, *g, *b];
        }
    }

    fn codes(values: &[f32; BLOCK], out: &mut [u8; BLOCK]) {
        for (o, &v) in out.iter_mut().zip(values) {
            *o = code(v, 255.0) as u8;
        }
    }

    fn nearest_bytes(
        table: &[u8], low: f32, scale: f32, values: &[f32; BLOCK], out: &mut [u8; BLOCK],
    ) {
        let last = (table.len() - 1) as f32;
        let mut places = [0i32; BLOCK];
        for (place, &v) in places.iter_mut().zip(values) {
            *place = super::lookup::nearest_place(v, low, scale, last);
        }
        for (o, &place) in out.iter_mut().zip(&places) {
            *o = table[place as usize];
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::kernel::{PlanarPoint, PointRows, Precision, Rows};

    fn noise(len: usize) -> Vec<u8> {
        (0..len).map(|i| (((i * i + 31 * i) * 2_654_435_761) >> 13) as u8).collect()
    }

    /// What the row engine makes of a row of `n` components.
    fn by_rows(source: &[u8], steps: &[Step], n: usize) -> Vec<u8> {
        let model = if n == 3 { Model::Rgb } else { Model::Rgba };
        let width = (source.len() / n) as u32;
        let layout = Layout::new(Size::new(width, 1), model, Depth::U8).unwrap();
        let plane = Plane::new(Samples::U8(source.to_vec()), source.len());
        let frame = Frame::new(layout, vec![plane]).unwrap();
        let load = Box::new(Load::new(View::all(&frame)));
        let mut values = vec![0.0; source.len()];
        PointRows::new(load, Arc::from(steps), n).row(0, 0, &mut values);
        let mut out = vec![0; source.len()];
        store(&values, RowMut::U8(&mut out));
        out
    }

    #[test]
    fn fused_runs_give_the_bytes_of_the_row_engine() {
        let gamma = |v: f64| libm::pow(libm::fabs(v), 1.0 / 2.2);
        let codes = Lookup::new(gamma, (0.0, 1.0), Precision::Eight).shared();
        let wide = Lookup::new(gamma, (-0.5, 1.5), Precision::Eight).shared();
        let fine = Lookup::new(gamma, (-0.5, 1.5), Precision::Sixteen).shared();
        let matrix =
            Step::Matrix([[1.2, -0.1, 0.05, -0.02], [0.1, 0.7, 0.1, 0.01], [-0.3, 0.2, 1.1, 0.0]]);
        let curves = |c: &Arc<Lookup>| Step::Curves([c.clone(), c.clone(), c.clone()]);
        let runs: [&[Step]; 6] = [
            &[],
            std::slice::from_ref(&matrix),
            &[curves(&codes), matrix.clone()],
            &[matrix.clone(), curves(&wide)],
            &[curves(&codes), curves(&wide), matrix.clone(), curves(&fine)],
            &[curves(&codes)],
        ];
        for steps in runs {
            for n in [3, 4] {
                for width in [1, 63, 64, 65, 1001] {
                    let source = noise(width * n);
                    let want = by_rows(&source, steps, n);
                    for isa in Isa::available() {
                        let mut out = source.clone();
                        Fused8::new(steps, n).on(isa).row(&mut out);
                        assert!(out == want, "{} {n} {width}", isa.name());
                    }
                }
            }
        }
    }

    #[test]
    fn tables_and_chroma_give_the_bytes_of_the_row_engine() {
        let m = [[0.9, 0.2, -0.05], [-0.1, 1.1, 0.0]];
        let apart = [[1.4, 0.0, -0.2], [0.0, 0.6, 0.2]];
        let luma = Lookup::new(|v| 1.3 * v - 0.1, (0.0, 1.0), Precision::Eight).shared();
        let size = Size::new(101, 1);
        let model = Model::Ycbcr(crate::frame::Ycbcr::jpeg(crate::frame::Subsampling::S444));
        let layout = Layout::new(size, model, Depth::U8).unwrap();
        let rows = [noise(101), noise(303)[101..202].to_vec(), noise(303)[202..].to_vec()];
        let planes = rows.iter().map(|r| Plane::new(Samples::U8(r.clone()), 101)).collect();
        let frame = Frame::new(layout, planes).unwrap();
        for m in [m, apart] {
            let load = Box::new(Load::new(View::all(&frame)));
            let mut chain = PlanarPoint::new(load, Some(luma.clone()), Some(m));
            let mut want = [[0u8; 101]; 3];
            for (plane, want) in want.iter_mut().enumerate() {
                let mut values = [0.0; 101];
                chain.row(plane, 0, &mut values);
                store(&values, RowMut::U8(want));
            }
            let table = table_of(|up| Box::new(PlanarPoint::new(up, Some(luma.clone()), None)));
            let mut out = rows[0].clone();
            map_bytes(&mut out, &[table.unwrap()]);
            assert_eq!(out, want[0]);
            for isa in Isa::available() {
                let (mut cb, mut cr) = (rows[1].clone(), rows[2].clone());
                chroma_bytes_on(isa, &m, [&mut cb, &mut cr]);
                assert_eq!([cb, cr], want[1..], "{}", isa.name());
            }
        }
    }

    #[test]
    fn each_component_has_its_table() {
        let plus = |n: u8| std::array::from_fn(|i| (i as u8).wrapping_add(n));
        for n in 1..=4 {
            let tables: Vec<[u8; 256]> = (0..n).map(plus).collect();
            let mut out = vec![7; usize::from(n) * 5];
            map_bytes(&mut out, &tables);
            for (i, v) in out.iter().enumerate() {
                assert_eq!(usize::from(*v), 7 + i % usize::from(n));
            }
        }
    }
}
