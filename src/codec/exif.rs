//! EXIF: what is read from its TIFF structure, and what must change in it with the pixels.
//!
//! The structure is changed in place: no offset moves, so MakerNotes stay readable.

use crate::codec::{Density, DensityUnit};
use crate::frame::Size;

const IMAGE_WIDTH: u16 = 0x0100;
const IMAGE_LENGTH: u16 = 0x0101;
const STRIP_OFFSETS: u16 = 0x0111;
const ORIENTATION: u16 = 0x0112;
const STRIP_BYTE_COUNTS: u16 = 0x0117;
const X_RESOLUTION: u16 = 0x011a;
const Y_RESOLUTION: u16 = 0x011b;
const RESOLUTION_UNIT: u16 = 0x0128;
const THUMBNAIL_OFFSET: u16 = 0x0201;
const THUMBNAIL_LENGTH: u16 = 0x0202;
const EXIF_IFD: u16 = 0x8769;
const GPS_IFD: u16 = 0x8825;
const PIXEL_X: u16 = 0xa002;
const PIXEL_Y: u16 = 0xa003;
const INTEROP_IFD: u16 = 0xa005;
const MPF_PICTURES: u16 = 0xb001;

/// The structure itself: some writers leave JPEG's `Exif\0\0` in front.
pub fn tiff_of(exif: &[u8]) -> &[u8] {
    exif.strip_prefix(b"Exif\0\0").unwrap_or(exif)
}

/// The orientation tag, 1..=8; 1 if it is missing or makes no sense.
pub fn orientation(tiff: &[u8]) -> u16 {
    let value = Tiff::new(tiff).and_then(|t| t.number(&t.ifd(t.first)?, ORIENTATION));
    match value {
        Some(v @ 1..=8) => v as u16,
        _ => 1,
    }
}

/// The resolution tags, if both are positive.
pub fn density(tiff: &[u8]) -> Option<Density> {
    let t = Tiff::new(tiff)?;
    let ifd = t.ifd(t.first)?;
    let (x, y) = (t.rational(&ifd, X_RESOLUTION)?, t.rational(&ifd, Y_RESOLUTION)?);
    let unit = match t.number(&ifd, RESOLUTION_UNIT).unwrap_or(2) {
        1 => DensityUnit::Aspect,
        2 => DensityUnit::Inch,
        3 => DensityUnit::Centimetre,
        _ => return None,
    };
    (x > 0.0 && y > 0.0).then_some(Density { x, y, unit })
}

/// The number of pictures that a multi-picture index (CIPA DC-007) announces; 0 if it is broken.
pub fn pictures(index: &[u8]) -> u32 {
    Tiff::new(index).and_then(|t| t.number(&t.ifd(t.first)?, MPF_PICTURES)).unwrap_or(0)
}

/// The structure for an output of `size` pixels that stands upright: orientation 1, the new
/// dimensions where dimensions are stated, no thumbnail. Tags are never added.
///
/// `None` if the structure is so broken that its first directory cannot be read; what cannot be
/// understood further down stays as it is. Applying it twice changes nothing.
pub fn update(tiff: &[u8], size: Size) -> Option<Vec<u8>> {
    let t = Tiff::new(tiff)?;
    let main = t.ifd(t.first)?;
    let nested = |ifd: &Ifd, tag| t.number(ifd, tag).and_then(|at| t.ifd(at as usize));
    let exif = nested(&main, EXIF_IFD);
    let keep: Vec<Ifd> = [
        nested(&main, GPS_IFD),
        exif.as_ref().and_then(|exif| nested(exif, INTEROP_IFD)),
        exif.clone(),
        Some(main.clone()),
    ]
    .into_iter()
    .flatten()
    .collect();

    let mut out = tiff.to_vec();
    let in_main = [(ORIENTATION, 1), (IMAGE_WIDTH, size.width), (IMAGE_LENGTH, size.height)];
    let in_exif = [(PIXEL_X, size.width), (PIXEL_Y, size.height)];
    for (tag, value) in in_main {
        t.put(&main, tag, value, &mut out);
    }
    for (tag, value) in in_exif {
        exif.iter().for_each(|exif| t.put(exif, tag, value, &mut out));
    }
    if let Some(link) = main.next {
        let thumbnail = t.u32(link).filter(|&at| at != 0).and_then(|at| t.ifd(at as usize));
        out[link..link + 4].fill(0);
        if let Some(cut) = thumbnail.and_then(|ifd| t.tail(&ifd, &keep)) {
            out.truncate(cut);
        }
    }
    Some(out)
}

