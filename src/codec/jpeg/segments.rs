//! What stands before a JPEG's entropy-coded data: the frame header and the metadata segments.
//!
//! One pass, linear in the header's length; nothing is copied unless a profile comes in pieces.

use std::borrow::Cow;

use crate::codec::{Density, DensityUnit, exif, photoshop};
use crate::error::{Error, Result};
use crate::frame::{Size, Subsampling};

/// The longest side that libjpeg accepts.
pub const MAX_SIDE: u32 = 65_500;

/// Begins the APP1 payload that holds EXIF; a TIFF structure follows.
pub const EXIF: &[u8] = b"Exif\0\0";
/// Begins the APP1 payload that holds the main XMP packet.
pub const XMP: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
/// Begins the APP1 payloads that hold what did not fit into the main packet.
const XMP_EXTENSION: &[u8] = b"http://ns.adobe.com/xmp/extension/\0";
/// Begins an APP2 payload that holds a chunk of the ICC profile; its number and count follow.
pub const ICC: &[u8] = b"ICC_PROFILE\0";
/// Begins the APP13 payloads that hold Photoshop's image resources.
pub const PHOTOSHOP: &[u8] = b"Photoshop 3.0\0";

/// In which order the coefficients come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Process {
    /// Baseline and extended sequential.
    Sequential,
    /// Progressive.
    Progressive,
}

/// One component of the frame header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Component {
    /// Its identifier.
    pub id: u8,
    /// Horizontal sampling factor, 1..=4.
    pub h: u8,
    /// Vertical sampling factor, 1..=4.
    pub v: u8,
}

/// The frame header (SOF), of a kind that can be decoded: DCT, 8 bit, 1, 3 or 4 components.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sof {
    /// Sequential or progressive.
    pub process: Process,
    /// Width and height, both 1..=65,500.
    pub size: Size,
    /// 1, 3 or 4 components.
    pub components: Vec<Component>,
}

/// What the components mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// One component.
    Gray,
    /// Luma and chroma.
    Ycbcr,
    /// Red, green, blue, as they are.
    Rgb,
    /// Four inks, as they are.
    Cmyk,
    /// Four inks, the first three as luma and chroma.
    Ycck,
}

/// The ICC profile that came in APP2 segments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Profile<'a> {
    /// There is none.
    Absent,
    /// All its chunks are there.
    Whole(Cow<'a, [u8]>),
    /// A chunk is missing or comes twice.
    Broken,
}

/// Everything of use before the first scan.
#[derive(Clone, Debug)]
pub struct Segments<'a> {
    /// The frame header.
    pub sof: Sof,
    /// True if a JFIF segment is there.
    pub jfif: bool,
    /// The JFIF density, if it says more than "square".
    pub density: Option<Density>,
    /// The colour transform of Adobe's APP14.
    pub adobe: Option<u8>,
    /// EXIF, as a TIFF structure.
    pub exif: Option<&'a [u8]>,
    /// The main XMP packet.
    pub xmp: Option<&'a [u8]>,
    /// True if there is extended XMP: usually pictures, made for the unchanged pixels.
    pub extended_xmp: bool,
    /// ICC profile.
    pub icc: Profile<'a>,
    /// IPTC-IIM records.
    pub iptc: Option<Cow<'a, [u8]>>,
    /// Comments, of no declared character set.
    pub comments: Vec<&'a [u8]>,
    /// Pictures in the file by its multi-picture index (MPF); 1 without one.
    pub pictures: u32,
    /// True if the first scan holds fewer components than the frame, so that the decoder must
    /// keep coefficients.
    pub several_scans: bool,
    /// Where the first scan's entropy-coded data begins, at most the file's length.
    pub data: usize,
}

impl<'a> Segments<'a> {
    /// Reads up to the first scan.
    ///
    /// # Errors
    /// Bytes that are no JPEG, that end too early, or whose coding process is none of those we
    /// decode; the message names it.
    pub fn parse(bytes: &'a [u8]) -> Result<Self> {
        let mut reader = Reader { bytes, at: 2 };
        if !bytes.starts_with(&[0xff, 0xd8]) {
            return Err(Error::input("not a JPEG: it has no start-of-image marker"));
        }
        let mut found = Found::default();
        loop {
            match reader.marker()? {
                0x01 | 0xd0..=0xd7 => {}
                0xd8 => return Err(Error::input("a JPEG with a second start of image")),
                0xd9 => return Err(Error::input("a JPEG that ends before its picture")),
                0xda => return found.finish(reader.payload()?, reader.at),
                marker @ (0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf) => {
                    if found.sof.is_some() {
                        return Err(Error::input("a JPEG with two frame headers"));
                    }
                    found.sof = Some(frame_header(marker, reader.payload()?)?);
                }
                marker => found.segment(marker, reader.payload()?),
            }
        }
    }

