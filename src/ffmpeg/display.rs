//! The display matrix: how players are asked to turn, mirror or scale a picture as it is stored.

use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::container::has_extension;
use crate::filter::Dihedral;

/// One in the matrix's fractions of 16 bits.
const ONE: i32 = 1 << 16;
/// One in those of 30 bits, which the last column has.
const WHOLE: i32 = 1 << 30;

/// Row by row `a b u, c d v, x y w`: a point of the stored picture comes to
/// `(a*px + c*py + x, b*px + d*py + y)` on the screen. All are fractions of 16 bits, but `u`, `v`
/// and `w` of 30.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DisplayMatrix([i32; 9]);

impl DisplayMatrix {
    /// What ffprobe prints: three lines of an offset and three numbers each.
    pub fn parse(text: &str) -> Option<Self> {
        let rows = text.lines().filter_map(|line| line.split_once(':'));
        let numbers = rows.flat_map(|(_, row)| row.split_ascii_whitespace());
        let numbers: Vec<i32> = numbers.map(|n| n.parse().ok()).collect::<Option<_>>()?;
        numbers.try_into().ok().map(Self)
    }

    /// Its nine numbers.
    pub const fn numbers(self) -> [i32; 9] {
        self.0
    }

    /// The exact turn or flip that it asks for; `None` where it asks for something else: another
    /// angle, another size. Where the picture lands is not looked at, as players do not either.
    pub fn turn(self) -> Option<Dihedral> {
        let [a, b, u, c, d, v, _, _, w] = self.0;
        if (u, v, w) != (0, 0, WHOLE) {
            return None;
        }
        let unit = |n: i32| n == ONE || n == -ONE;
        let (transpose, flip_x, flip_y) = match (a, b, c, d) {
            (a, 0, 0, d) if unit(a) && unit(d) => (false, a < 0, d < 0),
            (0, b, c, 0) if unit(b) && unit(c) => (true, c < 0, b < 0),
            _ => return None,
        };
        Some(Dihedral { transpose, flip_x, flip_y })
    }
}

impl fmt::Display for DisplayMatrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(Dihedral { transpose, flip_x, flip_y }) = self.turn() else {
            let [a, b, _, c, d, ..] = self.0.map(|n| f64::from(n) / f64::from(ONE));
            return write!(f, "the matrix {a:.3} {b:.3} {c:.3} {d:.3}");
        };
        f.write_str(match (transpose, flip_x, flip_y) {
            (false, false, false) => "nothing",
            (false, true, false) => "a horizontal flip",
            (false, false, true) => "a vertical flip",
            (false, true, true) => "a half turn",
            (true, false, false) => "a flip about the falling diagonal",
            (true, true, true) => "a flip about the rising diagonal",
            (true, true, false) => "a quarter turn clockwise",
            (true, false, true) => "a quarter turn counter-clockwise",
        })
    }
}

/// Extensions of the containers whose tracks have a matrix of their own. Matroska has another
/// kind of tag, which 5.1 neither reads nor writes.
const WITH_MATRIX: &[&str] = &["mp4", "m4v", "mov", "3gp", "3g2", "mj2"];

/// Whether a clip of this name can ask players to turn it.
pub fn keeps_matrix(out: &Path) -> bool {
    has_extension(out, WITH_MATRIX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(a: i32, b: i32, c: i32, d: i32) -> DisplayMatrix {
        DisplayMatrix([a * ONE, b * ONE, 0, c * ONE, d * ONE, 0, 0, 0, WHOLE])
    }

    #[test]
    fn what_ffprobe_prints_is_read() {
        let text = "\n00000000:            0       65536           0\n\
                    00000001:       -65536           0           0\n\
                    00000002:            0           0  1073741824\n";
        assert_eq!(DisplayMatrix::parse(text), Some(matrix(0, 1, -1, 0)));
        for text in ["", "0: 1 2 3", "0: 1 2 3\n1: 4 5 6\n2: 7 8 x"] {
            assert_eq!(DisplayMatrix::parse(text), None, "{text}");
        }
    }

    #[test]
    fn turns_and_flips_are_told_from_the_rest() {
        // A phone held upright: shown turned clockwise, as EXIF's 6.
        for (numbers, exif) in [
            ((1, 0, 0, 1), 1),
            ((-1, 0, 0, 1), 2),
            ((-1, 0, 0, -1), 3),
            ((1, 0, 0, -1), 4),
            ((0, 1, 1, 0), 5),
            ((0, 1, -1, 0), 6),
            ((0, -1, -1, 0), 7),
            ((0, -1, 1, 0), 8),
        ] {
            let (a, b, c, d) = numbers;
            assert_eq!(matrix(a, b, c, d).turn(), Some(Dihedral::from_exif(exif)), "{numbers:?}");
        }
        let oblique = DisplayMatrix([56755, -32767, 0, 32767, 56755, 0, 0, 0, WHOLE]);
        assert_eq!(oblique.turn(), None);
        assert_eq!(oblique.to_string(), "the matrix 0.866 -0.500 0.500 0.866");
        assert_eq!(matrix(2, 0, 0, 2).turn(), None, "twice as large");
    }

    #[test]
    fn the_name_says_whether_there_is_a_matrix() {
        assert!(keeps_matrix(Path::new("a.MP4")) && keeps_matrix(Path::new("a.part.mov")));
        assert!(!keeps_matrix(Path::new("a.mkv")) && !keeps_matrix(Path::new("mp4")));
    }
}
