//! The journal's lines: what they say, and how they are read back.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Error, Result};
use crate::event::Loss;

/// The version of this format, and the first that later programs promise to resume. 1 had no
/// bases, 2 no times of outputs; neither was in a release, and both are refused by name.
const VERSION: u32 = 3;

/// What outputs depend on, beside their input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipe {
    /// Differs where outputs may differ.
    pub hash: u64,
    /// The chain, for people.
    pub chain: String,
}

/// What the lines of one run have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// How outputs are made.
    pub recipe: Recipe,
    /// The absolute folder that inputs are relative to; empty where a stage that was typed into
    /// a shell was not told.
    pub base: PathBuf,
    /// Whether it may replace what other inputs or another recipe made.
    pub others: Others,
}

/// What becomes of outputs that were made of other inputs or by another recipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Others {
    /// They stay.
    Stay,
    /// `-y`: they may be replaced.
    MayGo,
}

/// The first line of a run, left out where the run before it began alike.
#[derive(Serialize, Deserialize)]
struct Header {
    #[serde(flatten)]
    format: Format,
    #[serde(with = "hex")]
    recipe: u64,
    chain: String,
    #[serde(with = "crate::event::path_text")]
    base: PathBuf,
    others: Others,
}

/// What a header says in every version.
#[derive(Serialize, Deserialize)]
struct Format {
    /// The format's version.
    journal: u32,
    /// The program's.
    version: String,
}

/// One finished input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The folder that the input is relative to; see [`Run::base`].
    #[serde(with = "crate::event::path_text")]
    pub base: PathBuf,
    /// The input, relative to the base.
    #[serde(with = "crate::event::path_text")]
    pub input: PathBuf,
    /// Its bytes when it was read.
    pub size: u64,
    /// Its time of change when it was read, in nanoseconds since 1970.
    pub mtime_ns: i64,
    /// Hash of the recipe.
    #[serde(with = "hex")]
    pub recipe: u64,
    /// When it was finished, in milliseconds since 1970.
    pub unix_ms: u64,
    /// Its number in the list, if the output's name holds it: of all that names are made of,
    /// only this changes while path, content and recipe stay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<u64>,
    /// What became of it.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// What became of an input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "lowercase")]
pub enum Outcome {
    /// Its output is in place.
    Done {
        /// Relative to the output folder.
        #[serde(with = "crate::event::path_text")]
        output: PathBuf,
        /// Bytes of the output.
        bytes: u64,
        /// Its time of change when it was put in place, in nanoseconds since 1970.
        made_ns: i64,
        /// Pixels of the input.
        pixels: u64,
        /// What was lost.
        losses: Vec<Loss>,
    },
    /// It has none.
    Failed {
        /// Why.
        error: Error,
    },
}

/// What names a line's subject from run to run: base, input, hash of the recipe.
type Key = (PathBuf, PathBuf, u64);

/// What a journal says: the last line of each input and recipe, as far as nothing later made it
/// void.
#[derive(Clone, Debug, Default)]
pub struct Past {
    version: String,
    /// The last header.
    run: Option<Run>,
    /// All that were met, by hash.
    chains: BTreeMap<u64, String>,
    entries: BTreeMap<Key, Entry>,
    /// Whose each output is.
    outputs: HashMap<PathBuf, Key>,
    /// The recipe that failed last on an input.
    failures: HashMap<(PathBuf, PathBuf), u64>,
    damaged: u64,
}

impl Past {
    /// The last run.
    pub fn last(&self) -> Option<&Run> {
        self.run.as_ref()
    }

    /// The chain of a recipe that the journal has lines of.
    pub fn chain(&self, hash: u64) -> Option<&str> {
        self.chains.get(&hash).map(String::as_str)
    }

    /// What became of an input of this run.
    pub fn get(&self, run: &Run, input: &Path) -> Option<&Entry> {
        self.entries.get(&(run.base.clone(), input.to_owned(), run.recipe.hash))
    }

    /// What an output, relative to the output folder, was made of.
    pub fn output(&self, output: &Path) -> Option<&Entry> {
        self.outputs.get(output).and_then(|key| self.entries.get(key))
    }

