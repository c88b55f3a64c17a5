//! What ffmpeg is told to make of frames where `--pix-fmt` or an encoder wants others, and what
//! those mean.

use super::named::{Family, grid, is_named_full};
use super::stream::ColorTags;
use super::word::{matrix_word, range_word, siting_word};
use crate::frame::{Matrix, Range, Siting, Subsampling};

/// A conversion by ffmpeg's scaler.
///
/// Left to itself the scaler moves full range to limited on the way to most planar formats, takes
/// BT.601 for any matrix that is not said and chroma for centred, with tags that do not follow, and
/// mixes the fields of interlaced 4:2:0 (5.1 and 9.0).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Conversion {
    /// The filter, with the format to come to.
    pub filter: String,
    /// What the frames say after it.
    pub color: ColorTags,
}

/// Frames before a conversion.
#[derive(Clone, Copy, Debug)]
pub(super) struct Given<'a> {
    /// ffmpeg's name of their format.
    pub format: &'a str,
    /// What they say of their colour.
    pub color: &'a ColorTags,
    /// The range, if they are YCbCr.
    pub range: Range,
    /// Where their chroma lies, if it is subsampled.
    pub siting: Siting,
    /// The field that comes first in each, in the words of `setfield`, where frames may not say so
    /// themselves.
    pub field: Option<&'static str>,
}

/// What frames are to become. What a goal does not say YCbCr keeps, on the grid that it has; what
/// becomes YCbCr is limited then, and new chroma lies on the left.
#[derive(Clone, Copy, Debug)]
pub(super) struct Goal<'a> {
    /// ffmpeg's name of the format.
    pub format: &'a str,
    /// The range, where the format's name does not say it.
    pub range: Option<Range>,
    /// The matrix.
    pub matrix: Option<Matrix>,
    /// Where chroma lies.
    pub siting: Option<Siting>,
}

/// Steps between YCbCr of two kinds, where the scaler would leave the matrix or the place of
/// chroma as it was; finer than what comes and goes.
const RGB: &str = "gbrp16le";
const WHOLE_CHROMA: &str = "yuv444p16le";

impl<'a> Goal<'a> {
    /// The format of this name, and nothing else.
    pub(super) fn format(format: &'a str) -> Self {
        Self { format, range: None, matrix: None, siting: None }
    }
}

impl Conversion {
    /// The conversion to a goal. `matrix` is asked for the one that YCbCr has, or is to have where
    /// the goal does not say, if it plays a part.
    pub(super) fn new(given: &Given<'_>, goal: &Goal<'_>, matrix: impl FnOnce() -> Matrix) -> Self {
        let (had, has) = (grid(given.format), grid(goal.format));
        if [given.format, goal.format].map(Family::of) != [Family::Ycbcr; 2] {
            return Self::direct(given, goal, Some(matrix()));
        }
        let own = goal.matrix.map(|_| matrix());
        let siting = goal.siting.filter(|_| had == has && had != Subsampling::S444);
        let step = match siting {
            _ if goal.matrix != own => RGB,
            Some(siting) if siting != given.siting => WHOLE_CHROMA,
            _ => return Self::direct(given, goal, None),
        };
        let first = Self::direct(given, &Goal::format(step), own);
        let range = Some(goal.range.unwrap_or(given.range));
        // The fields were said.
        let between = Given { format: step, color: &first.color, field: None, ..*given };
        let then = Self::direct(&between, &Goal { range, ..*goal }, goal.matrix);
        Self { filter: format!("{},{}", first.filter, then.filter), color: then.color }
    }

    /// By one scaler.
    fn direct(given: &Given<'_>, goal: &Goal<'_>, matrix: Option<Matrix>) -> Self {
        let to = goal.format;
        let (from, into) = (Family::of(given.format), Family::of(to));
        let (had, has) = (grid(given.format), grid(to));
        let usual = if from == Family::Ycbcr { given.range } else { Range::Limited };
        let comes_to = if is_named_full(to) { Range::Full } else { goal.range.unwrap_or(usual) };
        // With both ends YCbCr it stays.
        let matrix = matrix.filter(|_| (from, into) != (Family::Ycbcr, Family::Ycbcr));
        // A chroma grid that stays keeps its place.
        let kept = if had == has { given.siting } else { Siting::Left };
        let siting = goal.siting.unwrap_or(kept);
        let mut how =
            vec![side("in", from, given.range, matrix), side("out", into, comes_to, matrix)];
        if had != has {
            how.extend([place("in", had, given.siting), place("out", has, siting)]);
        }
        how.retain(|side| !side.is_empty());
        let how: String = how.iter().map(|side| format!("{side}:")).collect();
        let field = given.field.map_or(String::new(), |first| format!("setfield={first},"));
        // The same on every processor, and no chroma is dropped on the way to RGB.
        let filter = format!(
            "{field}scale={how}interl=-1:flags=bicubic+accurate_rnd+full_chroma_int+bitexact,\
             format={to}"
        );
        Self { filter, color: tags(given, (from, into), (to, siting), comes_to, matrix) }
    }
}

/// The scaler's options for the colour of one end.
fn side(end: &str, family: Family, range: Range, matrix: Option<Matrix>) -> String {
    match family {
        Family::Rgb => String::new(),
        Family::Gray => format!("{end}_range=full"),
        Family::Ycbcr => {
            let matrix = matrix.map(|matrix| match matrix {
                Matrix::Bt601 => "bt601",
                Matrix::Bt709 => "bt709",
                Matrix::Bt2020 => "bt2020",
            });
            let matrix = matrix.map(|matrix| format!(":{end}_color_matrix={matrix}"));
            format!("{end}_range={}{}", range_word(range), matrix.unwrap_or_default())
        }
    }
}

/// The scaler's options for the place of the chroma of one end, in 1/256 of a luma pixel. What is
/// not said is in the middle, which in frames of two fields is another place for each of them.
fn place(end: &str, grid: Subsampling, siting: Siting) -> String {
    let across = grid.h > 0 && siting != Siting::Center;
    let down = grid.v > 0 && siting == Siting::TopLeft;
    let places = [(across, "h"), (down, "v")];
    let places = places.iter().filter(|(said, _)| *said);
    places.map(|(_, axis)| format!("{end}_{axis}_chr_pos=0")).collect::<Vec<_>>().join(":")
}

/// What is said of converted frames. Primaries and transfer are the same in any form.
fn tags(
    given: &Given<'_>,
    families: (Family, Family),
    (to, siting): (&str, Siting),
    range: Range,
    matrix: Option<Matrix>,
) -> ColorTags {
    let own = given.color.clone();
    let said = Some(range_word(range).to_owned());
    // Of other grids there is no word for the place.
    let kept = match (own.siting, families.0) {
        // What was not said stays unsaid.
        (None, Family::Ycbcr) if grid(given.format) == grid(to) => None,
        _ => (grid(to) == Subsampling::S420).then(|| siting_word(siting).to_owned()),
    };
    let own = ColorTags { siting: kept, ..given.color.clone() };
    match families {
        // It was taken as limited.
        (Family::Ycbcr, Family::Ycbcr) if range == Range::Limited && own.range.is_none() => own,
        (Family::Ycbcr, Family::Ycbcr) => ColorTags { range: said, ..own },
        (_, Family::Ycbcr) => {
            let matrix = matrix.map(|matrix| matrix_word(matrix).to_owned());
            ColorTags { range: said, matrix, ..own }
        }
        (Family::Ycbcr, _) => ColorTags { range: None, matrix: None, ..own },
        _ => own,
    }
}
