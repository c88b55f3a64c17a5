//! What a family says of each of its filters: names, parameters, documentation, mathematics.

use super::algebra::{Context, Op, ProfileChange};
use super::args::{Args, Signature};
use super::param::Param;
use super::sequence::Time;
use super::text::ArgError;
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
    /// Frames of a clip together.
    Time,
}

impl Family {
    /// All, in the order of the help.
    pub const ALL: [Self; 6] =
        [Self::Tone, Self::Color, Self::Lut, Self::Area, Self::Geometry, Self::Time];

    /// The heading.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Tone => "tone",
            Self::Color => "colour",
            Self::Lut => "curves and tables",
            Self::Area => "blur, sharpen, edges",
            Self::Geometry => "size and position",
            Self::Time => "over the frames of a clip",
        }
    }
}

/// The mathematics of a filter with its arguments.
pub struct Formula {
    pub(super) compile: Compile,
    pub(super) profile: ProfileChange,
    pub(super) over_time: bool,
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
        Self { compile: Box::new(compile), profile: ProfileChange::Keep, over_time: false }
    }

    /// One operation over the frames of a clip.
    pub fn over_time(time: Time) -> Self {
        Self { over_time: true, ..Self::fixed(vec![Op::Time(time)]) }
    }

    /// The same, leaving the samples in sRGB.
    #[must_use]
    pub fn to_srgb(self) -> Self {
        Self { profile: ProfileChange::Srgb, ..self }
    }
}

impl Spec {
    /// True for its name and its aliases.
    pub fn answers_to(&self, name: &str) -> bool {
        self.name == name || self.aliases.contains(&name)
    }

    /// What its arguments are bound to.
    pub fn signature(&self) -> Signature {
        let Self { name, params, refused, examples, .. } = self;
        Signature { name, params, refused, example: examples[0] }
    }
}
