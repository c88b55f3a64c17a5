//! Before the first byte is written: outputs that would hit an input, each other, or what exists.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File, Metadata};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::Access;

use super::naming::{Known, Template};
use super::place::folder_of;
use crate::codec;
use crate::error::{Error, Result, shown};
use crate::link::Item;

/// How many are shown of a long list.
const FIRST: usize = 3;
/// Bytes that are enough to tell a format.
const HEAD: u64 = 512;

/// The outputs of a run, before it starts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outputs {
    /// The output folder; for a job whose output is one file, the folder that it lies in.
    pub folder: PathBuf,
    /// One for each item, relative to the folder; `None` where a name depends on the output's
    /// size, or where there will be no output.
    pub names: Vec<Option<PathBuf>>,
}

/// Refuses an OUT that is itself one of the INPUT arguments. To be asked before all else.
///
/// # Errors
/// `Usage`.
pub fn out_is_no_input(inputs: &[PathBuf], out: &Path) -> Result<()> {
    let Ok(data) = fs::metadata(out) else { return Ok(()) };
    let same = |input: &&PathBuf| {
        fs::metadata(input).is_ok_and(|theirs| same_file((input, &theirs), (out, &data)))
    };
    inputs.iter().find(same).map_or(Ok(()), |input| {
        Err(Error::usage(format!(
            "the output {} is the input {}; inputs are never written to",
            shown(out),
            shown(input)
        )))
    })
}

/// The same for many outputs, those of them that are there.
///
/// # Errors
/// `Usage`.
pub fn outs_are_no_inputs(
    inputs: &[PathBuf],
    outs: impl IntoIterator<Item = PathBuf>,
) -> Result<()> {
    let known: HashSet<_> =
        inputs.iter().filter_map(|path| Some(id(&fs::metadata(path).ok()?))).collect();
    for out in outs {
        if fs::metadata(&out).is_ok_and(|data| known.contains(&id(&data))) {
            out_is_no_input(inputs, &out)?;
        }
    }
    Ok(())
}

/// Refuses a file that cannot come into being: its folder is missing or may not be written to,
/// or it is a folder itself. A device is none of ours to judge.
///
/// # Errors
/// `Usage`, with the option that names the file.
pub fn file_can_be_made(option: &str, file: &Path) -> Result<()> {
    let refused =
        |why: &dyn std::fmt::Display| Error::usage(format!("{option} {}: {why}", shown(file)));
    if file.is_dir() {
        return Err(refused(&"is a folder"));
    }
    if file.exists() && !file.is_file() {
        return Ok(());
    }
    if sniffed(file).is_some() {
        return Err(refused(&"is a picture, and pictures are not written over"));
    }
    let folder = folder_of(file);
    match fs::metadata(folder) {
        Ok(data) if !data.is_dir() => Err(refused(&format!("{} is no folder", shown(folder)))),
        Ok(_) => rustix::fs::access(folder, Access::WRITE_OK | Access::EXEC_OK)
            .map_err(|e| refused(&format!("{}: {}", shown(folder), std::io::Error::from(e)))),
        Err(e) => Err(refused(&format!("{}: {e}", shown(folder)))),
    }
}

/// Refuses an output that is there and no file: it gets its name by a rename, which would put a file
/// in the place of a pipe that somebody reads.
///
/// # Errors
/// `Usage`.
pub fn out_is_a_file(out: &Path) -> Result<()> {
    let what = match fs::metadata(out) {
        Ok(data) if data.is_dir() => "a folder",
        Ok(data) if !data.is_file() => "a pipe or a device",
        _ => return Ok(()),
    };
    Err(Error::usage(format!("the output {} is {what}, not a file", shown(out))))
}

