//! Geometry that keeps samples: crop, pad, flips and turns; and rotation by any angle.

use super::algebra::{Context, Dihedral, Geometry, Kernel, Op};
use super::args::{ArgError, Args};
use super::catalogue::{Family, Formula, Kind, Param, Spec};
use super::expr::{Expr, Names};
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

/// The same, and the sides of the box around a frame turned by an angle in degrees.
const TURNED: Names = Names { variables: SIZES.variables, functions: &["rotw", "roth"] };

const SIDE: Kind = Kind::Expression(&SIZES);
const NO_EVAL: (&str, &str) = ("eval", "expressions are computed once for each frame size");

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
        refused: &[NO_EVAL, ("aspect", "write the size, as in pad=w=ih*16/9:x=-1")],
        differs: Some(
            "offsets are exact on subsampled chroma too; a frame that does not fit at x, y is an \
             error instead of being centred",
        ),
        examples: &["pad=iw+40:ih+40:20:20:white", "pad=w=max(iw\\,ih):h=max(iw\\,ih):x=-1:y=-1"],
        build: pad,
    },
    Spec {
        name: "hflip",
        aliases: &[],
        summary: "left and right exchanged",
        family: Family::Geometry,
        space: "each component of the frame's own model",
        formula: "x' = iw - 1 - x",
        params: &[],
        refused: &[],
        differs: None,
        examples: &["hflip"],
        build: hflip,
    },
    Spec {
        name: "vflip",
        aliases: &[],
        summary: "top and bottom exchanged",
        family: Family::Geometry,
        space: "each component of the frame's own model",
        formula: "y' = ih - 1 - y",
        params: &[],
        refused: &[],
        differs: None,
        examples: &["vflip"],
        build: vflip,
    },
    Spec {
        name: "transpose",
        aliases: &[],
        summary: "a quarter turn, with or without a flip",
        family: Family::Geometry,
        space: "each component of the frame's own model",
        formula: "cclock_flip: rows become columns; clock: a quarter turn clockwise; cclock: \
                  against it;\nclock_flip: clockwise, then top and bottom exchanged",
        params: &[
            Param::new("dir", Kind::Choice(DIRECTIONS), "cclock_flip", "which turn"),
            Param::new(
                "passthrough",
                Kind::Choice(&[&["none", "0"], &["landscape", "1"], &["portrait", "2"]]),
                "none",
                "frames of this shape are left as they are",
            ),
        ],
        refused: &[],
        differs: None,
        examples: &["transpose=clock", "transpose=2", "transpose=1:portrait"],
        build: transpose,
    },
    Spec {
        name: "rotate",
        aliases: &[],
        summary: "a turn by degrees, clockwise",
        family: Family::Geometry,
        space: "each component of the frame's own model",
        formula: "a turn about the centre; 90, 180 and 270 degrees move pixels exactly",
        params: &[
            Param::new("angle", ANY, "0", "degrees, clockwise").alias(&["a"]),
            Param::new(
                "ow",
                Kind::Expression(&TURNED),
                "",
                "width; iw, or ih at quarter turns; rotw(angle) holds all of the frame",
            )
            .alias(&["out_w"]),
            Param::new(
                "oh",
                Kind::Expression(&TURNED),
                "",
                "height; ih, or iw at quarter turns; roth(angle) holds all of the frame",
            )
            .alias(&["out_h"]),
            Param::new(
                "fillcolor",
                Kind::Color,
                "black",
                "where the frame does not reach; none is transparent",
            )
            .alias(&["c"]),
            Param::new(
                "bilinear",
                Kind::Choice(&[&["1"], &["0"]]),
                "1",
                "0 takes the nearest pixel",
            ),
            Param::new(
                "kernel",
                Kind::Choice(&[&["bilinear"], &["bicubic"], &["nearest"]]),
                "bilinear",
                "interpolation at other angles than quarter turns",
            ),
        ],
        refused: &[NO_EVAL],
        differs: Some(
            "the angle is a constant in degrees, in rotw and roth too; quarter turns are exact \
             and swap width and height",
        ),
        examples: &["rotate=90", "rotate=-3.5:c=white", "rotate=45:ow=rotw(45):oh=roth(45)"],
        build: rotate,
    },
];

const ANY: Kind = Kind::Number { low: f64::NEG_INFINITY, high: f64::INFINITY };

const DIRECTIONS: &[&[&str]] =
    &[&["cclock_flip", "0"], &["clock", "1"], &["cclock", "2"], &["clock_flip", "3"]];

