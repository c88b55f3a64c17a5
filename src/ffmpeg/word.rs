//! ffmpeg's words for what samples mean.

use crate::frame::{Matrix, Range, Siting};

/// ffmpeg's word of a range.
pub(super) fn range_word(range: Range) -> &'static str {
    match range {
        Range::Full => "pc",
        Range::Limited => "tv",
    }
}

/// ffmpeg's word of a matrix.
pub(super) fn matrix_word(matrix: Matrix) -> &'static str {
    match matrix {
        Matrix::Bt601 => "smpte170m",
        Matrix::Bt709 => "bt709",
        Matrix::Bt2020 => "bt2020nc",
    }
}

/// ffmpeg's word of a place of chroma.
pub(super) fn siting_word(siting: Siting) -> &'static str {
    match siting {
        Siting::Center => "center",
        Siting::Left => "left",
        Siting::TopLeft => "topleft",
    }
}

/// The matrix of a word of ffmpeg's, if it is one of ours.
pub(super) fn matrix_named(word: &str) -> Option<Matrix> {
    match word {
        "bt709" => Some(Matrix::Bt709),
        "smpte170m" | "bt470bg" => Some(Matrix::Bt601),
        "bt2020nc" => Some(Matrix::Bt2020),
        _ => None,
    }
}

/// The place of chroma of a word of ffmpeg's, if it is one of ours.
pub(super) fn siting_named(word: &str) -> Option<Siting> {
    [Siting::Center, Siting::Left, Siting::TopLeft].into_iter().find(|s| siting_word(*s) == word)
}

/// ITU-T H.273's number of a word of ffmpeg's; 2 is "unspecified".
pub(super) fn number(words: &[(&str, u8)], word: Option<&str>) -> u8 {
    let found = word.and_then(|word| words.iter().find(|(name, _)| *name == word));
    found.map_or(2, |(_, number)| *number)
}

/// Primaries with their numbers.
pub(super) const PRIMARIES: &[(&str, u8)] = &[
    ("bt709", 1),
    ("bt470m", 4),
    ("bt470bg", 5),
    ("smpte170m", 6),
    ("smpte240m", 7),
    ("film", 8),
    ("bt2020", 9),
    ("smpte428", 10),
    ("smpte431", 11),
    ("smpte432", 12),
    ("ebu3213", 22),
];

/// Transfer characteristics with theirs.
pub(super) const TRANSFERS: &[(&str, u8)] = &[
    ("bt709", 1),
    ("bt470m", 4),
    ("bt470bg", 5),
    ("smpte170m", 6),
    ("smpte240m", 7),
    ("linear", 8),
    ("log100", 9),
    ("log316", 10),
    ("iec61966-2-4", 11),
    ("bt1361e", 12),
    ("iec61966-2-1", 13),
    ("bt2020-10", 14),
    ("bt2020-12", 15),
    ("smpte2084", 16),
    ("smpte428", 17),
    ("arib-std-b67", 18),
];
