//! Tone curves through points.

use super::algebra::{Op, Point, Space};
use super::args::Args;
use super::expr;
use super::map::{Curve, Map};
use super::param::{Kind, Param};
use super::spec::{Family, Formula, Spec};
use super::spline::Spline;
use super::text::{ArgError, Text};

pub(super) static SPECS: &[Spec] = &[Spec {
    name: "curves",
    aliases: &[],
    summary: "tone curves through points, for each channel or all",
    family: Family::Lut,
    space: "RGB",
    formula: "v' = clip(master(clip(channel(clip(v, 0, 1)), 0, 1)), 0, 1)\n\
                  natural cubic splines, flat outside the outer points",
    params: &[
        Param::new("preset", Kind::Choice(PRESET_WORDS), "none", "curves that are ready"),
        Param::new("master", Kind::List, "", "points x/y applied after the channels' own")
            .alias(&["m"]),
        Param::new("red", Kind::List, "", "points x/y of red, 0 to 1").alias(&["r"]),
        Param::new("green", Kind::List, "", "points x/y of green").alias(&["g"]),
        Param::new("blue", Kind::List, "", "points x/y of blue").alias(&["b"]),
        Param::new("all", Kind::List, "", "points x/y of channels not given"),
    ],
    refused: &[
        ("psfile", "Photoshop files are not read; give the points"),
        ("plot", "nothing is plotted"),
        ("interp", "curves are natural cubic splines"),
    ],
    differs: Some("values between codes are computed, not looked up"),
    examples: &[
        "curves=preset=vintage",
        "curves=master='0/0 0.5/0.6 1/1'",
        "curves=r='0/0.11 .42/.51 1/0.95':g='0/0 0.50/0.48 1/1':b='0/0.22 .49/.44 1/0.8'",
    ],
    build: curves,
}];