/// What each direction does, in the order of [`DIRECTIONS`].
const TURNS: [Dihedral; 4] = [
    Dihedral { transpose: true, flip_x: false, flip_y: false },
    Dihedral { transpose: true, flip_x: true, flip_y: false },
    Dihedral { transpose: true, flip_x: false, flip_y: true },
    Dihedral { transpose: true, flip_x: true, flip_y: true },
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

fn turn(turn: Dihedral) -> Vec<Op> {
    if turn.is_identity() { Vec::new() } else { vec![Op::Geometry(Geometry::Turn(turn))] }
}

fn hflip(_: &Args) -> Result<Formula, ArgError> {
    Ok(Formula::fixed(turn(Dihedral { flip_x: true, ..Dihedral::IDENTITY })))
}

fn vflip(_: &Args) -> Result<Formula, ArgError> {
    Ok(Formula::fixed(turn(Dihedral { flip_y: true, ..Dihedral::IDENTITY })))
}

fn transpose(args: &Args) -> Result<Formula, ArgError> {
    let direction = args.choice("dir")?;
    let index = DIRECTIONS.iter().position(|words| words[0] == direction);
    let ops = turn(TURNS[index.expect("a choice is one of its words")]);
    let keeps: fn(Size) -> bool = match args.choice("passthrough")? {
        "landscape" => |size| size.width >= size.height,
        "portrait" => |size| size.width <= size.height,
        _ => |_| false,
    };
    Ok(Formula::per_frame(move |context| {
        Ok(if keeps(context.layout.size()) { Vec::new() } else { ops.clone() })
    }))
}

fn rotate(args: &Args) -> Result<Formula, ArgError> {
    if let Some(text) = args.given("angle")
        && let Some(at) = text.as_str().find("PI")
    {
        // What stands before `PI` is ASCII in any angle that would parse.
        let at = text.as_str()[..at].chars().count();
        let message = "angles are degrees here: write 90 for PI/2, 180 for PI";
        return Err(text.locate(ArgError::new(message, at)));
    }
    let degrees = args.number("angle")?.rem_euclid(360.0);
    let (width, height) = (args.expr("ow")?, args.expr("oh")?);
    let color = args.color("fillcolor")?;
    let kernel = match (args.choice("kernel")?, args.choice("bilinear")?) {
        ("nearest", _) | ("bilinear", "0") => Kernel::Nearest,
        ("bicubic", _) => Kernel::Bicubic,
        _ => Kernel::Bilinear,
    };
    let quarter = QUARTERS.iter().find(|(angle, _)| *angle == degrees).map(|(_, turn)| *turn);
    Ok(Formula::per_frame(move |context| {
        let from = context.layout.size();
        let natural = quarter.map_or(from, |turn| turn.size(from));
        let size = turned_size(context, natural, width.as_ref(), height.as_ref())?;
        match quarter {
            Some(exact) if size == natural => Ok(turn(exact)),
            _ => Ok(vec![Op::Geometry(Geometry::Rotate { degrees, size, color, kernel })]),
        }
    }))
}

/// The turns that only move pixels, by degrees clockwise.
const QUARTERS: [(f64, Dihedral); 4] = [
    (0.0, Dihedral::IDENTITY),
    (90.0, Dihedral { transpose: true, flip_x: true, flip_y: false }),
    (180.0, Dihedral { transpose: false, flip_x: true, flip_y: true }),
    (270.0, Dihedral { transpose: true, flip_x: false, flip_y: true }),
];

fn turned_size(
    context: &Context<'_>,
    natural: Size,
    width: Option<&Expr>,
    height: Option<&Expr>,
) -> Result<Size> {
    let from = context.layout.size();
    let (iw, ih) = (f64::from(from.width), f64::from(from.height));
    let sides = |function: usize, degrees: f64| {
        let (sin, cos) = libm::sincos(degrees.to_radians());
        let (along, across) = if function == 0 { (iw, ih) } else { (ih, iw) };
        along * cos.abs() + across * sin.abs()
    };
    let mut values = Values::new(context);
    let eval = |values: &Values, name, expression: Option<&Expr>, side: u32| {
        expression.map_or(Ok(i64::from(side)), |e| values.whole(name, e, &sides))
    };
    // As for crop: the width may use the height.
    if let Ok(w) = eval(&values, "ow", width, natural.width) {
        values.set_width(w as f64);
    }
    let h = eval(&values, "oh", height, natural.height)?;
    values.set_height(h as f64);
    let w = eval(&values, "ow", width, natural.width)?;
    let clamp = |side: i64| u32::try_from(side.max(0)).unwrap_or(u32::MAX);
    Ok(context.layout.with_size(Size::new(clamp(w), clamp(h)))?.size())
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

    #[test]
    fn quarter_turns_are_exact() {
        let turn = |chain: &str| match only(chain, 4, 3) {
            Geometry::Turn(turn) => turn,
            other => panic!("{chain}: {other:?}"),
        };
        assert_eq!(turn("rotate=90"), Dihedral::from_exif(6));
        assert_eq!(turn("rotate=-90"), Dihedral::from_exif(8));
        assert_eq!(turn("rotate=180"), Dihedral::from_exif(3));
        assert_eq!(turn("rotate=450:ow=ih"), Dihedral::from_exif(6));
        assert_eq!(turn("transpose"), Dihedral::from_exif(5));
        assert_eq!(turn("transpose=clock"), Dihedral::from_exif(6));
        assert_eq!(turn("transpose=cclock"), Dihedral::from_exif(8));
        assert_eq!(turn("transpose=3"), Dihedral::from_exif(7));
        assert_eq!(turn("hflip"), Dihedral::from_exif(2));
        assert_eq!(turn("vflip"), Dihedral::from_exif(4));
        assert!(compile("rotate=360", rgb(4, 3)).is_empty());
        assert!(compile("transpose=1:landscape", rgb(4, 3)).is_empty());
        assert_eq!(compile("transpose=1:portrait", rgb(4, 3)).len(), 1);
    }

    #[test]
    fn other_angles_are_resampled() {
        let Geometry::Rotate { degrees, size, color, kernel } =
            only("rotate=45:rotw(45):roth(45):none:bilinear=0", 100, 100)
        else {
            panic!()
        };
        assert_eq!((degrees, size, color), (45.0, Size::new(141, 141), [0.0; 4]));
        assert_eq!(kernel, Kernel::Nearest);
        let Geometry::Rotate { degrees, size, .. } = only("rotate=-10", 30, 20) else { panic!() };
        assert_eq!((degrees, size), (350.0, Size::new(30, 20)));
        // A quarter turn on the old canvas is a rotation with corners cut.
        assert!(matches!(only("rotate=90:ow=iw:oh=ih", 30, 20), Geometry::Rotate { .. }));
        let Geometry::Rotate { size, .. } = only("rotate=90:rotw(0)", 30, 20) else { panic!() };
        assert_eq!(size, Size::new(30, 30));
    }
}
