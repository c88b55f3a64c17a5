//! One run owns an output folder: an advisory lock on a file inside it.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{Read, Seek, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::place::make_folder;
use crate::error::{Error, Kind, Result, shown};
use crate::journal::FOLDER;

/// How long a lock that is held is waited for.
pub const PATIENCE: Duration = Duration::from_secs(5);
/// Time between two tries. There is no call that waits for a lock for a limited time.
const PAUSE: Duration = Duration::from_millis(20);

/// The ownership of an output folder; it ends when this is dropped or the process dies.
///
/// The lock belongs to the open file, so a child process that inherits the descriptor owns the
/// folder too, and the folder stays owned until the last of them is gone.
#[derive(Debug)]
pub struct Owner {
    file: File,
    held: Held,
    path: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    Locked,
    Unsupported,
}

/// Makes this process an owner beside the one that handed down its lock file, so that there is
/// no moment in which the folder has none.
///
/// # Errors
/// `Usage`: the descriptor is not of this folder's lock file. `Temporary`: another run owns it.
/// `System`: the lock file cannot be looked at.
pub fn inherit(out: &Path, lock: OwnedFd) -> Result<Owner> {
    let path = lock_file(out);
    let mut file = File::from(lock);
    let is = |meta: Metadata| (meta.dev(), meta.ino());
    let look = |meta: std::io::Result<Metadata>| meta.map(is);
    let looked = look(file.metadata()).and_then(|given| Ok((given, look(path.metadata())?)));
    let (given, named) = looked.map_err(|e| Error::io("look at", &path, &e))?;
    if given != named {
        return Err(Error::usage(format!("the lock that was handed down is not {}", shown(&path))));
    }
    match try_lock(&file) {
        Ok(held) => Ok(Owner { file, held, path }),
        Err(Errno::WOULDBLOCK) => Err(busy(out, &mut file, Duration::ZERO)),
        Err(e) => Err(Error::io("lock", &path, &e.into())),
    }
}

/// Makes this run the owner of an output folder, which is created if it is not there. A lock
/// that another run holds is waited for, [`PATIENCE`] long.
///
/// # Errors
/// `Temporary`: another run owns it; named by its process if it said so. `Usage`: the folder
/// cannot be made. `System`: the lock file cannot be had.
pub fn lock(out: &Path) -> Result<Owner> {
    lock_within(out, PATIENCE)
}

fn lock_within(out: &Path, patience: Duration) -> Result<Owner> {
    let path = lock_file(out);
    let mut file = open(out)?;
    let start = Instant::now();
    loop {
        match try_lock(&file) {
            // Its owner was done and took the folder away: the lock of a file that nobody else
            // can find.
            Ok(_) if file.metadata().is_ok_and(|data| data.nlink() == 0) => file = open(out)?,
            Ok(held) => {
                if held == Held::Locked {
                    sign(&mut file).map_err(|e| Error::io("write", &path, &e))?;
                }
                return Ok(Owner { file, held, path });
            }
            Err(Errno::WOULDBLOCK) if start.elapsed() < patience => std::thread::sleep(PAUSE),
            Err(Errno::WOULDBLOCK) => return Err(busy(out, &mut file, patience)),
            Err(e) => return Err(Error::io("lock", &path, &e.into())),
        }
    }
}

/// Opens the lock file, which is made with its folders if it is not there.
fn open(out: &Path) -> Result<File> {
    make_folder(&out.join(FOLDER))?;
    let path = lock_file(out);
    let how = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
    how.map_err(|e| Error::io("open", &path, &e))
}

fn lock_file(out: &Path) -> PathBuf {
    out.join(FOLDER).join("lock")
}

/// One try. A file that is locked already by the same open file is locked.
fn try_lock(file: &File) -> Result<Held, Errno> {
    loop {
        return match flock(file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Held::Locked),
            Err(Errno::INTR) => continue,
            // Some network file systems have no locks. Refusing to work there helps nobody.
            Err(Errno::NOSYS | Errno::NOTSUP | Errno::NOLCK) => Ok(Held::Unsupported),
            Err(e) => Err(e),
        };
    }
}

impl Owner {
    /// What the user should know: that the file system has no locks.
    pub fn warning(&self) -> Option<String> {
        (self.held == Held::Unsupported).then(|| {
            let path = shown(&self.path);
            format!("the file system of {path} has no locks; start no second run there")
        })
    }
}

impl AsFd for Owner {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// Leaves the process number for others to name. Only a help to people: the lock is the truth.
fn sign(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

fn busy(out: &Path, file: &mut File, waited: Duration) -> Error {
    let mut text = String::new();
    let pid = file.read_to_string(&mut text).ok().and_then(|_| text.trim().parse::<u32>().ok());
    let holder = pid.map_or_else(|| "another run".to_owned(), |pid| format!("process {pid}"));
    Error::new(
        Kind::Temporary,
        format!("{holder} works on {}; waited {} s for it", shown(out), waited.as_secs_f32()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_owner_is_refused_by_name_until_the_first_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("new/out");
        let first = lock(&out).unwrap();
        assert!(first.warning().is_none());
        let error = lock_within(&out, Duration::from_millis(60)).unwrap_err();
        assert_eq!(error.kind(), Kind::Temporary);
        let pid = format!("process {}", std::process::id());
        assert!(error.to_string().starts_with(&pid), "{error}");
        drop(first);
        lock_within(&out, Duration::ZERO).unwrap();
    }

    #[test]
    fn a_lock_that_was_handed_down_outlives_its_giver() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("out");
        let copy = |owner: &Owner| owner.as_fd().try_clone_to_owned().unwrap();
        let giver = lock(&out).unwrap();
        let heir = inherit(&out, copy(&giver)).unwrap();
        drop(giver);
        let error = lock_within(&out, Duration::ZERO).unwrap_err();
        assert_eq!(error.kind(), Kind::Temporary);
        // Another folder's lock is none here, nor is a file that someone else has locked.
        let other = lock(&dir.path().join("other")).unwrap();
        assert_eq!(inherit(&out, copy(&other)).unwrap_err().kind(), Kind::Usage);
        let unlocked = File::open(lock_file(&out)).unwrap();
        assert_eq!(inherit(&out, unlocked.into()).unwrap_err().kind(), Kind::Temporary);
        drop(heir);
        lock_within(&out, Duration::ZERO).unwrap();
    }

    #[test]
    fn a_lock_that_becomes_free_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        let first = lock(dir.path()).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(Duration::from_millis(100));
                drop(first);
            });
            lock_within(dir.path(), Duration::from_secs(30)).unwrap();
        });
    }

    #[test]
    fn the_lock_of_a_folder_that_is_gone_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("out");
        let first = lock(&out).unwrap();
        std::thread::scope(|scope| {
            let second = scope.spawn(|| lock_within(&out, Duration::from_secs(30)).unwrap());
            std::thread::sleep(Duration::from_millis(100));
            std::fs::remove_dir_all(&out).unwrap();
            drop(first);
            let _second = second.join().unwrap();
            assert_eq!(lock_within(&out, Duration::ZERO).unwrap_err().kind(), Kind::Temporary);
        });
    }

    #[test]
    fn an_output_folder_that_is_a_file_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("out");
        std::fs::write(&out, "").unwrap();
        let error = lock(&out).unwrap_err().to_string();
        assert!(error.contains("out/.lumaloom"), "{error}");
    }
}