/// A preset of ffmpeg's: points of red, green, blue and master, empty where it has none.
struct Preset {
    name: &'static str,
    channels: [&'static str; 3],
    master: &'static str,
}

const fn master(name: &'static str, master: &'static str) -> Preset {
    Preset { name, channels: [""; 3], master }
}

const PRESET_WORDS: &[&[&str]] = &[
    &["none"],
    &["color_negative"],
    &["cross_process"],
    &["darker"],
    &["increase_contrast"],
    &["lighter"],
    &["linear_contrast"],
    &["medium_contrast"],
    &["negative"],
    &["strong_contrast"],
    &["vintage"],
];

static PRESETS: [Preset; 11] = [
    master("none", ""),
    Preset {
        name: "color_negative",
        channels: [
            "0.129/1 0.466/0.498 0.725/0",
            "0.109/1 0.301/0.498 0.517/0",
            "0.098/1 0.235/0.498 0.423/0",
        ],
        master: "",
    },
    Preset {
        name: "cross_process",
        channels: [
            "0/0 0.25/0.156 0.501/0.501 0.686/0.745 1/1",
            "0/0 0.25/0.188 0.38/0.501 0.745/0.815 1/0.815",
            "0/0 0.231/0.094 0.709/0.874 1/1",
        ],
        master: "",
    },
    master("darker", "0/0 0.5/0.4 1/1"),
    master("increase_contrast", "0/0 0.149/0.066 0.831/0.905 0.905/0.98 1/1"),
    master("lighter", "0/0 0.4/0.5 1/1"),
    master("linear_contrast", "0/0 0.305/0.286 0.694/0.713 1/1"),
    master("medium_contrast", "0/0 0.286/0.219 0.639/0.643 1/1"),
    master("negative", "0/1 1/0"),
    master("strong_contrast", "0/0 0.301/0.196 0.592/0.6 0.686/0.737 1/1"),
    Preset {
        name: "vintage",
        channels: ["0/0.11 0.42/0.51 1/0.95", "0/0 0.50/0.48 1/1", "0/0.22 0.49/0.44 1/0.8"],
        master: "",
    },
];

fn curves(args: &Args) -> Result<Formula, ArgError> {
    let name = args.choice("preset")?;
    let preset = PRESETS.iter().find(|p| p.name == name).expect("each word has its preset");
    // As in ffmpeg: a channel's own points come first, then `all`, then the preset.
    let all = given_points(args, "all")?;
    let mut curves = Vec::with_capacity(3);
    for (channel, ready) in ["red", "green", "blue"].into_iter().zip(preset.channels) {
        let own = given_points(args, channel)?;
        curves.push(match own.or_else(|| all.clone()) {
            Some(points) => Some(points),
            None => ready_points(args, ready)?,
        });
    }
    let master = match given_points(args, "master")? {
        Some(points) => Some(points),
        None => ready_points(args, preset.master)?,
    };
    if master.is_none() && curves.iter().all(Option::is_none) {
        return Ok(point(Space::Rgb, [Curve::IDENTITY; 3].map(|c| c)));
    }
    let [r, g, b] = [0, 1, 2].map(|i| curves[i].clone().map(Spline::new));
    let master = master.map(Spline::new);
    let shared = curves[0] == curves[1] && curves[1] == curves[2];
    let curve = |channel: Option<Spline>| {
        let master = master.clone();
        Curve::function(move |v| {
            let v = v.clamp(0.0, 1.0);
            let v = channel.as_ref().map_or(v, |s| s.eval(v).clamp(0.0, 1.0));
            master.as_ref().map_or(v, |s| s.eval(v).clamp(0.0, 1.0))
        })
    };
    if shared {
        let one = curve(r);
        return Ok(point(Space::Rgb, [one.clone(), one.clone(), one]));
    }
    Ok(point(Space::Rgb, [curve(r), curve(g), curve(b)]))
}

fn point(space: Space, curves: [Curve; 3]) -> Formula {
    Formula::fixed(vec![Op::Point(Point { space, map: Map::Curves(curves) })])
}

type Points = Vec<[f64; 2]>;

fn given_points(args: &Args, name: &str) -> Result<Option<Points>, ArgError> {
    args.given(name).map(|text| parse_points(text).map_err(|e| text.locate(e))).transpose()
}

fn ready_points(args: &Args, text: &str) -> Result<Option<Points>, ArgError> {
    if text.is_empty() {
        return Ok(None);
    }
    let placed: Vec<_> = text.chars().enumerate().map(|(i, c)| (c, i)).collect();
    let points = parse_points(&Text::new(&placed, placed.len()));
    points.map(Some).map_err(|e| args.error("preset", e.message))
}

/// `x/y` pairs, x increasing, both 0 to 1. An error's `at` counts characters of the text.
fn parse_points(text: &Text) -> Result<Points, ArgError> {
    let mut points: Points = Vec::new();
    for (word, at) in text.words() {
        let Some((x, y)) = word.split_once('/') else {
            return Err(ArgError::new(format!("\"{word}\" is no point; write x/y"), at));
        };
        let number = |part: &str, at: usize| {
            let value = expr::constant(part).map_err(|e| ArgError::new(e.message, at + e.at))?;
            if (0.0..=1.0).contains(&value) {
                return Ok(value);
            }
            Err(ArgError::new(format!("{part} is outside 0 to 1"), at))
        };
        let point = [number(x, at)?, number(y, at + x.chars().count() + 1)?];
        if let Some(last) = points.last()
            && last[0] >= point[0]
        {
            return Err(ArgError::new(format!("{x} does not lie right of {}", last[0]), at));
        }
        points.push(point);
    }
    if points.is_empty() {
        return Err(ArgError::new("expected points x/y", 0));
    }
    Ok(points)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::testing::{at, compile, identity, rgb, unparsed};

    #[test]
    fn defaults_change_nothing() {
        for chain in ["curves", "curves=preset=none", "curves=all='0/0 1/1'"] {
            identity(chain);
        }
    }

    #[test]
    fn channels_come_before_the_master_and_points_before_presets() {
        for (chain, v, want) in [
            ("curves=preset=negative", [0.2, 0.5, 2.0], [0.8, 0.5, 0.0]),
            ("curves=master='0/0 0.5/0.4 1/1'", [0.5, 0.0, 1.0], [0.4, 0.0, 1.0]),
            ("curves=preset=darker", [0.5, 0.0, 1.0], [0.4, 0.0, 1.0]),
            ("curves=r='0/0 1/0.5':m='0/1 1/0'", [1.0, 1.0, 0.25], [0.5, 0.0, 0.75]),
            ("curves=all='0/1 1/0':g='0/0 1/1'", [0.25; 3], [0.75, 0.25, 0.75]),
            ("curves=vintage:r='0/1 1/0'", [0.0, 0.0, 0.0], [1.0, 0.0, 0.22]),
        ] {
            at(chain, v, want);
        }
    }

    #[test]
    fn every_preset_parses_and_has_a_word() {
        let words: Vec<_> = PRESET_WORDS.iter().map(|w| w[0]).collect();
        assert_eq!(words, PRESETS.iter().map(|p| p.name).collect::<Vec<_>>());
        for name in words {
            compile(&format!("curves=preset={name}"), rgb(1, 1));
        }
    }

    #[test]
    fn equal_curves_are_shared() {
        let ops = compile("curves=preset=darker", rgb(1, 1));
        let Op::Point(Point { map: Map::Curves(c), .. }) = &ops[0] else { panic!("{ops:?}") };
        assert!(c[0].same(&c[1]) && c[1].same(&c[2]));
    }

    #[test]
    fn points_must_be_points() {
        for (points, part) in [
            ("0.5", "is no point"),
            ("0/0 0/1", "0 does not lie right of 0"),
            ("0/2", "2 is outside 0 to 1"),
            ("0/x", "\"x\" is no number"),
        ] {
            let message = unparsed(&format!("curves=m='{points}'"));
            assert!(message.contains(part), "{message}");
        }
    }
}
