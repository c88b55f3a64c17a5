//! Operations on neighbourhoods: blurs, sharpening, convolution, edges, ranks.

use super::algebra::{Area, AreaKind, Channels, Op, Window};
use super::args::{ArgError, Args};
use super::catalogue::{Family, Formula, Kind, Param, Spec};
use super::expr::{self, Names};
use super::tone::check_offset;
use crate::error::Error;
use crate::frame::Model;

const RADIUS: Names = Names { variables: &["w", "h", "cw", "ch", "hsub", "vsub"], functions: &[] };
const TAPS: Kind = Kind::Integer { low: 3, high: 23 };
const AMOUNT: Kind = Kind::Number { low: -2.0, high: 5.0 };
const ANY: Kind = Kind::Number { low: f64::NEG_INFINITY, high: f64::INFINITY };
const SIGMA: Kind = Kind::Number { low: 0.0, high: 1024.0 };

/// Sides of a convolution's window; the largest one costs 961 products for each sample.
const MAX_SIDE: usize = 31;

const ALL_PLANES: &[&[&str]] = &[&["15", "7", "all"]];
const CHROMA: &str = "chroma follows luma, with its subsampling divided out";
const ONE_MATRIX: &str = "one matrix serves all components; give m";

pub(super) static SPECS: &[Spec] = &[
    Spec {
        name: "gblur",
        aliases: &[],
        summary: "Gaussian blur",
        family: Family::Area,
        space: "each component of the frame's own model",
        formula: "v' = G(sigma, sigmaV) * v, a true Gaussian, edges replicated",
        params: &[
            Param::new("sigma", SIGMA, "0.5", "standard deviation in pixels"),
            Param::new(
                "steps",
                Kind::Integer { low: 1, high: 6 },
                "1",
                "read and ignored: nothing is approximated in steps",
            ),
            Param::new(
                "planes",
                Kind::Choice(&[&["15", "7", "all"], &["1", "luma"]]),
                "15",
                "15 for all components, 1 for luma only",
            ),
            Param::new(
                "sigmaV",
                Kind::Number { low: -1.0, high: 1024.0 },
                "-1",
                "the same along columns; below 0 it is sigma",
            ),
        ],
        refused: &[],
        differs: Some(
            "ffmpeg's is recursive and uses the same sigma on subsampled chroma; here sigma \
             counts luma pixels",
        ),
        examples: &["gblur=sigma=3", "gblur=2", "gblur=sigma=4:sigmaV=0"],
        build: gblur,
    },
    Spec {
        name: "boxblur",
        aliases: &[],
        summary: "averages of a square, repeated",
        family: Family::Area,
        space: "each component of the frame's own model",
        formula: "v' = mean over (2 lr + 1) x (2 lr + 1) pixels, lp times, edges replicated",
        params: &[
            Param::new(
                "luma_radius",
                Kind::Expression(&RADIUS),
                "2",
                "radius in pixels, cut to a whole number; w and h may be used",
            )
            .alias(&["lr"]),
            Param::new("luma_power", Kind::Integer { low: 0, high: 64 }, "2", "how often")
                .alias(&["lp"]),
        ],
        refused: &[
            ("chroma_radius", CHROMA),
            ("cr", CHROMA),
            ("chroma_power", CHROMA),
            ("cp", CHROMA),
            ("alpha_radius", "alpha is blurred with the colour it weighs"),
            ("ar", "alpha is blurred with the colour it weighs"),
            ("alpha_power", "alpha is blurred with the colour it weighs"),
            ("ap", "alpha is blurred with the colour it weighs"),
        ],
        differs: Some(
            "one radius for all components, in luma pixels (ffmpeg takes it in samples of each \
             plane); it may be as long as the longer side",
        ),
        examples: &["boxblur=2:1", "boxblur=lr=min(w\\,h)/20:lp=2"],
        build: boxblur,
    },
    Spec {
        name: "unsharp",
        aliases: &[],
        summary: "sharpen, or blur with a negative amount",
        family: Family::Area,
        space: "luma",
        formula: "Y' = Y + la * (Y - blur(Y)), blur binomial of lx x ly taps, or Gaussian of sigma",
        params: &[
            Param::new("luma_msize_x", TAPS, "5", "width of the blur, odd").alias(&["lx"]),
            Param::new("luma_msize_y", TAPS, "5", "height of the blur, odd").alias(&["ly"]),
            Param::new("luma_amount", AMOUNT, "1", "strength").alias(&["la", "amount"]),
            Param::new("chroma_msize_x", TAPS, "5", "read and ignored: chroma is kept")
                .alias(&["cx"]),
            Param::new("chroma_msize_y", TAPS, "5", "read and ignored: chroma is kept")
                .alias(&["cy"]),
            Param::new("chroma_amount", AMOUNT, "0", "must be 0: chroma is kept").alias(&["ca"]),
            Param::new("sigma", SIGMA, "0", "over 0: a Gaussian of this deviation instead"),
        ],
        refused: &[
            ("alpha_msize_x", "alpha is left as it is"),
            ("ax", "alpha is left as it is"),
            ("alpha_msize_y", "alpha is left as it is"),
            ("ay", "alpha is left as it is"),
            ("alpha_amount", "alpha is left as it is"),
            ("aa", "alpha is left as it is"),
        ],
        differs: Some("luma only; sigma is an addition; edges replicate on all sides"),
        examples: &["unsharp=5:5:1.0", "unsharp=la=-1", "unsharp=sigma=1.5:amount=0.8"],
        build: unsharp,
    },
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

fn area(channels: Channels, kind: AreaKind) -> Op {
    Op::Area(Area { channels, kind })
}

fn gaussian(sigma: f64) -> Window {
    if sigma > 0.0 { Window::Gaussian { sigma } } else { Window::Point }
}

fn gblur(args: &Args) -> Result<Formula, ArgError> {
    let (sigma, vertical) = (args.number("sigma")?, args.number("sigmaV")?);
    let channels = if args.choice("planes")? == "1" { Channels::Luma } else { Channels::Each };
    let (x, y) = (gaussian(sigma), gaussian(if vertical < 0.0 { sigma } else { vertical }));
    if (x, y) == (Window::Point, Window::Point) {
        return Ok(Formula::fixed(Vec::new()));
    }
    Ok(Formula::fixed(vec![area(channels, AreaKind::Blur { x, y })]))
}

fn boxblur(args: &Args) -> Result<Formula, ArgError> {
    let radius = args.expr("luma_radius")?.expect("the radius has a default");
    let power = args.count("luma_power")?;
    Ok(Formula::per_frame(move |context| {
        let size = context.layout.size();
        let shift = match context.layout.model() {
            Model::Ycbcr(y) => (y.subsampling.h, y.subsampling.v),
            _ => (0, 0),
        };
        let (hsub, vsub) = (f64::from(1 << shift.0), f64::from(1 << shift.1));
        let (w, h) = (f64::from(size.width), f64::from(size.height));
        let variables = [w, h, (w / hsub).ceil(), (h / vsub).ceil(), hsub, vsub];
        let value = radius.eval(&variables, &|_, _| f64::NAN).trunc();
        let longest = w.max(h);
        if !(0.0..=longest).contains(&value) {
            let message = format!("the radius is {value}, outside 0 to {longest} for {size}");
            return Err(Error::input(message));
        }
        if value == 0.0 {
            return Ok(Vec::new());
        }
        let window = Window::Box { width: 2.0 * value + 1.0 };
        Ok(vec![area(Channels::Each, AreaKind::Blur { x: window, y: window }); power])
    }))
}

fn unsharp(args: &Args) -> Result<Formula, ArgError> {
    let taps = |name: &str| {
        let taps = args.count(name)?;
        if taps % 2 == 0 {
            return Err(args.error(name, format!("{name} is {taps}, which is not odd")));
        }
        Ok(taps)
    };
    let (width, height) = (taps("luma_msize_x")?, taps("luma_msize_y")?);
    taps("chroma_msize_x")?;
    taps("chroma_msize_y")?;
    let (amount, sigma) = (args.number("luma_amount")?, args.number("sigma")?);
    if args.number("chroma_amount")? != 0.0 {
        return Err(args.error("chroma_amount", "chroma_amount must be 0: chroma is kept"));
    }
    if amount == 0.0 {
        return Ok(Formula::fixed(Vec::new()));
    }
    let (x, y) = if sigma > 0.0 {
        (gaussian(sigma), gaussian(sigma))
    } else {
        (Window::Binomial { taps: width }, Window::Binomial { taps: height })
    };
    Ok(Formula::fixed(vec![area(Channels::Luma, AreaKind::Unsharp { x, y, amount })]))
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
    use crate::filter::testing::{compile, refusal, rgb, unparsed};

    /// The one area operation that a chain compiles to.
    fn only(chain: &str) -> Area {
        let mut ops = compile(chain, rgb(40, 20));
        assert_eq!(ops.len(), 1, "{chain}: {ops:?}");
        let Some(Op::Area(area)) = ops.pop() else { panic!("{chain}: {ops:?}") };
        area
    }

    #[test]
    fn windows_follow_the_arguments() {
        let x = Window::Gaussian { sigma: 3.0 };
        assert!(matches!(only("gblur=3").kind, AreaKind::Blur { x: a, y: b } if a == x && b == x));
        assert!(
            matches!(only("gblur=3:sigmaV=0").kind, AreaKind::Blur { x: a, y: Window::Point } if a == x)
        );
        assert_eq!(only("gblur=3:planes=1").channels, Channels::Luma);
        assert!(compile("gblur=0", rgb(4, 4)).is_empty());

        let five = Window::Box { width: 5.0 };
        assert_eq!(compile("boxblur", rgb(40, 20)).len(), 2);
        assert!(matches!(only("boxblur=h/10:1").kind, AreaKind::Blur { x, .. } if x == five));
        assert!(compile("boxblur=0.9", rgb(40, 20)).is_empty());

        let unsharp = only("unsharp=3:7:0.5");
        assert_eq!(unsharp.channels, Channels::Luma);
        assert!(matches!(
            unsharp.kind,
            AreaKind::Unsharp {
                x: Window::Binomial { taps: 3 },
                y: Window::Binomial { taps: 7 },
                amount: 0.5
            }
        ));
        assert!(compile("unsharp=la=0", rgb(4, 4)).is_empty());
        assert!(matches!(
            only("median=2:percentile=25%").kind,
            AreaKind::Rank { rx: 2, ry: 2, fraction: 0.25 }
        ));
        assert!(matches!(
            only("sobel=scale=2:delta=0.5").kind,
            AreaKind::Gradient { scale: 2.0, bias: 0.5 }
        ));
    }

    #[test]
    fn convolution_divides_its_weights() {
        let weights = |chain: &str| match only(chain).kind {
            AreaKind::Convolve { width, height, weights, bias } => {
                assert_eq!((width, height), (3, 3));
                (weights[4], bias)
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(weights("convolution"), (1.0, 0.0));
        assert_eq!(weights("convolution='1 1 1 1 2 1 1 1 1'"), (0.2, 0.0));
        assert_eq!(weights("convolution='-1 -1 -1 -1 8 -1 -1 -1 -1':bias=0.5"), (8.0, 0.5));
        assert_eq!(weights("convolution='-1 -1 -1 -1 16 -1 -1 -1 -1':div=8"), (2.0, 0.0));
        assert_eq!(weights("convolution=0m='1 1 1 1 2 1 1 1 1':0rdiv=0.5:0bias=51"), (1.0, 0.2));
        let sixteen = vec!["1"; 81].join(" ");
        compile(&format!("convolution='{sixteen}'"), rgb(1, 1));
    }

    #[test]
    fn impossible_arguments_are_refused() {
        for (chain, part) in [
            ("convolution='1 2 3 4'", "4 weights"),
            ("convolution=m='1 2 x'", "no number"),
            ("convolution=div=2:0rdiv=0.5", "say the same"),
            ("convolution=bias=128", "bias=128/255"),
            ("unsharp=4", "not odd"),
            ("unsharp=ca=1", "chroma is kept"),
            ("boxblur=cr=2", "chroma follows luma"),
            ("sobel=planes=1", "not one of 15"),
        ] {
            let message = unparsed(chain);
            assert!(message.contains(part), "{message}");
        }
        assert!(refusal("boxblur=w*2", rgb(10, 4)).contains("the radius is 20, outside 0 to 10"));
        assert!(refusal("boxblur=-1", rgb(10, 4)).contains("outside"));
    }
}
