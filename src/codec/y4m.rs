//! YUV4MPEG2: raw frames behind one line of text, the way `vspipe`, `x264` and `SvtAv1EncApp`
//! pass clips through pipes. As in the manual of mjpegtools (yuv4mpeg(5)), with the colour
//! spaces and the `XCOLORRANGE` that ffmpeg's muxer added.
//!
//! A stream says nothing of its matrix; whoever reads one has to know it or to guess.

use std::io::{self, BufRead, Read, Write};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::frame::{
    BufferPool, Depth, Frame, Layout, Matrix, Model, Range, Siting, Size, Subsampling, Ycbcr,
};

/// The first word of a stream.
const MAGIC: &str = "YUV4MPEG2";
/// The first word of each frame's line.
const FRAME: &str = "FRAME";
/// Headers that are seen have under 100 bytes; one that goes on is no header.
const MAX_LINE: u64 = 4096;

/// What a stream says before its first frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The frames; a stream of unknown range is limited.
    pub layout: Layout,
    /// Frames per second as a fraction; `None` where the stream does not know (`F0:0`).
    pub rate: Option<(u32, u32)>,
    /// The shape of a pixel, width to height; `None` where the stream does not know (`A0:0`).
    pub aspect: Option<(u32, u32)>,
    /// Rows in time.
    pub interlacing: Interlacing,
}

/// What the `I` of a stream says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Interlacing {
    /// `p`, or not said.
    Progressive,
    /// `t`: two fields, the top one first.
    TopFirst,
    /// `b`: two fields, the bottom one first.
    BottomFirst,
    /// `m`: each frame says so itself. Those words are not kept.
    Mixed,
}

impl Interlacing {
    /// What a stream's letter says; `?` is taken for progressive.
    pub fn of(letter: &str) -> Option<Self> {
        match letter {
            "p" | "?" => Some(Self::Progressive),
            "t" => Some(Self::TopFirst),
            "b" => Some(Self::BottomFirst),
            "m" => Some(Self::Mixed),
            _ => None,
        }
    }

    /// The letter that says it.
    pub const fn letter(self) -> char {
        match self {
            Self::Progressive => 'p',
            Self::TopFirst => 't',
            Self::BottomFirst => 'b',
            Self::Mixed => 'm',
        }
    }
}

/// One colour space of the format: its word, its chroma, its depth.
struct Space {
    word: &'static str,
    /// `None` for grey.
    chroma: Option<(Subsampling, Siting)>,
    depth: Depth,
}

const fn ycc(word: &'static str, subsampling: Subsampling, siting: Siting, depth: Depth) -> Space {
    Space { word, chroma: Some((subsampling, siting)), depth }
}

/// All colour spaces that there is a layout for. Where several fit a layout, the first is
/// written. Of the high depths only ffmpeg has names, which do not say where chroma lies: as in
/// MPEG-2 then.
const SPACES: [Space; 13] = {
    use Depth::{U8, U10, U16};
    use Siting::{Center, Left, TopLeft};
    use Subsampling as S;
    [
        ycc("420jpeg", S::S420, Center, U8),
        ycc("420mpeg2", S::S420, Left, U8),
        ycc("420paldv", S::S420, TopLeft, U8),
        ycc("420", S::S420, Center, U8),
        ycc("422", S::S422, Left, U8),
        ycc("444", S::S444, Center, U8),
        ycc("411", S::S411, Left, U8),
        ycc("410", S::S410, Left, U8),
        ycc("420p10", S::S420, Left, U10),
        ycc("422p10", S::S422, Left, U10),
        ycc("444p10", S::S444, Center, U10),
        Space { word: "mono", chroma: None, depth: U8 },
        Space { word: "mono16", chroma: None, depth: U16 },
    ]
};

impl Header {
    /// Reads the stream's first line. `matrix` is what the reader knows of the colours; without
    /// it, BT.709 from 720 lines up and BT.601 below.
    ///
    /// # Errors
    /// `Input`: it is no such stream, its line is damaged, or its colour space has no layout.
    pub fn read(from: &mut impl BufRead, matrix: Option<Matrix>) -> Result<Self> {
        let line = line(from)?.ok_or_else(|| Error::input("the stream is empty"))?;
        Self::parse(&line, matrix)
    }