/// Refuses an output folder that cannot be made: something on its way is no folder, or the
/// nearest one that is there may not be written to.
///
/// # Errors
/// `Usage`.
pub fn folder_can_be_made(out: &Path) -> Result<()> {
    let refused = |at: &Path, why: &dyn std::fmt::Display| {
        Error::usage(format!("the output {} cannot be made: {}: {why}", shown(out), shown(at)))
    };
    for at in out.ancestors() {
        let at = if at.as_os_str().is_empty() { Path::new(".") } else { at };
        match fs::metadata(at) {
            Ok(data) if !data.is_dir() => return Err(refused(at, &"is no folder")),
            Ok(_) => {
                let access = rustix::fs::access(at, Access::WRITE_OK | Access::EXEC_OK);
                return access.map_err(|e| refused(at, &std::io::Error::from(e)));
            }
            Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {}
            Err(e) => return Err(refused(at, &e)),
        }
    }
    Ok(())
}

/// Names the outputs of a folder job. `format` is the extension of the format that was asked
/// for; without it, and if names depend on it, the first bytes of each input are read.
///
/// # Errors
/// `Usage`: an output is an input; two inputs have one output; OUT is a file.
pub fn folder(
    items: &[Item],
    out: &Path,
    template: &Template,
    format: Option<&str>,
) -> Result<Outputs> {
    if fs::metadata(out).is_ok_and(|data| !data.is_dir()) {
        return Err(Error::usage(format!("the output {} is not a folder", shown(out))));
    }
    let formats: Vec<Option<&str>> = match format {
        None if template.needs_format() => items.iter().map(format_of).collect(),
        format => vec![format; items.len()],
    };
    let names = names(items, &formats, template);
    no_input_replaced(items, out, &names)?;
    if template.needs_size() {
        no_input_inside(items, out)?;
    }
    no_two_for_one(items, &formats, template, &names, case_of(out))?;
    Ok(Outputs { folder: out.to_owned(), names })
}

/// The same for a job whose output is one file.
///
/// # Errors
/// `Usage`: it is the input, or a folder.
pub fn file(items: &[Item], out: &Path) -> Result<Outputs> {
    out_is_a_file(out)?;
    let names = vec![out.file_name().map(PathBuf::from)];
    let folder = folder_of(out).to_owned();
    no_input_replaced(items, &folder, &names)?;
    Ok(Outputs { folder, names })
}

impl Outputs {
    /// Items of a part of the list with their outputs, where those are known; `all` is the list that these are the
    /// outputs of, and both are in its order.
    pub fn of<'a>(
        &'a self,
        part: &'a [Item],
        all: &'a [Item],
    ) -> impl Iterator<Item = (&'a Item, Option<&'a Path>)> {
        let mut rest = all.iter().zip(&self.names);
        part.iter().filter_map(move |item| {
            let (_, name) = rest.find(|(other, _)| other.number == item.number)?;
            Some((item, name.as_deref()))
        })
    }

    /// Refuses to start where outputs exist now; not to be asked with `-y` or `--resume`.
    ///
    /// # Errors
    /// `Usage`, with their number and the ways out.
    pub fn refuse_existing(&self, out: &Path) -> Result<()> {
        let existing: Vec<&PathBuf> =
            existing(&self.folder, &self.names).map(|(name, _)| name).collect();
        let count = existing.len();
        if count == 0 {
            return Ok(());
        }
        // A file has no journal to go on with.
        if !out.is_dir() {
            return Err(Error::usage(format!("the output {} exists; -y replaces it", shown(out))));
        }
        let first: Vec<String> =
            existing.iter().take(FIRST).map(|path| shown(path).to_string()).collect();
        let more = if count > FIRST { ", ..." } else { "" };
        Err(Error::usage(format!(
            "{count} of {} outputs exist at {} ({}{more}); -y replaces them, --resume goes on \
             with an earlier run",
            self.names.len(),
            shown(out),
            first.join(", ")
        )))
    }
}

/// Whether names that differ in case are different files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Case {
    Kept,
    Folded,
}