    /// What the components mean, as libjpeg decides it.
    pub fn colour(&self) -> Colour {
        let ids: Vec<u8> = self.sof.components.iter().map(|c| c.id).collect();
        match (ids.len(), self.adobe) {
            (1, _) => Colour::Gray,
            (3, _) if self.jfif => Colour::Ycbcr,
            (3, Some(0)) => Colour::Rgb,
            (3, None) if ids == *b"RGB" => Colour::Rgb,
            (3, _) => Colour::Ycbcr,
            (_, Some(transform)) if transform != 0 => Colour::Ycck,
            _ => Colour::Cmyk,
        }
    }
}

impl Sof {
    /// The chroma shifts of a three-component frame, if both chroma components have the same
    /// ones and libjpeg-turbo's planar interface knows them. `None` for combinations such as
    /// 2x2, 2x1, 1x2, which are decoded to RGB instead.
    pub fn subsampling(&self) -> Option<Subsampling> {
        let &[luma, cb, cr] = self.components.as_slice() else { return None };
        if (cb.h, cb.v) != (cr.h, cr.v) {
            return None;
        }
        match ((luma.h, luma.v), (cb.h, cb.v)) {
            ((h, v), (1, 1)) => {
                PLANAR.into_iter().find(|s| (1 << s.h, 1 << s.v) == (i32::from(h), i32::from(v)))
            }
            ((2, 2), (1, 2)) => Some(Subsampling::S422),
            ((2, 2), (2, 1)) => Some(Subsampling::S440),
            (luma, chroma) if luma == chroma && luma.0 * luma.1 <= 3 => Some(Subsampling::S444),
            _ => None,
        }
    }
}

/// The subsamplings that both backends read into planes and write from planes.
pub const PLANAR: [Subsampling; 6] = [
    Subsampling::S444,
    Subsampling::S422,
    Subsampling::S420,
    Subsampling::S440,
    Subsampling::S411,
    Subsampling { h: 0, v: 2 },
];

/// True for a JFIF segment's content, which is 14 bytes long or longer.
pub fn is_jfif(payload: &[u8]) -> bool {
    payload.len() >= 14 && payload.starts_with(b"JFIF\0")
}

/// True for the content of Adobe's APP14, which is 12 bytes long or longer.
pub fn is_adobe(payload: &[u8]) -> bool {
    payload.len() >= 12 && payload.starts_with(b"Adobe")
}

/// Walks from marker to marker.
pub struct Reader<'a> {
    /// The file.
    pub bytes: &'a [u8],
    /// Where it goes on, at most the file's length.
    pub at: usize,
}

impl<'a> Reader<'a> {
    /// The next marker's code. Fill bytes and stray bytes before it are skipped; whether stray
    /// bytes are an error is the decoder's to say.
    ///
    /// # Errors
    /// There is none.
    pub fn marker(&mut self) -> Result<u8> {
        let mut previous = 0;
        for (i, &byte) in self.bytes.iter().enumerate().skip(self.at) {
            if previous == 0xff && byte != 0xff && byte != 0 {
                self.at = i + 1;
                return Ok(byte);
            }
            previous = byte;
        }
        Err(cut())
    }

    /// The segment's content, without its length field.
    ///
    /// # Errors
    /// It is cut off.
    pub fn payload(&mut self) -> Result<&'a [u8]> {
        let length = be16(self.bytes, self.at).ok_or_else(cut)?;
        let start = self.at + 2;
        let end = self.at + usize::from(length);
        if length < 2 {
            return Err(Error::input(format!("a JPEG segment of length {length}")));
        }
        self.at = end.min(self.bytes.len());
        self.bytes.get(start..end).ok_or_else(cut)
    }

    /// A scan's data, up to the next marker that is none of restart or to the file's end.
    pub fn entropy_coded(&mut self) -> &'a [u8] {
        let rest = &self.bytes[self.at..];
        let ends = |pair: &[u8]| pair[0] == 0xff && !matches!(pair[1], 0 | 0xd0..=0xd7 | 0xff);
        let length = rest.windows(2).position(ends).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }
}

fn cut() -> Error {
    Error::input("a JPEG that is cut off in its header")
}

/// Names of the coding processes that are refused.
const REFUSED: [(u8, &str); 8] = [
    (0xc3, "lossless"),
    (0xc5, "hierarchical"),
    (0xc6, "hierarchical progressive"),
    (0xc7, "hierarchical lossless"),
    (0xcb, "lossless arithmetic"),
    (0xcd, "hierarchical arithmetic"),
    (0xce, "hierarchical progressive arithmetic"),
    (0xcf, "hierarchical lossless arithmetic"),
];

