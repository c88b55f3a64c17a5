//! Help for the tests of the families: what a chain's pointwise operations do to one pixel.

use std::sync::Arc;

use super::algebra::{Area, Context, Filter, Op, Point, Space};
use super::map::Map;
use super::syntax;
use crate::frame::{Depth, Layout, Matrix, Model, Size};

/// The filters of a chain that parses.
pub(super) fn parse(chain: &str) -> Vec<Arc<dyn Filter>> {
    syntax::parse(chain).unwrap_or_else(|e| panic!("{chain}: {e:?}"))
}

/// The message of a chain that does not parse.
pub(super) fn unparsed(chain: &str) -> String {
    match syntax::parse(chain) {
        Ok(_) => panic!("{chain} parses"),
        Err(e) => e.message,
    }
}

/// An 8-bit RGB frame.
pub(super) fn rgb(width: u32, height: u32) -> Layout {
    Layout::new(Size::new(width, height), Model::Rgb, Depth::U8).expect("a size within bounds")
}

/// The operations of a chain of pointwise filters.
pub(super) fn compile(chain: &str, layout: Layout) -> Vec<Op> {
    let context = Context { layout, icc: None };
    let filters = parse(chain);
    let ops = filters.iter().map(|f| f.compile(&context));
    ops.flat_map(|ops| ops.unwrap_or_else(|e| panic!("{e}"))).collect()
}

/// The message of a chain that parses but does not compile.
pub(super) fn refusal(chain: &str, layout: Layout) -> String {
    match parse(chain)[0].compile(&Context { layout, icc: None }) {
        Ok(ops) => panic!("{chain} compiles to {ops:?}"),
        Err(e) => e.to_string(),
    }
}

/// What pointwise operations make of an RGB pixel; YCbCr is BT.601's.
pub(super) fn eval(ops: &[Op], rgb: [f64; 3]) -> [f64; 3] {
    ops.iter().fold(rgb, |v, op| match op {
        Op::Point(Point { space: Space::Rgb, map }) => apply(map, v),
        Op::Point(Point { space: Space::Ycbcr, map }) => from_ycbcr(apply(map, to_ycbcr(v))),
        other => panic!("{other:?} is not pointwise"),
    })
}

/// Asserts what a chain makes of an RGB pixel, to 1e-9.
pub(super) fn at(chain: &str, v: [f64; 3], want: [f64; 3]) {
    let got = eval(&compile(chain, rgb(8, 8)), v);
    let close = got.iter().zip(want).all(|(g, w)| (g - w).abs() < 1e-9);
    assert!(close, "{chain} at {v:?}: {got:?}, not {want:?}");
}

/// Asserts that a chain changes no colour between black and white.
pub(super) fn identity(chain: &str) {
    for i in 0..125 {
        let v = [i % 5, i / 5 % 5, i / 25].map(|c| f64::from(c) / 4.0);
        at(chain, v, v);
    }
}

fn apply(map: &Map, v: [f64; 3]) -> [f64; 3] {
    match map {
        Map::Curves(c) => [0, 1, 2].map(|i| c[i].eval(v[i])),
        Map::Matrix(m) => m.apply(v),
        Map::Pixel(f) => f.map(v),
    }
}

fn to_ycbcr([r, g, b]: [f64; 3]) -> [f64; 3] {
    let (kr, kb) = Matrix::Bt601.weights();
    let y = kr * r + (1.0 - kr - kb) * g + kb * b;
    [y, (b - y) / (2.0 * (1.0 - kb)), (r - y) / (2.0 * (1.0 - kr))]
}

fn from_ycbcr([y, cb, cr]: [f64; 3]) -> [f64; 3] {
    let (kr, kb) = Matrix::Bt601.weights();
    let (r, b) = (y + 2.0 * (1.0 - kr) * cr, y + 2.0 * (1.0 - kb) * cb);
    [r, (y - kr * r - kb * b) / (1.0 - kr - kb), b]
}

/// The one area operation that a chain compiles to on a frame of 40x20.
pub(super) fn area(chain: &str) -> Area {
    let mut ops = compile(chain, rgb(40, 20));
    match (ops.pop(), ops.len()) {
        (Some(Op::Area(area)), 0) => area,
        other => panic!("{chain}: {other:?}"),
    }
}
