//! The functions that every expression may call: ffmpeg's, as far as they have no side effects.

use std::fmt;

/// A function that all expressions have. The closure sees three arguments, zeros where fewer
/// were written.
pub(super) struct Builtin {
    pub(super) name: &'static str,
    pub(super) least: usize,
    pub(super) most: usize,
    pub(super) eval: fn([f64; 3]) -> f64,
}

impl fmt::Debug for Builtin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

const fn function(name: &'static str, arguments: usize, eval: fn([f64; 3]) -> f64) -> Builtin {
    Builtin { name, least: arguments, most: arguments, eval }
}

const fn truth(condition: bool) -> f64 {
    if condition { 1.0 } else { 0.0 }
}

// All transcendental functions come from libm: the same bits on every machine.
pub(super) static BUILTINS: [Builtin; 42] = [
    function("abs", 1, |[x, ..]| x.abs()),
    function("acos", 1, |[x, ..]| libm::acos(x)),
    function("asin", 1, |[x, ..]| libm::asin(x)),
    function("atan", 1, |[x, ..]| libm::atan(x)),
    function("atan2", 2, |[y, x, _]| libm::atan2(y, x)),
    function("between", 3, |[x, low, high]| truth(x >= low && x <= high)),
    function("bitand", 2, |[x, y, _]| (x as i64 & y as i64) as f64),
    function("bitor", 2, |[x, y, _]| (x as i64 | y as i64) as f64),
    function("ceil", 1, |[x, ..]| x.ceil()),
    function("clip", 3, |[x, low, high]| if low <= high { x.max(low).min(high) } else { f64::NAN }),
    function("cos", 1, |[x, ..]| libm::cos(x)),
    function("cosh", 1, |[x, ..]| libm::cosh(x)),
    function("eq", 2, |[x, y, _]| truth(x == y)),
    function("exp", 1, |[x, ..]| libm::exp(x)),
    function("floor", 1, |[x, ..]| x.floor()),
    function("gauss", 1, |[x, ..]| libm::exp(-x * x / 2.0) / (2.0 * std::f64::consts::PI).sqrt()),
    function("gcd", 2, |[x, y, _]| gcd(x, y)),
    function("gt", 2, |[x, y, _]| truth(x > y)),
    function("gte", 2, |[x, y, _]| truth(x >= y)),
    function("hypot", 2, |[x, y, _]| libm::hypot(x, y)),
    Builtin { name: "if", least: 2, most: 3, eval: |[x, y, z]| if x != 0.0 { y } else { z } },
    Builtin { name: "ifnot", least: 2, most: 3, eval: |[x, y, z]| if x == 0.0 { y } else { z } },
    function("isinf", 1, |[x, ..]| truth(x.is_infinite())),
    function("isnan", 1, |[x, ..]| truth(x.is_nan())),
    function("lerp", 3, |[x, y, z]| x + (y - x) * z),
    function("log", 1, |[x, ..]| libm::log(x)),
    function("lt", 2, |[x, y, _]| truth(x < y)),
    function("lte", 2, |[x, y, _]| truth(x <= y)),
    function("max", 2, |[x, y, _]| if x > y { x } else { y }),
    function("min", 2, |[x, y, _]| if x < y { x } else { y }),
    function("mod", 2, |[x, y, _]| x - (x / y).floor() * y),
    function("not", 1, |[x, ..]| truth(x == 0.0)),
    function("pow", 2, |[x, y, _]| libm::pow(x, y)),
    function("round", 1, |[x, ..]| x.round()),
    function("sgn", 1, |[x, ..]| truth(x > 0.0) - truth(x < 0.0)),
    function("sin", 1, |[x, ..]| libm::sin(x)),
    function("sinh", 1, |[x, ..]| libm::sinh(x)),
    function("sqrt", 1, |[x, ..]| x.sqrt()),
    function("squish", 1, |[x, ..]| 1.0 / (1.0 + libm::exp(4.0 * x))),
    function("tan", 1, |[x, ..]| libm::tan(x)),
    function("tanh", 1, |[x, ..]| libm::tanh(x)),
    function("trunc", 1, |[x, ..]| x.trunc()),
];

fn gcd(x: f64, y: f64) -> f64 {
    let (mut a, mut b) = ((x as i64).unsigned_abs(), (y as i64).unsigned_abs());
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a as f64
}
