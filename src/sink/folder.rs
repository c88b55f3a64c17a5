//! The sink of a folder job: each output named, put in place, and journalled.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use super::naming::{Known, Template};
use super::place::{
    Clobber, Durable, Writing, folder_of, make_folder, put, sweep_folder, sync_folder,
};
use crate::error::{Error, Kind, Result, shown};
use crate::journal::{Entry, Guard, Journal, Outcome, mtime_ns};
use crate::link::{Item, Notes, Packet, Part, Payload};
use crate::stage::{Sink, SinkError, WhenStopped, Written};

/// Writes into a folder. Lives on one thread for the whole run, like one of the lecture's
/// daemons; but what it does must not be lost, so it is owned and joined.
#[derive(Debug)]
pub struct FolderSink {
    out: PathBuf,
    template: Template,
    writing: Writing,
    journal: Option<Arc<Journal>>,
    /// Folders below `out` that were looked at: they are there, and are folders and no links.
    folders: HashSet<PathBuf>,
    /// Device and inode of what this run put in place and must not replace. Found by number,
    /// so two names that the file system takes for one are caught as well.
    placed: HashSet<(u64, u64)>,
    /// Outputs of earlier runs that stay.
    guard: Option<Guard>,
}

impl FolderSink {
    /// A sink for this folder, which is made if it is not there. The caller owns it (see
    /// `owner::lock`) if there is a journal. `guard` holds what a resumed run must not replace.
    ///
    /// # Errors
    /// `System`: the folder cannot be made.
    pub fn new(
        out: PathBuf,
        template: Template,
        writing: Writing,
        journal: Option<Arc<Journal>>,
        guard: Option<Guard>,
    ) -> Result<Self> {
        make_folder(&out)?;
        let (folders, placed) = (HashSet::new(), HashSet::new());
        Ok(Self { out, template, writing, journal, folders, placed, guard })
    }

    /// Names the output and puts it in place. Returns its name, and its time of change.
    fn output(
        &mut self,
        item: &Item,
        notes: &Notes,
        bytes: &[u8],
    ) -> Result<(PathBuf, i64), SinkError> {
        let known = Known {
            format: notes.format.as_deref(),
            size: (notes.width > 0 && notes.height > 0).then_some((notes.width, notes.height)),
        };
        let name = self.template.name(item, known).map_err(SinkError::Item)?.ok_or_else(|| {
            let rel = shown(&item.rel);
            SinkError::Run(Error::internal(format!("{rel}: came without its size or format")))
        })?;
        if let Some(why) = self.guard.as_ref().and_then(|guard| guard.refusal(&name, &item.rel)) {
            return Err(taken(&self.out.join(&name), &why));
        }
        let parent = name.parent().unwrap_or(Path::new(""));
        self.enter(parent)?;
        let target = self.out.join(&name);
        if self.writing.clobber == Clobber::Replace && self.is_placed(&target) {
            let why = "is the output of another input of this run; a --name with {n} tells them \
                       apart";
            return Err(taken(&target, why));
        }
        let made = put(&target, bytes, self.writing).map_err(|e| failure(&target, &e))?;
        if self.writing.clobber == Clobber::Replace {
            self.placed.insert((made.dev(), made.ino()));
        }
        Ok((name, mtime_ns(&made)))
    }

    fn is_placed(&self, target: &Path) -> bool {
        let data = fs::symlink_metadata(target);
        data.is_ok_and(|data| self.placed.contains(&(data.dev(), data.ino())))
    }

    /// Makes the folder, given relative to `out`, and clears it of what dead runs left. Every
    /// step on the way must be a folder itself: a link could lead out of the output folder.
    fn enter(&mut self, folder: &Path) -> Result<(), SinkError> {
        if self.folders.contains(folder) {
            return Ok(());
        }
        let mut path = self.out.clone();
        for part in folder.components() {
            let Component::Normal(part) = part else {
                let error = format!("{} leaves the output folder", shown(folder));
                return Err(SinkError::Item(Error::input(error)));
            };
            path.push(part);
            match fs::create_dir(&path) {
                Ok(()) if self.writing.durable == Durable::Yes => {
                    sync_folder(folder_of(&path)).map_err(|e| failure(&path, &e))?;
                }
                Ok(()) => {}
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => is_folder(&path)?,
                Err(e) => return Err(failure(&path, &e)),
            }
        }
        let _ = sweep_folder(&path);
        self.folders.insert(folder.to_owned());
        Ok(())
    }

