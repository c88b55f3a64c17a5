//! What ffmpeg is told to make of frames where `--pix-fmt` or an encoder wants others, and what
//! those mean.

use super::pixels::{matrix_word, range_word, siting_word};
use super::stream::ColorTags;
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

/// What the samples of a pixel format are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    /// Luma and chroma.
    Ycbcr,
    /// Red, green and blue, or a palette of them.
    Rgb,
    /// One value, with alpha or without.
    Gray,
}

impl Family {
    /// By ffmpeg's name: formats that there is no layout for can be converted, too.
    pub(super) fn of(format: &str) -> Self {
        const RGB: &[&str] =
            &["rgb", "bgr", "gbr", "argb", "abgr", "0rgb", "0bgr", "x2", "pal8", "bayer"];
        // `ya8` and its kin, but not `yuv`.
        const GRAY: &[&str] = &["gray", "ya8", "ya16", "mono"];
        let is = |names: &[&str]| names.iter().any(|name| format.starts_with(name));
        match () {
            () if is(RGB) => Self::Rgb,
            () if is(GRAY) => Self::Gray,
            () => Self::Ycbcr,
        }
    }
}

impl Conversion {
    /// The conversion to the format of this name. YCbCr keeps its range unless another `comes_to`,
    /// what becomes YCbCr is limited unless it does. `matrix` is asked for the one that YCbCr has, or is to have, where
    /// it plays a part.
    pub(super) fn new(
        given: &Given<'_>,
        to: &str,
        comes_to: Option<Range>,
        matrix: impl FnOnce() -> Matrix,
    ) -> Self {
        let (from, into) = (Family::of(given.format), Family::of(to));
        let usual = if from == Family::Ycbcr { given.range } else { Range::Limited };
        let comes_to = comes_to.unwrap_or(usual);
        let matrix = (from != Family::Ycbcr || into != Family::Ycbcr).then(matrix);
        let comes_to = if is_named_full(to) { Range::Full } else { comes_to };
        let (had, has) = (grid(given.format), grid(to));
        // A chroma grid that stays keeps its place.
        let siting = if had == has { given.siting } else { Siting::Left };
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

/// Whether a format is full range by its name.
pub(super) fn is_named_full(format: &str) -> bool {
    format.starts_with("yuvj")
}

/// How a format subsamples chroma, by ffmpeg's name.
pub(super) fn grid(format: &str) -> Subsampling {
    let has = |signs: &[&str]| signs.iter().any(|sign| format.contains(sign));
    match () {
        () if Family::of(format) != Family::Ycbcr => Subsampling::S444,
        () if has(&["420", "nv12", "nv21", "p01"]) => Subsampling::S420,
        () if has(&["422", "nv16", "nv20", "p21"]) => Subsampling::S422,
        () if has(&["440"]) => Subsampling::S440,
        () if has(&["411"]) => Subsampling::S411,
        () if has(&["410"]) => Subsampling::S410,
        () => Subsampling::S444,
    }
}
