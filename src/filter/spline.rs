//! The natural cubic spline through points: the curve of the `curves` filter.

/// Points with increasing x, joined by cubics whose second derivative is continuous and 0 at
/// both ends; constant outside (Burden and Faires, Numerical Analysis, natural cubic spline).
#[derive(Clone, Debug)]
pub struct Spline {
    points: Vec<[f64; 2]>,
    /// The second derivative at each point.
    bends: Vec<f64>,
}

impl Spline {
    /// Through at least one point; x must increase from each to the next.
    pub fn new(points: Vec<[f64; 2]>) -> Self {
        let bends = bends(&points);
        Self { points, bends }
    }

    /// The value at `x`.
    pub fn eval(&self, x: f64) -> f64 {
        let after = self.points.partition_point(|p| p[0] <= x);
        if after == 0 || after == self.points.len() {
            return self.points[after.saturating_sub(1)][1];
        }
        let ([x0, y0], [x1, y1]) = (self.points[after - 1], self.points[after]);
        let (m0, m1) = (self.bends[after - 1], self.bends[after]);
        let (h, t) = (x1 - x0, x - x0);
        let slope = (y1 - y0) / h - h * (2.0 * m0 + m1) / 6.0;
        y0 + t * (slope + t * (m0 / 2.0 + t * (m1 - m0) / (6.0 * h)))
    }
}

/// Solves the tridiagonal system of the second derivatives (Thomas' algorithm).
fn bends(points: &[[f64; 2]]) -> Vec<f64> {
    let n = points.len();
    let mut bends = vec![0.0; n];
    if n < 3 {
        return bends;
    }
    let width = |i: usize| points[i + 1][0] - points[i][0];
    let slope = |i: usize| (points[i + 1][1] - points[i][1]) / width(i);
    let mut upper = vec![0.0; n];
    for i in 1..n - 1 {
        let pivot = 2.0 * (width(i - 1) + width(i)) - width(i - 1) * upper[i - 1];
        upper[i] = width(i) / pivot;
        bends[i] = (6.0 * (slope(i) - slope(i - 1)) - width(i - 1) * bends[i - 1]) / pivot;
    }
    for i in (1..n - 1).rev() {
        bends[i] -= upper[i] * bends[i + 1];
    }
    bends
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_through_its_points_and_stays_flat_outside() {
        let points = vec![[0.1, 0.3], [0.4, 0.2], [0.5, 0.9], [0.8, 0.6]];
        let spline = Spline::new(points.clone());
        for [x, y] in points {
            assert!((spline.eval(x) - y).abs() < 1e-12);
        }
        assert_eq!((spline.eval(-1.0), spline.eval(2.0)), (0.3, 0.6));
        assert_eq!(Spline::new(vec![[0.5, 0.2]]).eval(0.9), 0.2);
    }

    #[test]
    fn two_points_make_a_line_and_three_the_known_cubic() {
        let line = Spline::new(vec![[0.0, 1.0], [1.0, 0.0]]);
        assert!((line.eval(0.25) - 0.75).abs() < 1e-12);
        // By hand for 0/0 0.5/0.4 1/1: the bend in the middle is 1.2, so f(0.25) is
        // 0.2 + (0.25^3 - 0.25 * 0.25) * 1.2 / (6 * 0.5).
        let spline = Spline::new(vec![[0.0, 0.0], [0.5, 0.4], [1.0, 1.0]]);
        let want = 0.2 + (0.25_f64.powi(3) - 0.25 * 0.25) * 1.2 / 3.0;
        assert!((spline.eval(0.25) - want).abs() < 1e-12, "{}", spline.eval(0.25));
    }

    #[test]
    fn slopes_and_bends_are_continuous() {
        let spline = Spline::new(vec![[0.0, 0.0], [0.2, 0.6], [0.5, 0.3], [1.0, 1.0]]);
        let e = 1e-5;
        let slope = |x: f64| (spline.eval(x + e) - spline.eval(x - e)) / (2.0 * e);
        for x in [0.2, 0.5] {
            assert!((slope(x - 2.0 * e) - slope(x + 2.0 * e)).abs() < 1e-2, "{x}");
        }
    }
}
