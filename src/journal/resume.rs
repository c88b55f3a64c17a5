//! What an earlier run left to do. Decides; reads and writes nothing by itself.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::lines::{Entry, Others, Outcome, Past, Run};
use crate::error::{Error, Result, shown};
use crate::link::Item;

/// What `--resume` does with inputs that failed and have not changed since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailedBefore {
    /// They stay failed, and are reported again.
    Keep,
    /// `--retry-failed`.
    Retry,
}

/// What is found at an output's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its size.
    pub bytes: u64,
    /// Its time of change, in nanoseconds since 1970.
    pub mtime_ns: i64,
}

impl Found {
    /// Whether somebody worked on what a run had made, or put something else in its place: it has
    /// another size and is larger or of another time. A machine that lost its power leaves files
    /// short, but none that are younger or much older; nothing is lost with an empty one. Sizes
    /// alone would say so of those, times alone of a folder that was copied.
    fn is_edited(&self, bytes: u64, made_ns: i64) -> bool {
        /// Between the first and the last byte of a file, and a file system's rounding.
        const WRITING_NS: i64 = 60_000_000_000;
        let other = self.bytes > bytes
            || self.mtime_ns > made_ns
            || self.mtime_ns < made_ns.saturating_sub(WRITING_NS);
        self.bytes != bytes && self.bytes > 0 && other
    }
}

/// The work that is left, in the order of the list, and why the rest is not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remaining {
    /// To do: the sum of `new`, `changed`, `lost`, `renamed` and `retried`.
    pub todo: Vec<Item>,
    /// Finished by an earlier run: not done again.
    pub done: u64,
    /// Of those, the ones whose outputs would have the same names today.
    pub standing: Vec<Item>,
    /// To do because the journal does not know them.
    pub new: u64,
    /// To do because their size or time of change differs.
    pub changed: u64,
    /// To do because their output is gone or has another size.
    pub lost: u64,
    /// To do because they have another number now, their names hold it, and those that have
    /// these names may go.
    pub renamed: u64,
    /// To do because they failed and `--retry-failed` was asked for.
    pub retried: u64,
    /// Failed by an earlier run, not tried again: the input and the reason.
    pub failed: Vec<(PathBuf, Error)>,
    /// Left alone because somebody worked on their outputs: the input and the output.
    pub edited: Vec<(PathBuf, PathBuf)>,
}

/// The run as it may go on after what the journal says: with the permission to replace that the
/// run had which it goes on with.
///
/// # Errors
/// `Usage`: the folder holds outputs of other recipes only, and the run may not replace them.
pub fn resumed(past: Option<&Past>, run: Run) -> Result<Run> {
    let Some(last) = past.and_then(Past::last) else { return Ok(run) };
    if (last.recipe.hash, &last.base) == (run.recipe.hash, &run.base) {
        let others = if last.others == Others::MayGo { last.others } else { run.others };
        return Ok(Run { others, ..run });
    }
    let known = past.and_then(|past| past.chain(run.recipe.hash)).is_some();
    if known || run.others == Others::MayGo {
        return Ok(run);
    }
    Err(Error::usage(format!(
        "--resume: the output folder was made by another recipe (chain {:?} there, {:?} here, \
         or other options); -y makes its outputs anew, or choose another output folder",
        last.recipe.chain, run.recipe.chain
    )))
}

/// Outputs of earlier runs that this run leaves alone.
#[derive(Clone, Debug)]
pub struct Guard {
    past: Past,
    run: Run,
    standing: HashSet<PathBuf>,
}

