//! Tone: functions of one component.

use super::algebra::{Op, Point, Space};
use super::args::Args;
use super::map::{Affine3, Curve, Map};
use super::param::{Kind, Param};
use super::spec::{Family, Formula, Spec};
use super::text::ArgError;
use super::transfer::odd_power;

/// Luma weights of ITU-R BT.709 with the six digits that ImageMagick uses.
const INTENSITY: [f64; 3] = [0.212656, 0.715158, 0.072186];

const ANY: Kind = Kind::Number { low: f64::NEG_INFINITY, high: f64::INFINITY };
const GAMMA: Kind = Kind::Number { low: 0.1, high: 10.0 };
const FRACTION: Kind = Kind::Fraction { low: -1.0, high: 2.0 };

pub(super) static SPECS: &[Spec] = &[
    Spec {
        name: "eq",
        aliases: &[],
        summary: "brightness, contrast, saturation and gamma",
        family: Family::Tone,
        space: "YCbCr",
        formula: "Y' = m(contrast * (Y - 0.5) + 0.5 + brightness, gamma * gamma_g)\n\
                  Cb' = m(saturation * Cb + 0.5, sqrt(gamma_b / gamma_g)) - 0.5\n\
                  Cr' = m(saturation * Cr + 0.5, sqrt(gamma_r / gamma_g)) - 0.5\n\
                  m(v, g) = (1 - gamma_weight) * v + gamma_weight * v^(1/g)",
        params: &[
            Param::new(
                "contrast",
                Kind::Number { low: -1000.0, high: 1000.0 },
                "1",
                "factor about middle grey; below 0 inverts",
            ),
            Param::new("brightness", Kind::Number { low: -1.0, high: 1.0 }, "0", "added to luma"),
            Param::new("saturation", Kind::Number { low: 0.0, high: 3.0 }, "1", "factor of chroma"),
            Param::new("gamma", GAMMA, "1", "over 1 brightens the middle"),
            Param::new("gamma_r", GAMMA, "1", "the same for red"),
            Param::new("gamma_g", GAMMA, "1", "the same for green"),
            Param::new("gamma_b", GAMMA, "1", "the same for blue"),
            Param::new(
                "gamma_weight",
                Kind::Number { low: 0.0, high: 1.0 },
                "1",
                "share of the gamma curve; less spares bright areas",
            ),
        ],
        refused: &[("eval", "arguments are constants")],
        differs: Some(
            "black and white are those of the frame's range (ffmpeg takes codes 0 and 255 in \
             limited range too), and nothing is rounded before the end of the run",
        ),
        examples: &[
            "eq=contrast=1.15:saturation=1.2",
            "eq=brightness=0.05:gamma=1.1",
            "eq=gamma_r=1.2:gamma_weight=0.5",
        ],
        build: eq,
    },
    Spec {
        name: "linear",
        aliases: &[],
        summary: "a factor and an offset",
        family: Family::Tone,
        space: "RGB",
        formula: "v' = a * v + b",
        params: &[
            Param::new("a", ANY, "1", "factor"),
            Param::new("b", ANY, "0", "offset; 1 is white, so write b/255 for 8-bit codes"),
        ],
        refused: &[],
        differs: None,
        examples: &["linear=a=1.2:b=-0.05", "linear=1:10/255"],
        build: linear,
    },
    Spec {
        name: "gamma",
        aliases: &[],
        summary: "a power curve",
        family: Family::Tone,
        space: "RGB",
        formula: "v' = v^(1/g), odd below 0",
        params: &[Param::new(
            "g",
            Kind::Number { low: 0.01, high: 100.0 },
            "1",
            "over 1 brightens the middle",
        )],
        refused: &[],
        differs: None,
        examples: &["gamma=1.1", "gamma=g=1/2.2"],
        build: gamma,
    },
    Spec {
        name: "levels",
        aliases: &[],
        summary: "black point, white point and gamma",
        family: Family::Tone,
        space: "RGB",
        formula: "v' = clip((v - black) / (white - black), 0, 1)^(1/gamma)\n\
                  \u{20}    * (out_white - out_black) + out_black",
        params: &[
            Param::new("black", FRACTION, "0", "what becomes out_black"),
            Param::new("white", FRACTION, "1", "what becomes out_white; over black"),
            Param::new("gamma", GAMMA, "1", "over 1 brightens the middle"),
            Param::new("out_black", FRACTION, "0", "darkest output"),
            Param::new("out_white", FRACTION, "1", "brightest output"),
        ],
        refused: &[],
        differs: None,
        examples: &[
            "levels=black=5%:white=95%",
            "levels=0.1:0.9:gamma=1.2",
            "levels=out_black=0.1",
        ],
        build: levels,
    },
    Spec {
        name: "exposure",
        aliases: &[],
        summary: "exposure in stops, and a black level",
        family: Family::Tone,
        space: "RGB",
        formula: "v' = (v - black) / (2^-exposure - black)",
        params: &[
            Param::new("exposure", Kind::Number { low: -3.0, high: 3.0 }, "0", "stops"),
            Param::new("black", Kind::Number { low: -1.0, high: 1.0 }, "0", "what becomes black"),
        ],
        refused: &[],
        differs: None,
        examples: &["exposure=0.5", "exposure=exposure=-1:black=0.02"],
        build: exposure,
    },
    Spec {
        name: "negate",
        aliases: &["invert"],
        summary: "the negative",
        family: Family::Tone,
        space: "YCbCr",
        formula: "Y' = 1 - Y, Cb' = -Cb, Cr' = -Cr (so R' = 1 - R, and so on)",
        params: &[],
        refused: &[
            ("components", "all components are negated; use lutrgb for one"),
            ("negate_alpha", "alpha is left as it is"),
        ],
        differs: Some("black and white are those of the frame's range; ffmpeg's ignores it"),
        examples: &["negate"],
        build: negate,
    },
    Spec {
        name: "threshold",
        aliases: &[],
        summary: "black up to a level, white above it",
        family: Family::Tone,
        space: "RGB",
        formula: "v' = 1 if 0.212656 R + 0.715158 G + 0.072186 B > level, else 0",
        params: &[Param::new("level", Kind::Fraction { low: 0.0, high: 1.0 }, "0.5", "the level")],
        refused: &[],
        differs: Some("ffmpeg's threshold has four inputs; this is ImageMagick's -threshold"),
        examples: &["threshold=50%", "threshold=level=0.3"],
        build: threshold,
    },
    Spec {
        name: "posterize",
        aliases: &[],
        summary: "a few levels for each component",
        family: Family::Tone,
        space: "RGB",
        formula: "v' = floor(clip(v, 0, 1) * (levels - 1) + 0.5) / (levels - 1)",
        params: &[Param::new(
            "levels",
            Kind::Integer { low: 2, high: 65_536 },
            "",
            "how many, black and white included",
        )],
        refused: &[],
        differs: Some("ffmpeg has none of this name; this is ImageMagick's, without dithering"),
        examples: &["posterize=levels=4", "posterize=8"],
        build: posterize,
    },
];