fn names(items: &[Item], formats: &[Option<&str>], template: &Template) -> Vec<Option<PathBuf>> {
    let name = |(item, format): (&Item, &Option<&str>)| {
        // What stands for a folder that could not be listed has no output.
        if item.size == 0 && item.input.is_dir() {
            return None;
        }
        // An item without a name fails when it is written, and costs only itself.
        template.name(item, Known { format: *format, size: None }).ok().flatten()
    };
    items.iter().zip(formats).map(name).collect()
}

/// The extension of the format that content has, and so the output.
fn format_of(item: &Item) -> Option<&'static str> {
    sniffed(&item.input).map(codec::Format::extension)
}

/// The format of what is at a path, by its first bytes.
fn sniffed(path: &Path) -> Option<codec::Format> {
    let mut head = Vec::new();
    // Opened only if it is a file: a FIFO that took its place would block.
    fs::metadata(path).ok().filter(Metadata::is_file)?;
    File::open(path).ok()?.take(HEAD).read_to_end(&mut head).ok()?;
    codec::sniff(&head)
}

/// Outputs that exist. A link that stands at an output's place is replaced itself, so it is not
/// followed.
fn existing<'a>(
    folder: &'a Path,
    names: &'a [Option<PathBuf>],
) -> impl Iterator<Item = (&'a PathBuf, Metadata)> {
    let looked = |name: &'a PathBuf| Some((name, fs::symlink_metadata(folder.join(name)).ok()?));
    names.iter().flatten().filter_map(looked)
}

/// # Errors
/// `Usage`: an output is an input.
fn no_input_replaced(items: &[Item], out: &Path, names: &[Option<PathBuf>]) -> Result<()> {
    let found: Vec<(&PathBuf, Metadata)> = existing(out, names).collect();
    if found.is_empty() {
        return Ok(());
    }
    let mut inputs: HashMap<(u64, u64), Vec<(&Path, Metadata)>> = HashMap::new();
    for item in items {
        let ways = [fs::metadata(&item.input), fs::symlink_metadata(&item.input)];
        for data in ways.into_iter().flatten() {
            inputs.entry(id(&data)).or_default().push((&item.input, data));
        }
    }
    for (name, data) in &found {
        let path = out.join(name);
        let same = inputs.get(&id(data)).into_iter().flatten();
        let hit =
            same.into_iter().find(|(input, theirs)| same_file((input, theirs), (&path, data)));
        if let Some((input, _)) = hit {
            return Err(Error::usage(format!(
                "the output {} is the input {}; choose another output folder or --name",
                shown(&path),
                shown(input)
            )));
        }
    }
    Ok(())
}

/// Where names are known late, hitting an input can only be ruled out if none is in reach.
fn no_input_inside(items: &[Item], out: &Path) -> Result<()> {
    let Ok(out) = out.canonicalize() else { return Ok(()) };
    let mut known: HashMap<&Path, bool> = HashMap::new();
    for item in items {
        let folder = folder_of(&item.input);
        let inside = *known
            .entry(folder)
            .or_insert_with(|| folder.canonicalize().is_ok_and(|real| real.starts_with(&out)));
        if inside {
            return Err(Error::usage(format!(
                "the input {} lies in the output folder, and a --name with {{width}} or \
                 {{height}} might hit it; choose another output folder",
                shown(&item.input)
            )));
        }
    }
    Ok(())
}

