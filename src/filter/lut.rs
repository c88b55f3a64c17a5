//! Tables from expressions.

use super::algebra::{Context, Op, Point, Space};
use super::args::Args;
use super::expr::{Expr, Names};
use super::map::{Curve, Map};
use super::param::{Kind, Param};
use super::spec::{Family, Formula, Spec};
use super::text::ArgError;
use crate::error::{Error, Result};

const TABLE: Names = Names {
    variables: &["val", "maxval", "minval", "negval", "clipval", "w", "h"],
    functions: &["gammaval", "gammaval709", "clip"],
};

/// The variables of [`TABLE`] that follow the pixel: val, negval, clipval.
const VAL: &[usize] = &[0, 3, 4];
/// The functions of [`TABLE`] that do.
const GAMMAVAL: &[usize] = &[0, 1];

/// Codes beyond this would cost the matrices after a table their precision.
const LIMIT: f64 = 1e9;

const EXPRESSION: Kind = Kind::Expression(&TABLE);

const LUT_DIFFERS: &str = "val runs over 0 to maxval = 2^n - 1 whatever the range, and minval is \
    0; a component left at val passes as it is; results keep their fractions; alpha is left as \
    it is";

const LUT_FORMULA: &str = "code' = expression(val), val = code clipped to 0..maxval, with\n\
    maxval = 2^n - 1, minval = 0, negval = maxval - val, clipval = val, w and h (the frame),\n\
    gammaval(g) = (val / maxval)^g * maxval, gammaval709(g), clip(x)";

pub(super) static SPECS: &[Spec] = &[
    Spec {
        name: "lutrgb",
        aliases: &[],
        summary: "an expression for each of red, green and blue",
        family: Family::Lut,
        space: "RGB",
        formula: LUT_FORMULA,
        params: &[
            Param::new("r", EXPRESSION, "val", "red").alias(&["c0"]),
            Param::new("g", EXPRESSION, "val", "green").alias(&["c1"]),
            Param::new("b", EXPRESSION, "val", "blue").alias(&["c2"]),
            Param::new("a", EXPRESSION, "val", "must be val: alpha is left as it is")
                .alias(&["c3"]),
        ],
        refused: &[],
        differs: Some(LUT_DIFFERS),
        examples: &["lutrgb=r=negval", "lutrgb=g='gammaval(0.8)':b='if(gt(val,200),maxval,val)'"],
        build: lutrgb,
    },
    Spec {
        name: "lutyuv",
        aliases: &[],
        summary: "an expression for each of luma and the two chromas",
        family: Family::Lut,
        space: "YCbCr",
        formula: LUT_FORMULA,
        params: &[
            Param::new("y", EXPRESSION, "val", "luma").alias(&["c0"]),
            Param::new("u", EXPRESSION, "val", "Cb; half of maxval + 1 is neutral").alias(&["c1"]),
            Param::new("v", EXPRESSION, "val", "Cr; half of maxval + 1 is neutral").alias(&["c2"]),
            Param::new("a", EXPRESSION, "val", "must be val: alpha is left as it is")
                .alias(&["c3"]),
        ],
        refused: &[],
        differs: Some(LUT_DIFFERS),
        examples: &["lutyuv=y=negval", "lutyuv=y='val*1.1':u=128:v=128"],
        build: lutyuv,
    },
];

fn lutrgb(args: &Args) -> Result<Formula, ArgError> {
    table(args, Space::Rgb, ["r", "g", "b"])
}

fn lutyuv(args: &Args) -> Result<Formula, ArgError> {
    table(args, Space::Ycbcr, ["y", "u", "v"])
}

fn table(args: &Args, space: Space, names: [&'static str; 3]) -> Result<Formula, ArgError> {
    if component(args, "a")?.is_some() {
        return Err(args.error("a", "a must be val: alpha is left as it is"));
    }
    let mut components = Vec::with_capacity(3);
    for (i, name) in names.into_iter().enumerate() {
        let zero = if space == Space::Ycbcr && i > 0 { Zero::Middle } else { Zero::Black };
        components.push((name, component(args, name)?, zero));
    }
    Ok(Formula::per_frame(move |context| {
        let mut curves: [Curve; 3] = [Curve::IDENTITY, Curve::IDENTITY, Curve::IDENTITY];
        for (i, (name, expression, zero)) in components.iter().enumerate() {
            let Some(expression) = expression else { continue };
            // The same text over the same codes is one curve, shared for the planner to see.
            let twin = components[..i].iter().position(|(_, other, z)| {
                z == zero && other.as_ref().is_some_and(|o| o.text() == expression.text())
            });
            curves[i] = match twin {
                Some(twin) => curves[twin].clone(),
                None => tabulated(expression, context, *zero).map_err(|e| e.within(name))?,
            };
        }
        Ok(vec![Op::Point(Point { space, map: Map::Curves(curves) })])
    }))
}

/// The expression of a component, unless it is `val`, which leaves the component as it is.
fn component(args: &Args, name: &str) -> Result<Option<Expr>, ArgError> {
    Ok(args.expr(name)?.filter(|e| e.text() != "val"))
}

/// Which code the real 0 has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Zero {
    Black,
    Middle,
}

