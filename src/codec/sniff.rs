//! What content is, by its first bytes; and which TIFF-like files are camera RAW.

use super::Format;
use super::table::CODECS;

/// Extensions of camera RAW files, without the dot and in lower case.
pub const RAW_EXTENSIONS: &[&str] = &[
    "3fr", "ari", "arw", "bay", "cap", "cr2", "cr3", "crw", "dcr", "dcs", "dng", "drf", "eip",
    "erf", "fff", "gpr", "iiq", "k25", "kdc", "mdc", "mef", "mos", "mrw", "nef", "nrw", "orf",
    "pef", "ptx", "pxn", "r3d", "raf", "raw", "rw2", "rwl", "rwz", "sr2", "srf", "srw", "x3f",
];

/// The format of the content; names do not matter.
pub fn sniff(bytes: &[u8]) -> Option<Format> {
    CODECS.iter().find(|codec| (codec.matches)(bytes)).map(|codec| codec.format)
}

/// True if the content is a camera's RAW file, including DNG and the TIFF files of cameras whose
/// first page is only a small preview. Such files look like TIFF and must not be decoded as TIFF.
pub fn is_camera_raw(bytes: &[u8]) -> bool {
    is_camera_raw_at(&|at, out: &mut [u8]| {
        let found = bytes.get(at..).and_then(|rest| rest.get(..out.len()));
        found.map(|found| out.copy_from_slice(found)).is_some()
    })
}

/// The same for content that is not in memory, of which a few hundred bytes are enough. `read`
/// fills the slice from an offset on, or says `false` if not so much is there.
pub fn is_camera_raw_at(read: &dyn Fn(usize, &mut [u8]) -> bool) -> bool {
    /// Where a marker stands, and what it is.
    const MAGICS: [(usize, &[u8]); 9] = [
        (0, b"FUJIFILMCCD-RAW"),
        (0, b"IIRO"),
        (0, b"IIRS"),
        (0, b"MMOR"),
        (0, b"IIU\0"),
        (0, b"\0MRM"),
        (0, b"FOVb"),
        (8, b"CR\x02\0"),
        (4, b"ftypcrx "),
    ];
    let marked = |(at, magic): &(usize, &[u8])| {
        let mut found = vec![0; magic.len()];
        read(*at, &mut found) && found == *magic
    };
    MAGICS.iter().any(marked) || Directories::new(read).is_some_and(Directories::has_raw)
}

/// Tags that only RAW files have: DNGVersion; PanasonicRaw's and Leaf's are caught by magic.
const DNG_VERSION: u16 = 50_706;
const COMPRESSION: u16 = 259;
const PHOTOMETRIC: u16 = 262;
const SUB_IFDS: u16 = 330;
/// PhotometricInterpretation of a colour filter array, and of demosaiced sensor data.
const SENSOR: [u32; 2] = [32_803, 34_892];
/// Compression schemes that only cameras write: Nikon, Sony, Pentax, Samsung, Kodak.
const CAMERA_COMPRESSION: [u32; 7] = [32_767, 32_769, 32_770, 34_713, 65_000, 65_024, 65_535];

/// The directories of a classic TIFF, as far as telling RAW needs them. Every access is checked.
struct Directories<'a> {
    read: &'a dyn Fn(usize, &mut [u8]) -> bool,
    big_endian: bool,
}

impl<'a> Directories<'a> {
    /// `None` if it is no classic TIFF.
    fn new(read: &'a dyn Fn(usize, &mut [u8]) -> bool) -> Option<Self> {
        let mut magic = [0; 4];
        let big_endian = match (read(0, &mut magic), &magic) {
            (true, b"II*\0") => false,
            (true, b"MM\0*") => true,
            _ => return None,
        };
        Some(Self { read, big_endian })
    }

    /// Looks at the first directory and at those it links to below itself.
    fn has_raw(self) -> bool {
        /// More sub-directories than any camera writes.
        const MOST: u32 = 16;
        let Some(first) = self.u32(4) else { return false };
        let entry = |tag| self.entries(first).find(|entry| entry.tag == tag);
        let subs = entry(SUB_IFDS).into_iter().flat_map(|list| {
            let inline = list.count == 1;
            let at = if inline { Some(list.at) } else { self.u32(list.at).map(|v| v as usize) };
            (0..list.count.min(MOST) as usize).filter_map(move |i| at?.checked_add(4 * i))
        });
        let subs: Vec<u32> = subs.filter_map(|at| self.u32(at)).collect();
        entry(DNG_VERSION).is_some()
            || std::iter::once(first).chain(subs).any(|ifd| self.is_sensor_data(ifd))
    }

