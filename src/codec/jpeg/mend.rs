//! A JPEG without the oddities that libjpeg warns of although no pixel depends on them.
//!
//! Cameras and phones write such files, and both backends stop at any warning. So what one of
//! them refuses is put right here, as far as that takes no guess, and decoded once more: what
//! then still draws a warning has lost pixels. Sound files never come here.
//!
//! | oddity | what is done |
//! |---|---|
//! | stray bytes between segments | left out |
//! | zeros behind a scan's data | left out |
//! | a JFIF version other than 1 | 1 is written |
//! | a colour transform that Adobe does not define | the one that libjpeg takes instead |
//! | spectral selection in a sequential scan | all coefficients, which is what there is |
//! | no end of image, but all coefficients of all components | it is added |
//!
//! Bytes behind a scan's data that are not zero stay: they are what damage in the middle of a
//! scan leaves over. A Huffman decoder warns where a scan ends early; an arithmetic one reads
//! zeros for what is missing, so there a missing end stays an error.

use super::segments::{Process, Reader, Sof, is_adobe, is_jfif};

/// The picture put right, at most two bytes longer than the file. `None` if there is nothing to
/// put right, or if something is missing.
pub fn mended(bytes: &[u8], sof: &Sof) -> Option<Vec<u8>> {
    let mut reader = Reader { bytes, at: 2 };
    let mut out = Vec::with_capacity(bytes.len() + 2);
    out.extend(bytes.get(..2)?);
    let mut picture = Picture::new(sof);
    // Where the file ends, or another picture begins, is where this one ends.
    while let Ok(marker) = reader.marker() {
        match marker {
            END_OF_IMAGE => {
                out.extend([0xff, END_OF_IMAGE]);
                return (!bytes.starts_with(&out)).then_some(out);
            }
            START_OF_IMAGE => break,
            0x01 | 0xd0..=0xd7 => out.extend([0xff, marker]),
            _ => {
                let Ok(payload) = reader.payload() else { break };
                let content = segment(&mut out, marker, payload);
                picture.right(marker, content)?;
                if marker == START_OF_SCAN {
                    out.extend(unpadded(reader.entropy_coded()));
                }
            }
        }
    }
    out.extend([0xff, END_OF_IMAGE]);
    picture.is_complete().then_some(out)
}

const START_OF_IMAGE: u8 = 0xd8;
const END_OF_IMAGE: u8 = 0xd9;
const START_OF_SCAN: u8 = 0xda;
const BLOCK: usize = 64;

/// Copies a segment, whose length was stated in 16 bits; gives its content to change.
fn segment<'a>(out: &'a mut Vec<u8>, marker: u8, payload: &[u8]) -> &'a mut [u8] {
    out.extend([0xff, marker]);
    out.extend((payload.len() as u16 + 2).to_be_bytes());
    let start = out.len();
    out.extend(payload);
    &mut out[start..]
}

/// Without zeros at the end; the one of a stuffed 0xff belongs to the data.
fn unpadded(data: &[u8]) -> &[u8] {
    let used = data.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let stuffed = data[..used].last() == Some(&0xff);
    &data[..(used + usize::from(stuffed)).min(data.len())]
}

/// What the segments so far say of the picture.
struct Picture<'a> {
    sof: &'a Sof,
    /// True if its data are coded by Huffman's method.
    huffman: bool,
    /// For each component and coefficient: the bits that are still missing at its low end;
    /// `None` before its first scan.
    missing: Vec<[Option<u8>; BLOCK]>,
}

impl<'a> Picture<'a> {
    fn new(sof: &'a Sof) -> Self {
        Self { sof, huffman: false, missing: vec![[None; BLOCK]; sof.components.len()] }
    }

    /// Puts a segment's content right and notes what it says. `None` where it makes no sense.
    fn right(&mut self, marker: u8, payload: &mut [u8]) -> Option<()> {
        const JFIF_MAJOR: usize = 5;
        const TRANSFORM: usize = 11;
        match marker {
            0xe0 if is_jfif(payload) => payload[JFIF_MAJOR] = 1,
            0xee if is_adobe(payload) => {
                let inks = self.sof.components.len() == 4;
                payload[TRANSFORM] = match payload[TRANSFORM] {
                    0 => 0,
                    _ if inks => 2,
                    _ => 1,
                };
            }
            0xc0..=0xc2 => self.huffman = true,
            START_OF_SCAN => return self.scan(payload),
            _ => {}
        }
        Some(())
    }

    /// Notes what a scan brings: its components, then the first and last coefficient, and the
    /// bit positions from which and down to which it brings them.
    fn scan(&mut self, header: &mut [u8]) -> Option<()> {
        let (&mut count, rest) = header.split_first_mut()?;
        let (components, rest) = rest.split_at_mut_checked(2 * usize::from(count))?;
        let [first, last, bits] = rest else { return None };
        if self.sof.process == Process::Sequential {
            [*first, *last, *bits] = [0, BLOCK as u8 - 1, 0];
        }
        let band = usize::from(*first)..usize::from(*last) + 1;
        for id in components.iter().step_by(2) {
            let at = self.sof.components.iter().position(|component| component.id == *id)?;
            self.missing[at].get_mut(band.clone())?.fill(Some(*bits & 15));
        }
        Some(())
    }

    /// True if every bit of every coefficient had its scan, in data whose end is noticed.
    fn is_complete(&self) -> bool {
        self.huffman && self.missing.iter().flatten().all(|bits| *bits == Some(0))
    }
}