    /// All inputs, sorted.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    fn begin(&mut self, header: Header) {
        self.version = header.format.version;
        self.chains.insert(header.recipe, header.chain.clone());
        let recipe = Recipe { hash: header.recipe, chain: header.chain };
        self.run = Some(Run { recipe, base: header.base, others: header.others });
    }

    /// Adds a line. It makes void what was said of the same input and recipe, what was made at
    /// the same place, and failures of the same input by another recipe.
    fn add(&mut self, entry: Entry) {
        let input = (entry.base.clone(), entry.input.clone());
        let key = (entry.base.clone(), entry.input.clone(), entry.recipe);
        if let Some(recipe) = self.failures.remove(&input) {
            self.entries.remove(&(input.0.clone(), input.1.clone(), recipe));
        }
        if let Some(Entry { outcome: Outcome::Done { output, .. }, .. }) = self.entries.remove(&key)
        {
            self.outputs.remove(&output);
        }
        match &entry.outcome {
            Outcome::Done { output, .. } => {
                if let Some(before) = self.outputs.insert(output.clone(), key.clone()) {
                    self.entries.remove(&before);
                }
            }
            Outcome::Failed { .. } => {
                self.failures.insert(input, entry.recipe);
            }
        }
        self.entries.insert(key, entry);
    }

    /// Lines in the middle that could not be read. What they spoke of counts as not done.
    pub fn damaged(&self) -> u64 {
        self.damaged
    }

    /// All runs in numbers, for `lumaloom report`.
    pub fn summary(&self) -> Summary {
        let mut summary = Summary { version: self.version.clone(), ..Summary::default() };
        let used: BTreeSet<u64> = self.entries().map(|entry| entry.recipe).collect();
        let last = self.run.iter().map(|run| run.recipe.hash);
        for hash in used.into_iter().chain(last) {
            let chain = self.chain(hash).unwrap_or_default();
            summary.recipes.insert(format!("{hash:016x}"), chain.to_owned());
        }
        for entry in self.entries() {
            summary.bytes_in += entry.size;
            summary.last_unix_ms = summary.last_unix_ms.max(entry.unix_ms);
            match &entry.outcome {
                Outcome::Done { bytes, pixels, losses, .. } => {
                    summary.done += 1;
                    summary.bytes_out += bytes;
                    summary.pixels += pixels;
                    for loss in losses {
                        *summary.losses.entry(*loss).or_default() += 1;
                    }
                }
                Outcome::Failed { .. } => summary.failed += 1,
            }
            summary.entries.push(entry.clone());
        }
        summary
    }
}

/// What the runs into one folder did, from its journal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// The program of the last run.
    pub version: String,
    /// The chain of each recipe, by its hash in hexadecimal.
    pub recipes: BTreeMap<String, String>,
    /// Inputs with an output.
    pub done: u64,
    /// Inputs without one.
    pub failed: u64,
    /// Bytes of all these inputs.
    pub bytes_in: u64,
    /// Bytes of the outputs.
    pub bytes_out: u64,
    /// Pixels of the inputs that are done.
    pub pixels: u64,
    /// How many pictures lost what.
    pub losses: BTreeMap<Loss, u64>,
    /// When the last of them was finished, in milliseconds since 1970.
    pub last_unix_ms: u64,
    /// Each input, sorted.
    pub entries: Vec<Entry>,
}

/// Any line.
#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Header(Header),
    Entry(Box<Entry>),
    /// A header of another version, or one that lacks something.
    Other(Format),
}

/// The part of a journal's text that is whole lines.
pub(super) struct Whole {
    /// Its length.
    pub bytes: u64,
    /// The last line is whole but for its newline.
    pub lacks_newline: bool,
}

pub(super) fn whole(text: &[u8]) -> Whole {
    let end = text.iter().rposition(|b| *b == b'\n').map_or(0, |newline| newline + 1);
    let tail = &text[end..];
    let lacks_newline = !tail.is_empty() && parse(tail).is_some();
    let bytes = if lacks_newline { text.len() } else { end };
    Whole { bytes: bytes as u64, lacks_newline }
}