    fn is_sensor_data(&self, ifd: u32) -> bool {
        self.entries(ifd).any(|entry| match entry.tag {
            PHOTOMETRIC => SENSOR.contains(&self.value(&entry)),
            COMPRESSION => CAMERA_COMPRESSION.contains(&self.value(&entry)),
            _ => false,
        })
    }

    fn entries(&self, ifd: u32) -> impl Iterator<Item = Entry> + '_ {
        let at = ifd as usize;
        let count = self.u16(at).map_or(0, usize::from);
        (0..count).map_while(move |i| {
            let at = at.checked_add(2 + 12 * i)?;
            // In one read, which costs a call to the system where the content is a file.
            let bytes: [u8; 12] = self.bytes(at)?;
            let [t0, t1, k0, k1, c0, c1, c2, c3, value @ ..] = bytes;
            Some(Entry {
                tag: self.number16([t0, t1]),
                short: self.number16([k0, k1]) == 3,
                count: self.number32([c0, c1, c2, c3]),
                value,
                at: at + 8,
            })
        })
    }

    /// A number that stands in the entry itself.
    fn value(&self, entry: &Entry) -> u32 {
        let [a, b, ..] = entry.value;
        if entry.short { self.number16([a, b]).into() } else { self.number32(entry.value) }
    }

    fn u16(&self, at: usize) -> Option<u16> {
        self.bytes(at).map(|bytes| self.number16(bytes))
    }

    fn u32(&self, at: usize) -> Option<u32> {
        self.bytes(at).map(|bytes| self.number32(bytes))
    }

    fn bytes<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        (self.read)(at, &mut bytes).then_some(bytes)
    }

    fn number16(&self, bytes: [u8; 2]) -> u16 {
        if self.big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) }
    }

    fn number32(&self, bytes: [u8; 4]) -> u32 {
        if self.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    }
}

/// One entry of a directory.
struct Entry {
    tag: u16,
    /// True for 16-bit values, else 32-bit ones are assumed.
    short: bool,
    count: u32,
    /// Its value, or where that stands.
    value: [u8; 4],
    /// Where `value` stands.
    at: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A little-endian TIFF with one directory of `(tag, type, count, value)`.
    fn tiff(entries: &[(u16, u16, u32, u32)]) -> Vec<u8> {
        let mut out = b"II*\0\x08\0\0\0".to_vec();
        out.extend((entries.len() as u16).to_le_bytes());
        for (tag, kind, count, value) in entries {
            out.extend(tag.to_le_bytes());
            out.extend(kind.to_le_bytes());
            out.extend(count.to_le_bytes());
            out.extend(value.to_le_bytes());
        }
        out.extend([0; 4]);
        out
    }

    #[test]
    fn content_decides() {
        let cases: [(&[u8], Option<Format>); 9] = [
            (b"\x89PNG\r\n\x1a\n....", Some(Format::Png)),
            (b"\xff\xd8\xff\xe0", Some(Format::Jpeg)),
            (b"RIFF....WEBPVP8 ", Some(Format::WebP)),
            (b"RIFF....WAVEfmt ", None),
            (b"MM\0*....", Some(Format::Tiff)),
            (b"P6 1 1 255\n", Some(Format::Pnm)),
            (b"P9 1 1 255\n", None),
            (b"BMW\0 is a car, not a bitmap", None),
            (b"", None),
        ];
        for (bytes, format) in cases {
            assert_eq!(sniff(bytes), format, "{bytes:?}");
        }
    }

    #[test]
    fn raw_is_told_from_tiff() {
        assert!(!is_camera_raw(&tiff(&[(262, 3, 1, 2)])));
        assert!(is_camera_raw(&tiff(&[(262, 3, 1, 32_803)])));
        assert!(is_camera_raw(&tiff(&[(262, 3, 1, 2), (50_706, 1, 4, 0x0401)])));
        let mut nested = tiff(&[(262, 3, 1, 2), (330, 4, 1, 38)]);
        nested.extend(&tiff(&[(262, 3, 1, 32_803)])[8..]);
        assert!(is_camera_raw(&nested));
        assert!(is_camera_raw(b"II*\0\x10\0\0\0CR\x02\0"));
        assert!(!is_camera_raw(b"II*\0\xff\xff\xff\xff"), "a directory outside the file");
    }
}