fn no_two_for_one(
    items: &[Item],
    formats: &[Option<&str>],
    template: &Template,
    names: &[Option<PathBuf>],
    case: Case,
) -> Result<()> {
    let pairs = collisions(names, case);
    if pairs.is_empty() {
        return Ok(());
    }
    let mut lines = vec![match pairs.len() {
        1 => "1 pair of inputs has one output:".to_owned(),
        n => format!("{n} pairs of inputs have one output each:"),
    }];
    let first = pairs.iter().take(FIRST).map(|(a, b)| {
        let output = names[*b].as_deref().unwrap_or(Path::new(""));
        let [a, b] = [*a, *b].map(|i| shown(&items[i].rel));
        format!("  {a} and {b} -> {}", shown(output))
    });
    lines.extend(first);
    if pairs.len() > FIRST {
        lines.push(format!("  and {} more", pairs.len() - FIRST));
    }
    // The last part of each keeps what the name says about the content.
    let end = if template.needs_format() { "format" } else { "ext" };
    let candidates = ["{dir}/{stem}", "{dir}/{stem}_{ext}", "{dir}/{stem}_{n}"];
    let solves = |text: &String| {
        let template = Template::parse(text).ok();
        let names = template.map(|template| self::names(items, formats, &template));
        names.is_some_and(|names| collisions(&names, case).is_empty())
    };
    let solution = candidates.map(|start| format!("{start}.{{{end}}}")).into_iter().find(solves);
    lines.extend(solution.map(|text| format!("--name '{text}' tells them apart")));
    Err(Error::usage(lines.join("\n")))
}

/// Pairs of items that would have one output, or one of which needs as a folder what the other
/// has as a file. Three items with one output are two pairs.
fn collisions(names: &[Option<PathBuf>], case: Case) -> Vec<(usize, usize)> {
    let key = |path: &Path| match case {
        Case::Kept => path.to_owned(),
        Case::Folded => path.to_string_lossy().to_lowercase().into(),
    };
    let mut first: HashMap<PathBuf, usize> = HashMap::with_capacity(names.len());
    let mut pairs = Vec::new();
    let known = names.iter().enumerate().filter_map(|(i, name)| Some((i, name.as_deref()?)));
    for (i, name) in known.clone() {
        let owner = *first.entry(key(name)).or_insert(i);
        if owner != i {
            pairs.push((owner, i));
        }
    }
    for (i, name) in known {
        let above = name.ancestors().skip(1).filter(|path| !path.as_os_str().is_empty());
        pairs.extend(above.filter_map(|folder| first.get(&key(folder))).map(|owner| (*owner, i)));
    }
    pairs
}

/// Asks the file system without writing: is the nearest folder that is there also there under a
/// name in the other case? A doubt remains where only one folder inside is set to fold; then the
/// writer finds the collision, and the second of the two fails.
fn case_of(out: &Path) -> Case {
    let Some(there) = out.ancestors().find_map(|path| path.canonicalize().ok()) else {
        return Case::Kept;
    };
    let folds = |path: &Path| {
        let name = path.file_name()?.to_str()?;
        let other: String = name
            .chars()
            .map(|c| if c.is_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() })
            .collect();
        if other == name {
            return None;
        }
        let [ours, theirs] = [path.to_owned(), path.with_file_name(other)]
            .map(|path| fs::symlink_metadata(path).ok().map(|data| id(&data)));
        Some(ours == theirs)
    };
    match there.ancestors().find_map(folds) {
        Some(true) => Case::Folded,
        Some(false) | None => Case::Kept,
    }
}

fn id(data: &Metadata) -> (u64, u64) {
    (data.dev(), data.ino())
}

