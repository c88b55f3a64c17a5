//! TIFF's tags to and from metadata. EXIF lives in directories of its own beside the page's.

use std::io::{Cursor, Read, Seek, Write};

use tiff::decoder::Decoder;
use tiff::decoder::ifd::Value;
use tiff::encoder::{DirectoryEncoder, Rational, TiffEncoder, TiffKind};
use tiff::tags::{ByteOrder, IfdPointer, Tag, Type, ValueBuffer};
use tiff::{Directory, TiffResult};

use super::super::{Coding, Density, DensityUnit, Metadata};

const XMP: Tag = Tag::Unknown(700);
const IPTC: Tag = Tag::Unknown(33_723);
const INTEROPERABILITY: Tag = Tag::Unknown(0xa005);
const NOT_STATED: u16 = 1;

/// The page's own tags that are part of EXIF: who, with what, when, and titles.
const DESCRIPTIVE: [Tag; 13] = [
    Tag::ImageDescription,
    Tag::Make,
    Tag::Model,
    Tag::Software,
    Tag::DateTime,
    Tag::Artist,
    Tag::HostComputer,
    Tag::Copyright,
    Tag::Unknown(0x9c9b),
    Tag::Unknown(0x9c9c),
    Tag::Unknown(0x9c9d),
    Tag::Unknown(0x9c9e),
    Tag::Unknown(0x9c9f),
];

/// The colour profile.
pub fn icc<R: Read + Seek>(decoder: &mut Decoder<R>) -> Option<Vec<u8>> {
    bytes(decoder, Tag::IccProfile)
}

/// The orientation tag, 1..=8; 1 if it is missing.
pub fn orientation<R: Read + Seek>(decoder: &mut Decoder<R>) -> u16 {
    decoder.find_tag_unsigned(Tag::Orientation).ok().flatten().unwrap_or(1)
}

/// Everything but the profile. What cannot be read is left out: it is beside the picture.
pub fn read<R: Read + Seek>(decoder: &mut Decoder<R>) -> Metadata {
    let tiff_compression = decoder.find_tag_unsigned(Tag::Compression).ok().flatten();
    Metadata {
        xmp: bytes(decoder, XMP),
        iptc: bytes(decoder, IPTC),
        exif: exif(decoder),
        density: density(decoder),
        coding: Coding { tiff_compression, ..Coding::default() },
        ..Metadata::default()
    }
}

/// A tag's bytes as they stand in the file.
fn bytes<R: Read + Seek>(decoder: &mut Decoder<R>, tag: Tag) -> Option<Vec<u8>> {
    let mut value = ValueBuffer::empty(Type::BYTE);
    let order = decoder.byte_order();
    decoder.image_ifd().find_tag_buf(tag, &mut value).ok()??;
    value.set_byte_order(order);
    (!value.as_bytes().is_empty()).then(|| value.as_bytes().to_vec())
}

fn density<R: Read + Seek>(decoder: &mut Decoder<R>) -> Option<Density> {
    let mut ratio = |tag| match decoder.find_tag(tag).ok().flatten()? {
        Value::Rational(n, d) if n > 0 && d > 0 => Some(f64::from(n) / f64::from(d)),
        _ => None,
    };
    let (x, y) = (ratio(Tag::XResolution)?, ratio(Tag::YResolution)?);
    let unit = decoder.find_tag_unsigned::<u16>(Tag::ResolutionUnit).ok().flatten();
    let unit = match unit.unwrap_or(2) {
        2 => DensityUnit::Inch,
        3 => DensityUnit::Centimetre,
        _ if x == y => return None,
        _ => DensityUnit::Aspect,
    };
    Some(Density { x, y, unit })
}

/// The page's descriptive tags and its EXIF and GPS directories as a structure of their own.
fn exif<R: Read + Seek>(decoder: &mut Decoder<R>) -> Option<Vec<u8>> {
    let page = decoder.ifd_pointer()?;
    let mut out = Cursor::new(Vec::new());
    let mut encoder = TiffEncoder::new(&mut out).ok()?;
    let carried = Carried::read(decoder, page, &mut encoder).ok()?;
    if carried.is_empty() {
        return None;
    }
    let mut main = encoder.image_directory().ok()?;
    carried.write(&mut main).ok()?;
    main.finish().ok()?;
    Some(out.into_inner())
}

/// What of one file's EXIF goes into another's first directory. The directories below it are
/// written already.
pub struct Carried {
    descriptive: Vec<(Tag, ValueBuffer)>,
    links: Vec<(Tag, u32)>,
}

impl Carried {
    /// Nothing.
    pub const NONE: Self = Self { descriptive: Vec::new(), links: Vec::new() };

    /// From an EXIF structure to the file that `to` writes.
    pub fn from_exif<W: Write + Seek>(exif: &[u8], to: &mut TiffEncoder<W>) -> TiffResult<Self> {
        let (file, main) = with_page(exif).ok_or(tiff::TiffError::LimitsExceeded)?;
        Self::read(&mut Decoder::new(Cursor::new(file))?, main, to)
    }

    fn read<R: Read + Seek, W: Write + Seek>(
        from: &mut Decoder<R>,
        main: IfdPointer,
        to: &mut TiffEncoder<W>,
    ) -> TiffResult<Self> {
        let main = from.read_directory(main)?;
        let mut links = Vec::new();
        for tag in [Tag::ExifDirectory, Tag::GpsDirectory] {
            // A broken directory is left out; the others are kept.
            if let Some(at) = copied(from, &main, tag, to, Depth::First) {
                links.push((tag, at));
            }
        }
        let mut descriptive = Vec::new();
        for tag in DESCRIPTIVE {
            if let Some(value) = value(from, &main, tag) {
                descriptive.push((tag, value));
            }
        }
        Ok(Self { descriptive, links })
    }

