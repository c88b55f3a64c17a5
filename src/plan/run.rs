//! Runs: neighbouring pointwise filters as one function on reals, fused as far as it goes.

use std::sync::Arc;

use crate::filter::{Affine3, Curve, Map, PixelFunction, Point, Space};

/// One step of a fused run.
#[derive(Clone, Debug)]
pub(super) enum Fused {
    /// Each component by itself.
    Curves([Curve; 3]),
    /// Linear with an offset.
    Matrix(Affine3),
    /// Anything else.
    Pixel(Arc<dyn PixelFunction>),
}

/// The fewest steps that are the given maps, first to last.
pub(super) fn fuse(maps: impl IntoIterator<Item = Map>) -> Vec<Fused> {
    let mut steps: Vec<Fused> = Vec::new();
    for map in maps {
        push(&mut steps, canonical(map));
    }
    steps
}

/// The maps of `points` on values that enter in `from` and leave in `to`, with `to_rgb` and
/// `to_ycbcr` between the two spaces.
pub(super) fn in_spaces(
    points: &[Point],
    from: Space,
    to: Space,
    to_rgb: Affine3,
    to_ycbcr: Affine3,
) -> Vec<Map> {
    let mut maps = Vec::new();
    let mut space = from;
    let mut enter = |maps: &mut Vec<Map>, next: Space| {
        if space != next {
            maps.push(Map::Matrix(if next == Space::Rgb { to_rgb } else { to_ycbcr }));
            space = next;
        }
    };
    for point in points {
        enter(&mut maps, point.space);
        maps.push(point.map.clone());
    }
    enter(&mut maps, to);
    maps
}

/// What a run does to planes, if it is exactly Y' = f(Y), (Cb', Cr') = A (Cb, Cr) + b.
#[derive(Clone, Debug)]
pub(super) struct OnPlanes {
    /// f.
    pub luma: Curve,
    /// A and b: two rows of factor, factor, offset.
    pub chroma: [[f64; 3]; 2],
}

impl OnPlanes {
    /// What the engine multiplies chroma with; `None` if chroma stays as it is.
    pub fn chroma_matrix(&self) -> Option<[[f32; 3]; 2]> {
        let same = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]];
        (self.chroma != same).then(|| self.chroma.map(|row| row.map(|v| v as f32)))
    }
}

/// Reduces fused steps to planes, if they keep luma and chroma apart and chroma affine.
pub(super) fn on_planes(steps: &[Fused]) -> Option<OnPlanes> {
    let mut luma = Curve::IDENTITY;
    let mut chroma = Affine3::IDENTITY;
    for step in steps {
        match step {
            Fused::Curves([y, cb, cr]) => {
                let (Curve::Affine { a, b }, Curve::Affine { a: c, b: d }) = (cb, cr) else {
                    return None;
                };
                luma = luma.then(y);
                chroma = chroma.then(&diagonal([(1.0, 0.0), (*a, *b), (*c, *d)]));
            }
            Fused::Matrix(m) => {
                let [y, cb, cr] = m.0;
                if y[1] != 0.0 || y[2] != 0.0 || cb[0] != 0.0 || cr[0] != 0.0 {
                    return None;
                }
                luma = luma.then(&Curve::affine(y[0], y[3]));
                let keep_luma = [1.0, 0.0, 0.0, 0.0];
                chroma = chroma.then(&Affine3([keep_luma, cb, cr]));
            }
            Fused::Pixel(_) => return None,
        }
    }
    let row = |i: usize| [chroma.0[i][1], chroma.0[i][2], chroma.0[i][3]];
    Some(OnPlanes { luma, chroma: [row(1), row(2)] })
}

/// True if the map gives a neutral pixel whatever comes in, in its own space.
pub(super) fn makes_neutral(point: &Point) -> bool {
    const NONE: [f64; 4] = [0.0; 4];
    match (&point.map, point.space) {
        (Map::Matrix(m), Space::Ycbcr) => m.0[1] == NONE && m.0[2] == NONE,
        (Map::Matrix(m), Space::Rgb) => m.0[0] == m.0[1] && m.0[1] == m.0[2],
        (Map::Curves([_, cb, cr]), Space::Ycbcr) => {
            let zero = Curve::affine(0.0, 0.0);
            cb.same(&zero) && cr.same(&zero)
        }
        _ => false,
    }
}