/// Whether replacing `b` by a rename would take `a` away. A second hard link would not: the
/// rename gives up one name, and the other keeps the content.
fn same_file(a: (&Path, &Metadata), b: (&Path, &Metadata)) -> bool {
    let one_name = a.1.is_dir() || a.1.nlink() == 1;
    let place =
        |path: &Path| Some((folder_of(path).canonicalize().ok()?, path.file_name()?.to_owned()));
    let resolved = |path: &Path| place(&path.canonicalize().ok()?);
    id(a.1) == id(b.1) && (one_name || place(a.0) == place(b.0) || resolved(a.0) == place(b.0))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use tempfile::TempDir;

    use super::*;

    fn tree(files: &[&str]) -> (TempDir, Vec<Item>) {
        let dir = tempfile::tempdir().unwrap();
        let items = files.iter().zip(1..).map(|(rel, number)| {
            let input = dir.path().join("in").join(rel);
            fs::create_dir_all(folder_of(&input)).unwrap();
            fs::write(&input, b"\x89PNG\r\n\x1a\n").unwrap();
            Item { input, rel: rel.into(), number, size: 8, mtime_ns: 0 }
        });
        let items = items.collect();
        (dir, items)
    }

    fn plan(items: &[Item], out: &Path, name: &str, format: Option<&str>) -> Result<Outputs> {
        folder(items, out, &Template::parse(name).unwrap(), format)
    }

    #[test]
    fn collisions_are_counted_shown_and_solved() {
        let (dir, items) = tree(&["a.jpg", "a.png", "b.jpg", "b.png", "c.png"]);
        let out = dir.path().join("out");
        let error = plan(&items, &out, Template::REFORMAT, Some("webp")).unwrap_err().to_string();
        assert_eq!(
            error,
            "2 pairs of inputs have one output each:\n  a.jpg and a.png -> a.webp\n  \
             b.jpg and b.png -> b.webp\n--name '{dir}/{stem}_{ext}.{format}' tells them apart"
        );
        let solved = plan(&items, &out, "{dir}/{stem}_{ext}.{format}", Some("webp")).unwrap();
        assert_eq!(solved.names[1], Some("a_png.webp".into()));
    }

    #[test]
    fn the_way_out_is_the_least_one_that_works() {
        let suggested = |files: &[&str], name: &str| {
            let (dir, items) = tree(files);
            let error = plan(&items, &dir.path().join("out"), name, Some("png")).unwrap_err();
            error.to_string().lines().last().unwrap().to_owned()
        };
        assert!(
            suggested(&["x/a.jpg", "y/a.jpg"], "{stem}.{ext}").contains("'{dir}/{stem}.{ext}'")
        );
        assert!(suggested(&["a.b_c", "a_b.c", "a.d"], "{stem}.{format}").contains("{n}"));
        let (_dir, items) = tree(&["a", "b", "c", "d", "e"]);
        let error = plan(&items, Path::new("nowhere"), "x", None).unwrap_err().to_string();
        assert!(error.starts_with("4 pairs") && error.contains("and 1 more"), "{error}");
    }

    #[test]
    fn a_file_where_another_needs_a_folder_collides() {
        let (dir, items) = tree(&["a/x.jpg", "b.jpg"]);
        let out = dir.path().join("out");
        let names = vec![Some("a".into()), Some("a/b".into())];
        assert_eq!(collisions(&names, Case::Kept), [(0, 1)]);
        assert!(plan(&items, &out, "{n}", None).is_ok());
    }

    #[test]
    fn case_matters_where_the_file_system_says_so() {
        let names = vec![Some("a/X.jpg".into()), Some("A/x.jpg".into()), Some("b".into())];
        assert_eq!(collisions(&names, Case::Kept), []);
        assert_eq!(collisions(&names, Case::Folded), [(0, 1)]);
        let dir = tempfile::tempdir().unwrap();
        let here = dir.path().join("Name");
        fs::create_dir(&here).unwrap();
        let folds = dir.path().join("nAME").exists();
        let expected = if folds { Case::Folded } else { Case::Kept };
        assert_eq!(case_of(&here.join("new/out")), expected);
    }

    #[test]
    fn formats_are_read_where_names_need_them() {
        let (dir, items) = tree(&["a.jpg", "a.webp"]);
        let out = dir.path().join("out");
        // Both hold a PNG.
        let error = plan(&items, &out, Template::REFORMAT, None).unwrap_err().to_string();
        assert!(error.contains("a.jpg and a.webp -> a.png"), "{error}");
        let sized = plan(&items, &out, "{width}", None).unwrap();
        assert_eq!(sized.names, [None, None]);
    }

    #[test]
    fn an_output_that_is_an_input_is_refused_whatever_the_way() {
        let (dir, items) = tree(&["a.jpg", "b.jpg"]);
        let inside = dir.path().join("in");
        symlink(&inside, dir.path().join("link")).unwrap();
        for out in [&inside, &dir.path().join("link"), &dir.path().join("in/../in")] {
            let error = plan(&items, out, Template::MIRROR, None).unwrap_err().to_string();
            assert!(error.contains("is the input"), "{error}");
            assert!(out_is_no_input(std::slice::from_ref(&inside), out).is_err());
        }
        assert!(out_is_no_input(std::slice::from_ref(&inside), &dir.path().join("out")).is_ok());
        assert!(file(&items[..1], &inside.join("a.jpg")).is_err());
        assert!(file(&items[..1], &inside).is_err());
        assert!(plan(&items, &inside, "{width}", None).is_err());
        assert!(plan(&items, &inside, "new/{stem}", None).is_ok());
        assert!(plan(&items, &items[0].input, "{stem}", None).is_err());
    }

    #[test]
    fn links_to_inputs_are_replaced_themselves_and_are_no_inputs() {
        let (dir, items) = tree(&["a.jpg", "b.jpg"]);
        let out = dir.path().join("out");
        fs::create_dir(&out).unwrap();
        symlink(&items[0].input, out.join("a.jpg")).unwrap();
        fs::hard_link(&items[1].input, out.join("b.jpg")).unwrap();
        let outputs = plan(&items, &out, Template::MIRROR, None).unwrap();
        assert_eq!(existing(&out, &outputs.names).count(), 2);
        // But a link that was named as input keeps what it points to.
        let link = Item { input: out.join("a.jpg"), ..items[0].clone() };
        assert!(plan(&[link], &out, Template::MIRROR, None).is_err());
        let hard = Item { input: out.join("b.jpg"), ..items[1].clone() };
        assert!(plan(&[hard], &out, Template::MIRROR, None).is_err());
    }

    #[test]
    fn what_cannot_be_made_is_found_before() {
        let (dir, items) = tree(&["a.jpg"]);
        let at = |name: &str| dir.path().join(name);
        for out in [items[0].input.join("out"), items[0].input.join("deep/out")] {
            let error = folder_can_be_made(&out).unwrap_err().to_string();
            assert!(error.contains("a.jpg: is no folder"), "{error}");
            assert!(file_can_be_made("--report", &out).is_err());
        }
        assert!(folder_can_be_made(&at("new/deep/out")).is_ok());
        assert!(file_can_be_made("--report", &at("new/r.json")).is_err());
        assert!(file_can_be_made("--report", &at("in")).is_err());
        assert!(file_can_be_made("--report", &at("r.json")).is_ok());
        fs::write(at("r.json"), "{}").unwrap();
        assert!(file_can_be_made("--report", &at("r.json")).is_ok());
        fs::write(at("r.json"), b"\xff\xd8\xff\xe0 a photograph").unwrap();
        let error = file_can_be_made("--report", &at("r.json")).unwrap_err().to_string();
        assert!(error.contains("is a picture"), "{error}");
        assert!(file_can_be_made("--report", Path::new("/dev/null")).is_ok());
    }

    #[test]
    fn what_exists_is_counted_with_both_ways_out() {
        let (dir, items) = tree(&["a.jpg", "b.jpg", "c.jpg", "d.jpg", "e.jpg"]);
        let out = dir.path().join("out");
        let outputs = plan(&items, &out, Template::MIRROR, None).unwrap();
        assert!(outputs.refuse_existing(&out).is_ok());
        fs::create_dir(&out).unwrap();
        for item in &items[..4] {
            fs::write(out.join(&item.rel), "").unwrap();
        }
        let error = outputs.refuse_existing(&out).unwrap_err().to_string();
        assert!(error.starts_with("4 of 5 outputs exist"), "{error}");
        assert!(error.contains("-y") && error.contains("--resume"), "{error}");
    }
}