/// Lets the horizontal and the vertical resolution change places, if both are stated and differ.
/// A structure that cannot be read stays as it is.
pub fn swap_resolutions(tiff: &mut [u8]) {
    let places = |t: Tiff<'_>| {
        let ifd = t.ifd(t.first)?;
        let (x, y) = (t.rational(&ifd, X_RESOLUTION)?, t.rational(&ifd, Y_RESOLUTION)?);
        let entries = [t.find(&ifd, X_RESOLUTION)?, t.find(&ifd, Y_RESOLUTION)?];
        (x != y).then_some(entries)
    };
    // The numbers lie elsewhere; the entries say where.
    if let Some([x, y]) = Tiff::new(tiff).and_then(places) {
        (8..12).for_each(|byte| tiff.swap(x + byte, y + byte));
    }
}

/// Properties of XMP that say of the file what is no longer so, and what is: it stands upright,
/// and there is no clip behind it.
const STALE_XMP: [(&[u8], u8); 3] =
    [(b"tiff:Orientation", b'1'), (b"GCamera:MotionPhoto", b'0'), (b"GCamera:MicroVideo", b'0')];

/// Sets the properties of an XMP packet that went stale, whether they are attributes or elements.
/// All are one digit; the packet keeps its length.
pub fn update_xmp(packet: &mut [u8]) {
    for (name, now) in STALE_XMP {
        let mut at = 0;
        while let Some(found) = find(&packet[at..], name) {
            at += found + name.len();
            if let [b'=', b'"' | b'\'', digit, b'"' | b'\'', ..] | [b'>', digit, b'<', ..] =
                &mut packet[at..]
                && digit.is_ascii_digit()
            {
                *digit = now;
            }
        }
    }
}

/// True if an XMP packet announces more than the picture in its file: a gain map, a depth map or
/// a clip, by Google's container format or by what came before it.
pub fn xmp_announces_more(packet: &[u8]) -> bool {
    let properties = [&b"Container:Directory"[..], b"GCamera:MicroVideoOffset"];
    properties.iter().any(|name| find(packet, name).is_some())
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

/// A TIFF structure with its byte order. Every access is checked.
struct Tiff<'a> {
    bytes: &'a [u8],
    big_endian: bool,
    first: usize,
}

/// A directory whose entries all lie inside the structure.
#[derive(Clone)]
struct Ifd {
    /// Where its count stands.
    at: usize,
    /// Positions of its entries, 12 bytes each.
    entries: Vec<usize>,
    /// Where the link to the next directory stands, if there is room for one.
    next: Option<usize>,
}

impl<'a> Tiff<'a> {
    fn new(bytes: &'a [u8]) -> Option<Self> {
        let big_endian = match bytes.get(..4)? {
            b"II*\0" => false,
            b"MM\0*" => true,
            _ => return None,
        };
        let mut t = Self { bytes, big_endian, first: 0 };
        t.first = t.u32(4)? as usize;
        Some(t)
    }

