//! What the frames of a clip are, by its tags and the user's wishes; and tags for what frames are.

use serde::{Deserialize, Serialize};

use super::convert::{Conversion, Given, Goal};
use super::format::PixelFormat;
use super::named::{Family, grid, is_named_full};
use super::stream::{ColorTags, Video};
use super::word::{
    PRIMARIES, TRANSFERS, matrix_named, matrix_word, number, range_word, siting_named, siting_word,
};
use crate::error::{Error, Result};
use crate::frame::{Layout, Matrix, Model, Range, Siting, Size, Subsampling, Ycbcr};

/// How the frames of a clip cross the pipes, and what they mean.
#[derive(Clone, Debug, PartialEq)]
pub struct Pixels {
    layout: Layout,
    format: PixelFormat,
    color: ColorTags,
    filter: Option<String>,
    notes: Vec<String>,
}

/// What the user says against or beside the tags.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Wishes {
    /// `--pix-fmt`: what decoder and encoder convert to.
    pub pix_fmt: Option<String>,
    /// `--colorspace`: the matrix.
    pub matrix: Option<Matrix>,
    /// `--color-range`.
    pub range: Option<Range>,
}

impl Pixels {
    /// How the frames of `video` are taken.
    ///
    /// # Errors
    /// `Usage` naming `--pix-fmt` for a format without a lossless layout of ours, or for a
    /// `--pix-fmt` that we lack; `Input` for a size that no frame may have.
    pub fn of(video: &Video, wishes: &Wishes) -> Result<Self> {
        let format = match (&wishes.pix_fmt, &video.pix_fmt) {
            (Some(wish), _) => PixelFormat::wished(wish)?,
            (None, Some(own)) => PixelFormat::named(own)?,
            (None, None) => return Err(Error::input("its pixel format is not known to ffmpeg")),
        };
        let mut notes = Vec::new();
        let converted = video.pix_fmt.as_deref() != Some(format.name());
        let conversion = converted.then(|| converted_to(video, format, wishes, &mut notes));
        let (color, range, filter) = match conversion {
            Some(Conversion { color, filter }) => (color.clone(), tagged(&color), Some(filter)),
            None => (video.color.clone(), range_of(video, wishes), None),
        };
        let layout = format.layout(video.size, |shifts, always| {
            planar((&color, video.size), wishes, shifts, always.unwrap_or(range), &mut notes)
        })?;
        Ok(Self { layout, format, color, filter, notes })
    }

    /// What a frame in the pipes is.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// What was assumed for lack of a tag, or taken for something near it: worth saying once.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// How the frames say their colour.
    pub fn color(&self) -> &ColorTags {
        &self.color
    }

    /// ffmpeg's filter that makes such frames of the clip's, where those are others.
    pub(super) fn filter(&self) -> Option<&str> {
        self.filter.as_deref()
    }

    /// What crosses the pipes, in ffmpeg's words.
    pub fn format(&self) -> PixelFormat {
        self.format
    }
}

impl ColorTags {
    /// The tags that say what a layout's samples mean. Formats that are not YCbCr need none.
    pub fn of(layout: &Layout) -> Self {
        let Model::Ycbcr(ycbcr) = layout.model() else { return Self::default() };
        let word = |words: &[(&str, u8)], number: u8| {
            words.iter().find(|(_, n)| *n == number).map(|(word, _)| (*word).to_owned())
        };
        let siting = siting_word(ycbcr.siting);
        let subsampled = ycbcr.subsampling != Subsampling::S444;
        Self {
            range: Some(range_word(ycbcr.range).into()),
            matrix: Some(matrix_word(ycbcr.matrix).into()),
            primaries: word(PRIMARIES, ycbcr.primaries),
            transfer: word(TRANSFERS, ycbcr.transfer),
            siting: subsampled.then(|| siting.into()),
        }
    }
}

/// What makes frames of this format of a clip's.
fn converted_to(
    video: &Video,
    to: PixelFormat,
    wishes: &Wishes,
    notes: &mut Vec<String>,
) -> Conversion {
    let format = video.pix_fmt.as_deref().unwrap_or_default();
    let given = Given {
        format,
        color: &video.color,
        range: range_of(video, wishes),
        siting: siting_of(&video.color, grid(format), notes),
        field: first_field(video),
    };
    // Of YCbCr the wish says what it is, not what it is to become.
    let comes_to = wishes.range.filter(|_| Family::of(format) != Family::Ycbcr);
    let goal = Goal { range: comes_to, ..Goal::format(to.pipe()) };
    Conversion::new(&given, &goal, || match (wishes.matrix, Family::of(format)) {
        (Some(matrix), _) => matrix,
        (None, Family::Ycbcr) => matrix_of(&video.color, video.size, notes),
        (None, _) => Matrix::usual(video.size),
    })
}

/// The field that comes first in a clip's frames, in the words of `setfield`, as its stream says.
fn first_field(video: &Video) -> Option<&'static str> {
    match video.field_order.as_deref()? {
        "tt" | "tb" => Some("tff"),
        "bb" | "bt" => Some("bff"),
        _ => None,
    }
}

