//! What an encoder is told of the colour of its frames, and what is made of those that it does not
//! take.

use std::fmt;
use std::str::FromStr;

use super::{Encode, Origin};
use crate::ffmpeg::convert::{Conversion, Given, Goal};
use crate::ffmpeg::named::{Family, grid, has_alpha, is_named_full};
use crate::ffmpeg::stream::{ColorTags, Video};
use crate::ffmpeg::word::{matrix_named, matrix_word, range_word, siting_named, siting_word};
use crate::frame::{Matrix, Model, Range, Siting, Subsampling};

/// What an encoder takes. As text it is the format, and behind it what is there of the rest in
/// ffmpeg's words, as in `yuvj420p/smpte170m/center/whole`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Takes {
    /// ffmpeg's name of the pixel format.
    pub format: String,
    /// What its files are read as, where YCbCr frames were said to be otherwise. Those that cannot
    /// say that the range is full are limited to players, JPEG is BT.601 with its chroma in the
    /// middle.
    pub read: Read,
    /// Whether it does not go with the options for frames of two fields.
    pub whole: bool,
}

/// What YCbCr frames are read as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Read {
    /// The range.
    pub range: Option<Range>,
    /// The matrix.
    pub matrix: Option<Matrix>,
    /// Where chroma lies.
    pub siting: Option<Siting>,
}

const WHOLE: &str = "whole";

impl Takes {
    /// Whether the format has alpha.
    pub fn has_alpha(&self) -> bool {
        has_alpha(&self.format)
    }
}

impl fmt::Display for Takes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Read { range, matrix, siting } = self.read;
        let words = [range.map(range_word), matrix.map(matrix_word), siting.map(siting_word)];
        let words = words.into_iter().chain([self.whole.then_some(WHOLE)]).flatten();
        f.write_str(&self.format)?;
        words.into_iter().try_for_each(|word| write!(f, "/{word}"))
    }
}

impl FromStr for Takes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut words = text.split('/');
        let mut takes =
            Self { format: words.next().unwrap_or_default().to_owned(), ..Self::default() };
        for word in words {
            let range = [Range::Full, Range::Limited].into_iter().find(|r| range_word(*r) == word);
            let known = (range, matrix_named(word), siting_named(word));
            match known {
                (Some(_), _, _) => takes.read.range = range,
                (_, Some(matrix), _) => takes.read.matrix = Some(matrix),
                (_, _, Some(siting)) => takes.read.siting = Some(siting),
                _ if word == WHOLE => takes.whole = true,
                _ => return Err(format!("{word} is nothing that an encoder takes")),
            }
        }
        Ok(takes)
    }
}

