//! Weighted sums, edges and ranks of neighbourhoods.

use super::algebra::{Area, AreaKind, Channels, Op};
use super::args::Args;
use super::expr;
use super::param::{Kind, Param};
use super::spec::{Family, Formula, Spec};
use super::text::ArgError;
use super::tone::check_offset;

const ANY: Kind = Kind::Number { low: f64::NEG_INFINITY, high: f64::INFINITY };

/// Sides of a convolution's window; the largest one costs 961 products for each sample.
const MAX_SIDE: usize = 31;

const ALL_PLANES: &[&[&str]] = &[&["15", "7", "all"]];
const ONE_MATRIX: &str = "one matrix serves all components; give m";

pub(super) static SPECS: &[Spec] = &[
    Spec {
        name: "convolution",
        aliases: &[],
        summary: "a matrix of weights",
        family: Family::Area,
        space: "RGB",
        formula: "v' = sum(m * v) / div + bias, m row by row, not mirrored, edges replicated",
        params: &[
            Param::new(
                "m",
                Kind::List,
                "0 0 0 0 1 0 0 0 0",
                "weights of a square of odd side, up to 31",
            )
            .alias(&["0m"]),
            Param::new("div", ANY, "0", "divisor; 0 is the sum of the weights, or 1 if that is 0"),
            Param::new("bias", ANY, "0", "added at the end; 1 is white"),
            Param::new(
                "0rdiv",
                Kind::Number { low: 0.0, high: f64::INFINITY },
                "0",
                "ffmpeg's factor, 1/div; 0 leaves div in charge",
            ),
            Param::new("0bias", ANY, "0", "ffmpeg's bias, in 8-bit codes; added to bias"),
        ],
        refused: &[
            ("1m", ONE_MATRIX),
            ("2m", ONE_MATRIX),
            ("3m", ONE_MATRIX),
            ("1rdiv", ONE_MATRIX),
            ("2rdiv", ONE_MATRIX),
            ("3rdiv", ONE_MATRIX),
            ("1bias", ONE_MATRIX),
            ("2bias", ONE_MATRIX),
            ("3bias", ONE_MATRIX),
            ("0mode", "matrices are square"),
        ],
        differs: Some(
            "one matrix for R, G and B (ffmpeg has one for each plane of whatever model the \
             frame is in); any odd size; bias is a real",
        ),
        examples: &[
            "convolution=m='-1 -1 -1 -1 16 -1 -1 -1 -1':div=8",
            "convolution='0 -1 0 -1 5 -1 0 -1 0'",
            "convolution=0m='1 1 1 1 1 1 1 1 1':0rdiv=1/9",
        ],
        build: convolution,
    },
    Spec {
        name: "sobel",
        aliases: &[],
        summary: "edges",
        family: Family::Area,
        space: "RGB",
        formula: "v' = scale * sqrt(gx^2 + gy^2) + delta, Sobel's operators, edges replicated",
        params: &[
            Param::new("planes", Kind::Choice(ALL_PLANES), "15", "must be 15: all components"),
            Param::new("scale", Kind::Number { low: 0.0, high: 65_535.0 }, "1", "factor"),
            Param::new("delta", ANY, "0", "added at the end; 1 is white"),
        ],
        refused: &[],
        differs: Some("works on RGB (ffmpeg: on each plane of the frame's model); delta is a real"),
        examples: &["sobel", "sobel=scale=0.5:delta=0.1"],
        build: sobel,
    },
    Spec {
        name: "median",
        aliases: &[],
        summary: "the middle value of a neighbourhood; removes specks, keeps edges",
        family: Family::Area,
        space: "luma",
        formula: "Y' = value of rank percentile among (2 radius + 1) x (2 radiusV + 1) pixels",
        params: &[
            Param::new("radius", Kind::Integer { low: 1, high: 127 }, "1", "radius along rows"),
            Param::new(
                "planes",
                Kind::Choice(&[&["1", "luma"]]),
                "1",
                "must be 1: luma, chroma is kept",
            ),
            Param::new(
                "radiusV",
                Kind::Integer { low: 0, high: 127 },
                "0",
                "radius along columns; 0 is the same as radius",
            ),
            Param::new(
                "percentile",
                Kind::Fraction { low: 0.0, high: 1.0 },
                "0.5",
                "0 is the darkest, 1 the brightest",
            ),
        ],
        refused: &[],
        differs: Some("luma only, chroma is kept (ffmpeg: all planes)"),
        examples: &["median=2", "median=radius=1:percentile=0.25"],
        build: median,
    },
];

/// One area operation.
pub(super) fn area(channels: Channels, kind: AreaKind) -> Op {
    Op::Area(Area { channels, kind })
}

