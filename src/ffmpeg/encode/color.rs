//! What an encoder is told of the colour of its frames, and what is made of those that it does not
//! take.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use super::{Encode, Origin};
use crate::ffmpeg::convert::{Conversion, Family, Given, is_named_full};
use crate::ffmpeg::pixels::matrix_named;
use crate::ffmpeg::stream::ColorTags;
use crate::frame::{Matrix, Model, Range, Siting};

/// What an encoder takes. As text it is the format, and `/limited` behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Takes {
    /// ffmpeg's name of the pixel format.
    pub format: String,
    /// Whether it cannot say that YCbCr has its full range, so that players take it as limited.
    pub limited: bool,
}

const LIMITED: &str = "/limited";

impl fmt::Display for Takes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.format, if self.limited { LIMITED } else { "" })
    }
}

impl FromStr for Takes {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        let (format, limited) = match text.strip_suffix(LIMITED) {
            Some(format) => (format, true),
            None => (text, false),
        };
        Ok(Self { format: format.to_owned(), limited })
    }
}

impl Encode<'_> {
    /// How the output says its colour.
    pub fn coded_color(&self) -> ColorTags {
        self.conversion().map_or_else(|| self.color.clone(), |conversion| conversion.color)
    }

    /// What is to be said where the encoder, of this name, takes other frames than there are.
    pub fn remark(&self, encoder: &str) -> Option<String> {
        let Takes { format: takes, limited } = self.takes.as_ref()?;
        let given = self.format.encoder().unwrap_or(self.format.pipe());
        let lost = self.layout.model().has_alpha() && !has_alpha(takes);
        let kin = self.format.is_kin_of(takes) || self.conversion().is_none() && !lost;
        if (given == takes || kin) && !limited {
            return None;
        }
        let color = self.conversion().map(|conversion| conversion.color).unwrap_or_default();
        let matrix = color.matrix.as_deref().and_then(matrix_named);
        let matrix = matrix.map_or(String::new(), |matrix| format!(", {}", matrix.name()));
        let range = match color.range.as_deref() {
            Some("pc") => ", full range",
            Some(_) => ", limited range",
            None => "",
        };
        let lost = if lost { ", without their transparency" } else { "" };
        let why = if *limited { "full range" } else { given };
        Some(format!(
            "{encoder} takes no {why}: frames are encoded as {takes}{matrix}{range}{lost} \
             (--pix-fmt or another --codec decide)"
        ))
    }

    /// What makes what the encoder takes of our frames. Between orders and depths of RGB, and of
    /// what is grey, ffmpeg needs no help.
    pub(super) fn conversion(&self) -> Option<Conversion> {
        let Takes { format: takes, limited } = self.takes.as_ref()?;
        let given = self.format.encoder().unwrap_or(self.format.pipe());
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
        if alike && !limited {
            return None;
        }
        let (range, matrix, siting) = match self.layout.model() {
            Model::Ycbcr(y) => (y.range, y.matrix, y.siting),
            _ => (Range::Full, Matrix::usual(self.layout.size()), Siting::Left),
        };
        // Fields are said of the frames before.
        let (format, color, field) = (self.format.pipe(), &self.color, None);
        let given = Given { format, color, range, siting, field };
        let comes_to = if *limited { Some(Range::Limited) } else { None };
        Some(Conversion::new(&given, takes, comes_to, || matrix))
    }

    /// What the encoder takes, if it is not what we have, and filters that change no pixel: NUT
    /// carries neither colour nor fields nor times below 0.
    pub(super) fn filters(&self, conversion: Option<&Conversion>) -> Vec<String> {
        let mut filters = Vec::new();
        filters.extend(setparams(&self.color));
        filters.extend(self.field().map(|field| format!("setfield={field}")));
        if let Some(Conversion { filter, color }) = conversion {
            filters.push(filter.clone());
            let rgb = self.takes.iter().any(|takes| Family::of(&takes.format) == Family::Rgb);
            // What was said before it would stay.
            let said =
                if rgb { Some("setparams=range=pc:colorspace=gbr".to_owned()) } else { None };
            filters.extend(said.or_else(|| setparams(color)));
        }
        let back = if self.origin == Origin::Clip { self.shift() } else { 0 };
        if back > 0 {
            filters.push(format!("setpts=PTS-{back}"));
        }
        filters
    }
}

/// Whether a format has alpha, by ffmpeg's name.
fn has_alpha(format: &str) -> bool {
    let begins = |starts: &[&str]| starts.iter().any(|start| format.starts_with(start));
    begins(&[
        "yuva", "ya8", "ya16", "rgba", "bgra", "argb", "abgr", "gbrap", "ayuv", "vuya", "pal8",
    ])
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
