//! What ffmpeg is told to make of frames where `--pix-fmt` asks for others, and what those mean.

use super::pixels::{Wishes, matrix_of, matrix_word, range_of, range_word};
use super::stream::{ColorTags, Video};
use crate::frame::{Matrix, Range};

/// A conversion by ffmpeg's scaler in the decoder.
///
/// Left to itself the scaler moves full range to limited on the way to most planar formats and
/// takes BT.601 for any matrix that is not said, with tags that do not follow (5.1 and 9.0).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Conversion {
    /// The filter, without the format to come to.
    pub filter: String,
    /// What the frames say after it.
    pub color: ColorTags,
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
    /// The conversion of frames of `video` to the format of this name. YCbCr keeps its range and
    /// its matrix; what becomes YCbCr is of the matrix that is wished, or usual for its size.
    /// `notes` gets what was assumed.
    pub(super) fn new(video: &Video, to: &str, wishes: &Wishes, notes: &mut Vec<String>) -> Self {
        let own = video.pix_fmt.as_deref().unwrap_or_default();
        let (from, into) = (Family::of(own), Family::of(to));
        let (range, matrix) = match (from, into) {
            // The matrix plays no part.
            (Family::Ycbcr, Family::Ycbcr) => (range_of(video, wishes), None),
            (Family::Ycbcr, _) => {
                let matrix =
                    wishes.matrix.unwrap_or_else(|| matrix_of(&video.color, video.size, notes));
                (range_of(video, wishes), Some(matrix))
            }
            _ => {
                let matrix = wishes.matrix.unwrap_or(Matrix::usual(video.size));
                (wishes.range.unwrap_or(Range::Limited), Some(matrix))
            }
        };
        let comes_to = if is_named_full(to) { Range::Full } else { range };
        let (read, write) = (side("in", from, range, matrix), side("out", into, comes_to, matrix));
        let how = [read, write].into_iter().filter(|side| !side.is_empty());
        let how: String = how.map(|side| format!("{side}:")).collect();
        // The same on every processor, and no chroma is dropped on the way to RGB.
        let filter = format!("scale={how}flags=bicubic+accurate_rnd+full_chroma_int+bitexact");
        Self { filter, color: tags(video, (from, into), comes_to, matrix) }
    }
}

/// The scaler's options for one end.
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

/// What is said of converted frames. Primaries and transfer are the same in any form.
fn tags(
    video: &Video,
    families: (Family, Family),
    range: Range,
    matrix: Option<Matrix>,
) -> ColorTags {
    let own = video.color.clone();
    let said = Some(range_word(range).to_owned());
    match families {
        // What was not said stays unsaid: it was taken as limited.
        (Family::Ycbcr, Family::Ycbcr) if range == Range::Limited && own.range.is_none() => own,
        (Family::Ycbcr, Family::Ycbcr) => ColorTags { range: said, ..own },
        (_, Family::Ycbcr) => ColorTags {
            range: said,
            matrix: matrix.map(|matrix| matrix_word(matrix).to_owned()),
            siting: Some("left".into()),
            ..own
        },
        (Family::Ycbcr, _) => ColorTags { range: None, matrix: None, siting: None, ..own },
        _ => own,
    }
}

/// Whether a format is full range by its name.
pub(super) fn is_named_full(format: &str) -> bool {
    format.starts_with("yuvj")
}