/// The expression as a function of reals: to codes of 0 to maxval, through the expression,
/// and back. Tried over the codes first, so that it has a value everywhere.
fn tabulated(expression: &Expr, context: &Context<'_>, zero: Zero) -> Result<Curve> {
    let size = context.layout.size();
    let max = context.layout.depth().max();
    let middle = match zero {
        Zero::Black => 0.0,
        Zero::Middle if max > 1.0 => (max + 1.0) / 2.0,
        // A float's chroma lies about the middle of 0 to 1.
        Zero::Middle => 0.5,
    };
    let [w, h] = [size.width, size.height].map(f64::from);
    let code = {
        let expression = expression.clone();
        move |val: f64| {
            let level = val / max;
            expression.eval(&[val, max, 0.0, max - val, val, w, h], &|function, x| match function {
                0 => libm::pow(level, x) * max,
                1 if level < 0.018 => 4.5 * level * max,
                1 => (1.099 * libm::pow(level, 1.0 / x) - 0.099) * max,
                _ => x.clamp(0.0, max),
            })
        }
    };
    let steps = if max > 1.0 { max.min(4095.0) } else { 4095.0 };
    for i in 0..=steps as u32 {
        let val = f64::from(i) * max / steps;
        if code(val).is_nan() {
            let text = expression.text();
            return Err(Error::usage(format!("{text} has no value where val is {val}")));
        }
    }
    // Not a number between the codes that were tried, or infinite: stay within bounds.
    let real = move |out: f64| (out.clamp(-LIMIT, LIMIT) - middle) / max;
    if !expression.mentions(VAL, GAMMAVAL) {
        return Ok(Curve::affine(0.0, real(code(0.0))));
    }
    Ok(Curve::function(move |v| {
        let val = (v * max + middle).clamp(0.0, max);
        let out = code(val);
        real(if out.is_nan() { val } else { out })
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::testing::{at, compile, identity, refusal, rgb};

    /// The curves that a chain of one table compiles to.
    fn curves(chain: &str) -> [Curve; 3] {
        let mut ops = compile(chain, rgb(1, 1));
        match ops.pop() {
            Some(Op::Point(Point { map: Map::Curves(c), .. })) => c,
            other => panic!("{chain}: {other:?}"),
        }
    }

    #[test]
    fn defaults_change_nothing() {
        for chain in ["lutrgb", "lutyuv", "lutyuv=y=val", "lutrgb=r=clipval:g=val+0"] {
            identity(chain);
        }
        identity("lutrgb=negval:negval:negval,lutrgb=negval:negval:negval");
    }

    #[test]
    fn formulas_at_known_points() {
        let c = |code: f64| code / 255.0;
        for (chain, v, want) in [
            ("lutrgb=r=negval:g=maxval/2:b='gammaval(2)'", [0.2, 0.9, 0.5], [0.8, 0.5, 0.25]),
            ("lutrgb=r='if(gt(val,100),maxval,minval)'", [c(101.0), 0.0, 0.0], [1.0, 0.0, 0.0]),
            ("lutrgb=r=w:g=h+1:b='clip(val+200)'", [0.0, 0.0, 0.9], [c(8.0), c(9.0), 1.0]),
            ("lutrgb=r=val/2", [3.0, 3.0, -3.0], [0.5, 3.0, -3.0]),
            ("lutrgb=g=1/0", [0.5; 3], [0.5, 1e9 / 255.0, 0.5]),
            ("lutyuv=u=128:v=128", [1.0, 0.0, 0.0], [0.299; 3]),
            ("lutyuv=y=negval", [0.25; 3], [0.75; 3]),
        ] {
            at(chain, v, want);
        }
    }

    #[test]
    fn the_planner_sees_constants_and_twins() {
        let c = curves("lutyuv=y=val/2:u=128:v=maxval/2+0.5");
        assert!(matches!(c[0], Curve::Function(_)));
        assert!(matches!(c[1], Curve::Affine { a: 0.0, b: 0.0 }), "{c:?}");
        assert!(matches!(c[2], Curve::Affine { a: 0.0, b: 0.0 }), "{c:?}");
        let c = curves("lutrgb=r=val/2:g=val/2:b=val/3");
        assert!(c[0].same(&c[1]) && !c[1].same(&c[2]));
        // Luma and chroma have different codes for 0.
        let c = curves("lutyuv=y=val/2:u=val/2:v=val/2");
        assert!(!c[0].same(&c[1]) && c[1].same(&c[2]));
    }

    #[test]
    fn an_expression_without_a_value_is_refused() {
        let message = refusal("lutrgb=g='log(-val)'", rgb(1, 1));
        assert!(message.contains("lutrgb: g: log(-val) has no value"), "{message}");
    }
}