fn frame_header(marker: u8, payload: &[u8]) -> Result<Sof> {
    if let Some((_, name)) = REFUSED.iter().find(|(code, _)| *code == marker) {
        return Err(Error::input(format!("{name} JPEG is not supported")));
    }
    let process = match marker {
        0xc2 | 0xca => Process::Progressive,
        _ => Process::Sequential,
    };
    let &[precision, h1, h0, w1, w0, count, ref rest @ ..] = payload else { return Err(cut()) };
    if precision != 8 {
        return Err(Error::input(format!("JPEG of {precision} bits per sample is not supported")));
    }
    let side = |high, low| u32::from(u16::from_be_bytes([high, low]));
    let size = Size::new(side(w1, w0), side(h1, h0));
    let sides = 1..=MAX_SIDE;
    if !sides.contains(&size.width) || !sides.contains(&size.height) {
        return Err(Error::input(format!("a JPEG of {size} pixels: sides are 1 to {MAX_SIDE}")));
    }
    if !matches!(count, 1 | 3 | 4) || rest.len() != 3 * usize::from(count) {
        return Err(Error::input(format!("JPEG of {count} components is not supported")));
    }
    let components: Vec<Component> =
        rest.chunks_exact(3).map(|c| Component { id: c[0], h: c[1] >> 4, v: c[1] & 15 }).collect();
    if let Some(c) = components.iter().find(|c| !(1..=4).contains(&c.h) || !(1..=4).contains(&c.v))
    {
        return Err(Error::input(format!("a JPEG with sampling factors {}x{}", c.h, c.v)));
    }
    Ok(Sof { process, size, components })
}

/// What has been seen so far.
#[derive(Default)]
struct Found<'a> {
    sof: Option<Sof>,
    jfif: bool,
    density: Option<Density>,
    adobe: Option<u8>,
    exif: Option<&'a [u8]>,
    xmp: Option<&'a [u8]>,
    extended_xmp: bool,
    icc: Vec<(u8, u8, &'a [u8])>,
    resources: Vec<&'a [u8]>,
    comments: Vec<&'a [u8]>,
    pictures: u32,
}

impl<'a> Found<'a> {
    fn segment(&mut self, marker: u8, payload: &'a [u8]) {
        match marker {
            0xe0 if is_jfif(payload) => {
                self.jfif = true;
                self.density = jfif_density(payload);
            }
            0xe1 => self.app1(payload),
            0xe2 => self.app2(payload),
            0xed => self.resources.extend(payload.strip_prefix(PHOTOSHOP)),
            0xee if is_adobe(payload) => self.adobe = Some(payload[11]),
            0xfe => self.comments.push(payload),
            _ => {}
        }
    }

    fn app1(&mut self, payload: &'a [u8]) {
        if let Some(tiff) = payload.strip_prefix(EXIF) {
            self.exif.get_or_insert(tiff);
        } else if let Some(packet) = payload.strip_prefix(XMP) {
            self.xmp.get_or_insert(packet);
        } else if payload.starts_with(XMP_EXTENSION) {
            self.extended_xmp = true;
        }
    }

    fn app2(&mut self, payload: &'a [u8]) {
        if let Some(&[number, count, ref chunk @ ..]) = payload.strip_prefix(ICC) {
            self.icc.push((number, count, chunk));
        } else if let Some(index) = payload.strip_prefix(b"MPF\0") {
            self.pictures = self.pictures.max(exif::pictures(index));
        }
    }

    fn finish(self, scan: &[u8], data: usize) -> Result<Segments<'a>> {
        let sof = self.sof.ok_or_else(|| Error::input("a JPEG without a frame header"))?;
        let in_scan = scan.first().copied().ok_or_else(cut)?;
        Ok(Segments {
            several_scans: usize::from(in_scan) < sof.components.len(),
            sof,
            jfif: self.jfif,
            density: self.density,
            adobe: self.adobe,
            exif: self.exif,
            xmp: self.xmp,
            extended_xmp: self.extended_xmp,
            icc: profile(self.icc),
            iptc: iptc(&self.resources),
            comments: self.comments,
            pictures: self.pictures.max(1),
            data,
        })
    }
}

/// The density of a JFIF segment. Equal aspect without a unit says nothing; zero is no density.
fn jfif_density(payload: &[u8]) -> Option<Density> {
    let unit = match payload[7] {
        0 => DensityUnit::Aspect,
        1 => DensityUnit::Inch,
        2 => DensityUnit::Centimetre,
        _ => return None,
    };
    let (x, y) = (be16(payload, 8)?, be16(payload, 10)?);
    let says_something = x > 0 && y > 0 && (unit != DensityUnit::Aspect || x != y);
    says_something.then_some(Density { x: f64::from(x), y: f64::from(y), unit })
}