    fn parse(line: &str, matrix: Option<Matrix>) -> Result<Self> {
        let mut words = line.split_ascii_whitespace();
        if words.next() != Some(MAGIC) {
            return Err(Error::input(format!("the stream does not begin with {MAGIC}")));
        }
        let (mut width, mut height, mut space, mut range) = (None, None, "420jpeg", Range::Limited);
        let (mut rate, mut aspect) = (None, None);
        let mut interlacing = Interlacing::Progressive;
        for word in words {
            let damaged = || Error::input(format!("the stream's header says {word:?}"));
            // Not an index, which could lie within a character.
            let mut rest = word.chars();
            let (Some(tag), value) = (rest.next(), rest.as_str()) else { continue };
            match tag {
                'W' => width = Some(value.parse().map_err(|_| damaged())?),
                'H' => height = Some(value.parse().map_err(|_| damaged())?),
                'F' => rate = fraction(value).ok_or_else(damaged)?,
                'A' => aspect = fraction(value).ok_or_else(damaged)?,
                'C' => space = value,
                'I' => interlacing = Interlacing::of(value).ok_or_else(damaged)?,
                'X' if value == "COLORRANGE=FULL" => range = Range::Full,
                // Comments, and words that may come to be.
                _ => {}
            }
        }
        let (Some(width), Some(height)) = (width, height) else {
            return Err(Error::input("the stream's header has no width or no height"));
        };
        let size = Size::new(width, height);
        let layout = layout(space, size, range, matrix)?;
        Ok(Self { layout, rate, aspect, interlacing })
    }

    /// Writes it.
    ///
    /// # Errors
    /// `Usage`, if the format has no word for the layout; else what the write says.
    pub fn write(&self, to: &mut impl Write) -> Result<()> {
        let line = self.line()?;
        to.write_all(line.as_bytes()).map_err(|e| written(&e))
    }

    fn line(&self) -> Result<String> {
        let layout = &self.layout;
        let space = space(layout).ok_or_else(|| {
            Error::usage(format!("y4m has no word for {layout}; --pix-fmt yuv444p would do"))
        })?;
        let Size { width, height } = layout.size();
        let (rate, aspect) = (self.rate.unwrap_or((0, 0)), self.aspect.unwrap_or((0, 0)));
        let interlacing = self.interlacing.letter();
        let mut line = format!(
            "{MAGIC} W{width} H{height} F{}:{} I{interlacing} A{}:{} C{}",
            rate.0, rate.1, aspect.0, aspect.1, space.word
        );
        if let Model::Ycbcr(Ycbcr { range, .. }) = layout.model() {
            line += match range {
                Range::Full => " XCOLORRANGE=FULL",
                Range::Limited => " XCOLORRANGE=LIMITED",
            };
        }
        line.push('\n');
        Ok(line)
    }
}

/// Reads the next frame; `None` at the stream's end.
///
/// # Errors
/// `Input`: the stream ends within a frame, or something else stands where a frame begins.
pub fn read_frame(
    from: &mut impl BufRead,
    layout: Layout,
    pool: &BufferPool,
) -> Result<Option<Frame>> {
    let Some(line) = line(from)? else { return Ok(None) };
    if line.split_ascii_whitespace().next() != Some(FRAME) {
        return Err(Error::input("the stream has no FRAME where one begins"));
    }
    let mut frame = Frame::from_pool(layout, pool);
    for piece in frame.bytes_mut() {
        from.read_exact(piece).map_err(|e| match e.kind() {
            io::ErrorKind::UnexpectedEof => Error::input("the stream ends within a frame"),
            _ => Error::system(format!("failed to read the stream: {e}")),
        })?;
    }
    Ok(Some(frame))
}

/// Writes a frame.
///
/// # Errors
/// What the write says.
pub fn write_frame(to: &mut impl Write, frame: &Frame) -> Result<()> {
    let mut all = || {
        writeln!(to, "{FRAME}")?;
        frame.bytes().into_iter().try_for_each(|piece| to.write_all(piece))
    };
    all().map_err(|e| written(&e))
}

/// A line without its end; `None` where there is nothing more.
fn line(from: &mut impl BufRead) -> Result<Option<String>> {
    let mut line = Vec::new();
    let read = from.by_ref().take(MAX_LINE).read_until(b'\n', &mut line);
    read.map_err(|e| Error::system(format!("failed to read the stream: {e}")))?;
    match line.pop() {
        None => Ok(None),
        Some(b'\n') => Ok(Some(String::from_utf8_lossy(&line).into_owned())),
        Some(_) => Err(Error::input("the stream has no line of text where one should be")),
    }
}

/// `30000:1001`; `0:0` is not known.
fn fraction(text: &str) -> Option<Option<(u32, u32)>> {
    let (over, under) = text.split_once(':')?;
    let (over, under): (u32, u32) = (over.parse().ok()?, under.parse().ok()?);
    Some((over > 0 && under > 0).then_some((over, under)))
}

fn layout(word: &str, size: Size, range: Range, matrix: Option<Matrix>) -> Result<Layout> {
    let Some(space) = SPACES.iter().find(|space| space.word == word) else {
        let known: Vec<&str> = SPACES.iter().map(|space| space.word).collect();
        let known = known.join(", ");
        return Err(Error::input(format!("the stream's colour space {word:?} is none of {known}")));
    };
    let matrix = matrix.unwrap_or(Matrix::usual(size));
    let model = match space.chroma {
        None => Model::Gray,
        Some((subsampling, siting)) => {
            Model::Ycbcr(Ycbcr { range, siting, ..Ycbcr::video(subsampling, matrix) })
        }
    };
    Layout::new(size, model, space.depth)
}