impl Guard {
    /// Guards what the journal knows against this run. `standing` are inputs of the list that
    /// the run leaves alone; see [`Remaining::standing`] and [`standing`].
    pub fn new<'a>(past: Past, run: Run, standing: impl IntoIterator<Item = &'a Item>) -> Self {
        let standing = standing.into_iter().map(|item| item.rel.clone()).collect();
        Self { past, run, standing }
    }

    /// Why an input must not be put at this place, relative to the output folder; `None` if it
    /// may. With `-y` only outputs of standing inputs are guarded: two inputs of one list never
    /// share an output.
    pub fn refusal(&self, output: &Path, input: &Path) -> Option<String> {
        let entry = self.past.output(output)?;
        let ours = (&entry.base, entry.recipe) == (&self.run.base, self.run.recipe.hash);
        let of = shown(&source(entry)).to_string();
        match self.run.others {
            _ if ours && entry.input == input => None,
            _ if ours && self.standing.contains(&entry.input) => {
                Some(format!("is the output of {of}; a --name with {{n}} tells them apart"))
            }
            Others::Stay => Some(format!(
                "is the output of {of} in an earlier run with other inputs or another recipe; -y \
                 replaces it"
            )),
            Others::MayGo => None,
        }
    }

    /// Refuses to start where outputs are guarded.
    ///
    /// # Errors
    /// `Usage`, with their number and the first.
    pub fn check<'a>(&self, outputs: impl Iterator<Item = (&'a Item, &'a Path)>) -> Result<()> {
        let mut refused =
            outputs.filter_map(|(item, output)| Some((output, self.refusal(output, &item.rel)?)));
        let Some((output, why)) = refused.next() else { return Ok(()) };
        let more = match refused.count() {
            0 => String::new(),
            n => format!(" (and {n} more like it)"),
        };
        Err(Error::usage(format!("--resume: {} {why}{more}", shown(output))))
    }
}

/// Other shards' inputs that this run must leave alone: its recipe has made their outputs, and
/// they would have the same names today.
pub fn standing(items: &[Item], past: &Past, run: &Run) -> impl Iterator<Item = Item> {
    let stands = |item: &&Item| past.get(run, &item.rel).is_some_and(|entry| keeps(entry, item));
    items.iter().filter(stands).cloned()
}

/// Whether an output would have the same name today, if the input has not changed.
fn keeps(entry: &Entry, item: &Item) -> bool {
    entry.number.is_none_or(|number| number == item.number)
}

fn source(entry: &Entry) -> PathBuf {
    entry.base.join(&entry.input)
}

