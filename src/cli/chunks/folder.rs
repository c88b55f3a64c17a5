//! `OUT.lumaloom`: the segments of a render that has not ended, with journal and lock. It is laid
//! out as any output folder of ours, so `lumaloom report OUT.lumaloom` reads it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use lumaloom::error::{Error, Result, shown};
use lumaloom::event::Loss;
use lumaloom::journal::{Entry, FOLDER, Journal, Outcome, Past, Run, mtime_ns};
use lumaloom::sink::owner::{self, Owner};

/// What becomes of the segments that an earlier run left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Earlier {
    /// They stay, and the run does not begin.
    Refuse,
    /// `--resume`: they are kept if they are of the same render, else the run does not begin.
    Resume,
    /// `--resume -y`: the same, but others are removed.
    ResumeOrRemove,
    /// `-y`: they are removed.
    Remove,
}

/// The folder, owned by this run.
pub struct Folder {
    path: PathBuf,
    journal: Journal,
    owner: Owner,
    /// Pixels of a frame as it is read.
    pixels: u64,
    /// The frames of each finished segment.
    finished: Mutex<BTreeMap<usize, u64>>,
    /// Which of those that an earlier run finished are of a damaged part of the clip.
    damaged: Vec<usize>,
}

/// The folder for an output: beside it.
pub fn beside(out: &Path) -> PathBuf {
    let mut name = out.file_name().unwrap_or_default().to_owned();
    name.push(".lumaloom");
    out.with_file_name::<OsString>(name)
}

/// The file of a segment, 0...
pub fn file(folder: &Path, at: usize) -> PathBuf {
    folder.join(name(at))
}

fn name(at: usize) -> String {
    format!("segment-{:03}.nut", at + 1)
}

impl Folder {
    /// Takes the lock of the folder for `out`, and finds out what an earlier run left of a render
    /// of `count` segments, whose frames have so many pixels. `still_free` is asked once the lock
    /// is held: whoever held it before may have put the output in place.
    ///
    /// # Errors
    /// `Temporary`: another run has the lock. `Usage`: there is something of an earlier run, and
    /// that is not to be kept or removed.
    pub fn open(
        out: &Path,
        run: Run,
        (count, pixels): (usize, u64),
        earlier: Earlier,
        still_free: &dyn Fn() -> Result<()>,
    ) -> Result<Self> {
        let path = beside(out);
        let owner = owner::lock(&path)?;
        let past = Journal::load(&path)?;
        let free = still_free().and_then(|()| kept(&path, past.as_ref(), &run, earlier));
        let keep = free.inspect_err(|_| {
            if past.is_none() {
                // Nothing but the lock, which was made here. What else is in the folder stays.
                let _ = fs::remove_dir_all(path.join(FOLDER)).and_then(|()| fs::remove_dir(&path));
            }
        })?;
        let (mut finished, mut damaged) = (BTreeMap::new(), Vec::new());
        match past.filter(|_| keep) {
            Some(past) => {
                for at in 0..count {
                    let Some((frames, hurt)) = frames(&path, &past, &run, at, pixels) else {
                        continue;
                    };
                    finished.insert(at, frames);
                    damaged.extend(hurt.then_some(at));
                }
            }
            None => {
                segments(&path)?
                    .iter()
                    .try_for_each(fs::remove_file)
                    .map_err(|e| Error::system(format!("failed to empty {}: {e}", shown(&path))))?;
                let journal = lumaloom::journal::path_in(&path);
                if let Err(e) = fs::remove_file(&journal)
                    && e.kind() != io::ErrorKind::NotFound
                {
                    return Err(Error::io("remove", &journal, &e));
                }
            }
        }
        let journal = Journal::open(&path, &run)?;
        Ok(Self { path, journal, owner, pixels, finished: Mutex::new(finished), damaged })
    }

    /// The file of a segment, 0...
    pub fn file(&self, at: usize) -> PathBuf {
        file(&self.path, at)
    }

    /// Which segments are finished.
    pub fn finished(&self) -> Vec<usize> {
        self.state().keys().copied().collect()
    }

    /// Which of those that an earlier run finished are of a damaged part of the clip.
    pub fn damaged(&self) -> &[usize] {
        &self.damaged
    }