    fn add(&self, item: &Item, outcome: Outcome) -> Result<()> {
        let Some(journal) = &self.journal else { return Ok(()) };
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        journal.append(&Entry {
            base: journal.run().base.clone(),
            input: item.rel.clone(),
            size: item.size,
            mtime_ns: item.mtime_ns,
            recipe: journal.run().recipe.hash,
            unix_ms: u64::try_from(since.as_millis()).unwrap_or(u64::MAX),
            number: self.template.needs_number().then_some(item.number),
            outcome,
        })
    }
}

impl Sink for FolderSink {
    fn write(&mut self, packet: Packet) -> Result<Written, SinkError> {
        let Packet { item, outcome, notes, .. } = packet;
        let bytes = bytes_of(outcome)?;
        let (name, made_ns) = self.output(&item, &notes, &bytes)?;
        let output = self.out.join(&name);
        let bytes = bytes.len() as u64;
        let (pixels, losses) = (notes.pixels, notes.losses);
        let done = Outcome::Done { output: name, bytes, made_ns, pixels, losses };
        self.add(&item, done).map_err(SinkError::Run)?;
        if let (Durable::Yes, Some(journal)) = (self.writing.durable, &self.journal) {
            journal.checkpoint().map_err(SinkError::Run)?;
        }
        Ok(Written { output, bytes })
    }

    /// Also for items that `write` failed. What ends the run is not noted: it is no fault of
    /// the item, so a resumed run tries it again.
    fn failed(&mut self, _seq: u64, item: &Item, error: &Error) -> Result<()> {
        match error.kind() {
            // Nothing is wrong with this one; it was not its turn.
            Kind::Interrupted | Kind::Temporary => Ok(()),
            _ => self.add(item, Outcome::Failed { error: error.clone() }),
        }
    }

    fn when_stopped(&self) -> WhenStopped {
        WhenStopped::Commit
    }

    fn finish(self: Box<Self>) -> Result<()> {
        self.journal.as_ref().map_or(Ok(()), |journal| journal.checkpoint())
    }

    fn abort(self: Box<Self>) {
        // The run ends with its own error; lines are already with the kernel.
        let _ = self.finish();
    }
}

/// The bytes of a packet with one output.
pub(super) fn bytes_of(outcome: Result<Vec<Part>>) -> Result<Vec<u8>, SinkError> {
    let parts = outcome.map_err(SinkError::Item)?;
    match <[Part; 1]>::try_from(parts) {
        Ok([Part { payload: Payload::Bytes(bytes), .. }]) => Ok(bytes),
        _ => Err(SinkError::Run(Error::internal("a packet at the sink is not one coded file"))),
    }
}

/// Errors that the next item would meet as well.
const FATAL: [i32; 4] = [libc::ENOSPC, libc::EDQUOT, libc::EROFS, libc::EIO];

/// A failed output, by its path.
pub(super) fn failure(path: &Path, error: &io::Error) -> SinkError {
    match (error.kind(), error.raw_os_error()) {
        (io::ErrorKind::AlreadyExists, _) => SinkError::Item(Error::input(format!(
            "{} exists: an input with the same output, or another program, came first; -y \
             replaces files that were there before",
            shown(path)
        ))),
        (io::ErrorKind::InvalidFilename, _) => SinkError::Item(Error::input(format!(
            "failed to write {}: the name is too long here; --name can shorten it, as in '{{n}}'",
            shown(path)
        ))),
        (_, Some(code)) if FATAL.contains(&code) => SinkError::Run(Error::io("write", path, error)),
        _ => SinkError::Item(Error::io("write", path, error)),
    }
}

fn taken(target: &Path, why: &str) -> SinkError {
    SinkError::Item(Error::input(format!("{} {why}", shown(target))))
}

