//! A clip's file while it is written: beside the output, under a name that nobody else gives.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::io::Errno;

use super::place::{Writing, commit, folder_of};
use crate::error::{Error, Kind, Result, shown};

/// The file that is not whole yet; removed when dropped before it got its name. Locked while it
/// is open, so that two renders never write one.
#[derive(Debug)]
pub(super) struct PartFile {
    file: File,
    path: PathBuf,
}

impl PartFile {
    /// The one for `out`, whose folder is made if it is not there.
    ///
    /// # Errors
    /// `System`: it cannot be made; `Temporary`: another render writes it.
    pub fn create(out: &Path) -> Result<Self> {
        let folder = folder_of(out);
        fs::create_dir_all(folder).map_err(|e| Error::io("create", folder, &e))?;
        let path = part_path(out);
        loop {
            // What a dead render left is written over: the encoder truncates it.
            let opened = to_write().create(true).truncate(false).open(&path);
            let file = opened.map_err(|e| Error::io("create", &path, &e))?;
            if flock(&file, FlockOperation::NonBlockingLockExclusive) == Err(Errno::WOULDBLOCK) {
                let path = shown(&path);
                let message = format!("{path} is being written by another render");
                return Err(Error::new(Kind::Temporary, message));
            }
            // A file system without locks cannot tell; one person's two renders are rare. Between
            // opening and locking another render may have removed its file: then again.
            if file.metadata().map_err(|e| Error::io("look at", &path, &e))?.nlink() > 0 {
                return Ok(Self { file, path });
            }
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file itself, for whoever writes it here.
    ///
    /// # Errors
    /// `System`, in practice never.
    pub fn file(&self) -> Result<File> {
        self.file.set_len(0).map_err(|e| Error::io("empty", &self.path, &e))?;
        self.file.try_clone().map_err(|e| Error::io("open", &self.path, &e))
    }

    /// Gives it its name.
    ///
    /// # Errors
    /// `System`.
    pub fn commit(mut self, out: &Path, writing: Writing) -> Result<()> {
        let failed = |e: std::io::Error| Error::io("put in place", out, &e);
        // Hours of encoding are worth a sync, `--durable` or not.
        self.file.sync_all().map_err(failed)?;
        commit(&self.path, out, writing).map_err(failed)?;
        self.path = PathBuf::new();
        Ok(())
    }
}

impl Drop for PartFile {
    fn drop(&mut self) {
        if !self.path.as_os_str().is_empty() {
            // The error that led here is the one to report.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Removes what a writer of `out` left that was killed, if nobody writes it now.
pub fn remove_abandoned(out: &Path) {
    let path = part_path(out);
    let Ok(file) = to_write().open(&path) else { return };
    let dead = flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok();
    if dead {
        // The error that led here is the one to report.
        let _ = fs::remove_file(&path);
    }
}

/// Opens neither what a link points to nor a pipe that nobody reads.
fn to_write() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed());
    options
}

/// `clip.mp4` as `clip.lumaloom-part.mp4`: ffmpeg chooses the container by the extension. What has
/// such a name is a render's, so it is written over and removed without asking.
pub fn part_path(out: &Path) -> PathBuf {
    let mut name = out.file_stem().unwrap_or_default().to_owned();
    name.push(".lumaloom-part");
    if let Some(extension) = out.extension() {
        name.push(".");
        name.push(extension);
    }
    out.with_file_name::<OsString>(name)
}

#[cfg(test)]
mod tests {
    use std::mem::ManuallyDrop;

    use super::*;
    use crate::sink::place::{Clobber, Durable};

    const REPLACE: Writing = Writing { clobber: Clobber::Replace, durable: Durable::No };

    #[test]
    fn the_unfinished_clip_keeps_its_extension() {
        assert_eq!(part_path(Path::new("a/b.c.mp4")), Path::new("a/b.c.lumaloom-part.mp4"));
        assert_eq!(part_path(Path::new("b")), Path::new("b.lumaloom-part"));
    }

    #[test]
    fn one_render_at_a_time_and_nothing_is_left_behind() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("new/a.mkv");
        let part = PartFile::create(&out).unwrap();
        let error = PartFile::create(&out).unwrap_err();
        assert_eq!(error.kind(), Kind::Temporary);
        assert!(part.path.exists(), "the second one must not remove it");
        drop(part);
        assert_eq!(fs::read_dir(dir.path().join("new")).unwrap().count(), 0);
        PartFile::create(&out).unwrap();
    }

    #[test]
    fn what_lies_behind_a_link_of_that_name_is_not_written() {
        let dir = tempfile::tempdir().unwrap();
        let (out, precious) = (dir.path().join("a.mkv"), dir.path().join("precious"));
        fs::write(&precious, "precious").unwrap();
        std::os::unix::fs::symlink(&precious, part_path(&out)).unwrap();
        let error = PartFile::create(&out).unwrap_err();
        assert!(error.to_string().contains("a.lumaloom-part.mkv"), "{error}");
        assert_eq!(fs::read(&precious).unwrap(), b"precious");
    }

    #[test]
    fn what_is_abandoned_is_removed_and_what_is_written_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("a.mkv");
        let part = PartFile::create(&out).unwrap();
        let path = part.path.clone();
        remove_abandoned(&out);
        assert!(path.exists());
        drop(part);
        let abandoned = |text: &str| {
            // As after a kill: nobody dropped it.
            let part = ManuallyDrop::new(PartFile::create(&out).unwrap());
            fs::write(&part.path, text).unwrap();
            flock(&part.file, FlockOperation::Unlock).unwrap();
            part.path.clone()
        };
        let path = abandoned("half");
        remove_abandoned(&out);
        assert!(!path.exists());
        abandoned("half");
        PartFile::create(&out).unwrap().commit(&out, REPLACE).unwrap();
        assert!(!path.exists() && fs::read(&out).unwrap() == b"half");
    }
}
