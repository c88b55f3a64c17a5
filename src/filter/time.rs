//! Means, ranks and smoothing over the frames of a clip.

use std::sync::Arc;

use super::args::Args;
use super::expr;
use super::map::Curve;
use super::param::{Kind, Param};
use super::sequence::{Around, Blend, Follow, Pulls, Time};
use super::spec::{Family, Formula, Spec};
use super::text::ArgError;

/// A strength of `hqdn3d`; what is over [`STRONGEST`] counts as that, as in ffmpeg.
const STRENGTH: Kind = Kind::Number { low: 0.0, high: f64::INFINITY };
const ALL_PLANES: &[&[&str]] = &[&["15", "7", "all"]];
const ONE_MODE: &str = "one mode serves all components; give mode";
const NO_OPACITY: &str = "weigh frames with tmix";

pub(super) static SPECS: &[Spec] = &[
    Spec {
        name: "tmix",
        aliases: &[],
        summary: "weighted mean of a frame and those before it",
        family: Family::Time,
        space: "each component of the frame's own model, whole frames of a clip",
        formula: "v' = scale * sum(weights * v), the earliest frame first; \
                  before the first frame it is repeated",
        params: &[
            Param::new(
                "frames",
                Kind::Integer { low: 1, high: 128 },
                "3",
                "how many, the current one among them",
            ),
            Param::new(
                "weights",
                Kind::List,
                "1 1 1",
                "one for each frame; the last serves those that are missing",
            ),
            Param::new(
                "scale",
                Kind::Number { low: 0.0, high: 32_767.0 },
                "0",
                "factor; 0 is 1 / sum of the weights",
            ),
            Param::new("planes", Kind::Choice(ALL_PLANES), "15", "must be 15: all components"),
        ],
        refused: &[],
        differs: Some(
            "rounds to the nearest code (ffmpeg may cut fractions off); colour is weighed by \
             alpha; up to 128 frames; more weights than frames are an error",
        ),
        examples: &["tmix=frames=5", "tmix=3:'1 2 4'", "tmix=frames=2:weights='-1 1':scale=1"],
        build: tmix,
    },
    Spec {
        name: "tblend",
        aliases: &[],
        summary: "mean, lightest, darkest or middle value of the frames around",
        family: Family::Time,
        space: "each component of the frame's own model, whole frames of a clip",
        formula: "v' = mean, maximum, minimum or median of v over 2 radius + 1 frames; \
                  the first and the last frame are repeated",
        params: &[
            Param::new(
                "mode",
                Kind::Choice(&[&["average"], &["lighten"], &["darken"], &["median"]]),
                "average",
                "what is made of the values in one place",
            )
            .alias(&["all_mode"]),
            Param::new(
                "radius",
                Kind::Integer { low: 1, high: 63 },
                "1",
                "frames on each side of the current one",
            ),
        ],
        refused: &[
            ("c0_mode", ONE_MODE),
            ("c1_mode", ONE_MODE),
            ("c2_mode", ONE_MODE),
            ("c3_mode", ONE_MODE),
            ("all_expr", "expressions of two frames are not there; give mode"),
            ("all_opacity", NO_OPACITY),
            ("c0_opacity", NO_OPACITY),
        ],
        differs: Some(
            "blends the frames on both sides of the current one (ffmpeg: the current one and \
             the one before), so it has a radius and loses no frame (ffmpeg drops the first); \
             median is an addition, ffmpeg's other modes are missing",
        ),
        examples: &["tblend", "tblend=lighten:radius=12", "tblend=mode=median:radius=2"],
        build: tblend,
    },
    Spec {
        name: "hqdn3d",
        aliases: &[],
        summary: "smooths noise in space and time, keeps edges",
        family: Family::Time,
        space: "each component of the frame's own model, whole frames of a clip",
        formula: "v' = v + d (1 - |d|)^g, d = last - v, g = ln(0.25) / ln(1 - s/255 - 0.00001)\n\
                  with s spatial along each row from the left, then down each column,\n\
                  then with s temporal against this filter's own last frame",
        params: &[
            Param::new("luma_spatial", STRENGTH, "4", "spatial strength s of luma; 0 is off"),
            Param::new(
                "chroma_spatial",
                STRENGTH,
                "",
                "the same of chroma; if it is missing, 3/4 of luma_spatial",
            ),
            Param::new(
                "luma_tmp",
                STRENGTH,
                "",
                "temporal strength s of luma, 0 is off; if it is missing, 6/4 of luma_spatial",
            ),
            Param::new(
                "chroma_tmp",
                STRENGTH,
                "",
                "the same of chroma; if it is missing, \
                 luma_tmp * chroma_spatial / luma_spatial",
            ),
        ],
        refused: &[],
        differs: Some(
            "a strength of 0 is off (ffmpeg takes it for missing); grey and RGB take luma's \
             strengths, alpha stays; the last frame is kept as reals and differences are not \
             cut to steps (ffmpeg: 16 bits, 1/16 of an 8-bit code)",
        ),
        examples: &["hqdn3d", "hqdn3d=2:1:2:3", "hqdn3d=luma_spatial=0:luma_tmp=8"],
        build: hqdn3d,
    },
];

