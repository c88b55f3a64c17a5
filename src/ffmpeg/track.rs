//! The display matrix in a finished MP4 or MOV, set in place: 36 bytes of a track's header.
//!
//! ffmpeg 5.1 sets it only while it copies streams, by an angle, and without flips; 9.0 with other
//! options. Written here it is exact for any matrix, the same for both, and costs no second pass
//! over the file.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use super::display::DisplayMatrix;
use crate::error::{Error, Result, shown};

/// Where the matrix begins in a track's header of version 0 and 1, behind version and flags.
const MATRIX_AT: [u64; 2] = [40, 52];
/// Where the track's number stands in them.
const NUMBER_AT: [u64; 2] = [12, 20];

/// Gives the picture of the track with this number (1..) a matrix.
///
/// # Errors
/// `System`: the file cannot be read or written, or has no such track.
pub fn set_matrix(path: &Path, number: u32, matrix: DisplayMatrix) -> Result<()> {
    let failed = |e: io::Error| Error::io("set the display matrix of", path, &e);
    let mut file = OpenOptions::new().read(true).write(true).open(path).map_err(failed)?;
    let headers = headers_of(&mut file, number).map_err(failed)?;
    if headers.is_empty() {
        let path = shown(path);
        return Err(Error::system(format!("{path} has no track {number} to set its matrix")));
    }
    for at in headers {
        let bytes = matrix.numbers().map(i32::to_be_bytes);
        let written = file.seek(SeekFrom::Start(at)).and_then(|_| file.write_all(&bytes.concat()));
        written.map_err(failed)?;
    }
    Ok(())
}

/// Where the matrices of a track begin: one, unless the file has more than one index.
fn headers_of(file: &mut File, number: u32) -> io::Result<Vec<u64>> {
    let whole = Span { from: 0, to: file.metadata()?.len() };
    let mut found = Vec::new();
    for index in boxes(file, whole, *b"moov")? {
        for track in boxes(file, index, *b"trak")? {
            for header in boxes(file, track, *b"tkhd")? {
                let version = usize::from(u32_at(file, header.from)? >> 24 == 1);
                let matrix = header.from + MATRIX_AT[version];
                let fits = matrix + 36 <= header.to;
                if fits && u32_at(file, header.from + NUMBER_AT[version])? == number {
                    found.push(matrix);
                }
            }
        }
    }
    Ok(found)
}

/// A part of the file.
#[derive(Clone, Copy)]
struct Span {
    from: u64,
    to: u64,
}

/// The contents of the boxes of one kind that lie side by side in a part of the file. A box that
/// does not fit ends the search.
fn boxes(file: &mut File, within: Span, kind: [u8; 4]) -> io::Result<Vec<Span>> {
    let mut found = Vec::new();
    let mut at = within.from;
    while at + 8 <= within.to {
        let (short, own) = (u32_at(file, at)?, u32_at(file, at + 4)?);
        let (size, head) = match short {
            0 => (within.to - at, 8),
            1 if at + 16 <= within.to => {
                let high = u64::from(u32_at(file, at + 8)?);
                (high << 32 | u64::from(u32_at(file, at + 12)?), 16)
            }
            short => (u64::from(short), 8),
        };
        if size < head || size > within.to - at {
            break;
        }
        if own.to_be_bytes() == kind {
            found.push(Span { from: at + head, to: at + size });
        }
        at += size;
    }
    Ok(found)
}

fn u32_at(file: &mut File, at: u64) -> io::Result<u32> {
    let mut bytes = [0; 4];
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(&mut bytes)?;
    Ok(u32::from_be_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boxed(kind: &[u8; 4], contents: &[u8]) -> Vec<u8> {
        let size = u32::try_from(contents.len() + 8).unwrap();
        [&size.to_be_bytes(), kind.as_slice(), contents].concat()
    }

    /// A track's header of version 0 with this number.
    fn track(number: u8) -> Vec<u8> {
        let mut header = vec![0; 84];
        header[15] = number;
        boxed(b"trak", &[boxed(b"edts", &[7; 5]), boxed(b"tkhd", &header)].concat())
    }

    fn quarter() -> DisplayMatrix {
        let text = "0: 0 65536 0\n1: -65536 0 0\n2: 0 0 1073741824";
        DisplayMatrix::parse(text).unwrap()
    }

    #[test]
    fn only_the_matrix_of_the_track_changes() {
        let room = tempfile::tempdir().unwrap();
        let path = room.path().join("a.mp4");
        // The media with a size of 64 bits, as a large file has it.
        let media = [&[0, 0, 0, 1], b"mdat".as_slice(), &20_u64.to_be_bytes(), &[9; 4]].concat();
        let index = boxed(b"moov", &[boxed(b"mvhd", &[1; 100]), track(1), track(2)].concat());
        let before = [boxed(b"ftyp", b"isom"), media, index].concat();
        std::fs::write(&path, &before).unwrap();
        set_matrix(&path, 2, quarter()).unwrap();
        let after = std::fs::read(&path).unwrap();
        let changed: Vec<usize> = (0..after.len()).filter(|i| before[*i] != after[*i]).collect();
        // The last 44 bytes of the file are the matrix, width and height of its last track.
        let matrix = before.len() - 44;
        assert!(changed.iter().all(|i| (matrix..matrix + 36).contains(i)), "{changed:?}");
        assert_eq!(after[matrix..matrix + 12], [0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
        assert_eq!(after[matrix + 12..matrix + 16], [0xff, 0xff, 0, 0]);
        let error = set_matrix(&path, 3, quarter()).unwrap_err();
        assert!(error.to_string().contains("no track 3"), "{error}");
    }

    #[test]
    fn what_is_no_mp4_has_no_track_and_no_end_of_its_own() {
        let room = tempfile::tempdir().unwrap();
        let path = room.path().join("a.mp4");
        for bytes in [vec![], vec![0; 64], boxed(b"moov", &[0xff; 40]), vec![0xff; 31]] {
            std::fs::write(&path, &bytes).unwrap();
            assert!(set_matrix(&path, 1, quarter()).is_err());
            assert_eq!(std::fs::read(&path).unwrap(), bytes);
        }
    }
}