#[cfg(test)]
mod tests {
    use super::super::specimen::{Part, flat, ycbcr};
    use super::super::{decode, encode, header};
    use crate::codec::{DecodeHint, EncodeOptions, Limits, Metadata};
    use crate::error::Result;
    use crate::frame::{BufferPool, Frame, Size, Subsampling};

    const SIZE: Size = Size::new(60, 40);

    fn coded(progressive: bool) -> Vec<u8> {
        let frame = ycbcr(SIZE, Subsampling::S420);
        let options = EncodeOptions { progressive, ..EncodeOptions::default() };
        encode(&frame, &Metadata::default(), &options, &BufferPool::new(1)).unwrap().bytes
    }

    fn decoded(bytes: &[u8]) -> Result<Frame> {
        let header = header(bytes, &Limits::default())?;
        Ok(decode(bytes, &header, DecodeHint::FULL, &BufferPool::new(1))?.frame)
    }

    /// Where the segments of this marker stand.
    fn places(bytes: &[u8], marker: u8) -> Vec<usize> {
        let is = |at: &usize| bytes[*at..].starts_with(&[0xff, marker]);
        (0..bytes.len()).filter(is).collect()
    }

    fn with(bytes: &[u8], at: usize, more: &[u8]) -> Vec<u8> {
        [&bytes[..at], more, &bytes[at..]].concat()
    }

    #[test]
    fn what_no_pixel_depends_on_changes_none() {
        for progressive in [false, true] {
            let plain = coded(progressive);
            let want = decoded(&plain).unwrap();
            let end = plain.len() - 2;
            let mut oddities = vec![
                ("zeros before the end", with(&plain, end, &[0; 300])),
                ("no end", plain[..end].to_vec()),
                ("half an end", plain[..=end].to_vec()),
                ("another picture behind no end", [&plain[..end], &plain].concat()),
                ("half a segment for an end", [&plain[..end], b"\xff\xe1\x01\x00Exif"].concat()),
                ("bytes behind the end", [&plain[..], &[7; 5000], b"\xff\xd8\xff"].concat()),
                ("an older version of JFIF", [&plain[..11], &[0], &plain[12..]].concat()),
            ];
            for marker in [0xe0, 0xdb, 0xc4, 0xda] {
                let at = places(&plain, marker)[0];
                oddities.push(("stray bytes", with(&plain, at, b"\x01\xff\x00\x02")));
            }
            for at in places(&plain, 0xc4) {
                oddities.push(("zeros", with(&plain, at, &[0; 40])));
            }
            for (what, odd) in oddities {
                let got = decoded(&odd).unwrap_or_else(|error| panic!("{what}: {error}"));
                assert!(got == want, "{what}");
            }
        }
    }

    #[test]
    fn a_sequential_scan_may_say_that_it_brings_nothing() {
        let plain = coded(false);
        let mut odd = plain.clone();
        let scan = places(&plain, 0xda)[0];
        odd[scan + 11..scan + 14].fill(0);
        assert!(decoded(&odd).unwrap() == decoded(&plain).unwrap());
    }

    #[test]
    fn a_transform_that_nobody_knows_is_the_usual_one() {
        let parts = [1, 2, 3].map(|id| Part { id, factors: (1, 1), value: 90 + id });
        let file = |transform: u8| {
            let adobe = [&b"Adobe\0\x64\0\0\0\0"[..], &[transform]].concat();
            flat(SIZE, &parts, &[(0xee, &adobe)])
        };
        assert!(decoded(&file(9)).unwrap() == decoded(&file(1)).unwrap());
    }

    #[test]
    fn damage_stays_damage_beside_an_oddity() {
        for progressive in [false, true] {
            let plain = coded(progressive);
            let end = plain.len() - 2;
            let odd = with(&plain, 2, &[1, 2, 3]);
            assert!(decoded(&odd).is_ok());
            for cut in [odd.len() - 5, odd.len() - 60, odd.len() / 2] {
                assert!(decoded(&odd[..cut]).is_err(), "{cut} of {}", odd.len());
                let ended = [&odd[..cut], &[0xff, 0xd9]].concat();
                assert!(decoded(&ended).is_err(), "{cut} of {} and an end", odd.len());
            }
            let lost = [&plain[..end - 20], &plain[end..]].concat();
            assert!(decoded(&lost).is_err(), "the last bytes of the data");
        }
    }

    #[test]
    fn a_progression_without_its_last_scans_is_cut_off() {
        let plain = coded(true);
        let scans = places(&plain, 0xda);
        assert!(scans.len() > 5);
        // Behind a scan's data the tables of the next one begin, or the next scan.
        let ends = places(&plain, 0xc4).into_iter().chain(scans.clone());
        for end in ends.filter(|end| *end > scans[0]) {
            let error = decoded(&plain[..end]).unwrap_err();
            assert!(error.to_string().contains("cut off"), "{end}: {error}");
        }
    }

    /// The Rust port looks for the next marker from where a scan's data begin, and so does not
    /// notice what its blocks leave over.
    #[cfg(feature = "native")]
    #[test]
    fn what_is_left_over_of_a_scan_is_damage_unless_it_is_zeros() {
        let plain = coded(false);
        let end = plain.len() - 2;
        let error = decoded(&with(&plain, end, &[0x5a; 300])).unwrap_err();
        assert!(error.to_string().contains("extraneous"), "{error}");
    }
}