fn around(before: usize, after: usize, blend: Blend) -> Formula {
    Formula::over_time(Time::Around(Around { before, after, blend }))
}

fn tmix(args: &Args) -> Result<Formula, ArgError> {
    let frames = args.count("frames")?;
    args.choice("planes")?;
    let scale = args.number("scale")?;
    let mut weights = match args.given("weights") {
        Some(text) => numbers(&text.words()).map_err(|e| text.locate(e))?,
        None => vec![1.0],
    };
    let count = weights.len();
    let Some(&last) = weights.last() else {
        return Err(args.error("weights", "weights are numbers, as in '1 2 1'"));
    };
    if count > frames {
        let message = format!("{count} weights are too many for {frames} frames");
        return Err(args.error("weights", message));
    }
    weights.resize(frames, last);
    let sum: f64 = weights.iter().sum();
    let divisor = if scale == 0.0 { sum } else { 1.0 / scale };
    if divisor.abs() < 1e-12 {
        return Err(args.error("weights", "the weights add up to 0; give scale"));
    }
    if frames == 1 {
        // ffmpeg passes frames on, whatever weight and scale.
        return Ok(Formula::fixed(Vec::new()));
    }
    let weights = weights.into();
    Ok(around(frames - 1, 0, Blend::Mean { weights, divisor }))
}

/// Numbers between spaces or bars. An error's `at` counts characters of the text that holds
/// them.
fn numbers(words: &[(&str, usize)]) -> Result<Vec<f64>, ArgError> {
    let mut all = Vec::new();
    for (word, at) in words {
        let mut at = *at;
        for part in word.split('|') {
            if !part.is_empty() {
                let value =
                    expr::constant(part).map_err(|e| ArgError::new(e.message, at + e.at))?;
                if value.abs() > 1e6 || value.is_nan() {
                    let message = format!("a weight is {value}, outside -1000000 to 1000000");
                    return Err(ArgError::new(message, at));
                }
                all.push(value);
            }
            at += part.chars().count() + 1;
        }
    }
    Ok(all)
}

fn tblend(args: &Args) -> Result<Formula, ArgError> {
    let radius = args.count("radius")?;
    let frames = 2 * radius + 1;
    let blend = match args.choice("mode")? {
        "lighten" => Blend::Rank { fraction: 1.0 },
        "darken" => Blend::Rank { fraction: 0.0 },
        "median" => Blend::Rank { fraction: 0.5 },
        _ => Blend::Mean { weights: vec![1.0; frames].into(), divisor: frames as f64 },
    };
    Ok(around(radius, radius, blend))
}

fn hqdn3d(args: &Args) -> Result<Formula, ArgError> {
    let given = |name: &str, missing: f64| match args.given(name) {
        Some(_) => args.number(name),
        None => Ok(missing),
    };
    let luma_space = args.number("luma_spatial")?;
    let chroma_space = given("chroma_spatial", luma_space * 3.0 / 4.0)?;
    let luma_time = given("luma_tmp", luma_space * 6.0 / 4.0)?;
    // Without a strength of luma there is no ratio; that of the defaults is 3/4.
    let ratio = if luma_space > 0.0 { chroma_space / luma_space } else { 0.75 };
    let chroma_time = given("chroma_tmp", luma_time * ratio)?;
    let strengths = [luma_space, chroma_space, luma_time, chroma_time];
    if strengths.iter().all(|s| *s == 0.0) {
        return Ok(Formula::fixed(Vec::new()));
    }
    let [luma_space, chroma_space, luma_time, chroma_time] = strengths.map(pull);
    let luma = Pulls { space: luma_space, time: luma_time };
    let chroma = Pulls { space: chroma_space, time: chroma_time };
    Ok(Formula::over_time(Time::Follow(Follow { luma, chroma })))
}

/// The largest strength that ffmpeg tells from larger ones.
const STRONGEST: f64 = 252.0;

