//! Plans: from a chain and a layout to the passes that the engine runs.
//!
//! `parse` reads the chain, `passes` decides the path, `run` fuses, `lower` turns passes into
//! row producers, with `tables` for its functions, `apply` runs them in `bands`, `explain` says all this in words, and
//! `oracle` is the slow definition of the result. `score` cuts a clip's chain at its filters over time, whose steps are
//! `window` and `carried`.

mod apply;
mod aspect;
mod bands;
mod carried;
mod color;
mod direct;
mod explain;
mod fields;
mod lower;
pub mod oracle;
mod parse;
mod passes;
mod run;
mod score;
mod tables;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod time_tests;
mod turning;
mod window;

use std::fmt;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::filter::{
    Context, Curve, Dihedral, Filter, Geometry, Kernel, Map, Op, Point, ProfileChange, Space,
};
use crate::frame::{Layout, Model, Size};

pub use bands::{Bands, Entered, InPool, PER_THREAD};
pub use carried::{Carried, State};
pub use passes::Media;
pub use score::{Score, Step};
pub use window::Window;

use lower::Program;
use passes::{Kind, Pass, Path, Rep, natural_output, passes};

/// A filter chain: filters in order. Empty changes nothing.
#[derive(Clone, Default)]
pub struct Chain {
    filters: Vec<Arc<dyn Filter>>,
}

impl Chain {
    /// A chain of filters that are built already.
    pub fn new(filters: Vec<Arc<dyn Filter>>) -> Self {
        Self { filters }
    }

    /// The filters, first to last.
    pub fn filters(&self) -> &[Arc<dyn Filter>] {
        &self.filters
    }

    /// That it can work on a picture by itself.
    ///
    /// # Errors
    /// `Usage`: a filter works over the frames of a clip.
    pub fn suits_stills(&self) -> Result<()> {
        match self.filters.iter().find(|filter| filter.over_time()) {
            Some(filter) => Err(Error::usage(format!(
                "{filter} works over the frames of a clip, and a picture has no others; \
                 `lumaloom video` takes clips"
            ))),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Chain {
    /// The chain as text that parses to the same chain.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, filter) in self.filters.iter().enumerate() {
            if i > 0 {
                f.write_str(",")?;
            }
            write!(f, "{filter}")?;
        }
        Ok(())
    }
}

/// What is known of a frame before it is decoded, and what its decoder can do.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The frame as it is stored.
    pub layout: Layout,
    /// What turns it upright; done before the chain.
    pub orientation: Dihedral,
    /// The embedded colour profile.
    pub icc: Option<&'a [u8]>,
    /// A curve for each colour component after the chain, where the output's format holds other
    /// numbers than the source's (light, not codes).
    pub finish: Option<fn(f64) -> f64>,
    /// What the decoder may be asked to leave out.
    pub decoder: Decoder,
}

/// What a decoder can leave out when nobody needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decoder {
    /// Nothing.
    Whole,
    /// Chroma, and detail by decoding at 1/2, 1/4 or 1/8 of the size: JPEG.
    Scaling,
}

/// May a reduction begin in the decoder?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shrink {
    /// Where the chain starts with a resize to at most half of the decoder's size.
    Auto,
    /// Never.
    Off,
}

/// What the decoder is to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hint {
    /// Only luma is needed.
    pub luma_only: bool,
    /// Decode at 1/`shrink` of the size, sides rounded up: 1, 2, 4 or 8.
    pub shrink: u8,
}

impl Hint {
    /// The picture as it is stored.
    pub const WHOLE: Self = Self { luma_only: false, shrink: 1 };
}

/// How a chain is put on frames of one layout. Made once, used for each frame, by any thread.
pub struct Plan {
    header: Layout,
    input: Layout,
    output: Layout,
    hint: Hint,
    profile: ProfileChange,
    passes: Vec<Pass>,
    program: Program,
}

impl Plan {
    /// Plans `chain` for frames like `source`. `fit` says what the output's format can hold of
    /// the layout that the chain leaves. Errors: a filter that cannot work on this size, a
    /// result that is no frame, or a filter over time, which only a [`Score`] has a place for.
    pub fn new(
        chain: &Chain,
        source: &Input<'_>,
        fit: &dyn Fn(Layout) -> Layout,
        media: Media,
        shrink: Shrink,
    ) -> Result<Self> {
        let compiled = compile(chain, source, media)?;
        if compiled.ops.iter().any(|op| matches!(op, Op::Time(_))) {
            return Err(Error::internal("a plan is for one frame and the chain needs several"));
        }
        Self::of(compiled, source, fit, media, shrink)
    }

    /// The plan of operations, none of them over time.
    fn of(
        compiled: Compiled,
        source: &Input<'_>,
        fit: &dyn Fn(Layout) -> Layout,
        media: Media,
        shrink: Shrink,
    ) -> Result<Self> {
        let Compiled { mut ops, profile } = compiled;
        resize_before_turn(&mut ops);
        let mut hint = Hint::WHOLE;
        let mut input = source.layout;
        if (source.decoder, shrink) == (Decoder::Scaling, Shrink::Auto) {
            hint.shrink = decoder_scale(&ops, input.size());
            input = input.with_size(scaled(input.size(), hint.shrink))?;
        }
        let natural = natural_output(&ops, Rep::of(&input), media).layout(input.depth())?;
        let output = fit(natural);
        let planned = |input: &Layout| passes(&ops, Rep::of(input), Rep::of(&output), media);
        let mut steps = planned(&input);
        if source.decoder == Decoder::Scaling && needs_luma_only(&steps) {
            hint.luma_only = true;
            input = input.with_model(Model::Gray)?;
            steps = planned(&input);
        }
        let program = Program::new(&steps, &input, &output);
        Ok(Self { header: source.layout, input, output, hint, profile, passes: steps, program })
    }

