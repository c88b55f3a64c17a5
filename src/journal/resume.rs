//! What an earlier run left to do. Decides; reads and writes nothing by itself.

use std::path::{Path, PathBuf};

use super::lines::{Outcome, Past, Recipe};
use crate::error::{Error, Result};
use crate::link::Item;

/// How a run begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// Nothing that was journalled counts.
    Fresh,
    /// What is journalled as done need not be done again.
    Resume,
}

/// What `--resume` does with inputs that failed and have not changed since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailedBefore {
    /// They stay failed, and are reported again.
    Keep,
    /// `--retry-failed`.
    Retry,
}

/// What `-y` allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtherRecipe {
    /// An output folder of another recipe is not touched.
    Refuse,
    /// It is begun anew.
    Restart,
}

/// The work that is left, in the order of the list, and why the rest is not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remaining {
    /// To do: the sum of `new`, `changed`, `lost` and `retried`.
    pub todo: Vec<Item>,
    /// Finished by an earlier run: not done again.
    pub done: u64,
    /// To do because the journal does not know them.
    pub new: u64,
    /// To do because their size or time of change differs.
    pub changed: u64,
    /// To do because their output is gone or has another size.
    pub lost: u64,
    /// To do because they failed and `--retry-failed` was asked for.
    pub retried: u64,
    /// Failed by an earlier run, not tried again: the input and the reason.
    pub failed: Vec<(PathBuf, Error)>,
}

/// How a run that was asked to resume begins.
///
/// # Errors
/// `Usage`: the folder holds outputs of another recipe.
pub fn start(past: Option<&Past>, recipe: &Recipe, other: OtherRecipe) -> Result<Start> {
    let Some(past) = past else { return Ok(Start::Fresh) };
    let theirs = past.recipe();
    match other {
        _ if theirs.hash == recipe.hash => Ok(Start::Resume),
        OtherRecipe::Restart => Ok(Start::Fresh),
        OtherRecipe::Refuse => Err(Error::usage(format!(
            "--resume: the output folder was made by another recipe (chain {:?} there, {:?} here, \
             or other options); -y begins it anew, or choose another output folder",
            theirs.chain, recipe.chain
        ))),
    }
}

/// Which items are left. Done means: journalled as done by this recipe, the input has the same
/// size and time of change, and the output is there with the journalled size.
///
/// `output_size` gives the bytes of the regular file at a path relative to the output folder,
/// `None` if there is none.
pub fn remaining(
    items: Vec<Item>,
    past: Option<&Past>,
    failed: FailedBefore,
    output_size: &dyn Fn(&Path) -> Option<u64>,
) -> Remaining {
    let mut left = Remaining::default();
    for item in items {
        let entry = past.and_then(|past| past.get(&item.rel).map(|entry| (past, entry)));
        let Some((past, entry)) = entry else {
            left.new += 1;
            left.todo.push(item);
            continue;
        };
        let same = (entry.size, entry.mtime_ns) == (item.size, item.mtime_ns)
            && entry.recipe == past.recipe().hash;
        match (&entry.outcome, failed) {
            _ if !same => left.changed += 1,
            (Outcome::Done { output, bytes, .. }, _) => {
                if output_size(output) == Some(*bytes) {
                    left.done += 1;
                    continue;
                }
                left.lost += 1;
            }
            (Outcome::Failed { .. }, FailedBefore::Retry) => left.retried += 1,
            (Outcome::Failed { error }, FailedBefore::Keep) => {
                left.failed.push((item.input, error.clone()));
                continue;
            }
        }
        left.todo.push(item);
    }
    left
}

#[cfg(test)]
mod tests {
    use super::super::lines::{self, Entry};
    use super::*;

    const RECIPE: u64 = 7;

    fn item(rel: &str) -> Item {
        let input = Path::new("in").join(rel);
        Item { input, rel: rel.into(), number: 1, size: 10, mtime_ns: 20 }
    }

    fn entry(rel: &str, outcome: Outcome) -> Entry {
        Entry { input: rel.into(), size: 10, mtime_ns: 20, recipe: RECIPE, unix_ms: 0, outcome }
    }