/// `d (1 - |d|)^g`, where a difference of `s` codes of 8 bits keeps a quarter of itself.
fn pull(strength: f64) -> Option<Curve> {
    if strength == 0.0 {
        return None;
    }
    // ffmpeg adds the last term so that no strength divides by 0.
    let kept = 1.0 - strength.min(STRONGEST) / 255.0 - 0.000_01;
    let gamma = libm::log(0.25) / libm::log(kept);
    Some(Curve::Function(Arc::new(move |d: f64| d * libm::pow((1.0 - d.abs()).max(0.0), gamma))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::algebra::Op;
    use crate::filter::testing::{compile, parse, rgb, unparsed};

    fn time(chain: &str) -> Time {
        match compile(chain, rgb(4, 4)).as_slice() {
            [Op::Time(time)] => time.clone(),
            other => panic!("{chain}: {other:?}"),
        }
    }

    fn mean(chain: &str) -> (usize, usize, Vec<f64>, f64) {
        match time(chain) {
            Time::Around(Around { before, after, blend: Blend::Mean { weights, divisor } }) => {
                (before, after, weights.to_vec(), divisor)
            }
            other => panic!("{chain}: {other:?}"),
        }
    }

    #[test]
    fn weights_are_filled_up_and_divided() {
        for (chain, weights, divisor) in [
            ("tmix", vec![1.0, 1.0, 1.0], 3.0),
            ("tmix=2", vec![1.0, 1.0], 2.0),
            ("tmix=5:'1 2'", vec![1.0, 2.0, 2.0, 2.0, 2.0], 9.0),
            ("tmix=frames=3:weights='1|2|4'", vec![1.0, 2.0, 4.0], 7.0),
            ("tmix=frames=2:weights='-1 1':scale=0.5", vec![-1.0, 1.0], 2.0),
        ] {
            assert_eq!(mean(chain), (weights.len() - 1, 0, weights, divisor), "{chain}");
        }
        assert!(compile("tmix=1:scale=3", rgb(1, 1)).is_empty());
    }

    #[test]
    fn a_blend_looks_to_both_sides() {
        assert_eq!(mean("tblend=radius=2"), (2, 2, vec![1.0; 5], 5.0));
        for (mode, want) in [("lighten", 1.0), ("darken", 0.0), ("median", 0.5)] {
            let Time::Around(Around { before: 3, after: 3, blend: Blend::Rank { fraction } }) =
                time(&format!("tblend=all_mode={mode}:radius=3"))
            else {
                panic!("{mode}")
            };
            assert_eq!(fraction, want, "{mode}");
        }
    }

    #[test]
    fn missing_strengths_follow_the_given_ones() {
        // The pull is a quarter of the difference where that is the strength.
        let quarter = |curve: &Option<Curve>, s: f64| {
            let d = s / 255.0 + 0.000_01;
            let kept = curve.as_ref().map(|c| c.eval(d) / d);
            assert!((kept.unwrap() - 0.25).abs() < 1e-12, "{s}: {kept:?}");
            assert_eq!(curve.as_ref().map(|c| c.eval(-d)), curve.as_ref().map(|c| -c.eval(d)));
        };
        for (chain, strengths) in [
            ("hqdn3d", [4.0, 3.0, 6.0, 4.5]),
            ("hqdn3d=8", [8.0, 6.0, 12.0, 9.0]),
            ("hqdn3d=8:1:2", [8.0, 1.0, 2.0, 0.25]),
            ("hqdn3d=1:2:300:4", [1.0, 2.0, 252.0, 4.0]),
        ] {
            let Time::Follow(Follow { luma, chroma }) = time(chain) else { panic!("{chain}") };
            quarter(&luma.space, strengths[0]);
            quarter(&chroma.space, strengths[1]);
            quarter(&luma.time, strengths[2]);
            quarter(&chroma.time, strengths[3]);
        }
    }

    #[test]
    fn a_strength_of_nothing_is_off() {
        let Time::Follow(Follow { luma, chroma }) = time("hqdn3d=luma_spatial=0:luma_tmp=8") else {
            panic!()
        };
        assert!(luma.space.is_none() && chroma.space.is_none());
        assert!(luma.time.is_some() && chroma.time.is_some());
        assert!(compile("hqdn3d=0", rgb(1, 1)).is_empty());
        assert_eq!(pull(255.0).unwrap().eval(1.0), 0.0);
    }

    #[test]
    fn calls_print_as_they_parse() {
        for (chain, printed) in [
            ("tmix=3", "tmix"),
            ("tmix=3:'1 2 4'", "tmix=weights='1 2 4'"),
            ("tblend=median", "tblend=mode=median"),
            ("hqdn3d=4:3", "hqdn3d=chroma_spatial=3"),
        ] {
            assert_eq!(parse(chain)[0].to_string(), printed);
            assert_eq!(parse(printed)[0].to_string(), printed);
            assert!(parse(chain)[0].over_time(), "{chain}");
        }
    }

    #[test]
    fn impossible_arguments_are_refused() {
        for (chain, part) in [
            ("tmix=2:'1 2 3'", "3 weights are too many for 2 frames"),
            ("tmix=2:'-1 1'", "add up to 0"),
            ("tmix=3:'1 x'", "no number"),
            ("tmix=weights='|'", "weights are numbers"),
            ("tmix=2:'1e9 1'", "outside"),
            ("tmix=frames=129", "outside 1 to 128"),
            ("tblend=multiply", "not one of average"),
            ("tblend=c0_mode=average", "one mode"),
            ("hqdn3d=-1", "outside 0 and up"),
        ] {
            let message = unparsed(chain);
            assert!(message.contains(part), "{chain}: {message}");
        }
    }
}
