//! Putting one file in place: temporary beside its target, written, then renamed.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Metadata, OpenOptions};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FlockOperation, OFlags, RenameFlags, flock, renameat_with};
use rustix::io::Errno;

use crate::error::{Error, Result, shown};

/// What may become of a file that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clobber {
    /// It stays, and the output fails.
    Never,
    /// It is replaced, in one step.
    Replace,
}

/// Whether an output outlives a crash of the machine as soon as it is reported done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durable {
    /// Synced: file, rename, folder, journal line, in this order.
    Yes,
    /// The kernel writes it when it likes; a crash of the program loses nothing.
    No,
}

/// How outputs are put in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Writing {
    /// What may become of files that are there.
    pub clobber: Clobber,
    /// What a crash of the machine may cost.
    pub durable: Durable,
}

/// What temporary files are called: `.lumaloom-0123456789abcdef.part`. 31 bytes, so it fits
/// wherever a name of 255 bytes fits.
const PREFIX: &str = ".lumaloom-";
const SUFFIX: &str = ".part";

/// A temporary file; removed when dropped before it got its name.
///
/// It is locked for as long as it is open. That is how others can tell a live one from what a
/// dead run left behind, without trusting process numbers.
#[derive(Debug)]
struct Temporary {
    file: File,
    path: PathBuf,
}

/// Writes `bytes` to a new file in `target`'s folder and gives it its name; says what it then is.
/// Permissions follow the umask. After an error nothing is left behind.
pub(super) fn put(target: &Path, bytes: &[u8], how: Writing) -> io::Result<Metadata> {
    let folder = folder_of(target);
    let mut temporary = Temporary::create(folder)?;
    temporary.file.write_all(bytes)?;
    if how.durable == Durable::Yes {
        temporary.file.sync_all()?;
    }
    let made = temporary.file.metadata()?;
    commit(&temporary.path, target, how)?;
    temporary.path = PathBuf::new();
    Ok(made)
}

/// Gives a file that is whole its name, in the same folder.
pub(super) fn commit(from: &Path, target: &Path, how: Writing) -> io::Result<()> {
    match how.clobber {
        Clobber::Replace => fs::rename(from, target)?,
        Clobber::Never => rename_new(from, target)?,
    }
    if how.durable == Durable::Yes {
        sync_folder(folder_of(target))?;
    }
    Ok(())
}

/// Makes new names in a folder outlive a crash of the machine.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// The folder of a path; `.` for a bare name.
pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes a folder and those above it.
///
/// # Errors
/// `Usage` where the path is at fault: a file on the way, no right to write. Else `System`.
pub(super) fn make_folder(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).map_err(|e| match e.kind() {
        io::ErrorKind::NotADirectory
        | io::ErrorKind::AlreadyExists
        | io::ErrorKind::NotFound
        | io::ErrorKind::PermissionDenied
        | io::ErrorKind::ReadOnlyFilesystem
        | io::ErrorKind::InvalidFilename => {
            Error::usage(format!("failed to create {}: {e}", shown(folder)))
        }
        _ => Error::io("create", folder, &e),
    })
}

/// Removes what dead runs left behind anywhere below an output folder, also where the inputs of
/// those outputs are gone, and says how many files that were. Links are not followed. Files of
/// runs that live are told apart by their locks. What cannot be looked at or removed is passed
/// over: it is in nobody's way.
pub fn sweep(out: &Path) -> u64 {
    let entries = walkdir::WalkDir::new(out).into_iter().filter_map(std::result::Result::ok);
    let files = entries.filter(|e| e.file_type().is_file() && is_temporary(e.file_name()));
    files.map(|e| u64::from(remove_if_dead(e.path()).unwrap_or(false))).sum()
}

/// The same for one folder alone, which need not exist.
pub(super) fn sweep_folder(folder: &Path) -> io::Result<u64> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(e) => return Err(e),
    };
    let mut swept = 0;
    for entry in entries {
        let entry = entry?;
        if is_temporary(&entry.file_name()) && entry.file_type()?.is_file() {
            swept += u64::from(remove_if_dead(&entry.path())?);
        }
    }
    Ok(swept)
}

fn is_temporary(name: &OsStr) -> bool {
    let bytes = name.as_bytes();
    bytes.starts_with(PREFIX.as_bytes()) && bytes.ends_with(SUFFIX.as_bytes())
}

fn remove_if_dead(path: &Path) -> io::Result<bool> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let opened = OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path);
    let file = match opened {
        Ok(file) => file,
        // Its owner renamed it just now.
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(e) => return Err(e),
    };
    if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        return Ok(false);
    }
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(e) => Err(e),
    }
}

