//! Colour: components mixed and weighed.

use std::sync::Arc;

use super::algebra::{Op, Point, Space};
use super::args::Args;
use super::map::{Affine3, Map, PixelFunction};
use super::param::{Kind, Param};
use super::spec::{Family, Formula, Spec};
use super::text::ArgError;

const TEN: Kind = Kind::Number { low: -10.0, high: 10.0 };
const SHARE: Kind = Kind::Number { low: 0.0, high: 1.0 };

/// A gain of colorchannelmixer.
const fn gain(name: &'static str, default: &'static str, doc: &'static str) -> Param {
    Param::new(name, Kind::Number { low: -2.0, high: 2.0 }, default, doc)
}

pub(super) static SPECS: &[Spec] = &[
    Spec {
        name: "hue",
        aliases: &[],
        summary: "hue, saturation and brightness",
        family: Family::Color,
        space: "YCbCr",
        formula: "Y' = Y + b / 10\n\
                  Cb' = s * (cos(h) * Cb - sin(h) * Cr)\n\
                  Cr' = s * (sin(h) * Cb + cos(h) * Cr)",
        params: &[
            Param::new("h", Kind::Angle, "0", "turn of the hue in degrees"),
            Param::new("s", TEN, "1", "factor of chroma"),
            Param::new("b", TEN, "0", "brightness in tenths of the way from black to white"),
        ],
        refused: &[("H", "angles are degrees; use h")],
        differs: Some("constants only, no H in radians; b is measured in the frame's own range"),
        examples: &["hue=h=30", "hue=30:0.8", "hue=s=0"],
        build: hue,
    },
    Spec {
        name: "saturation",
        aliases: &[],
        summary: "strength of colour",
        family: Family::Color,
        space: "YCbCr",
        formula: "Cb' = s * Cb, Cr' = s * Cr",
        params: &[Param::new("s", TEN, "1", "factor of chroma; 0 is grey").alias(&["saturation"])],
        refused: &[],
        differs: None,
        examples: &["saturation=1.3", "saturation=s=0.5"],
        build: saturation,
    },
    Spec {
        name: "gray",
        aliases: &["grey", "grayscale", "greyscale"],
        summary: "luma only; still pictures become grey files where the format can",
        family: Family::Color,
        space: "YCbCr",
        formula: "Cb' = Cr' = 0",
        params: &[],
        refused: &[],
        differs: None,
        examples: &["gray"],
        build: gray,
    },
    Spec {
        name: "sepia",
        aliases: &[],
        summary: "the brown of old prints",
        family: Family::Color,
        space: "RGB",
        formula: "R' = 0.393 R + 0.769 G + 0.189 B\n\
                  G' = 0.349 R + 0.686 G + 0.168 B\n\
                  B' = 0.272 R + 0.534 G + 0.131 B, mixed with the original by amount",
        params: &[Param::new("amount", SHARE, "1", "0 changes nothing, 1 is all sepia")],
        refused: &[],
        differs: None,
        examples: &["sepia", "sepia=0.5"],
        build: sepia,
    },
    Spec {
        name: "colorchannelmixer",
        aliases: &[],
        summary: "each of red, green and blue as a sum of all three",
        family: Family::Color,
        space: "RGB",
        formula: "R' = rr R + rg G + rb B\nG' = gr R + gg G + gb B\nB' = br R + bg G + bb B",
        params: &[
            gain("rr", "1", "red from red"),
            gain("rg", "0", "red from green"),
            gain("rb", "0", "red from blue"),
            gain("ra", "0", "must be 0: alpha is left as it is"),
            gain("gr", "0", "green from red"),
            gain("gg", "1", "green from green"),
            gain("gb", "0", "green from blue"),
            gain("ga", "0", "must be 0: alpha is left as it is"),
            gain("br", "0", "blue from red"),
            gain("bg", "0", "blue from green"),
            gain("bb", "1", "blue from blue"),
            gain("ba", "0", "must be 0: alpha is left as it is"),
            gain("ar", "0", "must be 0: alpha is left as it is"),
            gain("ag", "0", "must be 0: alpha is left as it is"),
            gain("ab", "0", "must be 0: alpha is left as it is"),
            gain("aa", "1", "must be 1: alpha is left as it is"),
        ],
        refused: &[
            ("pc", "lightness is not preserved here"),
            ("pa", "lightness is not preserved here"),
            ("pl", "lightness is not preserved here"),
        ],
        differs: Some("alpha takes no part; one rounding at the end instead of one per term"),
        examples: &[
            "colorchannelmixer=rr=1.05:bb=0.95",
            "colorchannelmixer=0.393:0.769:0.189:0:0.349:0.686:0.168:0:0.272:0.534:0.131",
        ],
        build: colorchannelmixer,
    },
    Spec {
        name: "colortemperature",
        aliases: &[],
        summary: "warmer or cooler light",
        family: Family::Color,
        space: "RGB",
        formula: "c = v * white(temperature); m = v + mix * (c - v)\n\
                  v' = m + pl * (m * L(v) / L(m) - m), L = max + min of the three",
        params: &[
            Param::new(
                "temperature",
                Kind::Number { low: 1000.0, high: 40_000.0 },
                "6500",
                "kelvin; lower is warmer",
            ),
            Param::new("mix", SHARE, "1", "share of the result"),
            Param::new("pl", SHARE, "0", "how much of the lightness is kept"),
        ],
        refused: &[],
        differs: None,
        examples: &["colortemperature=5000", "colortemperature=temperature=9000:mix=0.5:pl=1"],
        build: colortemperature,
    },
];

