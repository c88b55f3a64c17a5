//! Blurs, and sharpening by them.

use super::algebra::{AreaKind, Channels, Window};
use super::area::area;
use super::args::Args;
use super::expr::Names;
use super::param::{Kind, Param};
use super::spec::{Family, Formula, Spec};
use super::text::ArgError;
use crate::error::Error;
use crate::frame::Model;

const RADIUS: Names = Names { variables: &["w", "h", "cw", "ch", "hsub", "vsub"], functions: &[] };
const TAPS: Kind = Kind::Integer { low: 3, high: 23 };
const AMOUNT: Kind = Kind::Number { low: -2.0, high: 5.0 };
const SIGMA: Kind = Kind::Number { low: 0.0, high: 1024.0 };

const CHROMA: &str = "chroma follows luma, with its subsampling divided out";

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
];

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::testing::{area, compile, refusal, rgb, unparsed};

    #[test]
    fn blurs_follow_their_arguments() {
        let three = Window::Gaussian { sigma: 3.0 };
        for (chain, want) in [
            ("gblur=3", (three, three)),
            ("gblur=3:sigmaV=0", (three, Window::Point)),
            ("gblur=0:sigmaV=3", (Window::Point, three)),
            ("boxblur=h/10:1", (Window::Box { width: 5.0 }, Window::Box { width: 5.0 })),
        ] {
            let AreaKind::Blur { x, y } = area(chain).kind else { panic!("{chain}") };
            assert_eq!((x, y), want, "{chain}");
        }
        assert_eq!(area("gblur=3").channels, Channels::Each);
        assert_eq!(area("gblur=3:planes=1").channels, Channels::Luma);
        assert_eq!(compile("boxblur", rgb(40, 20)).len(), 2);
        for nothing in ["gblur=0", "boxblur=0.9", "boxblur=lp=0", "unsharp=la=0"] {
            assert!(compile(nothing, rgb(40, 20)).is_empty(), "{nothing}");
        }
    }

    #[test]
    fn sharpening_takes_taps_or_sigma() {
        let unsharp = area("unsharp=3:7:0.5");
        assert_eq!(unsharp.channels, Channels::Luma);
        let AreaKind::Unsharp { x, y, amount } = unsharp.kind else { panic!("{unsharp:?}") };
        assert_eq!(
            (x, y, amount),
            (Window::Binomial { taps: 3 }, Window::Binomial { taps: 7 }, 0.5)
        );
        let AreaKind::Unsharp { x, amount, .. } = area("unsharp=sigma=1.5").kind else { panic!() };
        assert_eq!((x, amount), (Window::Gaussian { sigma: 1.5 }, 1.0));
    }

    #[test]
    fn impossible_arguments_are_refused() {
        for (chain, part) in [
            ("unsharp=4", "not odd"),
            ("unsharp=ca=1", "chroma is kept"),
            ("boxblur=cr=2", "chroma follows luma"),
            ("gblur=planes=2", "not one of 15, 1"),
        ] {
            let message = unparsed(chain);
            assert!(message.contains(part), "{message}");
        }
        assert!(refusal("boxblur=w*2", rgb(10, 4)).contains("the radius is 20, outside 0 to 10"));
        assert!(refusal("boxblur=-1", rgb(10, 4)).contains("outside"));
    }
}
