//! Geometry that cuts and adds: crop and pad; and the sizes that expressions may use.

use super::algebra::{Context, Geometry, Op};
use super::args::Args;
use super::expr::{Expr, Names};
use super::param::{Kind, Param};
use super::spec::{Family, Formula, Spec};
use super::text::ArgError;
use crate::error::{Error, Result};
use crate::frame::{Model, Size};

/// Sizes that expressions may use. `ow` and `oh` are the result's, known once computed.
pub(super) const SIZES: Names = Names {
    variables: &[
        "iw", "ih", "ow", "oh", "a", "in_w", "in_h", "out_w", "out_h", "sar", "dar", "hsub",
        "vsub", "x", "y",
    ],
    functions: &[],
};

const SIDE: Kind = Kind::Expression(&SIZES);

pub(super) static SPECS: &[Spec] = &[
    Spec {
        name: "crop",
        aliases: &[],
        summary: "a rectangle of the frame",
        family: Family::Geometry,
        space: "each component of the frame's own model",
        formula: "the w x h pixels whose top left one lies at x, y; values are cut to whole numbers",
        params: &[
            Param::new("w", SIDE, "iw", "width").alias(&["out_w"]),
            Param::new("h", SIDE, "ih", "height").alias(&["out_h"]),
            Param::new("x", SIDE, "(iw-ow)/2", "left edge"),
            Param::new("y", SIDE, "(ih-oh)/2", "top edge"),
            Param::new("keep_aspect", Kind::Choice(&[&["0"]]), "0", "must be 0: pixels are square"),
            Param::new(
                "exact",
                Kind::Choice(&[&["1"]]),
                "1",
                "must be 1: offsets are never rounded",
            ),
        ],
        refused: &[],
        differs: Some(
            "offsets are exact on subsampled chroma too; a rectangle that leaves the frame is an \
             error instead of being moved",
        ),
        examples: &["crop=640:480", "crop=w=ih:h=ih", "crop=iw/2:ih/2:0:0"],
        build: crop,
    },
    Spec {
        name: "pad",
        aliases: &[],
        summary: "a larger canvas around the frame",
        family: Family::Geometry,
        space: "each component of the frame's own model",
        formula: "a w x h canvas of the colour, the frame's top left pixel at x, y",
        params: &[
            Param::new("w", SIDE, "iw", "width; 0 is iw").alias(&["width"]),
            Param::new("h", SIDE, "ih", "height; 0 is ih").alias(&["height"]),
            Param::new("x", SIDE, "0", "left edge of the frame; below 0 centres it"),
            Param::new("y", SIDE, "0", "top edge of the frame; below 0 centres it"),
            Param::new(
                "color",
                Kind::Color,
                "black",
                "name, #RRGGBB or 0xRRGGBB, each with @alpha",
            ),
        ],
        refused: &[
            ("eval", "expressions are computed once for each frame size"),
            ("aspect", "write the size, as in pad=w=ih*16/9:x=-1"),
        ],
        differs: Some(
            "offsets are exact on subsampled chroma too; a frame that does not fit at x, y is an \
             error instead of being centred",
        ),
        examples: &["pad=iw+40:ih+40:20:20:white", "pad=w=max(iw\\,ih):h=max(iw\\,ih):x=-1:y=-1"],
        build: pad,
    },
];

/// The values of [`SIZES`] for a frame, as far as they are known.
pub(super) struct Values([f64; 15]);

impl Values {
    /// With the sizes of the frame; the result's are not numbers yet.
    pub(super) fn new(context: &Context<'_>) -> Self {
        let size = context.layout.size();
        let (w, h) = (f64::from(size.width), f64::from(size.height));
        let (hsub, vsub) = match context.layout.model() {
            Model::Ycbcr(y) => (y.subsampling.h, y.subsampling.v),
            _ => (0, 0),
        };
        let (hsub, vsub) = (f64::from(1 << hsub), f64::from(1 << vsub));
        let none = f64::NAN;
        Self([w, h, none, none, w / h, w, h, none, none, 1.0, w / h, hsub, vsub, none, none])
    }

    pub(super) fn set_width(&mut self, width: f64) {
        self.0[2] = width;
        self.0[7] = width;
    }

    pub(super) fn set_height(&mut self, height: f64) {
        self.0[3] = height;
        self.0[8] = height;
    }

    /// The value of an expression, cut to a whole number; it must have one.
    pub(super) fn whole(
        &self,
        name: &str,
        expression: &Expr,
        functions: &dyn Fn(usize, f64) -> f64,
    ) -> Result<i64> {
        let value = expression.eval(&self.0, functions);
        // A turned frame's side may come out a hair below the whole number that it is.
        let value =
            if (value - value.round()).abs() < 1e-9 { value.round() } else { value.trunc() };
        if value.abs() < 1e9 {
            return Ok(value as i64);
        }
        let text = expression.text();
        Err(Error::usage(if value.is_nan() {
            format!("{name} is {text}, which has no value here")
        } else {
            format!("{name} is {text} = {value}, which is no size")
        }))
    }
}

/// No functions beside those of all expressions.
pub(super) fn no_functions(_: usize, _: f64) -> f64 {
    f64::NAN
}

/// The four expressions of crop and pad.
struct Frame {
    w: Expr,
    h: Expr,
    x: Expr,
    y: Expr,
}

impl Frame {
    fn new(args: &Args) -> Result<Self, ArgError> {
        let expr = |name| Ok::<_, ArgError>(args.expr(name)?.expect("all four have defaults"));
        Ok(Self { w: expr("w")?, h: expr("h")?, x: expr("x")?, y: expr("y")? })
    }