/// Which items are left. Done means: journalled as done of this base and by this recipe, the
/// input has the same size and time of change, and the output is there with the journalled size;
/// and, where others may go, it would have the same name today.
///
/// `edited` says whether outputs that were changed after they were made may be replaced. `output` looks at the regular
/// file at a path relative to the output folder, `None` if there is none.
pub fn remaining(
    items: Vec<Item>,
    past: Option<&Past>,
    run: &Run,
    failed: FailedBefore,
    edited: Others,
    output: &dyn Fn(&Path) -> Option<Found>,
) -> Remaining {
    let mut left = Remaining::default();
    for item in items {
        let Some(entry) = past.and_then(|past| past.get(run, &item.rel)) else {
            left.new += 1;
            left.todo.push(item);
            continue;
        };
        let made = match &entry.outcome {
            Outcome::Done { output: name, bytes, made_ns, .. } => {
                Some((name, (*bytes, *made_ns), output(name)))
            }
            Outcome::Failed { .. } => None,
        };
        if let (Others::Stay, Some((name, (bytes, made_ns), Some(found)))) = (edited, made)
            && found.is_edited(bytes, made_ns)
        {
            left.edited.push((item.input, name.clone()));
            continue;
        }
        let same = (entry.size, entry.mtime_ns) == (item.size, item.mtime_ns);
        match (&entry.outcome, failed) {
            _ if !same => left.changed += 1,
            (Outcome::Done { bytes, .. }, _) => {
                let there = made.and_then(|(.., found)| found).is_some_and(|f| f.bytes == *bytes);
                match (there, keeps(entry, &item), run.others) {
                    (false, ..) => left.lost += 1,
                    (true, false, Others::MayGo) => left.renamed += 1,
                    (true, keeps, _) => {
                        left.done += 1;
                        left.standing.extend(keeps.then_some(item));
                        continue;
                    }
                }
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
    use super::super::lines::{self, Recipe};
    use super::*;

    const RECIPE: u64 = 7;

    fn item(rel: &str) -> Item {
        let input = Path::new("in").join(rel);
        Item { input, rel: rel.into(), number: 1, size: 10, mtime_ns: 20 }
    }

    fn run(hash: u64, base: &str, others: Others) -> Run {
        let chain = if hash == RECIPE { "negate" } else { "hflip" };
        Run { recipe: Recipe { hash, chain: chain.into() }, base: base.into(), others }
    }

    fn ours() -> Run {
        run(RECIPE, "/in", Others::Stay)
    }

    fn entry(rel: &str, outcome: Outcome) -> Entry {
        let (base, input) = ("/in".into(), rel.into());
        let recipe = RECIPE;
        Entry { base, input, size: 10, mtime_ns: 20, recipe, unix_ms: 0, number: None, outcome }
    }

    fn done(rel: &str) -> Entry {
        let output = format!("out-{rel}").into();
        entry(rel, Outcome::Done { output, bytes: 30, made_ns: 0, pixels: 0, losses: vec![] })
    }

    fn broken(rel: &str) -> Entry {
        entry(rel, Outcome::Failed { error: Error::input("not an image") })
    }

    fn past(entries: &[Entry]) -> Past {
        let mut text = lines::header(&ours());
        text.extend(entries.iter().flat_map(lines::line));
        lines::read(&text).unwrap().unwrap()
    }

    /// A file that is as old as the journal's line.
    fn found(bytes: u64) -> Option<Found> {
        Some(Found { bytes, mtime_ns: 0 })
    }

    fn left(items: Vec<Item>, past: Option<&Past>, run: &Run) -> Remaining {
        remaining(items, past, run, FailedBefore::Keep, Others::Stay, &|_| found(30))
    }

    #[test]
    fn what_somebody_worked_on_stays() {
        let past = past(&[done("a")]);
        let now = |size| vec![Item { size, ..item("a") }];
        for (bytes, seconds, edited) in [
            (30, 90, 0),
            (29, 0, 0),
            (29, -60, 0),
            (29, -61, 1),
            (29, 1, 1),
            (31, 0, 1),
            (31, 90, 1),
            (0, 90, 0),
        ] {
            for (others, size) in [(Others::Stay, 10), (Others::Stay, 11), (Others::MayGo, 10)] {
                let file = |_: &Path| Some(Found { bytes, mtime_ns: seconds * 1_000_000_000 });
                let keep = FailedBefore::Keep;
                let left = remaining(now(size), Some(&past), &ours(), keep, others, &file);
                let stays = if others == Others::Stay { edited } else { 0 };
                assert_eq!(left.edited.len(), stays, "{bytes} {seconds} {others:?} {size}");
                let redone = stays == 0 && (bytes != 30 || size != 10);
                assert_eq!(left.todo.len(), usize::from(redone));
            }
        }
    }

    #[test]
    fn the_decisions() {
        let size = |path: &Path| match path.to_str().unwrap() {
            "out-there" => found(30),
            "out-short" => found(29),
            _ => None,
        };
        let other_size = Entry { size: 11, ..done("there") };
        let other_time = Entry { mtime_ns: 21, ..done("there") };
        let other_recipe = Entry { recipe: 8, ..done("there") };
        let other_base = Entry { base: "/elsewhere".into(), ..done("there") };
        let changed_failure = Entry { size: 11, ..broken("there") };
        let keep = FailedBefore::Keep;
        let retry = FailedBefore::Retry;
        // Columns: done, new, changed, lost, retried, failed.
        let table: [(&str, Option<Entry>, FailedBefore, [u64; 6]); 12] = [
            ("there", None, keep, [0, 1, 0, 0, 0, 0]),
            ("there", Some(done("there")), keep, [1, 0, 0, 0, 0, 0]),
            ("there", Some(done("there")), retry, [1, 0, 0, 0, 0, 0]),
            ("there", Some(other_size), keep, [0, 0, 1, 0, 0, 0]),
            ("there", Some(other_time), keep, [0, 0, 1, 0, 0, 0]),
            ("there", Some(other_recipe), keep, [0, 1, 0, 0, 0, 0]),
            ("there", Some(other_base), keep, [0, 1, 0, 0, 0, 0]),
            ("short", Some(done("short")), keep, [0, 0, 0, 1, 0, 0]),
            ("gone", Some(done("gone")), keep, [0, 0, 0, 1, 0, 0]),
            ("there", Some(broken("there")), keep, [0, 0, 0, 0, 0, 1]),
            ("there", Some(broken("there")), retry, [0, 0, 0, 0, 1, 0]),
            ("there", Some(changed_failure), keep, [0, 0, 1, 0, 0, 0]),
        ];
        for (rel, entry, failed, expected) in table {
            let past = past(entry.as_slice());
            let left =
                remaining(vec![item(rel)], Some(&past), &ours(), failed, Others::Stay, &size);
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
        let left = self::left(items, Some(&past), &ours());
        assert_eq!(left.todo, [item("a"), item("d")]);
        assert_eq!(left.failed, [("in/c".into(), Error::input("not an image"))]);
        assert_eq!(left.standing, [item("b")]);
        let all = self::left(vec![item("a")], None, &ours());
        assert_eq!((all.new, all.todo.len()), (1, 1));
    }

    #[test]
    fn another_recipe_needs_a_permission_that_outlives_its_run() {
        let past = past(&[]);
        let other = |others| run(8, "/in", others);
        assert_eq!(resumed(None, ours()), Ok(ours()));
        assert_eq!(resumed(Some(&past), ours()), Ok(ours()));
        let may = other(Others::MayGo);
        assert_eq!(resumed(Some(&past), may.clone()), Ok(may.clone()));
        let error = resumed(Some(&past), other(Others::Stay)).unwrap_err().to_string();
        assert!(
            error.contains("negate") && error.contains("hflip") && error.contains("-y"),
            "{error}"
        );
        let text = [lines::header(&ours()), lines::header(&may)].concat();
        let past = lines::read(&text).unwrap().unwrap();
        assert_eq!(resumed(Some(&past), other(Others::Stay)), Ok(may));
        // It was given to the last run only.
        assert_eq!(resumed(Some(&past), ours()), Ok(ours()));
    }

    #[test]
    fn a_number_that_changed_names_anew_where_others_may_go() {
        let past = past(&[Entry { number: Some(1), ..done("a") }]);
        for (number, others, [finished, standing, renamed]) in [
            (1, Others::Stay, [1, 1, 0]),
            (2, Others::Stay, [1, 0, 0]),
            (1, Others::MayGo, [1, 1, 0]),
            (2, Others::MayGo, [0, 0, 1]),
        ] {
            let items = vec![Item { number, ..item("a") }];
            let run = run(RECIPE, "/in", others);
            assert_eq!(super::standing(&items, &past, &run).count(), usize::from(number == 1));
            let left = self::left(items, Some(&past), &run);
            let found = [left.done, left.standing.len() as u64, left.renamed];
            assert_eq!(found, [finished, standing, renamed], "{number} {others:?}");
            assert_eq!(left.todo.len() as u64, renamed);
        }
    }

    #[test]
    fn outputs_of_others_are_guarded() {
        let guarded = |run: Run, input: &str, standing: &[Item]| {
            let guard = Guard::new(past(&[done("a")]), run, standing);
            guard.refusal(Path::new("out-a"), Path::new(input))
        };
        let taken = |run: Run, input: &str| guarded(run, input, &[]);
        let (stay, go) = (Others::Stay, Others::MayGo);
        assert_eq!(taken(ours(), "a"), None);
        assert!(taken(ours(), "b").unwrap().contains("-y replaces it"));
        assert_eq!(taken(run(RECIPE, "/in", go), "b"), None);
        // Two inputs of one list never share an output.
        for others in [stay, go] {
            let why = guarded(run(RECIPE, "/in", others), "b", &[item("a")]).unwrap();
            assert!(why.contains("/in/a; a --name with {n}"), "{why}");
        }
        for (hash, base) in [(8, "/in"), (RECIPE, "/elsewhere")] {
            assert!(taken(run(hash, base, stay), "a").unwrap().contains("-y"));
            assert_eq!(taken(run(hash, base, go), "a"), None);
        }
        let guard = Guard::new(past(&[done("a")]), run(8, "/in", stay), &[item("a")]);
        let error = guard.check([(&item("a"), Path::new("out-a"))].into_iter()).unwrap_err();
        assert!(error.to_string().contains("out-a is the output of /in/a"), "{error}");
    }
}