/// The range of a clip's YCbCr samples.
fn range_of(video: &Video, wishes: &Wishes) -> Range {
    let full = video.pix_fmt.as_deref().is_some_and(is_named_full);
    if full { Range::Full } else { wishes.range.unwrap_or_else(|| tagged(&video.color)) }
}

/// Limited is video's default, tagged or not.
fn tagged(color: &ColorTags) -> Range {
    if color.range.as_deref() == Some("pc") { Range::Full } else { Range::Limited }
}

fn planar(
    (color, size): (&ColorTags, Size),
    wishes: &Wishes,
    subsampling: Subsampling,
    range: Range,
    notes: &mut Vec<String>,
) -> Model {
    let matrix = wishes.matrix.unwrap_or_else(|| matrix_of(color, size, notes));
    let siting = siting_of(color, subsampling, notes);
    let primaries = number(PRIMARIES, color.primaries.as_deref());
    let transfer = number(TRANSFERS, color.transfer.as_deref());
    Model::Ycbcr(Ycbcr { subsampling, matrix, range, siting, primaries, transfer })
}

/// The matrix that is meant by the tags; `notes` gets what was assumed.
fn matrix_of(color: &ColorTags, size: Size, notes: &mut Vec<String>) -> Matrix {
    let assumed = Matrix::usual(size);
    let name = assumed.name();
    match color.matrix.as_deref().map(|word| (word, matrix_named(word))) {
        Some((_, Some(matrix))) => matrix,
        Some((other, None)) => {
            notes
                .push(format!("the matrix {other} is taken as {name} (--colorspace says another)"));
            assumed
        }
        None => {
            let range = match color.range.as_deref() {
                Some("pc") => "full range as tagged",
                Some(_) => "limited range as tagged",
                None => "limited range",
            };
            notes.push(format!(
                "the clip does not say its matrix: {name}, {range} (--colorspace, --color-range)"
            ));
            assumed
        }
    }
}

fn siting_of(color: &ColorTags, subsampling: Subsampling, notes: &mut Vec<String>) -> Siting {
    let Some(word) = color.siting.as_deref() else { return Siting::Left };
    siting_named(word).unwrap_or_else(|| {
        if subsampling != Subsampling::S444 {
            notes.push(format!("the chroma position {word} is taken as left"));
        }
        Siting::Left
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn video(pix_fmt: &str, height: u32, color: ColorTags) -> Video {
        Video {
            size: Size::new(35, height),
            pix_fmt: Some(pix_fmt.into()),
            aspect: None,
            color,
            field_order: None,
            average_rate: None,
            base_rate: None,
            display: None,
            side_data: vec![],
        }
    }

    fn ycbcr(pixels: &Pixels) -> Ycbcr {
        match pixels.layout().model() {
            Model::Ycbcr(y) => y,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn untagged_colour_is_assumed_and_said() {
        let of = |height, color| Pixels::of(&video("yuv420p", height, color), &Wishes::default());
        let high = of(720, ColorTags::default()).unwrap();
        let low = of(719, ColorTags::default()).unwrap();
        assert_eq!(ycbcr(&high).matrix, Matrix::Bt709);
        assert_eq!((ycbcr(&low).matrix, ycbcr(&low).range), (Matrix::Bt601, Range::Limited));
        assert!(high.notes()[0].contains("BT.709") && low.notes()[0].contains("--colorspace"));
        let word = |w: &str| Some(w.to_owned());
        let tagged = of(
            100,
            ColorTags {
                range: word("pc"),
                matrix: word("bt2020nc"),
                primaries: word("bt2020"),
                transfer: word("smpte2084"),
                siting: word("topleft"),
            },
        );
        let tagged = tagged.unwrap();
        assert!(tagged.notes().is_empty());
        let expected = Ycbcr {
            subsampling: Subsampling::S420,
            matrix: Matrix::Bt2020,
            range: Range::Full,
            siting: Siting::TopLeft,
            primaries: 9,
            transfer: 16,
        };
        assert_eq!(ycbcr(&tagged), expected);
    }

    #[test]
    fn a_wish_outweighs_the_tags() {
        let wishes = Wishes {
            pix_fmt: Some("yuv444p".into()),
            matrix: Some(Matrix::Bt709),
            range: Some(Range::Full),
        };
        let pixels = Pixels::of(&video("yuv420p12le", 21, ColorTags::default()), &wishes).unwrap();
        let format = pixels.format();
        assert_eq!((format.pipe(), format.encoder()), ("yuv444p", Some("yuv444p")));
        assert_eq!((ycbcr(&pixels).matrix, ycbcr(&pixels).range), (Matrix::Bt709, Range::Full));
        assert!(pixels.notes().is_empty());
    }

    #[test]
    fn what_we_lack_names_the_flag() {
        for format in ["yuv420p12le", "yuva420p", "yuv444p16le", "gbrpf32le", "bayer_bggr8"] {
            let of = Pixels::of(&video(format, 21, ColorTags::default()), &Wishes::default());
            let error = of.unwrap_err();
            assert_eq!(error.kind(), crate::error::Kind::Usage);
            let text = error.to_string();
            assert!(text.contains(format) && text.contains("--pix-fmt"), "{text}");
        }
    }
}