impl Temporary {
    fn create(folder: &Path) -> io::Result<Self> {
        loop {
            // The standard library's only random numbers; the names need to differ, no more.
            let random = RandomState::new().build_hasher().finish();
            let path = folder.join(OsString::from(format!("{PREFIX}{random:016x}{SUFFIX}")));
            let file = match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(file) => file,
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(e) => return Err(e),
            };
            let temporary = Self { file, path };
            // A file system without locks has no sweepers that could take them either.
            let locked = flock(&temporary.file, FlockOperation::NonBlockingLockExclusive);
            // Between creation and lock a sweeper may have taken it for dead. Then again.
            if locked != Err(Errno::WOULDBLOCK) && temporary.file.metadata()?.nlink() > 0 {
                return Ok(temporary);
            }
        }
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.path.as_os_str().is_empty() {
            // The error that led here is the one to report. A later run sweeps.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Renames unless something has the new name already; that is `AlreadyExists`.
fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // What file systems say that cannot do it: NFS, some in user space, old kernels.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => link_new(from, to),
        done => Ok(done?),
    }
}

/// The same by a second link, which is never made over a file; then the first name goes.
fn link_new(from: &Path, to: &Path) -> io::Result<()> {
    match fs::hard_link(from, to) {
        Ok(()) => fs::remove_file(from),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Err(e),
        // No links either (FAT). A look, then a rename: another program could come in between,
        // another run of ours could not, since one run owns the folder.
        Err(_) if fs::symlink_metadata(to).is_ok() => Err(io::ErrorKind::AlreadyExists.into()),
        Err(_) => fs::rename(from, to),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEW: Writing = Writing { clobber: Clobber::Never, durable: Durable::No };
    const OVER: Writing = Writing { clobber: Clobber::Replace, durable: Durable::Yes };

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn files_are_put_replaced_or_left() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("a.jpg");
        put(&target, b"one", NEW).unwrap();
        let error = put(&target, b"two", NEW).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&target).unwrap(), b"one");
        put(&target, b"two", OVER).unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"two");
        assert_eq!(names(dir.path()), ["a.jpg"]);
    }

    #[test]
    fn permissions_follow_the_umask() {
        let dir = tempfile::tempdir().unwrap();
        let plain = dir.path().join("plain");
        File::create(&plain).unwrap();
        put(&dir.path().join("a.jpg"), b"", NEW).unwrap();
        let mode = |name: &str| fs::metadata(dir.path().join(name)).unwrap().mode();
        assert_eq!(mode("a.jpg"), mode("plain"));
    }

    #[test]
    fn the_way_without_renameat2_keeps_files_too() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("a"), "a").unwrap();
        fs::write(at("b"), "b").unwrap();
        assert_eq!(link_new(&at("a"), &at("b")).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        link_new(&at("a"), &at("c")).unwrap();
        assert_eq!(names(dir.path()), ["b", "c"]);
    }

    #[test]
    fn a_failure_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("taken")).unwrap();
        assert!(put(&dir.path().join("taken"), b"x", OVER).is_err());
        let long = "x".repeat(256);
        assert!(put(&dir.path().join(&long), b"x", NEW).is_err());
        assert!(put(&dir.path().join(&long), b"x", OVER).is_err());
        assert!(put(&dir.path().join("missing/a"), b"x", NEW).is_err());
        assert_eq!(names(dir.path()), ["taken"]);
        put(&dir.path().join(&long[1..]), b"x", NEW).unwrap();
    }

    #[test]
    fn dead_files_are_swept_and_live_ones_are_not() {
        let dir = tempfile::tempdir().unwrap();
        let live = Temporary::create(dir.path()).unwrap();
        let dead = format!("{PREFIX}0123456789abcdef{SUFFIX}");
        for name in [dead.as_str(), ".lumaloom-x", "a.part", "a.jpg"] {
            fs::write(dir.path().join(name), "").unwrap();
        }
        let elsewhere = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("sub/deep")).unwrap();
        std::os::unix::fs::symlink(elsewhere.path(), dir.path().join("link")).unwrap();
        for folder in [dir.path().join("sub/deep"), elsewhere.path().to_owned()] {
            fs::write(folder.join(&dead), "").unwrap();
        }
        assert_eq!(sweep(dir.path()), 2);
        assert!(elsewhere.path().join(&dead).exists());
        fs::remove_file(dir.path().join("link")).unwrap();
        fs::remove_dir_all(dir.path().join("sub")).unwrap();
        assert_eq!(names(dir.path()).len(), 4);
        assert!(live.path.exists());
        drop(live);
        assert_eq!(names(dir.path()), [".lumaloom-x", "a.jpg", "a.part"]);
    }
}