fn matrix(space: Space, rows: [[f64; 4]; 3]) -> Formula {
    Formula::fixed(vec![Op::Point(Point { space, map: Map::Matrix(Affine3(rows)) })])
}

fn hue(args: &Args) -> Result<Formula, ArgError> {
    let (degrees, s, b) = (args.number("h")?, args.number("s")?, args.number("b")?);
    let (sin, cos) = libm::sincos(degrees.to_radians());
    Ok(matrix(
        Space::Ycbcr,
        [[1.0, 0.0, 0.0, b / 10.0], [0.0, s * cos, -s * sin, 0.0], [0.0, s * sin, s * cos, 0.0]],
    ))
}

fn chroma(s: f64) -> Formula {
    let rows = [[1.0, 0.0, 0.0, 0.0], [0.0, s, 0.0, 0.0], [0.0, 0.0, s, 0.0]];
    matrix(Space::Ycbcr, rows)
}

fn saturation(args: &Args) -> Result<Formula, ArgError> {
    args.number("s").map(chroma)
}

fn gray(_: &Args) -> Result<Formula, ArgError> {
    Ok(chroma(0.0))
}

/// The matrix that is widely used for sepia, also in ffmpeg's examples for colorchannelmixer.
const SEPIA: [[f64; 3]; 3] = [[0.393, 0.769, 0.189], [0.349, 0.686, 0.168], [0.272, 0.534, 0.131]];

fn sepia(args: &Args) -> Result<Formula, ArgError> {
    let amount = args.number("amount")?;
    let mut rows = Affine3::IDENTITY.0;
    for (row, sepia) in rows.iter_mut().zip(SEPIA) {
        for (value, target) in row.iter_mut().zip(sepia) {
            *value += amount * (target - *value);
        }
    }
    Ok(matrix(Space::Rgb, rows))
}

fn colorchannelmixer(args: &Args) -> Result<Formula, ArgError> {
    for (name, fixed) in
        [("ra", 0.0), ("ga", 0.0), ("ba", 0.0), ("ar", 0.0), ("ag", 0.0), ("ab", 0.0), ("aa", 1.0)]
    {
        if args.number(name)? != fixed {
            return Err(args.error(name, format!("{name} must be {fixed}: alpha is left as it is")));
        }
    }
    let row = |names: [&str; 3]| -> Result<[f64; 4], ArgError> {
        let [r, g, b] = names;
        Ok([args.number(r)?, args.number(g)?, args.number(b)?, 0.0])
    };
    let rows = [row(["rr", "rg", "rb"])?, row(["gr", "gg", "gb"])?, row(["br", "bg", "bb"])?];
    Ok(matrix(Space::Rgb, rows))
}

fn colortemperature(args: &Args) -> Result<Formula, ArgError> {
    let (kelvin, mix, preserve) =
        (args.number("temperature")?, args.number("mix")?, args.number("pl")?);
    let gains = white(kelvin).map(|w| 1.0 + mix * (w - 1.0));
    if preserve == 0.0 {
        let mut rows = Affine3::IDENTITY.0;
        for (i, gain) in gains.into_iter().enumerate() {
            rows[i][i] = gain;
        }
        return Ok(matrix(Space::Rgb, rows));
    }
    let map = Map::Pixel(Arc::new(Tinted { gains, preserve }));
    Ok(Formula::fixed(vec![Op::Point(Point { space: Space::Rgb, map })]))
}