    /// What the decoder is to give.
    pub fn hint(&self) -> Hint {
        self.hint
    }

    /// The layout of the frames that `apply` takes.
    pub fn input(&self) -> &Layout {
        &self.input
    }

    /// The layout of the frames that `apply` gives.
    pub fn output(&self) -> &Layout {
        &self.output
    }

    /// What becomes of the embedded colour profile.
    pub fn profile(&self) -> ProfileChange {
        self.profile
    }

    /// True if frames leave as they came.
    fn changes_nothing(&self) -> bool {
        self.passes.is_empty() && self.input == self.output
    }

    /// True if the rows of the output run along the columns of the stored picture: an odd number
    /// of its turns transpose.
    pub fn swaps_axes(&self) -> bool {
        let transposes = |pass: &&Pass| matches!(pass, Pass::Geometry { geometry: Geometry::Turn(turn), .. } if turn.transpose);
        self.passes.iter().filter(transposes).count() % 2 == 1
    }

    /// The most bytes that are held at once while a frame is computed: input, intermediates,
    /// output, and the rows around the one being made, in each of the bands that `threads`
    /// threads compute side by side; 1 for [`Bands::One`]. What is written over what comes has no
    /// output of its own.
    pub fn peak_bytes(&self, threads: usize) -> u64 {
        let pictures = match &self.program.direct {
            Some(_) => self.input.bytes().max(self.output.bytes()),
            None if self.program.in_place && threads == 1 => self.input.bytes(),
            None => self.input.bytes() + self.output.bytes(),
        };
        pictures + self.program.intermediate_bytes() + self.program.held_bytes(threads)
    }

    /// The largest size that the chain makes on its way, the result's included.
    pub fn largest(&self) -> Size {
        let sizes = self.passes.iter().map(|pass| pass.to().size);
        sizes.max_by_key(|size| size.pixels()).unwrap_or(self.output.size())
    }
}

/// A chain's operations for frames of one layout.
struct Compiled {
    ops: Vec<Op>,
    profile: ProfileChange,
}

/// The chain's operations for this frame, with the turn upright in front.
fn compile(chain: &Chain, source: &Input<'_>, media: Media) -> Result<Compiled> {
    if media == Media::Still {
        chain.suits_stills()?;
    }
    let mut ops = Vec::new();
    let mut profile = ProfileChange::Keep;
    if !source.orientation.is_identity() {
        ops.push(Op::Geometry(Geometry::Turn(source.orientation)));
    }
    for filter in chain.filters() {
        let layout = natural_output(&ops, Rep::of(&source.layout), media);
        // Each filter sees the frame as the ones before it leave it; it stays in its model.
        let layout = source.layout.with_size(layout.size)?;
        let icc = if profile == ProfileChange::Keep { source.icc } else { None };
        ops.extend(filter.compile(&Context { layout, icc })?);
        if filter.profile() == ProfileChange::Srgb {
            profile = ProfileChange::Srgb;
        }
    }
    if let Some(finish) = source.finish {
        let curve = Curve::function(finish);
        let map = Map::Curves([curve.clone(), curve.clone(), curve]);
        ops.push(Op::Point(Point { space: Space::Rgb, map }));
    }
    Ok(Compiled { ops, profile })
}

/// A turn followed by a resize is the same as a resize followed by a turn, and a reduced
/// picture is turned sooner.
fn resize_before_turn(ops: &mut [Op]) {
    let [Op::Geometry(Geometry::Turn(turn)), Op::Geometry(Geometry::Resize { to, kernel }), ..] =
        ops
    else {
        return;
    };
    let (turn, kernel) = (*turn, *kernel);
    let to = turn.size(*to);
    ops[0] = Op::Geometry(Geometry::Resize { to, kernel });
    ops[1] = Op::Geometry(Geometry::Turn(turn));
}

/// The largest scale of 8, 4 and 2 that leaves the decoder's picture at least twice as large as
/// what a resize at the chain's start makes of it.
fn decoder_scale(ops: &[Op], size: Size) -> u8 {
    let Some(Op::Geometry(Geometry::Resize { to, kernel })) = ops.first() else { return 1 };
    if *kernel == Kernel::Nearest {
        return 1;
    }
    let enough = |shrink: &u8| {
        let scaled = scaled(size, *shrink);
        scaled.width >= 2 * to.width && scaled.height >= 2 * to.height
    };
    [8, 4, 2].into_iter().find(enough).unwrap_or(1)
}

fn scaled(size: Size, shrink: u8) -> Size {
    let shrink = u32::from(shrink);
    Size::new(size.width.div_ceil(shrink), size.height.div_ceil(shrink))
}

/// True if the passes come from planes to grey without a look at chroma.
fn needs_luma_only(passes: &[Pass]) -> bool {
    for pass in passes {
        let on_planes = match pass {
            Pass::Run(run) => match run.from.kind {
                Kind::Gray => return true,
                Kind::Planes(_) => matches!(run.path, Path::Planes(_)),
                _ => false,
            },
            Pass::Area { rep, .. } => matches!(rep.kind, Kind::Planes(_) | Kind::Gray),
            Pass::Geometry { from, .. } => matches!(from.kind, Kind::Planes(_) | Kind::Gray),
        };
        if !on_planes {
            return false;
        }
        if pass.to().kind == Kind::Gray {
            return true;
        }
    }
    false
}