    fn is_empty(&self) -> bool {
        self.descriptive.is_empty() && self.links.is_empty()
    }

    /// Puts it into the first directory.
    pub fn write<W: Write + Seek, K: TiffKind>(
        &self,
        directory: &mut DirectoryEncoder<'_, W, K>,
    ) -> TiffResult<()> {
        for (tag, value) in &self.descriptive {
            directory.write_tag_buf(*tag, value)?;
        }
        for (tag, at) in &self.links {
            directory.write_tag(*tag, *at)?;
        }
        Ok(())
    }
}

/// How far down a directory is; only the first level links further.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Depth {
    First,
    Second,
}

/// Copies the directory that a tag links to; says where it is now.
fn copied<R: Read + Seek, W: Write + Seek>(
    from: &mut Decoder<R>,
    parent: &Directory,
    link: Tag,
    to: &mut TiffEncoder<W>,
    depth: Depth,
) -> Option<u32> {
    let at = from.read_directory_tags(parent).find_tag(link).ok()??.into_ifd_pointer().ok()?;
    let directory = from.read_directory(at).ok()?;
    let nested = match depth {
        Depth::First => copied(from, &directory, INTEROPERABILITY, to, Depth::Second),
        Depth::Second => None,
    };
    let tags: Vec<Tag> = directory.iter().map(|(tag, _)| tag).collect();
    let values: Vec<(Tag, ValueBuffer)> = tags
        .into_iter()
        .filter(|tag| *tag != INTEROPERABILITY)
        .filter_map(|tag| Some((tag, value(from, &directory, tag)?)))
        .collect();
    let mut out = to.extra_directory().ok()?;
    for (tag, value) in &values {
        out.write_tag_buf(*tag, value).ok()?;
    }
    if let Some(at) = nested {
        out.write_tag(INTEROPERABILITY, at).ok()?;
    }
    u32::try_from(out.finish_with_offsets().ok()?.pointer.0).ok()
}

fn value<R: Read + Seek>(
    from: &mut Decoder<R>,
    directory: &Directory,
    tag: Tag,
) -> Option<ValueBuffer> {
    let mut value = ValueBuffer::empty(Type::BYTE);
    from.read_directory_tags(directory).find_tag_buf(tag, &mut value).ok()??;
    value.set_byte_order(ByteOrder::native());
    Some(value)
}

/// The structure as a file that the decoder opens: it wants a page first, so one of a single
/// pixel is put behind and linked to. Also says where the real first directory is.
fn with_page(exif: &[u8]) -> Option<(Vec<u8>, IfdPointer)> {
    const PAGE: [(Tag, u32); 5] = [
        (Tag::ImageWidth, 1),
        (Tag::ImageLength, 1),
        (Tag::PhotometricInterpretation, 1),
        (Tag::StripOffsets, 0),
        (Tag::StripByteCounts, 1),
    ];
    let big_endian = exif.starts_with(b"MM");
    let long = |v: u32| if big_endian { v.to_be_bytes() } else { v.to_le_bytes() };
    let short = |v: u16| if big_endian { v.to_be_bytes() } else { v.to_le_bytes() };
    let first = *exif.get(4..)?.first_chunk::<4>()?;
    let first = if big_endian { u32::from_be_bytes(first) } else { u32::from_le_bytes(first) };
    let mut file = exif.to_vec();
    file.resize(file.len().next_multiple_of(2), 0);
    let at = u32::try_from(file.len()).ok()?;
    file[4..8].copy_from_slice(&long(at));
    file.extend(short(PAGE.len() as u16));
    for (tag, value) in PAGE {
        file.extend(short(tag.to_u16()));
        file.extend(short(Type::LONG.to_u16()));
        file.extend(long(1));
        file.extend(long(value));
    }
    file.extend([0; 4]);
    Some((file, IfdPointer(first.into())))
}

/// Writes everything but EXIF into the first directory. Says whether the density fitted.
pub fn write<W: Write + Seek, K: TiffKind>(
    metadata: &Metadata,
    directory: &mut DirectoryEncoder<'_, W, K>,
) -> TiffResult<bool> {
    let blocks = [(Tag::IccProfile, &metadata.icc), (XMP, &metadata.xmp), (IPTC, &metadata.iptc)];
    for (tag, block) in blocks {
        if let Some(block) = block {
            let kind = if tag == Tag::IccProfile { Type::UNDEFINED } else { Type::BYTE };
            let entry = directory.write_entry_bytes(kind, block)?;
            directory.extend_from(&[(tag, entry)].into_iter().collect());
        }
    }
    let Some(density) = metadata.density else { return Ok(true) };
    let Some([x, y]) = density.scaled(HUNDREDTHS) else { return Ok(false) };
    let ratio = |n: u32| match n % 100 {
        0 => Rational { n: n / 100, d: 1 },
        _ => Rational { n, d: 100 },
    };
    directory.write_tag(Tag::XResolution, ratio(x))?;
    directory.write_tag(Tag::YResolution, ratio(y))?;
    directory.write_tag(
        Tag::ResolutionUnit,
        match density.unit {
            DensityUnit::Aspect => NOT_STATED,
            DensityUnit::Inch => 2,
            DensityUnit::Centimetre => 3,
        },
    )?;
    Ok(true)
}

/// Resolutions are written to the hundredth.
const HUNDREDTHS: f64 = 100.0;
