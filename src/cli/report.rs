//! `lumaloom report`: what a run did, from its journal.

use std::collections::BTreeSet;
use std::path::Path;

use lumaloom::error::{Error, Result, harmless, shown};
use lumaloom::journal::{Entry, FOLDER, Journal, Outcome, Summary};
use lumaloom::observe::Report;
use serde_json::{Value, json};

use super::args::ReportArgs;
use super::say;
use super::summary::loss_name;
use super::value::show_bytes;

/// Prints the journal of an output folder: a line per input and the sums, or all as JSON.
///
/// # Errors
/// `Usage` for a folder without a journal.
pub fn run(args: &ReportArgs) -> Result<()> {
    let folder = &args.folder;
    let past = Journal::load(folder)?.ok_or_else(|| {
        Error::usage(format!(
            "{} has no journal ({FOLDER}/journal.jsonl); report takes the output folder of a run",
            shown(folder)
        ))
    })?;
    let summary = past.summary();
    // The report of the last run, or its last checkpoint; a run of stages leaves none.
    let last = Report::load(&last_report(folder)).ok();
    say::data(&if args.json { json_text(&summary, last.as_ref()) } else { table(&summary) })
}

/// Where a run keeps its report beside the journal.
pub fn last_report(folder: &Path) -> std::path::PathBuf {
    folder.join(FOLDER).join("report.json")
}

fn table(summary: &Summary) -> String {
    let bases: BTreeSet<&Path> = summary.entries.iter().map(|e| e.base.as_path()).collect();
    let whole = if bases.len() > 1 { Paths::Whole } else { Paths::Relative };
    let mut lines: Vec<String> = summary.entries.iter().map(|entry| row(entry, whole)).collect();
    let chains: Vec<String> = summary
        .recipes
        .values()
        .map(|chain| if chain.is_empty() { "empty".into() } else { harmless(chain) })
        .collect();
    lines.push(format!(
        "{} done, {} failed; {} read, {} written; chain {}",
        summary.done,
        summary.failed,
        show_bytes(summary.bytes_in),
        show_bytes(summary.bytes_out),
        chains.join("; "),
    ));
    lines.join("\n") + "\n"
}

/// How inputs are named.
#[derive(Clone, Copy)]
enum Paths {
    /// From their base, where there is one.
    Relative,
    /// With it.
    Whole,
}

fn row(entry: &Entry, paths: Paths) -> String {
    let input = match paths {
        Paths::Relative => entry.input.clone(),
        Paths::Whole => entry.base.join(&entry.input),
    };
    let input = shown(&input);
    match &entry.outcome {
        Outcome::Done { output, bytes, losses, .. } => {
            let lost: Vec<&str> = losses.iter().map(|loss| loss_name(*loss)).collect();
            let lost =
                if lost.is_empty() { String::new() } else { format!("  lost {}", lost.join(", ")) };
            let (before, after) = (show_bytes(entry.size), show_bytes(*bytes));
            format!("done    {input} ({before}) -> {} ({after}){lost}", shown(output))
        }
        // The journal may be another's, so its texts are not trusted with a terminal.
        Outcome::Failed { error } => format!("failed  {input}: {}", harmless(&error.to_string())),
    }
}

/// The journal's sums and entries, and `last_run`.
fn json_text(summary: &Summary, last: Option<&Report>) -> String {
    // Trees of numbers, strings and paths in their JSON form: this cannot fail.
    let mut value = serde_json::to_value(summary).unwrap_or_default();
    if let Value::Object(fields) = &mut value {
        fields.insert("last_run".into(), json!(last));
    }
    serde_json::to_string_pretty(&value).unwrap_or_default() + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(input: &str, outcome: Outcome) -> Entry {
        let base = "/in".into();
        Entry {
            base,
            input: input.into(),
            size: 10,
            mtime_ns: 0,
            recipe: 1,
            unix_ms: 0,
            number: None,
            outcome,
        }
    }

    fn summary() -> Summary {
        let losses = vec![lumaloom::event::Loss::Alpha];
        let done =
            Outcome::Done { output: "a.jpg".into(), bytes: 5, made_ns: 0, pixels: 9, losses };
        let failed = Outcome::Failed { error: Error::input("not an image") };
        Summary {
            done: 1,
            failed: 1,
            entries: vec![entry("a.png", done), entry("b.png", failed)],
            ..Summary::default()
        }
    }

    #[test]
    fn a_row_per_input_and_the_sums() {
        let text = table(&summary());
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "done    a.png (10 B) -> a.jpg (5 B)  lost alpha");
        assert_eq!(lines[1], "failed  b.png: not an image");
        assert!(lines[2].starts_with("1 done, 1 failed"));
    }

    #[test]
    fn json_has_the_entries_and_the_last_run() {
        let json: Value = serde_json::from_str(&json_text(&summary(), None)).unwrap();
        assert_eq!(json["done"], 1);
        assert_eq!(json["entries"][1]["outcome"], "failed");
        assert!(json["last_run"].is_null());
    }
}