/// The colour of a black body, as the fit that ffmpeg uses has it (1000 to 40,000 kelvin).
fn white(kelvin: f64) -> [f64; 3] {
    let k = kelvin / 100.0;
    let unit = |v: f64| v.clamp(0.0, 1.0);
    let (red, green) = if k <= 66.0 {
        (1.0, unit(0.390_081_578_769_019_6 * libm::log(k) - 0.631_841_443_788_627_5))
    } else {
        let t = k - 60.0;
        (
            unit(1.292_936_186_062_745 * libm::pow(t, -0.133_204_759_2)),
            unit(1.129_890_860_895_294 * libm::pow(t, -0.075_514_849_2)),
        )
    };
    let blue = if k >= 66.0 {
        1.0
    } else if k <= 19.0 {
        0.0
    } else {
        unit(0.543_206_789_110_196_1 * libm::log(k - 10.0) - 1.196_254_089_14)
    };
    [red, green, blue]
}

/// Gains, after which part of the lost lightness is given back.
#[derive(Debug)]
struct Tinted {
    gains: [f64; 3],
    preserve: f64,
}

impl PixelFunction for Tinted {
    fn map(&self, v: [f64; 3]) -> [f64; 3] {
        // ffmpeg's guard against black, which it adds to 8-bit codes.
        const EPSILON: f64 = f32::EPSILON as f64 / 255.0;
        let lightness = |v: [f64; 3]| v[0].max(v[1]).max(v[2]) + v[0].min(v[1]).min(v[2]) + EPSILON;
        let tinted = [0, 1, 2].map(|i| v[i] * self.gains[i]);
        let (before, after) = (lightness(v), lightness(tinted));
        // Outside the colours that exist the ratio has no meaning: the tint stays as it is.
        let ratio = if before > 0.0 && after > 0.0 { before / after } else { 1.0 };
        tinted.map(|t| t + self.preserve * (t * ratio - t))
    }
}

#[cfg(test)]
mod tests {
    use super::white;
    use crate::filter::testing::{at, identity};

    #[test]
    fn defaults_change_nothing() {
        for chain in ["hue", "saturation", "sepia=0", "colorchannelmixer", "colortemperature=mix=0"]
        {
            identity(chain);
        }
        identity("hue=h=360");
        identity("hue=h=120,hue=h=240");
    }

    #[test]
    fn formulas_at_known_points() {
        for (chain, v, want) in [
            ("gray", [1.0, 0.0, 0.0], [0.299; 3]),
            ("hue=s=0", [0.0, 1.0, 0.0], [0.587; 3]),
            ("hue=b=2", [0.5; 3], [0.7; 3]),
            ("saturation=2", [1.0, 0.0, 0.0], [1.701, -0.299, -0.299]),
            ("sepia", [1.0, 1.0, 1.0], [1.351, 1.203, 0.937]),
            ("colorchannelmixer=rg=0.5:bb=0.25", [0.2, 0.4, 0.8], [0.4, 0.4, 0.2]),
            // Half a turn negates chroma: each component mirrors at luma.
            ("hue=h=180", [1.0, 0.0, 0.0], [-0.402, 0.598, 0.598]),
        ] {
            at(chain, v, want);
        }
    }

    #[test]
    fn a_quarter_turn_sends_cb_to_cr() {
        let cb = 0.1;
        let v = [0.5, 0.5 - 0.114 * 1.772 / 0.587 * cb, 0.5 + 1.772 * cb];
        at("hue=h=90", v, [0.5 + 1.402 * cb, 0.5 - 0.299 * 1.402 / 0.587 * cb, 0.5]);
    }

    #[test]
    fn temperature_follows_the_fit() {
        assert_eq!(white(6600.0), [1.0, white(6600.0)[1], 1.0]);
        assert!((white(6500.0)[2] - 0.980_52).abs() < 1e-4, "{:?}", white(6500.0));
        assert_eq!(white(1500.0)[2], 0.0);
        let [r, g, b] = white(3000.0);
        at("colortemperature=3000", [0.5; 3], [0.5 * r, 0.5 * g, 0.5 * b]);
        // All lightness is given back: max + min is 1 again.
        let scale = 1.0 / (r + b);
        let got = crate::filter::testing::eval(
            &crate::filter::testing::compile(
                "colortemperature=3000:pl=1",
                crate::filter::testing::rgb(1, 1),
            ),
            [0.5; 3],
        );
        assert!((got[1] - g * scale).abs() < 1e-6, "{got:?}");
        at("colortemperature=3000:pl=1", [0.0; 3], [0.0; 3]);
    }
}
