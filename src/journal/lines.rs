//! The journal's lines: what they say, and how they are read back.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Error, Result};
use crate::event::Loss;

/// The version of this format.
const VERSION: u32 = 1;

/// What outputs depend on, beside their input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipe {
    /// Differs where outputs may differ.
    pub hash: u64,
    /// The chain, for people.
    pub chain: String,
}

/// The first line of a run that started fresh.
#[derive(Serialize, Deserialize)]
struct Header {
    /// The format's version.
    journal: u32,
    /// The program's.
    version: String,
    #[serde(with = "hex")]
    recipe: u64,
    chain: String,
}

/// One finished input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The input, relative to the base: what names it from run to run.
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

/// What a journal says: the last line of each input since the last fresh start.
#[derive(Clone, Debug)]
pub struct Past {
    version: String,
    recipe: Recipe,
    entries: HashMap<PathBuf, Entry>,
    damaged: u64,
}

impl Past {
    /// The program that started the run.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The recipe of the run.
    pub fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// What became of an input.
    pub fn get(&self, input: &Path) -> Option<&Entry> {
        self.entries.get(input)
    }

    /// All inputs, sorted.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        let sorted: BTreeMap<&PathBuf, &Entry> = self.entries.iter().collect();
        sorted.into_values()
    }

    /// Outputs in place, relative to the output folder, and the input that each was made of.
    pub fn outputs(&self) -> impl Iterator<Item = (&Path, &Path)> {
        self.entries.values().filter_map(|entry| match &entry.outcome {
            Outcome::Done { output, .. } => Some((output.as_path(), entry.input.as_path())),
            Outcome::Failed { .. } => None,
        })
    }

    /// Lines in the middle that could not be read. What they spoke of counts as not done.
    pub fn damaged(&self) -> u64 {
        self.damaged
    }

    /// The run in numbers, for `lumaloom report`.
    pub fn summary(&self) -> Summary {
        let mut summary = Summary {
            version: self.version.clone(),
            recipe: format!("{:016x}", self.recipe.hash),
            chain: self.recipe.chain.clone(),
            ..Summary::default()
        };
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

/// What a run did, from its journal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// The program that started the run.
    pub version: String,
    /// Hash of the recipe, in hexadecimal.
    pub recipe: String,
    /// The chain.
    pub chain: String,
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
/// `Usage`: a newer version wrote it.
pub(super) fn read(text: &[u8]) -> Result<Option<Past>> {
    let bytes = usize::try_from(whole(text).bytes).unwrap_or(text.len());
    let mut past: Option<Past> = None;
    for line in text[..bytes].split(|b| *b == b'\n').filter(|line| !line.is_empty()) {
        match (parse(line), &mut past) {
            (Some(Line::Header(header)), _) => past = Some(header.start()?),
            (Some(Line::Entry(entry)), Some(past)) => {
                past.entries.insert(entry.input.clone(), *entry);
            }
            (None, Some(past)) => past.damaged += 1,
            (_, None) => {}
        }
    }
    Ok(past)
}

pub(super) fn header(recipe: &Recipe) -> Vec<u8> {
    to_line(&Header {
        journal: VERSION,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        recipe: recipe.hash,
        chain: recipe.chain.clone(),
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

impl Header {
    fn start(self) -> Result<Past> {
        if self.journal > VERSION {
            return Err(Error::usage(format!(
                "journal version {}, written by {}; this program knows version {VERSION}",
                self.journal, self.version
            )));
        }
        let recipe = Recipe { hash: self.recipe, chain: self.chain };
        Ok(Past { version: self.version, recipe, entries: HashMap::new(), damaged: 0 })
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
        Entry { input, size: 1, mtime_ns: -2, recipe: u64::MAX, unix_ms: 3, outcome }
    }

    fn text(lines: &[Vec<u8>]) -> Vec<u8> {
        let head = header(&Recipe { hash: 1, chain: "eq=gamma=\"2\"".into() });
        [&[head], lines].concat().concat()
    }

    fn done(output: &str) -> Outcome {
        Outcome::Done { output: output.into(), bytes: 5, pixels: 6, losses: vec![Loss::Depth] }
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
        assert_eq!(past.recipe().chain, "eq=gamma=\"2\"");
        assert_eq!(past.outputs().count(), 1);
    }

    #[test]
    fn the_lines_have_this_form() {
        // Frozen: journals of earlier versions are resumed by later ones.
        let line = line(&entry("a.jpg".into(), done("b/a.png")));
        assert_eq!(
            String::from_utf8(line).unwrap(),
            "{\"input\":\"a.jpg\",\"size\":1,\"mtime_ns\":-2,\"recipe\":\"ffffffffffffffff\",\
             \"unix_ms\":3,\"outcome\":\"done\",\"output\":\"b/a.png\",\"bytes\":5,\"pixels\":6,\
             \"losses\":[\"depth\"]}\n"
        );
    }

    #[test]
    fn damage_in_the_middle_costs_that_line() {
        let a = line(&entry("a".into(), done("a")));
        let past = read(&text(&[b"\0\0\0{\n".to_vec(), a])).unwrap().unwrap();
        assert_eq!((past.entries().count(), past.damaged()), (1, 1));
    }

    #[test]
    fn a_newer_version_is_refused_and_no_header_is_no_journal() {
        let newer = String::from_utf8(text(&[])).unwrap().replace("\"journal\":1", "\"journal\":2");
        assert!(read(newer.as_bytes()).unwrap_err().to_string().contains("version 2"));
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
        assert!(
            serde_json::to_string(&summary).unwrap().contains("\"recipe\":\"0000000000000001\"")
        );
    }
}