/// Reads a journal; `None` if no header is whole.
///
/// # Errors
/// `Usage`: it is of another version.
pub(super) fn read(text: &[u8]) -> Result<Option<Past>> {
    let bytes = usize::try_from(whole(text).bytes).unwrap_or(text.len());
    let mut past = Past::default();
    for line in text[..bytes].split(|b| *b == b'\n').filter(|line| !line.is_empty()) {
        match parse(line) {
            Some(Line::Header(header)) => {
                header.format.check()?;
                past.begin(header);
            }
            Some(Line::Entry(entry)) if past.run.is_some() => past.add(*entry),
            Some(Line::Entry(_)) => {}
            Some(Line::Other(format)) => {
                format.check()?;
                past.damaged += u64::from(past.run.is_some());
            }
            None => past.damaged += u64::from(past.run.is_some()),
        }
    }
    Ok(past.run.is_some().then_some(past))
}

pub(super) fn header(run: &Run) -> Vec<u8> {
    to_line(&Header {
        format: Format { journal: VERSION, version: env!("CARGO_PKG_VERSION").to_owned() },
        recipe: run.recipe.hash,
        chain: run.recipe.chain.clone(),
        base: run.base.clone(),
        others: run.others,
    })
}

pub(super) fn line(entry: &Entry) -> Vec<u8> {
    to_line(entry)
}

fn parse(line: &[u8]) -> Option<Line> {
    serde_json::from_slice(line).ok()
}

fn to_line(value: &impl Serialize) -> Vec<u8> {
    // Numbers, strings and paths in their JSON form: this cannot fail.
    let mut line = serde_json::to_vec(value).expect("plain data has a JSON form");
    line.push(b'\n');
    line
}

impl Format {
    /// # Errors
    /// `Usage`: a version that this program does not know.
    fn check(&self) -> Result<()> {
        if self.journal != VERSION {
            return Err(Error::usage(format!(
                "journal version {}, written by {}; this program knows version {VERSION}; \
                 choose another output folder, or remove the journal to start anew",
                self.journal, self.version
            )));
        }
        Ok(())
    }
}