/// True if a neutral pixel stays neutral.
pub(super) fn keeps_neutral(point: &Point) -> bool {
    const CLOSE: f64 = 1e-12;
    match (&point.map, point.space) {
        (Map::Matrix(m), Space::Ycbcr) => {
            (1..3).all(|i| m.0[i][0].abs() < CLOSE && m.0[i][3].abs() < CLOSE)
        }
        (Map::Matrix(m), Space::Rgb) => {
            let sums = m.0.map(|r| r[0] + r[1] + r[2]);
            (1..3)
                .all(|i| (sums[i] - sums[0]).abs() < CLOSE && (m.0[i][3] - m.0[0][3]).abs() < CLOSE)
        }
        (Map::Curves([_, cb, cr]), Space::Ycbcr) => {
            cb.eval(0.0).abs() < CLOSE && cr.eval(0.0).abs() < CLOSE
        }
        (Map::Curves([r, g, b]), Space::Rgb) => r.same(g) && g.same(b),
        (Map::Pixel(f), _) => f.keeps_neutral(),
    }
}

fn diagonal(rows: [(f64, f64); 3]) -> Affine3 {
    let mut out = Affine3::IDENTITY;
    for (i, (factor, offset)) in rows.into_iter().enumerate() {
        out.0[i][i] = factor;
        out.0[i][3] = offset;
    }
    out
}

/// Affine curves become a matrix, so that they multiply with their neighbours.
fn canonical(map: Map) -> Fused {
    match map {
        Map::Matrix(m) => Fused::Matrix(m),
        Map::Pixel(f) => Fused::Pixel(f),
        Map::Curves(curves) => match affine(&curves) {
            Some(m) => Fused::Matrix(m),
            None => Fused::Curves(curves),
        },
    }
}

fn affine(curves: &[Curve; 3]) -> Option<Affine3> {
    let mut rows = [(0.0, 0.0); 3];
    for (row, curve) in rows.iter_mut().zip(curves) {
        let Curve::Affine { a, b } = curve else { return None };
        *row = (*a, *b);
    }
    Some(diagonal(rows))
}

/// Appends a step, merged with the last one where the two are one.
fn push(steps: &mut Vec<Fused>, next: Fused) {
    let merged = match (steps.last(), &next) {
        (Some(Fused::Matrix(m)), Fused::Matrix(n)) => Some(Fused::Matrix(clean(m.then(n)))),
        (Some(Fused::Curves(c)), Fused::Curves(d)) => Some(Fused::Curves(compose(c, d))),
        (Some(Fused::Curves(c)), Fused::Matrix(m)) => {
            m.curves().map(|d| Fused::Curves(compose(c, &d)))
        }
        (Some(Fused::Matrix(m)), Fused::Curves(d)) => {
            m.curves().map(|c| Fused::Curves(compose(&c, d)))
        }
        _ => None,
    };
    let step = match merged {
        Some(step) => {
            steps.pop();
            step
        }
        None => next,
    };
    match step {
        // What cancelled may let its neighbours meet.
        Fused::Matrix(m) if is_identity(&m) => {}
        // A merge may have made room for another with the step before.
        step if steps.last().is_some_and(|last| same_kind(last, &step)) => push(steps, step),
        step => steps.push(step),
    }
}

fn same_kind(a: &Fused, b: &Fused) -> bool {
    matches!((a, b), (Fused::Matrix(_), Fused::Matrix(_)) | (Fused::Curves(_), Fused::Curves(_)))
}

/// Curve after curve; equal inputs give curves that are known to be equal.
fn compose(first: &[Curve; 3], next: &[Curve; 3]) -> [Curve; 3] {
    let mut out: Vec<Curve> = Vec::with_capacity(3);
    for i in 0..3 {
        let twin = (0..i).find(|&j| first[j].same(&first[i]) && next[j].same(&next[i]));
        out.push(twin.map_or_else(|| first[i].then(&next[i]), |j| out[j].clone()));
    }
    [out[0].clone(), out[1].clone(), out[2].clone()]
}