fn convolution(args: &Args) -> Result<Formula, ArgError> {
    let mut weights = match args.given("m") {
        Some(text) => numbers(&text.words()).map_err(|e| text.locate(e))?,
        None => vec![0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0],
    };
    let side = (1..=MAX_SIDE).step_by(2).find(|side| side * side == weights.len());
    let Some(side) = side else {
        let message = format!(
            "{} weights fill no square of odd side up to {MAX_SIDE} (9, 25, 49, ...)",
            weights.len()
        );
        return Err(args.error("m", message));
    };
    let (div, factor) = (args.number("div")?, args.number("0rdiv")?);
    let sum: f64 = weights.iter().sum();
    let factor = match (div, factor) {
        (0.0, 0.0) if sum.abs() < 1e-12 => 1.0,
        (0.0, 0.0) => 1.0 / sum,
        (0.0, factor) => factor,
        (div, 0.0) => 1.0 / div,
        _ => return Err(args.error("0rdiv", "0rdiv and div say the same; give one")),
    };
    weights.iter_mut().for_each(|w| *w *= factor);
    let bias = args.number("bias")?;
    check_offset(args, "bias", bias)?;
    let bias = bias + args.number("0bias")? / 255.0;
    let kind = AreaKind::Convolve { width: side, height: side, weights: weights.into(), bias };
    Ok(Formula::fixed(vec![area(Channels::Rgb, kind)]))
}

/// Numbers in words. An error's `at` counts characters of the text that holds them.
fn numbers(words: &[(&str, usize)]) -> Result<Vec<f64>, ArgError> {
    let number = |(word, at): &(&str, usize)| {
        let value = expr::constant(word).map_err(|e| ArgError::new(e.message, at + e.at))?;
        if !value.is_finite() {
            return Err(ArgError::new(format!("{word} is no finite number"), *at));
        }
        Ok(value)
    };
    words.iter().map(number).collect()
}

fn sobel(args: &Args) -> Result<Formula, ArgError> {
    let (scale, bias) = (args.number("scale")?, args.number("delta")?);
    args.choice("planes")?;
    check_offset(args, "delta", bias)?;
    Ok(Formula::fixed(vec![area(Channels::Rgb, AreaKind::Gradient { scale, bias })]))
}

fn median(args: &Args) -> Result<Formula, ArgError> {
    let (rx, vertical) = (args.count("radius")?, args.count("radiusV")?);
    args.choice("planes")?;
    let ry = if vertical == 0 { rx } else { vertical };
    let kind = AreaKind::Rank { rx, ry, fraction: args.number("percentile")? };
    Ok(Formula::fixed(vec![area(Channels::Luma, kind)]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::testing::{area, compile, rgb, unparsed};

    #[test]
    fn convolution_divides_its_weights() {
        for (chain, want) in [
            ("convolution", (1.0, 0.0)),
            ("convolution='1 1 1 1 2 1 1 1 1'", (0.2, 0.0)),
            ("convolution='-1 -1 -1 -1 8 -1 -1 -1 -1':bias=0.5", (8.0, 0.5)),
            ("convolution='-1 -1 -1 -1 16 -1 -1 -1 -1':div=8", (2.0, 0.0)),
            ("convolution=0m='1 1 1 1 2 1 1 1 1':0rdiv=0.5:0bias=51", (1.0, 0.2)),
        ] {
            let area = area(chain);
            assert_eq!(area.channels, Channels::Rgb);
            let AreaKind::Convolve { width: 3, height: 3, weights, bias } = area.kind else {
                panic!("{chain}")
            };
            assert_eq!((weights[4], bias), want, "{chain}");
        }
        let ones = vec!["1"; 81].join(" ");
        compile(&format!("convolution='{ones}'"), rgb(1, 1));
    }

    #[test]
    fn edges_and_ranks_follow_their_arguments() {
        assert!(matches!(
            area("median=2:percentile=25%"),
            Area {
                channels: Channels::Luma,
                kind: AreaKind::Rank { rx: 2, ry: 2, fraction: 0.25 }
            }
        ));
        assert!(matches!(area("median=2:radiusV=5").kind, AreaKind::Rank { rx: 2, ry: 5, .. }));
        assert!(matches!(
            area("sobel=scale=2:delta=0.5").kind,
            AreaKind::Gradient { scale: 2.0, bias: 0.5 }
        ));
    }

    #[test]
    fn impossible_arguments_are_refused() {
        for (chain, part) in [
            ("convolution='1 2 3 4'", "4 weights"),
            ("convolution=m='1 2 x'", "no number"),
            ("convolution=div=2:0rdiv=0.5", "say the same"),
            ("convolution=bias=128", "bias=128/255"),
            ("convolution=1m='1'", "one matrix"),
            ("sobel=planes=1", "not one of 15"),
        ] {
            let message = unparsed(chain);
            assert!(message.contains(part), "{message}");
        }
    }
}
