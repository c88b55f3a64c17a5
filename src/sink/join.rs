//! The end of a render in segments: the whole clip, put in place.

use std::path::Path;

use super::part::PartFile;
use super::place::Writing;
use crate::error::Result;
use crate::ffmpeg::{Clip, Join};
use crate::link::Cancel;

/// Joins segments into `OUT.part.EXT`, which gets its name when all of it was counted and the
/// clip is still the one that was read. The calling thread has to outlive the call's ffmpeg.
///
/// # Errors
/// The join's; `Input`: the clip was changed meanwhile. `System`: the file cannot be made or put in
/// place; `Temporary`: another render writes it.
pub fn join(
    job: &Join<'_>,
    out: &Path,
    writing: Writing,
    clip: &Clip,
    cancel: &Cancel,
) -> Result<()> {
    let part = PartFile::create(out)?;
    job.run(part.path(), cancel)?;
    clip.unchanged()?;
    part.commit(out, writing)
}