/// # Errors
/// Something else has the name.
fn is_folder(path: &Path) -> Result<(), SinkError> {
    let data = fs::symlink_metadata(path).map_err(|e| failure(path, &e))?;
    let what = match data.file_type() {
        kind if kind.is_dir() => return Ok(()),
        kind if kind.is_symlink() => "a symlink, and outputs stay inside the output folder",
        _ => "no folder",
    };
    Err(SinkError::Item(Error::input(format!("{} is {what}", shown(path)))))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;
    use std::os::unix::fs::symlink;

    use tempfile::TempDir;

    use super::*;
    use crate::event::Loss;
    use crate::journal::{Others, Recipe, Run};

    const NEW: Writing = Writing { clobber: Clobber::Never, durable: Durable::No };
    const OVER: Writing = Writing { clobber: Clobber::Replace, durable: Durable::Yes };

    fn run() -> Run {
        let recipe = Recipe { hash: 7, chain: "negate".into() };
        Run { recipe, base: "/in".into(), others: Others::Stay }
    }

    fn journal(dir: &TempDir) -> Arc<Journal> {
        Arc::new(Journal::open(dir.path(), &run()).unwrap())
    }

    fn sink(dir: &TempDir, name: &str, writing: Writing) -> FolderSink {
        let template = Template::parse(name).unwrap();
        FolderSink::new(dir.path().into(), template, writing, Some(journal(dir)), None).unwrap()
    }

    fn packet(rel: impl Into<PathBuf>, bytes: &[u8]) -> Packet {
        let item = Item { rel: rel.into(), number: 1, size: 9, mtime_ns: 8, ..Item::default() };
        let notes = Notes {
            pixels: 12,
            width: 4,
            height: 3,
            format: Some("png".into()),
            losses: vec![Loss::Exif],
            ..Notes::default()
        };
        Packet { notes, ..Packet::bytes(0, item, bytes.to_vec()) }
    }

    fn refused(error: SinkError) -> String {
        let SinkError::Item(error) = error else { panic!("{error:?} ends the run") };
        error.to_string()
    }

    fn leftovers(dir: &TempDir) -> Vec<PathBuf> {
        let walk = walkdir::WalkDir::new(dir.path()).into_iter().map(|e| e.unwrap().into_path());
        walk.filter(|path| path.extension().is_some_and(|e| e == "part")).collect()
    }

    #[test]
    fn outputs_are_in_place_and_journalled() {
        let dir = tempfile::tempdir().unwrap();
        for (writing, name) in [(NEW, "{dir}/{stem}_{width}.{format}"), (OVER, "{n}.{format}")] {
            let mut sink = Box::new(sink(&dir, name, writing));
            let written = sink.write(packet("a/b/c.jpg", b"png")).unwrap();
            assert_eq!(fs::read(&written.output).unwrap(), b"png");
            sink.failed(1, &packet("d.jpg", b"").item, &Error::input("not an image")).unwrap();
            let later = Error::new(Kind::Interrupted, "stopped");
            sink.failed(2, &packet("e.jpg", b"").item, &later).unwrap();
            sink.finish().unwrap();
            let past = Journal::load(dir.path()).unwrap().unwrap();
            let entries: Vec<&Entry> = past.entries().collect();
            assert_eq!((entries.len(), entries[0].base.as_path()), (2, Path::new("/in")));
            let made_ns = mtime_ns(&fs::metadata(&written.output).unwrap());
            let output = written.output.strip_prefix(dir.path()).unwrap().to_owned();
            let losses = vec![Loss::Exif];
            let done = Outcome::Done { output, bytes: 3, made_ns, pixels: 12, losses };
            assert_eq!((entries[0].size, &entries[0].outcome), (9, &done));
            assert_eq!(entries[0].number, name.contains("{n}").then_some(1));
            assert!(matches!(&entries[1].outcome, Outcome::Failed { .. }));
        }
        assert!(leftovers(&dir).is_empty());
    }

    #[test]
    fn odd_names_are_written_as_they_are() {
        let dir = tempfile::tempdir().unwrap();
        let mut sink = sink(&dir, Template::MIRROR, NEW);
        let long = [vec![b'x'; 251], b".jpg".to_vec()].concat();
        let odd: [&[u8]; 5] = [b"-rf.jpg", b"a\nb.jpg", b"\xff\xfe.jpg", b" /%d*?[.jpg", &long];
        for name in odd {
            let rel: PathBuf = OsString::from_vec(name.to_vec()).into();
            let written = sink.write(packet(rel.clone(), b"x")).unwrap();
            assert_eq!(written.output, dir.path().join(rel));
            assert!(written.output.exists());
        }
        let longer = format!("{}.jpg", "x".repeat(252));
        let error = refused(sink.write(packet(longer, b"x")).unwrap_err());
        assert!(error.contains("--name"), "{error}");
    }

    #[test]
    fn what_is_there_stays_unless_it_may_be_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.jpg");
        fs::write(&path, "old").unwrap();
        let error = sink(&dir, Template::MIRROR, NEW).write(packet("a.jpg", b"new")).unwrap_err();
        assert!(refused(error).contains("a.jpg exists"));
        assert_eq!(fs::read(&path).unwrap(), b"old");
        sink(&dir, Template::MIRROR, OVER).write(packet("a.jpg", b"new")).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert!(leftovers(&dir).is_empty());
    }

    #[test]
    fn two_inputs_never_share_an_output_even_if_names_are_known_late() {
        for writing in [NEW, OVER] {
            let dir = tempfile::tempdir().unwrap();
            let mut sink = sink(&dir, "{width}.png", writing);
            let first = sink.write(packet("a.jpg", b"first")).unwrap();
            refused(sink.write(packet("b.jpg", b"second")).unwrap_err());
            assert_eq!(fs::read(first.output).unwrap(), b"first");
        }
    }

    #[test]
    fn a_resumed_run_replaces_only_outputs_of_the_same_input() {
        let dir = tempfile::tempdir().unwrap();
        sink(&dir, "{width}.png", NEW).write(packet("a.jpg", b"first")).unwrap();
        let past = Journal::load(dir.path()).unwrap().unwrap();
        let template = Template::parse("{width}.png").unwrap();
        let journal = Some(journal(&dir));
        let out = dir.path().to_owned();
        let standing = [packet("a.jpg", b"").item];
        let guard = Some(Guard::new(past, run(), &standing));
        let mut sink = FolderSink::new(out, template, OVER, journal, guard).unwrap();
        let error = refused(sink.write(packet("b.jpg", b"second")).unwrap_err());
        assert!(error.contains("the output of /in/a.jpg"), "{error}");
        sink.write(packet("a.jpg", b"third")).unwrap();
        assert_eq!(fs::read(dir.path().join("4.png")).unwrap(), b"third");
    }

    #[test]
    fn links_do_not_lead_out() {
        let dir = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        symlink(outside.path(), dir.path().join("sub")).unwrap();
        fs::write(dir.path().join("file"), "").unwrap();
        symlink(outside.path().join("x.jpg"), dir.path().join("a.jpg")).unwrap();
        let mut sink = sink(&dir, Template::MIRROR, OVER);
        for rel in ["sub/a.jpg", "sub/deep/a.jpg"] {
            let error = refused(sink.write(packet(rel, b"x")).unwrap_err());
            assert!(error.contains("sub is a symlink"), "{error}");
        }
        assert!(refused(sink.write(packet("file/a.jpg", b"x")).unwrap_err()).contains("no folder"));
        assert!(refused(sink.write(packet("../a.jpg", b"x")).unwrap_err()).contains("leaves"));
        // A link at an output's own place is replaced, not followed.
        sink.write(packet("a.jpg", b"x")).unwrap();
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_full_disk_ends_the_run_by_path_and_costs_no_item() {
        for code in FATAL {
            let error = failure(Path::new("out/a.jpg"), &io::Error::from_raw_os_error(code));
            let SinkError::Run(error) = error else { panic!("{error:?}") };
            assert!(error.to_string().contains("out/a.jpg"), "{error}");
        }
        let other = io::Error::from_raw_os_error(libc::EXDEV);
        assert!(refused(failure(Path::new("out/a.jpg"), &other)).contains("out/a.jpg"));
    }

    #[test]
    fn what_is_no_coded_file_is_our_fault() {
        let dir = tempfile::tempdir().unwrap();
        let mut sink = sink(&dir, Template::MIRROR, NEW);
        let empty = Packet { outcome: Ok(vec![]), ..packet("a.jpg", b"") };
        assert!(matches!(sink.write(empty), Err(SinkError::Run(e)) if e.kind() == Kind::Internal));
    }
}