/// One curve for R, G and B. Shared, so that the planner sees that they are equal.
fn same_curve(curve: Curve) -> Formula {
    let map = Map::Curves([curve.clone(), curve.clone(), curve]);
    Formula::fixed(vec![Op::Point(Point { space: Space::Rgb, map })])
}

fn eq(args: &Args) -> Result<Formula, ArgError> {
    let (contrast, brightness) = (args.number("contrast")?, args.number("brightness")?);
    let saturation = args.number("saturation")?;
    let (gamma, red) = (args.number("gamma")?, args.number("gamma_r")?);
    let (green, blue) = (args.number("gamma_g")?, args.number("gamma_b")?);
    let weight = args.number("gamma_weight")?;
    let weighted = |g: f64| {
        if g == 1.0 || weight == 0.0 {
            return Curve::IDENTITY;
        }
        Curve::function(move |v| (1.0 - weight) * v + weight * odd_power(v, 1.0 / g))
    };
    let luma = Curve::affine(contrast, 0.5 - 0.5 * contrast + brightness);
    let chroma = |g: f64| match weighted(g) {
        Curve::Affine { .. } => Curve::affine(saturation, 0.0),
        curve => Curve::affine(saturation, 0.5).then(&curve).then(&Curve::affine(1.0, -0.5)),
    };
    let curves = [
        luma.then(&weighted(gamma * green)),
        chroma((blue / green).sqrt()),
        chroma((red / green).sqrt()),
    ];
    let map = Map::Curves(curves);
    Ok(Formula::fixed(vec![Op::Point(Point { space: Space::Ycbcr, map })]))
}

fn linear(args: &Args) -> Result<Formula, ArgError> {
    let (a, b) = (args.number("a")?, args.number("b")?);
    check_offset(args, "b", b)?;
    Ok(same_curve(Curve::affine(a, b)))
}

/// Refuses an offset that only makes sense in 8-bit codes.
pub(super) fn check_offset(args: &Args, name: &str, value: f64) -> Result<(), ArgError> {
    if value.abs() <= 2.0 {
        return Ok(());
    }
    let message = format!(
        "{name} is {value}, but black is 0 and white is 1; for 8-bit codes write {name}={value}/255"
    );
    Err(args.error(name, message))
}

fn gamma(args: &Args) -> Result<Formula, ArgError> {
    let g = args.number("g")?;
    if g == 1.0 {
        return Ok(same_curve(Curve::IDENTITY));
    }
    Ok(same_curve(Curve::function(move |v| odd_power(v, 1.0 / g))))
}