/// The profile from its chunks `(number from 1, count, bytes)`, in whatever order they came.
fn profile(mut chunks: Vec<(u8, u8, &[u8])>) -> Profile<'_> {
    chunks.sort_by_key(|chunk| chunk.0);
    let complete = chunks.iter().zip(1usize..).all(|(&(number, count, _), at)| {
        usize::from(number) == at && usize::from(count) == chunks.len()
    });
    match chunks.as_slice() {
        [] => Profile::Absent,
        _ if !complete => Profile::Broken,
        [(_, _, whole)] => Profile::Whole(Cow::Borrowed(whole)),
        several => Profile::Whole(several.iter().flat_map(|chunk| chunk.2).copied().collect()),
    }
}

/// The IPTC records in Photoshop's image resources. Several segments are one list of resources.
fn iptc<'a>(segments: &[&'a [u8]]) -> Option<Cow<'a, [u8]>> {
    match segments {
        [] => None,
        [one] => photoshop::iptc(one).map(Cow::Borrowed),
        several => photoshop::iptc(&several.concat()).map(|r| Cow::Owned(r.to_vec())),
    }
}

fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    let pair = bytes.get(at..at.checked_add(2)?)?;
    Some(u16::from_be_bytes([pair[0], pair[1]]))
}

#[cfg(test)]
mod tests {
    use super::super::specimen::{Part, flat};
    use super::*;

    fn file(segments: &[(u8, &[u8])]) -> Vec<u8> {
        flat(Size::new(8, 8), &[Part { id: 1, factors: (1, 1), value: 9 }], segments)
    }

    #[test]
    fn stray_and_fill_bytes_before_a_marker_are_skipped() {
        let plain = file(&[]);
        let bytes = [&plain[..2], &[0, 0xff, 0, 7, 0xff, 0xff], &plain[2..]].concat();
        assert_eq!(Segments::parse(&bytes).unwrap().sof.size, Size::new(8, 8));
    }

    #[test]
    fn iptc_is_found_among_resources_of_several_segments() {
        // A resource with a name, then the start of IPTC; its rest is in the next segment.
        let first =
            [PHOTOSHOP, b"8BIM\x03\xed\x03abc\0\0\0\x01x\0", b"8BIM\x04\x04\0\0\0\0"].concat();
        let second = [PHOTOSHOP, b"\0\x05hello\0"].concat();
        let bytes = file(&[(0xed, &first), (0xed, &second)]);
        assert_eq!(Segments::parse(&bytes).unwrap().iptc.as_deref(), Some(&b"hello"[..]));
        let cut = file(&[(0xed, &first)]);
        assert_eq!(Segments::parse(&cut).unwrap().iptc, None);
    }

    #[test]
    fn further_pictures_and_extended_xmp_are_noticed() {
        let index = b"MPF\0MM\0*\0\0\0\x08\0\x01\xb0\x01\0\x04\0\0\0\x01\0\0\0\x02\0\0\0\0";
        let extension = [XMP_EXTENSION, &[b'0'; 40]].concat();
        let bytes = file(&[(0xe2, index), (0xe1, &extension)]);
        let segments = Segments::parse(&bytes).unwrap();
        assert_eq!((segments.pictures, segments.extended_xmp, segments.xmp), (2, true, None));
        assert_eq!(Segments::parse(&file(&[])).unwrap().pictures, 1);
    }

    #[test]
    fn a_density_is_kept_if_it_says_something() {
        let read = |unit, x: u8, y: u8| {
            let jfif = [&b"JFIF\0\x01\x01"[..], &[unit, 0, x, 0, y, 0, 0]].concat();
            Segments::parse(&file(&[(0xe0, &jfif)])).unwrap().density
        };
        assert_eq!(read(0, 1, 1), None);
        assert_eq!(read(1, 0, 72), None);
        assert_eq!(read(3, 72, 72), None);
        let want = Density { x: 3.0, y: 4.0, unit: DensityUnit::Aspect };
        assert_eq!(read(0, 3, 4), Some(want));
        assert_eq!(read(2, 72, 72).map(|d| d.unit), Some(DensityUnit::Centimetre));
    }

    #[test]
    fn every_prefix_of_a_header_is_an_error() {
        let bytes = file(&[(0xe1, b"Exif\0\0II*\0"), (0xfe, b"a comment")]);
        let scan = bytes.windows(2).position(|w| w == [0xff, 0xda]).unwrap();
        for end in 0..scan + 4 {
            assert!(Segments::parse(&bytes[..end]).is_err(), "{end}");
        }
        assert!(Segments::parse(&bytes).is_ok());
    }
}
