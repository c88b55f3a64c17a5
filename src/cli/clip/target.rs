//! What a clip's work makes of its frames: frames for an encoder, or picture files.

use std::ffi::OsString;
use std::sync::Arc;

use lumaloom::codec::{EncodeOptions, Format, Limits};
use lumaloom::error::{Error, Result};
use lumaloom::ffmpeg::PixelFormat;
use lumaloom::frame::{BufferPool, Layout, Matrix, Model, Range};
use lumaloom::plan::Chain;
use lumaloom::source::Facts;
use lumaloom::work::{ClipWork, Incoming, Outgoing, Pictures};

use super::{Planned, Upright, turning};
use crate::cli::args::{MatrixArg, RangeArg};
use crate::cli::job::{MAX_PIXELS, word};
use crate::cli::words::option;

/// How frames leave.
#[derive(Clone, Debug)]
pub enum Target {
    /// As frames. Those of a clip stay what they are; of pictures frames are made as players
    /// expect them, or as is wished.
    Frames(Wish),
    /// As picture files of this format.
    Files(EncodeOptions, Format),
}

/// What frames that are made of pictures are to be.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    /// `--pix-fmt`.
    pub pix_fmt: Option<String>,
    /// `--colorspace`.
    pub matrix: Option<Matrix>,
    /// `--color-range`.
    pub range: Option<Range>,
}

/// What plays everywhere.
const PLAYABLE: &str = "yuv420p";

impl Wish {
    /// What the options say.
    pub fn new(pix_fmt: Option<&str>, matrix: Option<MatrixArg>, range: Option<RangeArg>) -> Self {
        let pix_fmt = pix_fmt.map(str::to_owned);
        Self { pix_fmt, matrix: matrix.map(MatrixArg::matrix), range: range.map(RangeArg::range) }
    }

    /// The options that mean this, as a person could type them.
    pub fn arguments(&self) -> Vec<OsString> {
        [
            option("--pix-fmt", self.pix_fmt.clone()),
            option("--colorspace", self.matrix.map(|m| word(MatrixArg::of(m)))),
            option("--color-range", self.range.map(|r| word(RangeArg::of(r)))),
        ]
        .concat()
    }

    fn format(&self) -> Result<PixelFormat> {
        PixelFormat::wished(self.pix_fmt.as_deref().unwrap_or(PLAYABLE))
    }

    fn layout(&self, of: Layout, format: PixelFormat) -> Layout {
        let size = of.size();
        // The size is one that a layout has.
        format.plain(size, self.matrix.unwrap_or(Matrix::usual(size)), self.range).unwrap_or(of)
    }
}

impl Target {
    /// Picture files if the options name a format, else frames.
    pub fn of(options: EncodeOptions, wish: Wish) -> Self {
        match options.format {
            Some(format) => Self::Files(options, format),
            None => Self::Frames(wish),
        }
    }

    /// The options that mean this, for the stage that works.
    pub fn arguments(&self) -> Vec<OsString> {
        match self {
            Self::Frames(wish) => wish.arguments(),
            Self::Files(options, format) => {
                let quality = options.quality.map(|quality| quality.to_string());
                [option("--format", Some(format.name())), option("--quality", quality)].concat()
            }
        }
    }

    /// What is to be said of pictures that become frames for an encoder.
    pub fn notes(&self, of: Layout, facts: &Facts) -> Vec<String> {
        let (Self::Frames(wish), Some(stills)) = (self, &facts.stills) else { return Vec::new() };
        let mut notes = Vec::new();
        if wish.pix_fmt.is_none() {
            let Ok(format) = wish.format() else { return notes };
            let Model::Ycbcr(to) = wish.layout(of, format).model() else { return notes };
            let (matrix, name) = (to.matrix.name(), format.name());
            let (lost, way) = match of.model().has_alpha() {
                true => (", without their transparency", "rgba keeps it"),
                false => ("", "says another"),
            };
            notes.push(format!(
                "pictures become {name}, {matrix}, {} range{lost} (--pix-fmt {way})",
                if to.range == Range::Full { "full" } else { "limited" }
            ));
        }
        if stills.icc.is_some() {
            notes.push("the pictures' colour profile is not kept (the filter icc converts)".into());
        }
        notes
    }
}

/// The work on frames like these, with everything that follows from them.
///
/// # Errors
/// `Usage`: a chain that cannot work on this size; a pixel format that we lack; a display matrix
/// that is neither a turn nor a flip and that the output cannot have.
pub fn work(
    chain: &Chain,
    (layout, facts): (Layout, &Facts),
    (target, upright): (&Target, Upright),
    threads: usize,
    pool: &Arc<BufferPool>,
) -> Result<Planned> {
    let minds = |turn| chain.commutes_with(turn, layout).map(|commutes| !commutes);
    let (turned, turn) = turning(facts.display, upright, minds)?;
    let stills = facts.stills.as_ref();
    let pictures = stills.map(|stills| {
        let format = Format::from_name(&stills.format).ok_or_else(|| {
            Error::usage(format!(
                "the stream is of {} pictures, which are not known",
                stills.format
            ))
        })?;
        let files = stills.coded.then_some(Limits { max_pixels: MAX_PIXELS });
        Ok::<_, Error>(Pictures { format, icc: stills.icc.clone(), files })
    });
    let orientation = stills.map_or(turned, |stills| stills.orientation);
    let incoming = Incoming { layout, orientation, stills: pictures.transpose()? };
    let new =
        |outgoing: &Outgoing<'_>| ClipWork::new(chain, &incoming, outgoing, threads, pool.clone());
    let (work, format) = match target {
        Target::Files(options, format) => (new(&Outgoing::Files(options.clone(), *format))?, None),
        Target::Frames(_) if stills.is_none() => (new(&Outgoing::Frames(&|layout| layout))?, None),
        Target::Frames(wish) => {
            let format = wish.format()?;
            let fit = |layout| wish.layout(layout, format);
            (new(&Outgoing::Frames(&fit))?, Some(format.name().to_owned()))
        }
    };
    Ok(Planned { work, turn, format })
}
