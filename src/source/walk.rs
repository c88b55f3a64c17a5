//! The job list: which files are inputs, in which order, and what was passed over.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::argument::{Argument, Place, base};
use super::glob::Selection;
use super::search::Search;
use super::shard::Shard;
use crate::error::{Error, Result, shown};
use crate::link::Item;

/// Which of the files that the arguments name are inputs.
#[derive(Clone, Debug, Default)]
pub struct WalkOptions {
    /// `--base`: output paths are relative to it.
    pub base: Option<PathBuf>,
    /// `--include`: only what one of these globs takes. None takes everything.
    pub include: Vec<String>,
    /// `--exclude`: nothing that one of these globs takes.
    pub exclude: Vec<String>,
    /// `--shard`.
    pub shard: Option<Shard>,
    /// The output folder, which is left out where it lies inside an input. It need not exist.
    pub out: Option<PathBuf>,
}

/// The job list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inputs {
    /// The folder that `rel` of each item is relative to: absolute.
    pub base: PathBuf,
    /// Sorted by the bytes of `rel`, each file once.
    pub items: Vec<Item>,
    /// What other shards have of the list, in the same order.
    pub elsewhere: Vec<Item>,
    /// Files that were met and are no candidates, unopened but for TIFF: by extension (lower case), or by
    /// kind where they are no regular files.
    pub skipped: BTreeMap<String, u64>,
}

impl Inputs {
    /// Why there is nothing to do, or `None` if there is something. Nothing to do is no error:
    /// a folder that happens to be empty today must not break a nightly script, and what was
    /// skipped leaves exit 0. A name that does not exist is an error, and so is a glob that
    /// takes nothing: there the caller probably mistyped.
    pub fn why_empty(&self) -> Option<String> {
        if !self.items.is_empty() {
            return None;
        }
        let kinds: Vec<String> =
            self.skipped.iter().map(|(kind, n)| format!("{n} {kind}")).collect();
        let seen = if kinds.is_empty() { "nothing".to_owned() } else { kinds.join(", ") };
        Some(format!("no input is left that is an image (skipped: {seen})"))
    }
}

/// Makes the job list. Opens no file but TIFF, for its tags; looks at each folder once. Numbers count all inputs from 1
/// in sorted order, before a shard takes its share, so that `{n}` is the same in every shard.
///
/// A folder that cannot be listed becomes an item of its own, which fails when it is read: what
/// lies in it is lost to the run, and the report has to say so.
///
/// # Errors
/// `Usage`: an argument does not exist, is no file and no folder, or lies outside `--base`; a
/// glob takes nothing or is none. `System`: an argument that is a folder cannot be listed.
pub fn plan_inputs(arguments: &[PathBuf], options: &WalkOptions) -> Result<Inputs> {
    let selection = Selection::new(&options.include, &options.exclude)?;
    // All arguments are looked at before the first folder is walked.
    let arguments: Vec<Argument> =
        arguments.iter().map(|path| Argument::parse(path)).collect::<Result<_>>()?;
    let bases = Bases::new(&arguments, options.base.as_deref())?;
    let mut search = Search::new(options.out.as_deref());
    for argument in &arguments {
        match argument {
            Argument::File(place) => search.named(place.clone()),
            Argument::Folder(place) => {
                search.folder(place, None)?;
            }
            Argument::Glob(place, pattern) => {
                if search.folder(place, Some(pattern))? == 0 {
                    let shown = shown(&pattern.typed);
                    return Err(Error::usage(format!("no file matches {shown}")));
                }
            }
        }
    }
    let mut items = Vec::with_capacity(search.found.len());
    for found in search.found {
        let rel = bases.relative(&found.place)?;
        if selection.wants(&rel) {
            items.push(found.into_item(rel));
        }
    }
    items.sort_unstable_by(|a, b| bytes(&a.rel).cmp(bytes(&b.rel)));
    for (item, number) in items.iter_mut().zip(1..) {
        item.number = number;
    }
    let (items, elsewhere) = items
        .into_iter()
        .partition(|item| options.shard.is_none_or(|shard| shard.holds(&item.rel)));
    Ok(Inputs { base: bases.shown, items, elsewhere, skipped: search.skipped })
}

/// What paths are relative to.
struct Bases {
    /// `--base` as a symlink may name it, then as it resolves; or the arguments' own base.
    known: Vec<PathBuf>,
    shown: PathBuf,
}