fn levels(args: &Args) -> Result<Formula, ArgError> {
    let (black, white) = (args.number("black")?, args.number("white")?);
    let gamma = args.number("gamma")?;
    let (out_black, out_white) = (args.number("out_black")?, args.number("out_white")?);
    if white <= black {
        let name = if args.given("white").is_some() { "white" } else { "black" };
        let message = format!("white ({white}) must lie above black ({black})");
        return Err(args.error(name, message));
    }
    Ok(same_curve(Curve::function(move |v| {
        let level = ((v - black) / (white - black)).clamp(0.0, 1.0);
        odd_power(level, 1.0 / gamma) * (out_white - out_black) + out_black
    })))
}

fn exposure(args: &Args) -> Result<Formula, ArgError> {
    let (stops, black) = (args.number("exposure")?, args.number("black")?);
    let white = libm::exp2(-stops);
    if (white - black).abs() < 1e-6 {
        return Err(args.error("black", format!("black ({black}) is where white would lie")));
    }
    let scale = 1.0 / (white - black);
    Ok(same_curve(Curve::affine(scale, -black * scale)))
}

fn negate(_: &Args) -> Result<Formula, ArgError> {
    let chroma = Curve::affine(-1.0, 0.0);
    let map = Map::Curves([Curve::affine(-1.0, 1.0), chroma.clone(), chroma]);
    Ok(Formula::fixed(vec![Op::Point(Point { space: Space::Ycbcr, map })]))
}

fn threshold(args: &Args) -> Result<Formula, ArgError> {
    let level = args.number("level")?;
    let [r, g, b] = INTENSITY;
    let intensity = Map::Matrix(Affine3([[r, g, b, 0.0]; 3]));
    let step = Curve::function(move |v| if v > level { 1.0 } else { 0.0 });
    let step = Map::Curves([step.clone(), step.clone(), step]);
    let point = |map| Op::Point(Point { space: Space::Rgb, map });
    Ok(Formula::fixed(vec![point(intensity), point(step)]))
}

fn posterize(args: &Args) -> Result<Formula, ArgError> {
    let top = args.number("levels")? - 1.0;
    Ok(same_curve(Curve::function(move |v| (v.clamp(0.0, 1.0) * top + 0.5).floor() / top)))
}

#[cfg(test)]
mod tests {
    use crate::filter::testing::{at, identity};

    #[test]
    fn defaults_change_nothing() {
        for chain in ["eq", "linear", "gamma", "exposure", "negate,negate", "levels"] {
            identity(chain);
        }
    }

    #[test]
    fn formulas_at_known_points() {
        for (chain, v, want) in [
            ("linear=2:0.1", [0.2, 0.3, 0.4], [0.5, 0.7, 0.9]),
            (
                "linear=1:10/255",
                [0.0, 0.5, 1.0],
                [10.0 / 255.0, 0.5 + 10.0 / 255.0, 1.0 + 10.0 / 255.0],
            ),
            ("gamma=2", [0.25, 0.0, -0.25], [0.5, 0.0, -0.5]),
            ("levels=0.2:0.6", [0.1, 0.4, 0.7], [0.0, 0.5, 1.0]),
            ("levels=out_black=0.5:gamma=2", [0.0, 0.25, 1.0], [0.5, 0.75, 1.0]),
            ("exposure=1", [0.25, 0.5, 0.75], [0.5, 1.0, 1.5]),
            ("exposure=0:0.2", [0.2, 0.6, 1.0], [0.0, 0.5, 1.0]),
            ("negate", [0.1, 0.5, 0.8], [0.9, 0.5, 0.2]),
            ("threshold=0.6", [0.0, 1.0, 0.0], [1.0, 1.0, 1.0]),
            ("threshold=0.75", [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]),
            ("posterize=3", [0.2, 0.3, 1.4], [0.0, 0.5, 1.0]),
            // 1.5 * (v - 0.5) + 0.6 on grey, where luma is the value itself.
            ("eq=contrast=1.5:brightness=0.1", [0.4, 0.4, 0.4], [0.45, 0.45, 0.45]),
            ("eq=gamma=2", [0.25, 0.25, 0.25], [0.5, 0.5, 0.5]),
            ("eq=gamma=2:gamma_weight=0.5", [0.25, 0.25, 0.25], [0.375, 0.375, 0.375]),
        ] {
            at(chain, v, want);
        }
    }

    #[test]
    fn eq_scales_chroma_by_saturation() {
        // Luma 0.299 of pure red stays; each component's distance to it doubles.
        at("eq=saturation=2", [1.0, 0.0, 0.0], [1.701, -0.299, -0.299]);
        // sqrt(4 / 1) = 2: Cr = 0 goes to 0.5^(1/2) - 0.5 = 0.207, and only red follows Cr alone.
        let cr = 0.5_f64.sqrt() - 0.5;
        at("eq=gamma_r=4", [0.5; 3], [0.5 + 1.402 * cr, 0.5 - 0.299 * 1.402 / 0.587 * cr, 0.5]);
    }
}