    /// How many frames they have.
    pub fn frames(&self) -> u64 {
        self.state().values().sum()
    }

    /// What the user should know.
    pub fn warning(&self) -> Option<String> {
        self.owner.warning()
    }

    /// Takes note of a segment whose file is in place, with so many pixels in all its frames, and
    /// of what was lost. Called concurrently.
    ///
    /// # Errors
    /// `System`.
    pub fn add(&self, at: usize, pixels: u64, losses: Vec<Loss>) -> Result<()> {
        let path = self.file(at);
        let data = fs::metadata(&path).map_err(|e| Error::io("find", &path, &e))?;
        let (bytes, made_ns) = (data.len(), mtime_ns(&data));
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let run = self.journal.run();
        let output = name(at).into();
        self.journal.append(&Entry {
            base: run.base.clone(),
            input: subject(at),
            size: 0,
            mtime_ns: 0,
            recipe: run.recipe.hash,
            unix_ms: u64::try_from(since.as_millis()).unwrap_or(u64::MAX),
            number: Some(at as u64 + 1),
            outcome: Outcome::Done { output, bytes, made_ns, pixels, losses },
        })?;
        // An hour of work in one line.
        self.journal.checkpoint()?;
        self.state().insert(at, pixels / self.pixels);
        Ok(())
    }

    /// Takes it away with what is ours in it.
    ///
    /// # Errors
    /// `System`.
    pub fn remove(&self) -> Result<()> {
        remove(&self.path).map_err(|e| Error::io("remove", &self.path, &e))
    }

    fn state(&self) -> MutexGuard<'_, BTreeMap<usize, u64>> {
        self.finished.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether what is there is kept.
fn kept(path: &Path, past: Option<&Past>, run: &Run, earlier: Earlier) -> Result<bool> {
    // A run that finished no segment left nothing to keep.
    let begun = past.filter(|past| past.entries().next().is_some());
    let Some(last) = begun.and_then(Past::last) else { return Ok(false) };
    let same = (last.recipe.hash, &last.base) == (run.recipe.hash, &run.base);
    let folder = shown(path);
    match earlier {
        Earlier::Remove => Ok(false),
        Earlier::Resume | Earlier::ResumeOrRemove if same => Ok(true),
        Earlier::ResumeOrRemove => Ok(false),
        Earlier::Resume => Err(Error::usage(format!(
            "--resume: {folder} holds segments of another render (chain {:?} there, {:?} here, or \
             another source, other options or another number of segments); -y renders anew",
            last.recipe.chain, run.recipe.chain
        ))),
        Earlier::Refuse => Err(Error::usage(format!(
            "{folder} holds segments of a render that has not ended; --resume goes on with it, \
             -y renders anew"
        ))),
    }
}

/// What a segment is called in the journal.
fn subject(at: usize) -> PathBuf {
    format!("segment {}", at + 1).into()
}

/// The frames of a segment that an earlier run finished and that is as it left it, and whether it
/// is of a damaged part.
fn frames(folder: &Path, past: &Past, run: &Run, at: usize, pixels: u64) -> Option<(u64, bool)> {
    match &past.get(run, &subject(at))?.outcome {
        Outcome::Done { bytes, pixels: all, losses, .. } => {
            let data = fs::symlink_metadata(file(folder, at)).ok()?;
            let frames = (all / pixels, losses.contains(&Loss::Damage));
            (data.is_file() && data.len() == *bytes).then_some(frames)
        }
        Outcome::Failed { .. } => None,
    }
}

/// The files of segments in a folder, whole or not.
fn segments(folder: &Path) -> Result<Vec<PathBuf>> {
    let failed = |e: io::Error| Error::io("list", folder, &e);
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("segment-") && name.ends_with(".nut") {
            found.push(entry.path());
        }
    }
    Ok(found)
}

/// Removes what is ours in a folder, and the folder unless something else is in it.
fn remove(folder: &Path) -> io::Result<()> {
    for file in segments(folder).map_err(io::Error::other)? {
        fs::remove_file(file)?;
    }
    fs::remove_dir_all(folder.join(FOLDER))?;
    match fs::remove_dir(folder) {
        Err(e) if e.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(()),
        done => done,
    }
}