/// Sets to 0 what rounding left of factors that cancel.
fn clean(mut m: Affine3) -> Affine3 {
    for v in m.0.iter_mut().flatten() {
        if v.abs() < 1e-13 {
            *v = 0.0;
        }
    }
    m
}

fn is_identity(m: &Affine3) -> bool {
    let close = |(v, w): (&f64, &f64)| (v - w).abs() < 1e-12;
    m.0.iter().flatten().zip(Affine3::IDENTITY.0.iter().flatten()).all(close)
}

#[cfg(test)]
mod tests {
    use super::super::color::{rgb_from_ycbcr, ycbcr_from_rgb};
    use super::*;
    use crate::frame::Matrix;

    fn point(space: Space, map: Map) -> Point {
        Point { space, map }
    }

    fn steps(points: &[Point], space: Space) -> Vec<Fused> {
        let (to_rgb, to_ycbcr) = (rgb_from_ycbcr(Matrix::Bt601), ycbcr_from_rgb(Matrix::Bt601));
        fuse(in_spaces(points, space, space, to_rgb, to_ycbcr))
    }

    fn gamma() -> Map {
        let f = Curve::function(|v: f64| v * v);
        Map::Curves([f.clone(), f.clone(), f])
    }

    fn brighter() -> Map {
        Map::Curves([const { Curve::affine(1.5, 0.1) }; 3])
    }

    #[test]
    fn table_after_table_is_one_table() {
        let run = steps(
            &[
                point(Space::Rgb, brighter()),
                point(Space::Rgb, gamma()),
                point(Space::Rgb, gamma()),
            ],
            Space::Rgb,
        );
        let [Fused::Curves([r, g, b])] = run.as_slice() else { panic!("{run:?}") };
        assert!((r.eval(0.2) - 0.4f64.powi(4)).abs() < 1e-15);
        assert!(r.same(g) && g.same(b), "one table serves three components");
    }

    #[test]
    fn a_linear_rgb_filter_runs_on_planes() {
        let run = steps(&[point(Space::Rgb, brighter())], Space::Ycbcr);
        let planes = on_planes(&run).expect("block diagonal");
        assert!((planes.luma.eval(0.5) - 0.85).abs() < 1e-12);
        let [cb, cr] = planes.chroma;
        for (v, w) in cb.iter().chain(&cr).zip([1.5, 0.0, 0.0, 0.0, 1.5, 0.0]) {
            assert!((v - w).abs() < 1e-12, "{planes:?}");
        }
    }

    #[test]
    fn a_curve_in_rgb_does_not() {
        let run = steps(&[point(Space::Rgb, gamma())], Space::Ycbcr);
        assert_eq!(run.len(), 3, "matrix, curves, matrix");
        assert!(on_planes(&run).is_none());
    }

    #[test]
    fn what_cancels_is_gone() {
        let twice = [
            point(Space::Rgb, Map::Curves([const { Curve::affine(-1.0, 1.0) }; 3])),
            point(Space::Rgb, Map::Curves([const { Curve::affine(-1.0, 1.0) }; 3])),
        ];
        assert!(steps(&twice, Space::Ycbcr).is_empty());
    }

    #[test]
    fn neutrality_is_seen() {
        let gray =
            point(Space::Ycbcr, Map::Matrix(Affine3([[1.0, 0.0, 0.0, 0.0], [0.0; 4], [0.0; 4]])));
        assert!(makes_neutral(&gray) && keeps_neutral(&gray));
        assert!(!makes_neutral(&point(Space::Rgb, gamma())));
        assert!(keeps_neutral(&point(Space::Rgb, gamma())));
        let tint = Map::Curves([Curve::affine(1.1, 0.0), Curve::IDENTITY, Curve::IDENTITY]);
        assert!(!keeps_neutral(&point(Space::Rgb, tint)));
    }
}