fn space(layout: &Layout) -> Option<&'static Space> {
    let fits = |space: &&Space| {
        let chroma = match (layout.model(), space.chroma) {
            (Model::Gray, None) => true,
            // Without subsampling there is no position, and above 8 bits no word for one.
            (Model::Ycbcr(ours), Some((subsampling, siting))) => {
                let placed = subsampling == Subsampling::S444 || space.depth != Depth::U8;
                let known = subsampling != Subsampling::S420 || placed || ours.siting == siting;
                ours.subsampling == subsampling && known
            }
            _ => false,
        };
        chroma && space.depth == layout.depth()
    };
    SPACES.iter().find(fits)
}

fn written(error: &io::Error) -> Error {
    Error::system(format!("failed to write the stream: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Header> {
        Header::read(&mut format!("{line}\n").as_bytes(), None)
    }

    #[test]
    fn each_colour_space_comes_back_as_it_was() {
        for space in &SPACES {
            for range in [Range::Limited, Range::Full] {
                let layout = layout(space.word, Size::new(5, 3), range, None).unwrap();
                let header = Header {
                    layout,
                    rate: Some((30_000, 1001)),
                    aspect: Some((4, 3)),
                    interlacing: Interlacing::TopFirst,
                };
                let mut stream = Vec::new();
                header.write(&mut stream).unwrap();
                let mut frame = Frame::zeroed(layout);
                let mut next = (0..=u8::MAX).cycle();
                for piece in frame.bytes_mut() {
                    piece.fill_with(|| next.next().unwrap());
                }
                write_frame(&mut stream, &frame).unwrap();
                write_frame(&mut stream, &frame).unwrap();
                let mut from = stream.as_slice();
                assert_eq!(Header::read(&mut from, None).unwrap(), header, "{}", space.word);
                let pool = BufferPool::new(1);
                for _ in 0..2 {
                    assert_eq!(read_frame(&mut from, layout, &pool).unwrap(), Some(frame.clone()));
                }
                assert_eq!(read_frame(&mut from, layout, &pool).unwrap(), None);
            }
        }
    }

    #[test]
    fn what_a_header_does_not_say_has_the_formats_defaults() {
        let header = parsed("YUV4MPEG2 W720 H480 F25:1 Ip A0:0 XYSCSS=420JPEG").unwrap();
        let Model::Ycbcr(model) = header.layout.model() else { panic!("{header:?}") };
        assert_eq!((model.siting, model.range), (Siting::Center, Range::Limited));
        assert_eq!((model.matrix, header.aspect), (Matrix::Bt601, None));
        let large = parsed("YUV4MPEG2 C420mpeg2 H720 W1280 XCOLORRANGE=FULL").unwrap();
        let Model::Ycbcr(model) = large.layout.model() else { panic!("{large:?}") };
        assert_eq!((model.matrix, model.range, large.rate), (Matrix::Bt709, Range::Full, None));
        let told = Header::read(&mut &b"YUV4MPEG2 W8 H8\n"[..], Some(Matrix::Bt2020)).unwrap();
        assert!(matches!(told.layout.model(), Model::Ycbcr(y) if y.matrix == Matrix::Bt2020));
    }

    #[test]
    fn damaged_streams_are_refused() {
        for (line, said) in [
            ("P6 8 8", "does not begin"),
            ("YUV4MPEG2 W8", "no width or no height"),
            ("YUV4MPEG2 W8 H0", "0"),
            ("YUV4MPEG2 W8 Hx", "\"Hx\""),
            ("YUV4MPEG2 W8 H8 F25", "\"F25\""),
            ("YUV4MPEG2 W8 H8 C420p12", "420p12"),
            ("YUV4MPEG2 W8 H8 \u{e9}", ""),
        ] {
            match parsed(line) {
                Ok(header) => assert_eq!(said, "", "{line}: {header:?}"),
                Err(error) => {
                    let text = error.to_string();
                    assert!(!said.is_empty() && text.contains(said), "{line}: {text}");
                }
            }
        }
        let layout = parsed("YUV4MPEG2 W8 H8").unwrap().layout;
        let pool = BufferPool::new(1);
        for (stream, said) in [
            (&b"FRAME\n123"[..], "within a frame"),
            (b"FRAMES\n", "no FRAME"),
            (b"FRA", "no line of text"),
            (&[b'x'; 9000], "no line of text"),
        ] {
            let error = read_frame(&mut { stream }, layout, &pool).unwrap_err();
            assert!(error.to_string().contains(said), "{error}");
        }
    }

    #[test]
    fn layouts_without_a_word_are_refused_by_name() {
        let rgb = Layout::new(Size::new(8, 8), Model::Rgb, Depth::U8).unwrap();
        let header =
            Header { layout: rgb, rate: None, aspect: None, interlacing: Interlacing::Progressive };
        let error = header.write(&mut Vec::new()).unwrap_err().to_string();
        assert!(error.contains("RGB") && error.contains("--pix-fmt"), "{error}");
    }
}