    fn done(rel: &str) -> Entry {
        let output = format!("out-{rel}").into();
        entry(rel, Outcome::Done { output, bytes: 30, pixels: 0, losses: vec![] })
    }

    fn broken(rel: &str) -> Entry {
        entry(rel, Outcome::Failed { error: Error::input("not an image") })
    }

    fn past(entries: &[Entry]) -> Past {
        let mut text = lines::header(&Recipe { hash: RECIPE, chain: "negate".into() });
        text.extend(entries.iter().flat_map(lines::line));
        lines::read(&text).unwrap().unwrap()
    }

    #[test]
    fn the_decisions() {
        let size = |path: &Path| match path.to_str().unwrap() {
            "out-there" => Some(30),
            "out-short" => Some(29),
            _ => None,
        };
        let other_size = Entry { size: 11, ..done("there") };
        let other_time = Entry { mtime_ns: 21, ..done("there") };
        let other_recipe = Entry { recipe: 8, ..done("there") };
        let changed_failure = Entry { size: 11, ..broken("there") };
        let keep = FailedBefore::Keep;
        let retry = FailedBefore::Retry;
        // Columns: done, new, changed, lost, retried, failed.
        let table: [(&str, Option<Entry>, FailedBefore, [u64; 6]); 11] = [
            ("there", None, keep, [0, 1, 0, 0, 0, 0]),
            ("there", Some(done("there")), keep, [1, 0, 0, 0, 0, 0]),
            ("there", Some(done("there")), retry, [1, 0, 0, 0, 0, 0]),
            ("there", Some(other_size), keep, [0, 0, 1, 0, 0, 0]),
            ("there", Some(other_time), keep, [0, 0, 1, 0, 0, 0]),
            ("there", Some(other_recipe), keep, [0, 0, 1, 0, 0, 0]),
            ("short", Some(done("short")), keep, [0, 0, 0, 1, 0, 0]),
            ("gone", Some(done("gone")), keep, [0, 0, 0, 1, 0, 0]),
            ("there", Some(broken("there")), keep, [0, 0, 0, 0, 0, 1]),
            ("there", Some(broken("there")), retry, [0, 0, 0, 0, 1, 0]),
            ("there", Some(changed_failure), keep, [0, 0, 1, 0, 0, 0]),
        ];
        for (rel, entry, failed, expected) in table {
            let past = past(entry.as_slice());
            let left = remaining(vec![item(rel)], Some(&past), failed, &size);
            let found = [
                left.done,
                left.new,
                left.changed,
                left.lost,
                left.retried,
                left.failed.len() as u64,
            ];
            assert_eq!(found, expected, "{rel} {entry:?} {failed:?}");
            let todo: u64 = expected[1..5].iter().sum();
            assert_eq!(left.todo.len() as u64, todo, "{rel} {entry:?} {failed:?}");
        }
    }

    #[test]
    fn order_is_kept_and_failures_name_the_input() {
        let past = past(&[done("b"), broken("c")]);
        let items = ["a", "b", "c", "d"].map(item).to_vec();
        let left = remaining(items, Some(&past), FailedBefore::Keep, &|_| Some(30));
        assert_eq!(left.todo, [item("a"), item("d")]);
        assert_eq!(left.failed, [("in/c".into(), Error::input("not an image"))]);
        let all = remaining(vec![item("a")], None, FailedBefore::Keep, &|_| None);
        assert_eq!((all.new, all.todo.len()), (1, 1));
    }

    #[test]
    fn starts() {
        let ours = Recipe { hash: RECIPE, chain: "negate".into() };
        let other = Recipe { hash: 8, chain: "hflip".into() };
        let past = past(&[]);
        let refuse = OtherRecipe::Refuse;
        assert_eq!(start(None, &ours, refuse), Ok(Start::Fresh));
        assert_eq!(start(Some(&past), &ours, refuse), Ok(Start::Resume));
        assert_eq!(start(Some(&past), &other, OtherRecipe::Restart), Ok(Start::Fresh));
        let error = start(Some(&past), &other, refuse).unwrap_err().to_string();
        assert!(
            error.contains("negate") && error.contains("hflip") && error.contains("-y"),
            "{error}"
        );
    }
}
