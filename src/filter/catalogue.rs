//! The catalogue: every filter's names, parameters and documentation as one table, and the
//! lookup in it.

use std::fmt;
use std::sync::Arc;

use super::algebra::{Context, Filter, Op, ProfileChange};
use super::args::{ArgError, Args, RawArg, Text};
use super::expr::Names;
use super::{area, blur, color, curves, geometry, icc, lut, resize, suggest, tone, turn};
use crate::error::Result;

/// All that is known of a filter: what the parser binds to, what the help prints, and the
/// function that makes its mathematics.
#[derive(Debug)]
pub struct Spec {
    /// The name, ffmpeg's where it has the filter.
    pub name: &'static str,
    /// Other names it answers to.
    pub aliases: &'static [&'static str],
    /// One line, no full stop.
    pub summary: &'static str,
    /// The heading it is listed under.
    pub family: Family,
    /// The colour model it is defined in, in words.
    pub space: &'static str,
    /// The mathematics in one or a few lines of plain text.
    pub formula: &'static str,
    /// Parameters in the order of positional arguments.
    pub params: &'static [Param],
    /// Parameters of ffmpeg's that are refused, each with what to do instead.
    pub refused: &'static [(&'static str, &'static str)],
    /// How it differs from ffmpeg's filter of this name, if it does.
    pub differs: Option<&'static str>,
    /// Calls that work, the most telling first. At least one.
    pub examples: &'static [&'static str],
    /// Reads the arguments and makes the formula.
    pub build: fn(&Args) -> Result<Formula, ArgError>,
}

/// The headings of the catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Brightness, contrast and curves of one component.
    Tone,
    /// Mixing and weighing of components.
    Color,
    /// Tables from points and expressions.
    Lut,
    /// Neighbourhoods.
    Area,
    /// Sizes and positions.
    Geometry,
}

impl Family {
    /// All, in the order of the help.
    pub const ALL: [Self; 5] = [Self::Tone, Self::Color, Self::Lut, Self::Area, Self::Geometry];

    /// The heading.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Tone => "tone",
            Self::Color => "colour",
            Self::Lut => "curves and tables",
            Self::Area => "blur, sharpen, edges",
            Self::Geometry => "size and position",
        }
    }
}

/// One parameter of a filter.
#[derive(Debug)]
pub struct Param {
    /// The name that is printed.
    pub name: &'static str,
    /// Other names it answers to.
    pub aliases: &'static [&'static str],
    /// What its text may be.
    pub kind: Kind,
    /// The text it has when not given; empty if there is none.
    pub default: &'static str,
    /// One line, no full stop.
    pub doc: &'static str,
}

