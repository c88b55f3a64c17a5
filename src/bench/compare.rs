//! `bench compare`: two results of the same cases, side by side.

use crate::bench::report::{Report, Row};
use crate::bench::stats::{self, Change, Summary, Verdict};
use crate::bench::table::{Grid, aligned};

/// A case that both results measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    /// Its mode.
    pub mode: String,
    /// Its threads.
    pub threads: usize,
    /// In the first result.
    pub before: Summary,
    /// In the second result.
    pub after: Summary,
    /// What happened.
    pub change: Change,
}

/// The outcome of a comparison.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// Cases of both, in the order of the first.
    pub pairs: Vec<Pair>,
    /// Cases of only one: which result (`before`, `after`), and the case.
    pub alone: Vec<(&'static str, String)>,
    /// Reasons to doubt the comparison: what else differs.
    pub doubts: Vec<String>,
}

/// Compares two results case by case.
pub fn compare(before: &Report, after: &Report) -> Comparison {
    let twin = |row: &Row, of: &Report| of.results.iter().find(|r| r.case() == row.case()).cloned();
    let mut pairs = Vec::new();
    let mut alone = Vec::new();
    for row in &before.results {
        let other = twin(row, after).and_then(|r| r.summary());
        match (row.summary(), other) {
            (Some(a), Some(b)) => pairs.push(Pair {
                mode: row.mode.clone(),
                threads: row.threads,
                before: a,
                after: b,
                change: stats::compare(&a, &b),
            }),
            _ => alone.push(("before", name(row))),
        }
    }
    let only_after = after.results.iter().filter(|row| twin(row, before).is_none());
    alone.extend(only_after.map(|row| ("after", name(row))));
    Comparison { pairs, alone, doubts: doubts(before, after) }
}

/// The comparison as text for a terminal.
pub fn text(comparison: &Comparison) -> String {
    let row = |p: &Pair| {
        let verdict = match p.change.verdict {
            Verdict::Faster => "faster",
            Verdict::Slower => "slower",
            Verdict::Same => "same within the spread",
        };
        vec![
            p.mode.clone(),
            p.threads.to_string(),
            format!("{:.3} ± {:.3}", p.before.median, p.before.mad),
            format!("{:.3} ± {:.3}", p.after.median, p.after.mad),
            format!("{:.3} ± {:.3}", p.change.ratio, p.change.spread),
            verdict.to_owned(),
        ]
    };
    let head = ["mode", "threads", "before [s]", "after [s]", "after/before", "verdict"];
    let rows = comparison.pairs.iter().map(row).collect();
    let mut out = aligned(&Grid { left: 1, head: head.map(String::from).into(), rows });
    for (which, case) in &comparison.alone {
        out += &format!("only {which}: {case}\n");
    }
    for doubt in &comparison.doubts {
        out += &format!("note: {doubt}\n");
    }
    out
}

fn name(row: &Row) -> String {
    format!("{} -j {}", row.mode, row.threads)
}

fn doubts(before: &Report, after: &Report) -> Vec<String> {
    let (a, b) = (&before.lumaloom, &after.lumaloom);
    let frames = |frames: Option<u64>| frames.map_or("none".to_owned(), |n| n.to_string());
    let texts = [
        ("the chain", a.chain.clone(), b.chain.clone()),
        ("the number of inputs", a.inputs.to_string(), b.inputs.to_string()),
        ("the number of frames", frames(a.frames), frames(b.frames)),
        ("the number of megapixels", a.megapixels.to_string(), b.megapixels.to_string()),
        ("the number of cores", a.cores.to_string(), b.cores.to_string()),
    ];
    let differing = texts.into_iter().filter(|(_, a, b)| a != b);
    differing.map(|(what, a, b)| format!("{what} differs: '{a}' before, '{b}' after")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::report::tests::{clip, example};

    #[test]
    fn cases_are_matched_by_mode_and_threads() {
        let before = example();
        let mut after = example();
        after.results[2].times = vec![0.6, 0.61, 0.62];
        after.results[0].threads = 4;
        after.lumaloom.chain = "gamma=2".into();
        let comparison = compare(&before, &after);
        let verdicts: Vec<_> = comparison.pairs.iter().map(|p| p.change.verdict).collect();
        assert_eq!(verdicts, [Verdict::Same, Verdict::Faster]);
        assert_eq!(
            comparison.alone,
            [("before", "inline -j 1".to_owned()), ("after", "inline -j 4".to_owned())]
        );
        assert_eq!(comparison.doubts, ["the chain differs: 'gamma=1.1' before, 'gamma=2' after"]);
        let text = text(&comparison);
        assert!(text.contains("0.488 ± 0.012") && text.contains("faster"), "{text}");
    }

    #[test]
    fn clips_are_compared_and_told_from_pictures() {
        let same = compare(&clip(), &clip());
        assert_eq!((same.pairs.len(), same.doubts.len()), (1, 0));
        let mixed = compare(&example(), &clip()).doubts.join("\n");
        assert!(mixed.contains("frames differs: 'none' before, '48' after"), "{mixed}");
    }
}