impl Encode<'_> {
    /// How the output says its colour.
    pub fn coded_color(&self) -> ColorTags {
        self.conversion().map_or_else(|| self.color.clone(), |conversion| conversion.color)
    }

    /// What is to be said where the encoder, of this name, takes other frames than there are.
    pub fn remark(&self, encoder: &str) -> Option<String> {
        let Takes { format: takes, read, .. } = self.takes.as_ref()?;
        let (given, conversion) = (self.given(), self.conversion());
        let lost = self.layout.model().has_alpha() && !has_alpha(takes);
        let kin = self.format.is_kin_of(takes) || conversion.is_none() && !lost;
        let refused = [
            (given != takes && !kin).then_some(given),
            read.range.map(|_| "full range"),
            read.matrix.map(|_| self.meaning().1.name()),
            read.siting.map(|_| match self.meaning().2 {
                Siting::Center => "chroma in the middle",
                Siting::Left => "chroma on the left",
                Siting::TopLeft => "chroma at the top left",
            }),
        ];
        let refused: Vec<&str> = refused.into_iter().flatten().collect();
        if refused.is_empty() {
            return None;
        }
        let color = conversion.map(|conversion| conversion.color).unwrap_or_default();
        let matrix = color.matrix.as_deref().and_then(matrix_named);
        let matrix = matrix.map_or(String::new(), |matrix| format!(", {}", matrix.name()));
        let range = match color.range.as_deref() {
            Some("pc") => ", full range",
            Some(_) => ", limited range",
            None => "",
        };
        let lost = if lost { ", without their transparency" } else { "" };
        let refused = refused.join(", no ");
        Some(format!(
            "{encoder} takes no {refused}: frames are encoded as {takes}{matrix}{range}{lost} \
             (--pix-fmt or another --codec decide)"
        ))
    }

    /// ffmpeg's name of what the encoder is to be given: of the frames as their clip had them.
    pub(super) fn given(&self) -> &'static str {
        self.format.encoder().unwrap_or(self.format.pipe())
    }

    /// What makes what the encoder takes of our frames. Between orders and depths of RGB, and of
    /// what is grey, ffmpeg needs no help.
    fn conversion(&self) -> Option<Conversion> {
        let Takes { format: takes, read, .. } = self.takes.as_ref()?;
        let given = self.given();
        let families = (Family::of(given), Family::of(takes));
        let full = self.color.range.as_deref() == Some("pc");
        let is_full = |format: &str| full || is_named_full(format);
        let alike = match families {
            (Family::Ycbcr, Family::Ycbcr) => {
                let bare = |format: &str| format.replacen("yuvj", "yuv", 1);
                bare(given) == bare(takes) && is_full(given) == is_full(takes)
            }
            (from, into) => from == into,
        };
        if alike && *read == Read::default() {
            return None;
        }
        let (range, matrix, siting) = self.meaning();
        // Fields are said of the frames before.
        let (format, color, field) = (self.format.pipe(), &self.color, None);
        let given = Given { format, color, range, siting, field };
        let Read { range, matrix: comes_to, siting } = *read;
        let goal = Goal { format: takes, range, matrix: comes_to, siting };
        // What is not YCbCr has none of its own.
        let own = if families.0 == Family::Ycbcr { matrix } else { comes_to.unwrap_or(matrix) };
        Some(Conversion::new(&given, &goal, || own))
    }

    /// What frames are, or are to become where they are not YCbCr.
    fn meaning(&self) -> (Range, Matrix, Siting) {
        match self.layout.model() {
            Model::Ycbcr(y) => (y.range, y.matrix, y.siting),
            _ => (Range::Full, Matrix::usual(self.layout.size()), Siting::Left),
        }
    }

    /// What a file of frames that became this format is read as, where they were said to be
    /// otherwise.
    pub(super) fn misread(&self, format: &str, file: &Video) -> Read {
        if Family::of(format) != Family::Ycbcr {
            return Read::default();
        }
        let (due, is) = (self.coded_color(), &file.color);
        let (_, matrix, siting) = self.meaning();
        let word = |tag: &Option<String>| tag.clone().unwrap_or_default();
        let named = file.pix_fmt.as_deref().is_some_and(is_named_full);
        let full = named || word(&is.range) == "pc";
        let matrix = matrix_named(&word(&due.matrix)).unwrap_or(matrix);
        let siting = siting_named(&word(&due.siting)).unwrap_or(siting);
        let placed = grid(format) != Subsampling::S444;
        Read {
            range: (word(&due.range) == "pc" && !full).then_some(Range::Limited),
            matrix: matrix_named(&word(&is.matrix)).filter(|is| *is != matrix),
            siting: siting_named(&word(&is.siting)).filter(|is| placed && *is != siting),
        }
    }

    /// What players do not learn from a file and will not guess.
    pub(super) fn untold(&self, file: &Video) -> Vec<String> {
        let (due, is) = (self.coded_color(), &file.color);
        let usual = matrix_word(Matrix::usual(self.layout.size()));
        let matrix = due
            .matrix
            .filter(|due| is.matrix.is_none() && matrix_named(due) != matrix_named(usual));
        let light = |word: &String| ["smpte2084", "arib-std-b67"].contains(&word.as_str());
        let transfer = due.transfer.filter(|due| is.transfer.is_none() && light(due));
        let tags = [("matrix", matrix), ("transfer", transfer)];
        tags.into_iter().filter_map(|(name, tag)| Some(format!("its {name}, {}", tag?))).collect()
    }

    /// What the encoder takes, if it is not what we have, and filters that change no pixel: NUT
    /// carries neither colour nor fields nor times below 0. The user's own come last, since an
    /// encoder on a graphics card may want its frames there.
    pub(super) fn filters(&self) -> Vec<String> {
        let mut filters = Vec::new();
        filters.extend(setparams(&self.color));
        filters.extend(self.field().map(|field| format!("setfield={field}")));
        if let Some(Conversion { filter, color }) = self.conversion() {
            filters.push(filter);
            let rgb = self.takes.iter().any(|takes| Family::of(&takes.format) == Family::Rgb);
            // What was said before it would stay.
            let said =
                if rgb { Some("setparams=range=pc:colorspace=gbr".to_owned()) } else { None };
            filters.extend(said.or_else(|| setparams(&color)));
        }
        let back = if self.origin == Origin::Clip { self.shift() } else { 0 };
        if back > 0 {
            filters.push(format!("setpts=PTS-{back}"));
        }
        filters.extend(self.after.clone());
        filters
    }
}

/// The filter that says this of frames.
fn setparams(color: &ColorTags) -> Option<String> {
    let tags = [
        ("range", &color.range),
        ("colorspace", &color.matrix),
        ("color_primaries", &color.primaries),
        ("color_trc", &color.transfer),
    ];
    let said = tags.iter().filter_map(|(name, tag)| Some(format!("{name}={}", tag.as_ref()?)));
    let said: Vec<String> = said.collect();
    (!said.is_empty()).then(|| format!("setparams={}", said.join(":")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_encoder_takes_survives_the_way_through_a_command_line() {
        let read = Read {
            range: Some(Range::Limited),
            matrix: Some(Matrix::Bt601),
            siting: Some(Siting::Center),
        };
        let all = Takes { format: "yuvj420p".into(), read, whole: true };
        assert_eq!(all.to_string(), "yuvj420p/tv/smpte170m/center/whole");
        for takes in [all, Takes { format: "gbrp".into(), ..Takes::default() }] {
            assert_eq!(takes.to_string().parse(), Ok(takes));
        }
        assert!("yuv420p/sideways".parse::<Takes>().unwrap_err().contains("sideways"));
    }
}