/// What the text of a parameter may be.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// A real within a closed range; arithmetic on constants is allowed.
    Number {
        /// Smallest.
        low: f64,
        /// Largest.
        high: f64,
    },
    /// The same, where `50%` may be written for 0.5.
    Fraction {
        /// Smallest.
        low: f64,
        /// Largest.
        high: f64,
    },
    /// A whole number, never negative.
    Integer {
        /// Smallest.
        low: u32,
        /// Largest.
        high: u32,
    },
    /// Any number of degrees. `PI` in it is refused: it would mean radians.
    Angle,
    /// Arithmetic on variables.
    Expression(&'static Names),
    /// The same, or ImageMagick geometry.
    Size(&'static Names),
    /// One of some words; each entry lists its spellings, the canonical one first.
    Choice(&'static [&'static [&'static str]]),
    /// A colour's name or code.
    Color,
    /// Words separated by spaces.
    List,
}

impl Param {
    /// A parameter without aliases.
    pub const fn new(
        name: &'static str,
        kind: Kind,
        default: &'static str,
        doc: &'static str,
    ) -> Self {
        Self { name, aliases: &[], kind, default, doc }
    }

    /// The same with other names.
    #[must_use]
    pub const fn alias(self, aliases: &'static [&'static str]) -> Self {
        Self { aliases, ..self }
    }

    /// Smallest and largest value; infinite where the kind has no range.
    pub fn range(&self) -> (f64, f64) {
        match self.kind {
            Kind::Number { low, high } | Kind::Fraction { low, high } => (low, high),
            Kind::Integer { low, high } => (f64::from(low), f64::from(high)),
            _ => (f64::NEG_INFINITY, f64::INFINITY),
        }
    }

    /// The range in words; none if any value will do.
    pub fn range_text(&self) -> Option<String> {
        match self.range() {
            (low, high) if low.is_finite() && high.is_finite() => Some(format!("{low} to {high}")),
            (low, _) if low.is_finite() => Some(format!("{low} and up")),
            (_, high) if high.is_finite() => Some(format!("up to {high}")),
            _ => None,
        }
    }
}

/// The mathematics of a filter with its arguments.
pub struct Formula {
    compile: Compile,
    profile: ProfileChange,
}

type Compile = Box<dyn Fn(&Context<'_>) -> Result<Vec<Op>> + Send + Sync>;

impl Formula {
    /// The same operations for every frame. Curves are shared between frames, so that the
    /// planner sees equal ones as equal.
    pub fn fixed(ops: Vec<Op>) -> Self {
        Self::per_frame(move |_| Ok(ops.clone()))
    }

    /// Operations that depend on the frame.
    pub fn per_frame(
        compile: impl Fn(&Context<'_>) -> Result<Vec<Op>> + Send + Sync + 'static,
    ) -> Self {
        Self { compile: Box::new(compile), profile: ProfileChange::Keep }
    }

    /// The same, leaving the samples in sRGB.
    #[must_use]
    pub fn to_srgb(self) -> Self {
        Self { profile: ProfileChange::Srgb, ..self }
    }
}

/// A filter from the catalogue with its arguments.
struct Call {
    text: String,
    name: &'static str,
    formula: Formula,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Filter for Call {
    fn compile(&self, context: &Context<'_>) -> Result<Vec<Op>> {
        (self.formula.compile)(context).map_err(|e| e.within(self.name))
    }

    fn profile(&self) -> ProfileChange {
        self.formula.profile
    }
}

static FAMILIES: [&[Spec]; 10] = [
    tone::SPECS,
    color::SPECS,
    icc::SPECS,
    curves::SPECS,
    lut::SPECS,
    blur::SPECS,
    area::SPECS,
    resize::SPECS,
    geometry::SPECS,
    turn::SPECS,
];

/// Names that people try and that we lack, each with what to use instead.
const ELSEWHERE: [(&str, &str); 47] = [
    ("atadenoise", "use median or gblur"),
    ("auto-orient", "pictures are turned upright without asking"),
    ("autorotate", "pictures are turned upright without asking"),
    ("avgblur", "use boxblur with lp=1"),
    ("bilateral", "use median, which keeps edges as well"),
    ("blur", "use gblur=sigma=..."),
    ("brightness", "use eq=brightness=..."),
    ("cas", "use unsharp"),
    ("colorbalance", "use curves with red, green and blue"),
    ("colorlevels", "use levels, or curves for one channel"),
    ("colormatrix", "the frame's own matrix is used; see --colorspace"),
    ("colorspace", "use icc=srgb for pictures; clips keep their tags"),
    ("contrast", "use eq=contrast=..."),
    ("copy", "leave it out: without filters pixels pass unchanged"),
    ("edgedetect", "use sobel"),
    ("flip", "use vflip"),
    ("flop", "use hflip"),
    ("format", "use --format for pictures, --pix-fmt for clips"),
    ("fps", "use --r"),
    ("geq", "use lutrgb or lutyuv where the place of a pixel does not matter"),
    ("hqdn3d", "use median or gblur"),
    ("huesaturation", "use hue"),
    ("kirsch", "use sobel, or convolution with its matrices"),
    ("lut", "use lutrgb or lutyuv"),
    ("modulate", "use hue=h=...:s=..."),
    ("monochrome", "use gray"),
    ("nlmeans", "use median or gblur"),
    ("noformat", "use --format for pictures, --pix-fmt for clips"),
    ("normalize", "use levels"),
    ("null", "leave it out: without filters pixels pass unchanged"),
    ("prewitt", "use sobel"),
    ("quality", "use --quality"),
    ("roberts", "use sobel"),
    ("scharr", "use sobel"),
    ("setdar", "use resize"),
    ("setpts", "timestamps pass unchanged"),
    ("setsar", "use resize"),
    ("sharpen", "use unsharp"),
    ("smartblur", "use gblur, or unsharp with a negative amount"),
    ("strip", "use --strip-metadata"),
    ("thumbnail", "use resize"),
    ("trim", "use --ss, --to and --t"),
    ("vibrance", "use saturation"),
    ("yadif", "deinterlace in the decoder: --input-args '-vf yadif'"),
    ("bwdif", "deinterlace in the decoder: --input-args '-vf bwdif'"),
    ("zoompan", "use crop and resize"),
    ("zscale", "use resize"),
];

/// Every filter, family by family.
pub fn all() -> impl Iterator<Item = &'static Spec> {
    FAMILIES.iter().flat_map(|specs| specs.iter())
}

/// The filter that answers to `name`.
pub fn find(name: &str) -> Option<&'static Spec> {
    all().find(|spec| spec.answers_to(name))
}

/// The filter that answers to `name`, or a fragment that says what may have been meant.
pub fn lookup(name: &str) -> Result<&'static Spec, String> {
    find(name).ok_or_else(|| {
        if let Some((_, advice)) = ELSEWHERE.iter().find(|(n, _)| *n == name) {
            return format!("there is no filter \"{name}\"; {advice}");
        }
        let known = all().flat_map(|s| [s.name].into_iter().chain(s.aliases.iter().copied()));
        let hint = suggest::hint(name, known);
        format!("there is no filter \"{name}\"{hint}")
    })
}

/// The filter called `name` with these arguments. Errors point at columns of the chain.
pub fn build(name: &Text, raw: Vec<RawArg>) -> Result<Arc<dyn Filter>, ArgError> {
    let at = name.column(0);
    let spec = lookup(name.as_str()).map_err(|message| ArgError::new(message, at))?;
    let args = Args::bind(spec, at, raw)?;
    let formula = (spec.build)(&args)?;
    Ok(Arc::new(Call { text: args.canonical()?, name: spec.name, formula }))
}

impl Spec {
    /// True for its name and its aliases.
    pub fn answers_to(&self, name: &str) -> bool {
        self.name == name || self.aliases.contains(&name)
    }

    /// The index of the parameter that answers to `name`, or a fragment that says why none.
    pub fn index(&self, name: &str) -> Result<usize, String> {
        let found = self.params.iter().position(|p| p.name == name || p.aliases.contains(&name));
        if let Some(index) = found {
            return Ok(index);
        }
        if name == "enable" {
            return Err("enable= is not supported: a filter works on every frame".to_owned());
        }
        if let Some((_, reason)) = self.refused.iter().find(|(n, _)| *n == name) {
            return Err(format!("{} has no {name}: {reason}", self.name));
        }
        let names = || {
            self.params.iter().flat_map(|p| [p.name].into_iter().chain(p.aliases.iter().copied()))
        };
        let hint = suggest::hint(name, names());
        let list: Vec<_> = self.params.iter().map(|p| p.name).collect();
        let rest = match (hint.is_empty(), list.is_empty()) {
            (false, _) => hint,
            (true, true) => "; it takes no arguments".to_owned(),
            (true, false) => format!("; it has {}", list.join(", ")),
        };
        Err(format!("{} has no parameter \"{name}\"{rest}", self.name))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_name_is_taken_twice() {
        let mut seen = HashSet::new();
        for spec in all() {
            for name in [spec.name].iter().chain(spec.aliases) {
                assert!(seen.insert(*name), "{name}");
            }
            let mut params = HashSet::new();
            for param in spec.params {
                for name in [param.name].iter().chain(param.aliases) {
                    assert!(params.insert(*name), "{}: {name}", spec.name);
                }
            }
            for (name, _) in spec.refused {
                assert!(params.insert(*name), "{}: {name}", spec.name);
            }
        }
        for (name, _) in ELSEWHERE {
            assert!(seen.insert(name), "{name} is a filter or listed twice");
        }
    }

    #[test]
    fn texts_are_single_fragments() {
        for spec in all() {
            assert!(!spec.examples.is_empty(), "{}", spec.name);
            for text in [spec.summary].into_iter().chain(spec.params.iter().map(|p| p.doc)) {
                assert!(!text.is_empty() && !text.ends_with('.'), "{}: {text}", spec.name);
                assert!(!text.contains('\n'), "{}: {text}", spec.name);
            }
        }
    }

    #[test]
    fn unknown_names_get_advice() {
        assert_eq!(lookup("scale").unwrap().name, "resize");
        for (name, part) in [
            ("gbulr", "did you mean \"gblur\"?"),
            ("sharpen", "use unsharp"),
            ("fps", "--r"),
            ("quux", "there is no filter \"quux\""),
        ] {
            let message = lookup(name).unwrap_err();
            assert!(message.contains(part), "{message}");
        }
    }
}
