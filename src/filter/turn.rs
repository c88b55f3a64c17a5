//! Flips and turns: exact ones, and rotation by any angle.

use super::algebra::{Context, Dihedral, Geometry, Kernel, Op};
use super::args::Args;
use super::expr::{Expr, Names};
use super::geometry::{SIZES, Values};
use super::param::{Kind, Param, radians};
use super::spec::{Family, Formula, Spec};
use super::text::ArgError;
use crate::error::Result;
use crate::frame::Size;

/// Sizes, and the sides of the box around a frame turned by an angle in degrees.
const TURNED: Names = Names { variables: SIZES.variables, functions: &["rotw", "roth"] };

pub(super) static SPECS: &[Spec] = &[
    Spec {
        name: "hflip",
        aliases: &[],
        summary: "left and right exchanged",
        family: Family::Geometry,
        space: "each component of the frame's own model",
        formula: "x' = iw - 1 - x",
        params: &[],
        refused: &[],
        differs: Some(
            "chroma that does not lie in the middle of its pixels, as in most 4:2:0 clips, is \
             resampled to where it is said to lie; ffmpeg lets it move by a pixel",
        ),
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
            Param::new("angle", Kind::Angle, "0", "degrees, clockwise").alias(&["a"]),
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
        refused: &[("eval", "the angle is a constant")],
        differs: Some(
            "the angle is a constant in degrees, in rotw and roth too; quarter turns are exact \
             and swap width and height",
        ),
        examples: &["rotate=90", "rotate=-3.5:c=white", "rotate=45:ow=rotw(45):oh=roth(45)"],
        build: rotate,
    },
];

const DIRECTIONS: &[&[&str]] =
    &[&["cclock_flip", "0"], &["clock", "1"], &["cclock", "2"], &["clock_flip", "3"]];

/// What each direction does, in the order of [`DIRECTIONS`].
const TURNS: [Dihedral; 4] = [
    Dihedral { transpose: true, flip_x: false, flip_y: false },
    Dihedral { transpose: true, flip_x: true, flip_y: false },
    Dihedral { transpose: true, flip_x: false, flip_y: true },
    Dihedral { transpose: true, flip_x: true, flip_y: true },
];

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
    for name in ["ow", "oh"] {
        // rotw and roth take degrees as well.
        if let Some(text) = args.given(name)
            && let Some(byte) = text.as_str().find("PI")
        {
            return Err(text.locate(radians(text.as_str(), byte)));
        }
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
    use crate::filter::testing::{compile, rgb};

    fn only(chain: &str, width: u32, height: u32) -> Geometry {
        let mut ops = compile(chain, rgb(width, height));
        assert_eq!(ops.len(), 1, "{chain}: {ops:?}");
        let Some(Op::Geometry(g)) = ops.pop() else { panic!("{chain}: {ops:?}") };
        g
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