impl Bases {
    fn new(arguments: &[Argument], asked: Option<&Path>) -> Result<Self> {
        let Some(asked) = asked else {
            let base = base(arguments);
            return Ok(Self { known: vec![base.clone()], shown: base });
        };
        if !asked.is_dir() {
            return Err(Error::usage(format!("--base {} is no folder", shown(asked))));
        }
        let place = Place::of_folder(asked)?;
        Ok(Self { known: vec![place.place, place.real.clone()], shown: place.real })
    }

    fn relative(&self, place: &Path) -> Result<PathBuf> {
        let found = self.known.iter().find_map(|base| place.strip_prefix(base).ok());
        found.filter(|rel| !rel.as_os_str().is_empty()).map(Path::to_owned).ok_or_else(|| {
            Error::usage(format!(
                "{} does not lie below --base {}",
                shown(place),
                shown(&self.shown)
            ))
        })
    }
}

fn bytes(path: &Path) -> &[u8] {
    AsRef::<OsStr>::as_ref(path).as_bytes()
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::fs;
    use std::os::unix::ffi::OsStringExt;
    use std::os::unix::fs::symlink;

    use rustix::fs::{CWD, FileType, Mode, mknodat};
    use tempfile::TempDir;

    use super::super::folder::FolderSource;
    use super::*;
    use crate::stage::Source;

    /// A folder with these files; each holds its own name.
    fn tree(files: &[&str]) -> TempDir {
        let dir = tempfile::tempdir().unwrap();
        for file in files {
            let path = dir.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, file).unwrap();
        }
        dir
    }

    fn plan(dir: &TempDir, arguments: &[&str], options: &WalkOptions) -> Result<Inputs> {
        let arguments: Vec<PathBuf> = arguments.iter().map(|a| dir.path().join(a)).collect();
        plan_inputs(&arguments, options)
    }

    fn rels(inputs: &Inputs) -> Vec<&str> {
        inputs.items.iter().map(|item| item.rel.to_str().unwrap()).collect()
    }

    fn skipped(inputs: &Inputs) -> Vec<(&str, u64)> {
        inputs.skipped.iter().map(|(kind, n)| (kind.as_str(), *n)).collect()
    }

    #[test]
    fn a_folder_gives_its_images_sorted_by_bytes_and_counts_the_rest() {
        let dir = tree(&[
            "b.jpg",
            "B.JPG",
            "a/z.png",
            "a.png",
            "a-b.png",
            "notes.txt",
            "more.TXT",
            "README",
            ".hidden.jpg",
            ".git/x.jpg",
            "raw.CR2",
            ".lumaloom/journal.jsonl",
        ]);
        let inputs = plan(&dir, &[""], &WalkOptions::default()).unwrap();
        assert_eq!(rels(&inputs), ["B.JPG", "a-b.png", "a.png", "a/z.png", "b.jpg"]);
        let numbers: Vec<u64> = inputs.items.iter().map(|item| item.number).collect();
        assert_eq!(numbers, [1, 2, 3, 4, 5]);
        assert_eq!(inputs.items[3].size, 7);
        assert!(inputs.items[3].mtime_ns > 1_500_000_000_000_000_000);
        assert_eq!(
            skipped(&inputs),
            [
                ("cr2", 1),
                ("hidden folder", 1),
                ("jpg (hidden)", 1),
                ("no extension", 1),
                ("txt", 2)
            ]
        );
    }

    #[test]
    fn links_are_not_followed_in_a_walk_and_are_when_named() {
        let dir = tree(&["in/a.jpg", "outside/b.jpg"]);
        let at = |name: &str| dir.path().join(name);
        symlink(at("in"), at("in/loop")).unwrap();
        symlink(at("outside"), at("in/away")).unwrap();
        symlink(at("outside/b.jpg"), at("in/b.jpg")).unwrap();
        mknodat(CWD, at("in/pipe.jpg"), FileType::Fifo, Mode::RUSR, 0).unwrap();
        let inputs = plan(&dir, &["in"], &WalkOptions::default()).unwrap();
        assert_eq!(rels(&inputs), ["a.jpg"]);
        assert_eq!(skipped(&inputs), [("fifo", 1), ("symlink", 3)]);
        let named = plan(&dir, &["in/away", "in/b.jpg"], &WalkOptions::default()).unwrap();
        assert_eq!(rels(&named), ["away/b.jpg", "b.jpg"]);
        assert_eq!(named.items[1].size, 13);
        assert!(plan(&dir, &["in/pipe.jpg"], &WalkOptions::default()).is_err());
    }

    #[test]
    fn one_file_reached_twice_counts_once() {
        let dir = tree(&["in/a.jpg", "in/sub/b.jpg"]);
        symlink(dir.path().join("in"), dir.path().join("again")).unwrap();
        let ways = ["in", "in/a.jpg", "again", "again/sub/b.jpg", "in/sub/../a.jpg", "in/*.jpg"];
        let inputs = plan(&dir, &ways, &WalkOptions::default()).unwrap();
        assert_eq!(rels(&inputs), ["in/a.jpg", "in/sub/b.jpg"]);
    }

    #[test]
    fn named_files_are_inputs_whatever_their_name_but_not_raw() {
        let dir = tree(&["photo", ".x.jpg", "a.dat", "b.nef"]);
        let all = ["photo", ".x.jpg", "a.dat", "b.nef"];
        let inputs = plan(&dir, &all, &WalkOptions::default()).unwrap();
        assert_eq!(rels(&inputs), [".x.jpg", "a.dat", "photo"]);
        assert_eq!(skipped(&inputs), [("nef", 1)]);
    }

    #[test]
    fn raw_is_told_from_tiff_by_its_tags() {
        let dir = tree(&["in/scan.tif"]);
        // A TIFF of one tag: PhotometricInterpretation is RGB, or a colour filter array.
        let tiff = |photometric: u16| {
            let [low, high] = photometric.to_le_bytes();
            let tag = [6, 1, 3, 0, 1, 0, 0, 0, low, high, 0, 0];
            [b"II*\0\x08\0\0\0\x01\0".as_slice(), &tag, &[0; 4]].concat()
        };
        let put = |name: &str, bytes: &[u8]| fs::write(dir.path().join(name), bytes).unwrap();
        put("in/picture.TIF", &tiff(2));
        put("in/camera.TIF", &tiff(32_803));
        for ways in [&["in"][..], &["in/camera.TIF", "in/picture.TIF", "in/scan.tif"]] {
            let inputs = plan(&dir, ways, &WalkOptions::default()).unwrap();
            assert_eq!(rels(&inputs), ["picture.TIF", "scan.tif"], "{ways:?}");
            assert_eq!(skipped(&inputs), [("tif (camera RAW)", 1)], "{ways:?}");
        }
    }

    #[test]
    fn globs_take_what_a_shell_would_and_pass_over_what_is_no_image() {
        let dir = tree(&["in/a.jpg", "in/b.png", "in/c.txt", "in/sub/d.jpg", "in/.e.jpg"]);
        let found = |pattern: &str| {
            plan(&dir, &[pattern], &WalkOptions::default()).map(|inputs| {
                (rels(&inputs).join(" "), inputs.skipped.into_keys().collect::<Vec<_>>().join(" "))
            })
        };
        assert_eq!(found("in/*.jpg").unwrap(), ("a.jpg".into(), String::new()));
        assert_eq!(found("in/**/*.jpg").unwrap(), ("a.jpg sub/d.jpg".into(), String::new()));
        assert_eq!(found("in/*").unwrap(), ("a.jpg b.png sub/d.jpg".into(), "txt".into()));
        assert_eq!(found("in/s*").unwrap(), ("sub/d.jpg".into(), String::new()));
        assert_eq!(found("in/{a,b}.*").unwrap(), ("a.jpg b.png".into(), String::new()));
        let error = found("in/*.webp").unwrap_err().to_string();
        assert!(error.ends_with("in/*.webp"), "{error}");
    }

    #[test]
    fn the_output_folder_inside_an_input_is_left_out() {
        let dir = tree(&["in/a.jpg", "in/out/a.jpg", "in/out/sub/b.jpg", "in/other/out/c.jpg"]);
        symlink(dir.path().join("in/out"), dir.path().join("link")).unwrap();
        for out in ["in/out", "link", "in/other/../out"] {
            let options = WalkOptions { out: Some(dir.path().join(out)), ..WalkOptions::default() };
            let inputs = plan(&dir, &["in"], &options).unwrap();
            assert_eq!(rels(&inputs), ["a.jpg", "other/out/c.jpg"], "{out}");
            assert_eq!(skipped(&inputs), []);
        }
    }

    #[test]
    fn bases_mirror_trees() {
        let dir = tree(&["p/a/x.jpg", "p/b/x.jpg"]);
        let with = |base: &str| WalkOptions {
            base: Some(dir.path().join(base)),
            ..WalkOptions::default()
        };
        let inputs = plan(&dir, &["p/a", "p/b"], &WalkOptions::default()).unwrap();
        assert_eq!(rels(&inputs), ["a/x.jpg", "b/x.jpg"]);
        let inputs = plan(&dir, &["p/a"], &with("")).unwrap();
        assert_eq!(rels(&inputs), ["p/a/x.jpg"]);
        symlink(dir.path().join("p"), dir.path().join("link")).unwrap();
        let inputs = plan(&dir, &["link/a"], &with("link")).unwrap();
        assert_eq!(rels(&inputs), ["a/x.jpg"]);
        let error = plan(&dir, &["p/a", "p/b"], &with("p/b")).unwrap_err().to_string();
        assert!(error.contains("p/a/x.jpg does not lie below --base"), "{error}");
        assert!(plan(&dir, &["p/a"], &with("nowhere")).is_err());
    }

    #[test]
    fn selections_and_shards() {
        let names: Vec<String> = (0..40).map(|n| format!("{n:02}.jpg")).collect();
        let dir = tree(&names.iter().map(String::as_str).collect::<Vec<_>>());
        let options = WalkOptions { exclude: vec!["0?.jpg".into()], ..WalkOptions::default() };
        let all = plan(&dir, &[""], &options).unwrap();
        assert_eq!(all.items.len(), 30);
        let mut union = Vec::new();
        for k in 1..=3 {
            let shard = Some(Shard::new(k, 3).unwrap());
            let share = plan(&dir, &[""], &WalkOptions { shard, ..options.clone() }).unwrap();
            assert_eq!(share.items.len() + share.elsewhere.len(), 30);
            assert!(!share.items.is_empty() && !share.elsewhere.is_empty());
            union.extend(share.items);
        }
        union.sort_by_key(|item| item.number);
        assert_eq!(union, all.items);
    }

    #[test]
    fn odd_names_survive() {
        let dir = tempfile::tempdir().unwrap();
        let mut long = vec![b'x'; 251];
        long.extend(b".jpg");
        let odd: [&[u8]; 7] =
            [b"-rf.jpg", b"a\nb.jpg", b"\xff\xfe.png", b" .jpg", b"%05d*?[.jpg", b"a..jpg", &long];
        for name in odd {
            fs::write(dir.path().join(OsString::from_vec(name.to_vec())), "x").unwrap();
        }
        let inputs = plan(&dir, &[""], &WalkOptions::default()).unwrap();
        let mut expected = odd.to_vec();
        expected.sort_unstable();
        let found: Vec<&[u8]> = inputs.items.iter().map(|item| bytes(&item.rel)).collect();
        assert_eq!(found, expected);
        for item in &inputs.items {
            let named = plan_inputs(std::slice::from_ref(&item.input), &WalkOptions::default());
            assert_eq!(named.unwrap().items[0].rel, item.rel);
        }
    }

    #[test]
    fn a_folder_that_cannot_be_listed_is_an_item_that_fails() {
        use rustix::fs::{OFlags, mkdirat, openat};
        let dir = tree(&["a.jpg"]);
        // Deeper than a path can say, which stops root as well.
        let name = "x".repeat(250);
        let mut here = openat(CWD, dir.path(), OFlags::RDONLY, Mode::empty()).unwrap();
        for _ in 0..20 {
            mkdirat(&here, &name, Mode::RWXU).unwrap();
            here = openat(&here, &name, OFlags::RDONLY, Mode::empty()).unwrap();
        }
        let inputs = plan(&dir, &[""], &WalkOptions::default()).unwrap();
        assert_eq!((inputs.items.len(), inputs.items[0].rel.as_path()), (2, Path::new("a.jpg")));
        let source = FolderSource::new(inputs.items);
        let outcomes = [0, 1].map(|_| source.read(source.next().unwrap()).outcome);
        assert!(outcomes[0].is_ok());
        let error = outcomes[1].as_ref().unwrap_err().to_string();
        assert!(error.starts_with("failed to open"), "{error}");
    }

    #[test]
    fn nothing_to_do_is_said_and_is_no_error() {
        let dir = tree(&["a.txt", "b.txt"]);
        let inputs = plan(&dir, &[""], &WalkOptions::default()).unwrap();
        let why = inputs.why_empty().unwrap();
        assert!(why.contains("2 txt"), "{why}");
        assert!(plan(&dir, &["", "missing.jpg"], &WalkOptions::default()).is_err());
    }
}
