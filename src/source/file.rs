//! One file: opened if it is a regular one.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

use super::argument::special;
use crate::error::{Error, Result, shown};

/// Opens a regular file, and only that.
pub(super) fn open(path: &Path) -> Result<File> {
    let failed = |e| Error::io("open", path, &e);
    // Without O_NONBLOCK a FIFO that took the file's place would block for ever.
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path)
        .map_err(failed)?;
    let kind = file.metadata().map_err(failed)?.file_type();
    match kind {
        kind if kind.is_file() => Ok(file),
        kind if kind.is_dir() => {
            Err(Error::input(format!("{} is a folder that could not be listed", shown(path))))
        }
        kind => Err(Error::input(format!("{} is a {}", shown(path), special(kind)))),
    }
}