/// 64 bits as 16 hexadecimal digits: JSON readers elsewhere lose those above 53.
mod hex {
    use super::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(value: &u64, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(&format_args!("{value:016x}"))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<u64, D::Error> {
        let text = String::deserialize(d)?;
        u64::from_str_radix(&text, 16).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;

    use super::*;

    fn entry(input: PathBuf, outcome: Outcome) -> Entry {
        let base = "/in".into();
        let recipe = u64::MAX;
        Entry { base, input, size: 1, mtime_ns: -2, recipe, unix_ms: 3, number: None, outcome }
    }

    fn text(lines: &[Vec<u8>]) -> Vec<u8> {
        let recipe = Recipe { hash: u64::MAX, chain: "eq=gamma=\"2\"".into() };
        let head = header(&Run { recipe, base: "/in".into(), others: Others::Stay });
        [&[head], lines].concat().concat()
    }

    fn live(lines: &[Entry]) -> Vec<Entry> {
        let lines: Vec<Vec<u8>> = lines.iter().map(line).collect();
        read(&text(&lines)).unwrap().unwrap().entries().cloned().collect()
    }

    fn done(output: &str) -> Outcome {
        Outcome::Done {
            output: output.into(),
            bytes: 5,
            made_ns: 8,
            pixels: 6,
            losses: vec![Loss::Depth],
        }
    }

    #[test]
    fn odd_names_come_back() {
        let odd: PathBuf = OsString::from_vec(b"a\xff\n\"b.jpg".to_vec()).into();
        let all = [
            entry(odd, done("x\ny")),
            entry("b".into(), Outcome::Failed { error: Error::system("no space") }),
        ];
        let text = text(&all.each_ref().map(line));
        assert_eq!(text.iter().filter(|b| **b == b'\n').count(), 3);
        let past = read(&text).unwrap().unwrap();
        assert_eq!(past.entries().cloned().collect::<Vec<_>>(), all);
        assert_eq!(past.last().unwrap().recipe.chain, "eq=gamma=\"2\"");
        assert_eq!(past.output(Path::new("x\ny")), Some(&all[0]));
    }

    #[test]
    fn runs_add_up_and_what_was_replaced_is_void() {
        let a = entry("x".into(), done("x"));
        let b = Entry { base: "/other".into(), ..entry("x".into(), done("y")) };
        let by_another = Entry { recipe: 3, ..entry("x".into(), done("x.png")) };
        assert_eq!(live(&[a.clone(), b.clone()]), [a.clone(), b.clone()]);
        assert_eq!(live(&[a.clone(), by_another.clone()]), [by_another, a.clone()]);
        // The same place: the later one is there, whoever made it.
        let over = Entry { base: "/other".into(), ..entry("x".into(), done("x")) };
        assert_eq!(live(&[a.clone(), over.clone()]), std::slice::from_ref(&over));
        assert_eq!(live(&[a.clone(), over, a.clone()]), std::slice::from_ref(&a));
        // A failure is void once the input was tried again, by whatever recipe.
        let failed = Outcome::Failed { error: Error::input("no") };
        let broken = Entry { recipe: 3, ..entry("x".into(), failed) };
        assert_eq!(live(&[broken.clone(), a.clone()]), std::slice::from_ref(&a));
        assert_eq!(live(&[a.clone(), broken.clone()]), [broken, a]);
    }

    #[test]
    fn the_lines_have_this_form() {
        // Frozen: what is written in this version is resumed by later programs.
        let header = String::from_utf8(text(&[])).unwrap();
        assert_eq!(
            header.replace(env!("CARGO_PKG_VERSION"), "0.0.0"),
            "{\"journal\":3,\"version\":\"0.0.0\",\"recipe\":\"ffffffffffffffff\",\
             \"chain\":\"eq=gamma=\\\"2\\\"\",\"base\":\"/in\",\"others\":\"stay\"}\n"
        );
        let line = line(&entry("a.jpg".into(), done("b/a.png")));
        assert_eq!(
            String::from_utf8(line).unwrap(),
            "{\"base\":\"/in\",\"input\":\"a.jpg\",\"size\":1,\"mtime_ns\":-2,\"recipe\":\"ffffffffffffffff\",\
             \"unix_ms\":3,\"outcome\":\"done\",\"output\":\"b/a.png\",\"bytes\":5,\"made_ns\":8,\"pixels\":6,\
             \"losses\":[\"depth\"]}\n"
        );
        let numbered = Entry { number: Some(4), ..entry("a.jpg".into(), done("4.png")) };
        let line = String::from_utf8(self::line(&numbered)).unwrap();
        assert!(line.contains("\"unix_ms\":3,\"number\":4,\"outcome\""), "{line}");
        assert_eq!(live(std::slice::from_ref(&numbered)), [numbered]);
    }

    #[test]
    fn damage_in_the_middle_costs_that_line() {
        let a = line(&entry("a".into(), done("a")));
        let past = read(&text(&[b"\0\0\0{\n".to_vec(), a])).unwrap().unwrap();
        assert_eq!((past.entries().count(), past.damaged()), (1, 1));
    }

    #[test]
    fn other_versions_are_refused_by_name_and_no_header_is_no_journal() {
        // The form of version 1, and a later one that shares nothing but what is promised.
        let first = "{\"journal\":1,\"version\":\"0.1.0\",\"recipe\":\"ff\",\"chain\":\"\"}\n";
        let newer = "{\"journal\":5,\"version\":\"9\",\"x\":[]}\n";
        let same = String::from_utf8(text(&[])).unwrap().replace("\"journal\":3", "\"journal\":4");
        for (text, version) in [(first, 1), (newer, 5), (&same, 4)] {
            let error = read(text.as_bytes()).unwrap_err().to_string();
            assert!(error.starts_with(&format!("journal version {version}, ")), "{error}");
            assert!(read([self::text(&[]), text.into()].concat().as_slice()).is_err());
        }
        // A header of ours that lacks something is damage.
        let cut = text(&[b"{\"journal\":3,\"version\":\"0.1.0\"}\n".to_vec()]);
        assert_eq!(read(&cut).unwrap().unwrap().damaged(), 1);
        assert!(read(&line(&entry("a".into(), done("a")))).unwrap().is_none());
        assert!(read(b"").unwrap().is_none());
    }

    #[test]
    fn the_summary_counts() {
        let failed = Outcome::Failed { error: Error::input("not an image") };
        let all = [entry("b".into(), done("b")), entry("a".into(), failed)];
        let summary = read(&text(&all.each_ref().map(line))).unwrap().unwrap().summary();
        assert_eq!((summary.done, summary.failed, summary.pixels), (1, 1, 6));
        assert_eq!(summary.losses[&Loss::Depth], 1);
        assert_eq!(summary.entries[0].input, Path::new("a"));
        assert_eq!(summary.recipes["ffffffffffffffff"], "eq=gamma=\"2\"");
    }
}