    /// Width, height, x and y. A size of 0 is `zero`. Width may use height and x may use y,
    /// if those do not use them in turn.
    fn eval(&self, context: &Context<'_>, zero: Zero) -> Result<[i64; 4]> {
        let mut values = Values::new(context);
        let size = context.layout.size();
        let instead = |value: i64, side: u32| match zero {
            Zero::Refused => value,
            Zero::Source if value == 0 => i64::from(side),
            Zero::Source => value,
        };
        let eval = |values: &Values, name, e| values.whole(name, e, &no_functions);
        // The first reading of the width may lack the height; only the second one counts.
        if let Ok(w) = eval(&values, "w", &self.w) {
            values.set_width(instead(w, size.width) as f64);
        }
        let h = instead(eval(&values, "h", &self.h)?, size.height);
        values.set_height(h as f64);
        let w = instead(eval(&values, "w", &self.w)?, size.width);
        values.set_width(w as f64);
        if let Ok(x) = eval(&values, "x", &self.x) {
            values.0[13] = x as f64;
        }
        let y = eval(&values, "y", &self.y)?;
        values.0[14] = y as f64;
        Ok([w, h, eval(&values, "x", &self.x)?, y])
    }
}

/// What a width or height of 0 means.
#[derive(Clone, Copy)]
enum Zero {
    /// Nothing.
    Refused,
    /// The frame's own.
    Source,
}

fn crop(args: &Args) -> Result<Formula, ArgError> {
    let frame = Frame::new(args)?;
    args.choice("keep_aspect")?;
    args.choice("exact")?;
    Ok(Formula::per_frame(move |context| {
        let from = context.layout.size();
        let [w, h, x, y] = frame.eval(context, Zero::Refused)?;
        let inside = w >= 1
            && h >= 1
            && x >= 0
            && y >= 0
            && x + w <= i64::from(from.width)
            && y + h <= i64::from(from.height);
        if !inside {
            let message = format!("{w}x{h} pixels at {x},{y} do not lie within {from}");
            return Err(Error::input(message));
        }
        let size = Size::new(w as u32, h as u32);
        if size == from {
            return Ok(Vec::new());
        }
        Ok(vec![Op::Geometry(Geometry::Crop { x: x as u32, y: y as u32, size })])
    }))
}

fn pad(args: &Args) -> Result<Formula, ArgError> {
    let frame = Frame::new(args)?;
    let color = args.color("color")?;
    Ok(Formula::per_frame(move |context| {
        let from = context.layout.size();
        let (iw, ih) = (i64::from(from.width), i64::from(from.height));
        let [w, h, x, y] = frame.eval(context, Zero::Source)?;
        let x = if x < 0 { (w - iw) / 2 } else { x };
        let y = if y < 0 { (h - ih) / 2 } else { y };
        if x + iw > w || y + ih > h || x < 0 || y < 0 {
            let message = format!("{from} at {x},{y} does not fit a canvas of {w}x{h}");
            return Err(Error::input(message));
        }
        let clamp = |side: i64| u32::try_from(side).unwrap_or(u32::MAX);
        let size = context.layout.with_size(Size::new(clamp(w), clamp(h)))?.size();
        if size == from {
            return Ok(Vec::new());
        }
        Ok(vec![Op::Geometry(Geometry::Pad { x: x as u32, y: y as u32, size, color })])
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::testing::{compile, refusal, rgb};

    fn only(chain: &str, width: u32, height: u32) -> Geometry {
        let mut ops = compile(chain, rgb(width, height));
        assert_eq!(ops.len(), 1, "{chain}: {ops:?}");
        let Some(Op::Geometry(g)) = ops.pop() else { panic!("{chain}: {ops:?}") };
        g
    }

    #[test]
    fn crops_are_centred_and_may_use_each_other() {
        for (chain, want) in [
            ("crop=100:50", (110, 185, 100, 50)),
            ("crop=w=oh:h=101", (110, 160, 101, 101)),
            ("crop=iw/2:ih/2:0:0", (0, 0, 160, 210)),
            ("crop=10:10:x=y:y=7", (7, 7, 10, 10)),
            ("crop=w=iw-1", (0, 0, 320, 421)),
        ] {
            let Geometry::Crop { x, y, size } = only(chain, 321, 421) else { panic!("{chain}") };
            assert_eq!((x, y, size.width, size.height), want, "{chain}");
        }
        assert!(compile("crop", rgb(3, 5)).is_empty());
        for (chain, part) in [
            ("crop=400", "crop: 400x421 pixels at -39,0 do not lie within 321x421"),
            ("crop=10:10:x=400", "at 400,205"),
            ("crop=0", "0x421"),
            ("crop=w=oh:h=ow", "has no value"),
            ("crop=w=1/0", "no size"),
        ] {
            let message = refusal(chain, rgb(321, 421));
            assert!(message.contains(part), "{message}");
        }
    }

    #[test]
    fn pads_place_the_frame() {
        let Geometry::Pad { x, y, size, color } = only("pad=20:30:x=-1:y=4:color=red@0.5", 11, 21)
        else {
            panic!()
        };
        assert_eq!((x, y, size), (4, 4, Size::new(20, 30)));
        assert_eq!(color, [1.0, 0.0, 0.0, 0.5]);
        assert!(matches!(
            only("pad=0:30", 11, 21),
            Geometry::Pad { size: Size { width: 11, .. }, .. }
        ));
        assert!(compile("pad", rgb(3, 5)).is_empty());
        assert!(
            refusal("pad=5", rgb(11, 21))
                .contains("pad: 11x21 at 0,0 does not fit a canvas of 5x21")
        );
        assert!(refusal("pad=20:x=15", rgb(11, 21)).contains("at 15,0"));
        assert!(refusal("pad=70000", rgb(11, 21)).contains("65535"));
    }
}