    fn u16(&self, at: usize) -> Option<u16> {
        let b = self.bytes.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if self.big_endian { u16::from_be_bytes(b) } else { u16::from_le_bytes(b) })
    }

    fn u32(&self, at: usize) -> Option<u32> {
        let b = self.bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(if self.big_endian { u32::from_be_bytes(b) } else { u32::from_le_bytes(b) })
    }

    fn ifd(&self, at: usize) -> Option<Ifd> {
        let count = usize::from(self.u16(at)?);
        let end = at.checked_add(2 + 12 * count)?;
        self.bytes.get(at..end)?;
        let entries = (0..count).map(|i| at + 2 + 12 * i).collect();
        Some(Ifd { at, entries, next: self.u32(end).map(|_| end) })
    }

    fn find(&self, ifd: &Ifd, tag: u16) -> Option<usize> {
        ifd.entries.iter().copied().find(|&entry| self.u16(entry) == Some(tag))
    }

    /// A single SHORT or LONG.
    fn number(&self, ifd: &Ifd, tag: u16) -> Option<u32> {
        let entry = self.find(ifd, tag)?;
        match (self.u16(entry + 2)?, self.u32(entry + 4)?) {
            (3, 1) => self.u16(entry + 8).map(u32::from),
            (4 | 13, 1) => self.u32(entry + 8),
            _ => None,
        }
    }

    fn rational(&self, ifd: &Ifd, tag: u16) -> Option<f64> {
        let entry = self.find(ifd, tag)?;
        if self.u16(entry + 2)? != 5 {
            return None;
        }
        let at = self.u32(entry + 8)? as usize;
        let (above, below) = (self.u32(at)?, self.u32(at.checked_add(4)?)?);
        (below != 0).then(|| f64::from(above) / f64::from(below))
    }

    /// Changes a single SHORT or LONG in `out`, a copy of these bytes, if the tag is there.
    fn put(&self, ifd: &Ifd, tag: u16, value: u32, out: &mut [u8]) {
        let Some(entry) = self.find(ifd, tag) else { return };
        let field = entry + 8;
        match (self.u16(entry + 2), self.u32(entry + 4), u16::try_from(value)) {
            (Some(3), Some(1), Ok(short)) => {
                let b = if self.big_endian { short.to_be_bytes() } else { short.to_le_bytes() };
                out[field..field + 2].copy_from_slice(&b);
            }
            (Some(4), Some(1), _) => {
                let b = if self.big_endian { value.to_be_bytes() } else { value.to_le_bytes() };
                out[field..field + 4].copy_from_slice(&b);
            }
            _ => {}
        }
    }

    /// The bytes that a directory and its values take, as ranges. Tables first, then values
    /// that do not fit into their entries.
    fn extents(&self, ifd: &Ifd) -> Vec<(usize, usize)> {
        const WIDTHS: [u64; 14] = [0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4];
        let table = 2 + 12 * ifd.entries.len() + if ifd.next.is_some() { 4 } else { 0 };
        let mut extents = vec![(ifd.at, ifd.at + table)];
        for &entry in &ifd.entries {
            let width = self.u16(entry + 2).and_then(|kind| WIDTHS.get(usize::from(kind)));
            let count = self.u32(entry + 4).map_or(0, u64::from);
            let length = width.copied().unwrap_or(0) * count;
            if length > 4
                && let (Some(at), Ok(length)) = (self.u32(entry + 8), usize::try_from(length))
            {
                extents.push((at as usize, (at as usize).saturating_add(length)));
            }
        }
        extents
    }

    /// Where the thumbnail's directory, values and picture begin, if from there to the end
    /// nothing else lies: nothing that `keep` refers to, and no gap in which a MakerNote's data
    /// could hide.
    fn tail(&self, thumbnail: &Ifd, keep: &[Ifd]) -> Option<usize> {
        const PADDING: usize = 4;
        let mut own = self.extents(thumbnail);
        for (offset, length) in
            [(THUMBNAIL_OFFSET, THUMBNAIL_LENGTH), (STRIP_OFFSETS, STRIP_BYTE_COUNTS)]
        {
            let at = self.number(thumbnail, offset);
            if let (Some(at), Some(length)) = (at, self.number(thumbnail, length)) {
                own.push((at as usize, (at as usize).saturating_add(length as usize)));
            }
        }
        own.sort_unstable();
        let start = own.first()?.0;
        let end = own
            .iter()
            .try_fold(start, |end, &(from, to)| (from <= end + PADDING).then_some(end.max(to)))?;
        let others = keep.iter().flat_map(|ifd| self.extents(ifd)).map(|(_, to)| to).max()?;
        let covered = end.saturating_add(PADDING) >= self.bytes.len();
        (start >= 8 && others <= start && covered).then_some(start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Size = Size { width: 70_000, height: 300 };

    /// A structure with IFD0, an EXIF IFD with a MakerNote, and IFD1 with a thumbnail at its end.
    struct Sample {
        big_endian: bool,
        bytes: Vec<u8>,
    }

    impl Sample {
        fn new(big_endian: bool) -> Self {
            let mut s = Self { big_endian, bytes: Vec::new() };
            s.bytes.extend(if big_endian { b"MM\0*" } else { b"II*\0" });
            s.u32(8);
            // IFD0 at 8, four entries: ends at 8 + 2 + 48 + 4 = 62.
            s.u16(4);
            s.entry(IMAGE_WIDTH, 4, 1, 4000);
            s.entry(ORIENTATION, 3, 1, 6);
            s.entry(X_RESOLUTION, 5, 1, 62);
            s.entry(EXIF_IFD, 4, 1, 70);
            s.u32(132);
            s.u32(600);
            s.u32(2);
            // EXIF IFD at 70, three entries: ends at 112. MakerNote at 112..132.
            s.u16(3);
            s.entry(PIXEL_X, 4, 1, 4000);
            s.entry(PIXEL_Y, 3, 1, 3000);
            s.entry(0x927c, 7, 20, 112);
            s.u32(0);
            s.bytes.extend([0xab; 20]);
            // IFD1 at 132, two entries: ends at 162. The thumbnail at 162..172.
            s.u16(2);
            s.entry(THUMBNAIL_OFFSET, 4, 1, 162);
            s.entry(THUMBNAIL_LENGTH, 4, 1, 10);
            s.u32(0);
            s.bytes.extend([0xcd; 10]);
            s
        }

        fn u16(&mut self, v: u16) {
            self.bytes.extend(if self.big_endian { v.to_be_bytes() } else { v.to_le_bytes() });
        }

        fn u32(&mut self, v: u32) {
            self.bytes.extend(if self.big_endian { v.to_be_bytes() } else { v.to_le_bytes() });
        }

        fn entry(&mut self, tag: u16, kind: u16, count: u32, value: u32) {
            self.u16(tag);
            self.u16(kind);
            self.u32(count);
            if kind == 3 {
                self.u16(value as u16);
                self.u16(0);
            } else {
                self.u32(value);
            }
        }
    }

    fn number(tiff: &[u8], nested: bool, tag: u16) -> Option<u32> {
        let t = Tiff::new(tiff)?;
        let main = t.ifd(t.first)?;
        let ifd = if nested { t.ifd(t.number(&main, EXIF_IFD)? as usize)? } else { main };
        t.number(&ifd, tag)
    }

    #[test]
    fn an_update_changes_what_went_stale_and_moves_nothing() {
        for big_endian in [false, true] {
            let before = Sample::new(big_endian).bytes;
            assert_eq!(orientation(&before), 6);
            let after = update(&before, SIZE).unwrap();
            assert_eq!(after.len(), 132, "cut before IFD1");
            assert_eq!(orientation(&after), 1);
            assert_eq!(number(&after, false, IMAGE_WIDTH), Some(70_000));
            assert_eq!(number(&after, true, PIXEL_X), Some(70_000));
            assert_eq!(number(&after, true, PIXEL_Y), Some(300));
            assert_eq!(after[58..62], [0; 4], "no IFD1");
            assert_eq!(after[112..], before[112..132], "the MakerNote");
            assert_eq!(update(&after, SIZE), Some(after.clone()), "again");
        }
    }

    #[test]
    fn a_thumbnail_with_something_behind_it_is_only_unlinked() {
        for tail in [&[1; 40][..], &[0; 9]] {
            let mut sample = Sample::new(true);
            sample.bytes.extend(tail);
            let after = update(&sample.bytes, SIZE).unwrap();
            assert_eq!(after.len(), sample.bytes.len());
            assert_eq!(after[58..62], [0; 4]);
        }
        let mut sample = Sample::new(true);
        sample.bytes.extend([0; 2]);
        assert_eq!(update(&sample.bytes, SIZE).unwrap().len(), 132, "padding goes too");
    }

    #[test]
    fn resolution_is_read() {
        let mut bytes = Sample::new(false).bytes;
        assert_eq!(density(&bytes), None, "there is no vertical one");
        // The image width's entry becomes the vertical resolution.
        bytes[10..22].copy_from_slice(&[0x1b, 1, 5, 0, 1, 0, 0, 0, 62, 0, 0, 0]);
        let want = Density { x: 300.0, y: 300.0, unit: DensityUnit::Inch };
        assert_eq!(density(&bytes), Some(want));
    }

    #[test]
    fn broken_structures_are_dropped_or_left_alone() {
        for broken in [&b""[..], b"II*\0", b"II*\0\xff\xff\xff\xff", b"XX*\0\x08\0\0\0\0\0"] {
            assert_eq!(update(broken, SIZE), None);
            assert_eq!(orientation(broken), 1);
        }
        let whole = Sample::new(false).bytes;
        for cut in 0..whole.len() {
            let _ = update(&whole[..cut], SIZE);
        }
        for at in 0..whole.len() {
            for value in [0, 1, 8, 0x7f, 0xff] {
                let mut bytes = whole.clone();
                bytes[at] = value;
                if let Some(after) = update(&bytes, SIZE) {
                    assert!(after.len() <= bytes.len());
                }
            }
        }
        // Directories that name themselves as the next and as their own EXIF directory.
        let mut ring = Sample::new(false).bytes;
        ring[54..62].copy_from_slice(&[8, 0, 0, 0, 8, 0, 0, 0]);
        assert!(update(&ring, SIZE).is_some());
    }

    #[test]
    fn xmp_stands_upright_too() {
        for (before, after) in [
            ("tiff:Orientation=\"6\" x", "tiff:Orientation=\"1\" x"),
            ("<tiff:Orientation>8</tiff:Orientation>", "<tiff:Orientation>1</tiff:Orientation>"),
            ("tiff:Orientation=\"60\"", "tiff:Orientation=\"60\""),
            (
                "GCamera:MotionPhoto=\"1\" GCamera:MotionPhotoVersion=\"1\"",
                "GCamera:MotionPhoto=\"0\" GCamera:MotionPhotoVersion=\"1\"",
            ),
            ("tiff:Orientation", "tiff:Orientation"),
        ] {
            let mut packet = before.as_bytes().to_vec();
            update_xmp(&mut packet);
            assert_eq!(packet, after.as_bytes());
        }
    }
}
