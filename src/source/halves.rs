//! A file read into memory; a large one by two threads.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::thread::Builder;

/// From here on two threads read. Of 80 ms for 75 MB in the page cache 17 are the copy; the rest
/// is the kernel making pages to copy into, and that goes side by side.
const LARGE: usize = 32 << 20;

/// The first `size` bytes of a file, or fewer where it ends before.
///
/// # Errors
/// No memory for them, or what reading says.
pub(super) fn read(file: &File, size: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(size)?;
    if size < LARGE {
        file.take(size as u64).read_to_end(&mut bytes)?;
        return Ok(bytes);
    }
    // There is memory, so this does not abort; zeros that nobody touched cost nothing.
    drop(bytes);
    let mut bytes = vec![0; size];
    let read = halves(file, &mut bytes)?;
    bytes.truncate(read);
    Ok(bytes)
}

/// Fills the buffer as far as the file goes; says how far that is.
fn halves(file: &File, bytes: &mut [u8]) -> io::Result<usize> {
    let middle = bytes.len() / 2;
    let (head, tail) = bytes.split_at_mut(middle);
    std::thread::scope(|scope| {
        let second = Builder::new()
            .name("read-half".into())
            .spawn_scoped(scope, || fill(file, tail, middle as u64))?;
        let first = fill(file, head, 0);
        let second = second.join().map_err(|_| io::Error::other("a reader panicked"))?;
        match first? {
            whole if whole == middle => Ok(whole + second?),
            short => Ok(short),
        }
    })
}

/// Fills the buffer from `at` on, as far as the file goes.
fn fill(file: &File, bytes: &mut [u8], at: u64) -> io::Result<usize> {
    let mut read = 0;
    while read < bytes.len() {
        match file.read_at(&mut bytes[read..], at + read as u64) {
            Ok(0) => break,
            Ok(more) => read += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_file_is_whole_and_a_short_one_short() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("large");
        let content: Vec<u8> = (0..LARGE as u32 + 3).map(|i| (i ^ i >> 9) as u8).collect();
        std::fs::write(&path, &content).unwrap();
        let file = File::open(&path).unwrap();
        assert!(read(&file, content.len()).unwrap() == content);
        assert!(read(&file, content.len() - 2).unwrap() == content[..content.len() - 2]);
        assert!(read(&file, content.len() + 9).unwrap() == content);
        // Less than the first half is there.
        assert!(read(&file, content.len() * 3).unwrap() == content);
    }
}
