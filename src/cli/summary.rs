//! The summary: one screen about a run, from its report.

use std::fmt::Write;

use lumaloom::error::shown;
use lumaloom::event::{Loss, StageName, StageReport};
use lumaloom::observe::{Outcome, Report, Unit};

use super::value::{count, show_bytes, show_seconds};

/// How much is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// The first failures.
    Short,
    /// All of them, and processes.
    Full,
}

/// Failures in a short summary.
const FIRST: usize = 8;

/// The summary as lines without a newline at the end.
pub fn text(report: &Report, detail: Detail) -> String {
    let mut lines = vec![headline(report)];
    lines.extend(troubles(report, detail));
    lines.extend(losses(report));
    if report.done > 0 {
        lines.push(speed(report));
    }
    lines.extend(stages(report, detail));
    // A run that was cut short says little about what held it back.
    if let (Outcome::Complete, Some((name, share))) = (report.outcome, report.limit()) {
        lines.push(format!("limit    {} ({} busy)", label(name, report.unit), percent(share)));
    }
    if report.peak_rss_bytes > 0 {
        lines.push(format!("memory   {} at the peak", show_bytes(report.peak_rss_bytes)));
    }
    lines.extend(ffmpeg(report));
    if has_output(report) {
        lines.push(format!("outputs  {}", shown(&report.output)));
    }
    lines.join("\n")
}

fn headline(report: &Report) -> String {
    let mut parts = vec![format!("{} done", report.done)];
    if !report.failed.is_empty() {
        parts.push(format!("{} failed", report.failed.len()));
    }
    if report.left > 0 && (report.unit, report.outcome) == (Unit::Frame, Outcome::Complete) {
        // Frames that are not shown, or that a damaged clip has lost: the container cannot tell.
        parts.push(format!("{} fewer than the container counts", report.left));
    } else if report.left > 0 {
        // Only a run that came to a stop by itself has nothing half done.
        let what = if report.outcome == Outcome::Stopped { "not begun" } else { "not done" };
        parts.push(format!("{} {what}", report.left));
    }
    if report.finished_before > 0 {
        parts.push(format!("{} finished before", report.finished_before));
    }
    if report.skipped > 0 {
        let mut kinds: Vec<_> = report.skipped_by.iter().collect();
        kinds.sort_by_key(|(name, n)| (std::cmp::Reverse(**n), name.as_str()));
        let shown: Vec<String> =
            kinds.iter().take(5).map(|(name, n)| format!("{n} {name}")).collect();
        let more = if kinds.len() > 5 { ", ..." } else { "" };
        parts.push(format!("{} skipped ({}{more})", report.skipped, shown.join(", ")));
    }
    let end = match report.outcome {
        Outcome::Running => ", still running",
        Outcome::Complete => "",
        Outcome::Stopped => ", stopped at the first failure",
        Outcome::Interrupted => ", interrupted",
        Outcome::Failed => ", the run failed",
    };
    format!("{} in {}{end}", parts.join(", "), show_seconds(report.wall_seconds))
}

/// What went wrong: a line per failure, and one for a damaged clip that was rendered all the same.
pub fn troubles(report: &Report, detail: Detail) -> Vec<String> {
    let mut lines = failures(report, detail);
    if report.outcome == Outcome::Complete {
        lines.extend(report.damage().map(|damage| format!("damaged  {damage}")));
    }
    lines
}

/// A line per failure.
fn failures(report: &Report, detail: Detail) -> Vec<String> {
    let most = match detail {
        Detail::Short => FIRST,
        Detail::Full => usize::MAX,
    };
    let mut lines: Vec<String> = report
        .failed
        .iter()
        .take(most)
        .map(|failure| {
            let input = shown(&failure.input).to_string();
            // Reasons that name the file already do not name it twice.
            match failure.reason.strip_prefix(&input) {
                Some(rest) => format!("failed   {input}{rest}"),
                None => format!("failed   {input}: {}", failure.reason),
            }
        })
        .collect();
    let rest = report.failed.len().saturating_sub(most);
    if rest > 0 {
        lines.push(format!("         and {rest} more; --report or -v lists all"));
    }
    lines
}

fn losses(report: &Report) -> Option<String> {
    let parts: Vec<String> = report
        .losses
        .iter()
        .map(|(loss, n)| format!("{} in {}", loss_name(*loss), count(*n, report.unit.noun())))
        .collect();
    (!parts.is_empty()).then(|| format!("lost     {}", parts.join(", ")))
}

/// What people call a loss.
pub fn loss_name(loss: Loss) -> &'static str {
    match loss {
        Loss::Depth => "depth",
        Loss::Alpha => "alpha",
        Loss::Exif => "EXIF",
        Loss::Xmp => "XMP",
        Loss::Iptc => "IPTC",
        Loss::Icc => "colour profile",
        Loss::Density => "density",
        Loss::Frames => "further frames",
        Loss::Pages => "further pages",
        Loss::ColorModel => "CMYK or Lab",
        Loss::Palette => "palette",
        Loss::Colors => "colours beyond 256",
        Loss::Damage => "what was damaged",
        Loss::Compression => "kind of compression",
        Loss::Text => "text entries",
    }
}

fn speed(report: &Report) -> String {
    let seconds = report.wall_seconds.max(1e-6);
    let mut line = String::new();
    // Writing to a String cannot fail.
    let _ = write!(
        line,
        "speed    {:.1} MP/s, {:.1} {}s/s, {} read, {} written",
        report.pixels as f64 / 1e6 / seconds,
        report.done as f64 / seconds,
        report.unit.noun(),
        show_bytes(report.bytes_in),
        show_bytes(report.bytes_out)
    );
    line
}

fn stages(report: &Report, detail: Detail) -> Vec<String> {
    let line = |stage: &StageReport| {
        let all = stage.busy_seconds + stage.blocked_in_seconds + stage.blocked_out_seconds;
        let share = |part: f64| percent(if all > 0.0 { part / all } else { 0.0 });
        let mut line = format!(
            "{:<8} {:>10}  busy {:>5}  waits for input {:>5}, for output {:>5}  queue {:.1}",
            label(stage.name, report.unit),
            count(stage.threads as u64, "thread"),
            share(stage.busy_seconds),
            share(stage.blocked_in_seconds),
            share(stage.blocked_out_seconds),
            stage.queue_depth_mean,
        );
        if detail == Detail::Full {
            let _ = write!(line, "  pid {} of {}", stage.pid, stage.parent_pid);
        }
        line
    };
    match detail {
        Detail::Full => report.stages.iter().map(line).collect(),
        Detail::Short => summed(&report.stages).iter().map(line).collect(),
    }
}

/// One report for each stage, whatever ran several times: the segments of a clip. Those of one
/// name follow each other.
fn summed(stages: &[StageReport]) -> Vec<StageReport> {
    let sum = |same: &[StageReport]| {
        let (first, rest) = same.split_first()?;
        let mut sum = first.clone();
        for stage in rest {
            sum.busy_seconds += stage.busy_seconds;
            sum.blocked_in_seconds += stage.blocked_in_seconds;
            sum.blocked_out_seconds += stage.blocked_out_seconds;
            sum.queue_depth_mean += stage.queue_depth_mean;
        }
        sum.queue_depth_mean /= same.len() as f64;
        Some(sum)
    };
    stages.chunk_by(|a, b| a.name == b.name).filter_map(sum).collect()
}

/// What the decoders and the encoders cost, apart from all that stands above. What only asked
/// about the clip is in the report.
fn ffmpeg(report: &Report) -> Option<String> {
    let cost = |name: &str| {
        let helpers = || report.helpers.iter().filter(|helper| helper.name == name);
        // One that was started anew did not run beside the first.
        let peak = helpers().map(|helper| helper.peak_rss_bytes).max()?;
        let seconds: f64 = helpers().map(|helper| helper.cpu_seconds).sum();
        Some(format!("{name} {seconds:.2} s of CPU, {}", show_bytes(peak)))
    };
    let costs: Vec<String> = ["decoder", "encoder"].into_iter().filter_map(cost).collect();
    (!costs.is_empty()).then(|| format!("ffmpeg   apart from these: {}", costs.join("; ")))
}

/// What people call a stage: of a clip, the first and the last are ffmpeg's for the most part.
fn label(name: StageName, unit: Unit) -> &'static str {
    match (unit, name) {
        (Unit::Picture, name) => name.as_str(),
        (Unit::Frame, StageName::Read) => "decoder",
        (Unit::Frame, StageName::Work) => "filters",
        (Unit::Frame, StageName::Write) => "encoder",
    }
}

/// Whether there is something where outputs go: each picture stands for itself, a clip is there
/// when it is whole.
fn has_output(report: &Report) -> bool {
    match report.unit {
        Unit::Picture => report.done + report.finished_before > 0,
        Unit::Frame => report.outcome == Outcome::Complete,
    }
}

fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

/// One line about one stage, for stages typed into a shell.
pub fn stage_line(name: StageName, report: &Report) -> String {
    let failed = report.failed.len() as u64;
    let bytes = match name {
        StageName::Read => format!(", {} read", show_bytes(report.bytes_in)),
        StageName::Work => String::new(),
        StageName::Write => format!(", {} written", show_bytes(report.bytes_out)),
    };
    let busy =
        report.limit().map_or(String::new(), |(_, share)| format!(", {} busy", percent(share)));
    let failures = if failed > 0 { format!(", {failed} failed") } else { String::new() };
    let done = match name {
        StageName::Read => count(report.inputs, "item"),
        StageName::Work => "ended".to_owned(),
        StageName::Write => format!("{} done", report.done),
    };
    format!(
        "{}: {done}{failures}{bytes} after {}{busy}",
        name.as_str(),
        show_seconds(report.wall_seconds)
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use lumaloom::event::HelperReport;
    use lumaloom::observe::{Failure, Head, Tally};

    use super::*;

    fn report() -> Report {
        let head = Head {
            command: "lumaloom".into(),
            unit: Unit::Picture,
            mode: "threads".into(),
            threads: 2,
            output: "out".into(),
            skipped_by: BTreeMap::from([(".txt".into(), 2), ("hidden".into(), 1)]),
            finished_before: 0,
            failed_before: Vec::new(),
        };
        let mut report = Tally::new(head).report(Outcome::Complete);
        report.wall_seconds = 2.0;
        report.done = 10;
        report.pixels = 100_000_000;
        report.losses = BTreeMap::from([(Loss::Exif, 1), (Loss::Alpha, 3)]);
        report.failed = vec![
            Failure { input: "in/a.jpg".into(), reason: "in/a.jpg: not an image".into() },
            Failure { input: "in/b.jpg".into(), reason: "truncated".into() },
        ];
        report.peak_rss_bytes = 300 << 20;
        report.stages = vec![StageReport {
            name: StageName::Work,
            pid: 5,
            parent_pid: 4,
            threads: 2,
            busy_seconds: 3.0,
            blocked_in_seconds: 1.0,
            blocked_out_seconds: 0.0,
            queue_depth_mean: 1.5,
            peak_rss_bytes: 0,
        }];
        report
    }

    #[test]
    fn a_short_summary_says_it_all_on_one_screen() {
        let text = text(&report(), Detail::Short);
        for part in [
            "10 done, 2 failed, 3 skipped (2 .txt, 1 hidden) in 2.00 s",
            "failed   in/a.jpg: not an image",
            "failed   in/b.jpg: truncated",
            "lost     alpha in 3 pictures, EXIF in 1 picture",
            "50.0 MP/s, 5.0 pictures/s",
            "busy  75 %  waits for input  25 %",
            "limit    work (75 % busy)",
            "300 MiB at the peak",
            "outputs  out",
        ] {
            assert!(text.contains(part), "{part} in\n{text}");
        }
        assert!(text.lines().count() <= 24, "one screen");
    }

    #[test]
    fn ffmpegs_cost_has_a_line_of_its_own() {
        let helper = |name: &str, cpu_seconds, mebibytes: u64| HelperReport {
            name: name.into(),
            pid: 7,
            cpu_seconds,
            peak_rss_bytes: mebibytes << 20,
            errors: 0,
            first_errors: Vec::new(),
        };
        let helpers = vec![
            helper("decoder", 0.5, 40),
            helper("decoder", 0.25, 45),
            helper("encoder", 12.0, 210),
            helper("probe", 0.1, 30),
        ];
        let text = text(&Report { helpers, ..report() }, Detail::Short);
        let line = "ffmpeg   apart from these: decoder 0.75 s of CPU, 45.0 MiB; encoder 12.00 s of CPU, 210 MiB";
        assert!(text.contains(line), "{text}");
        assert!(text.contains("300 MiB at the peak"), "{text}");
        assert!(!super::text(&report(), Detail::Short).contains("ffmpeg"));
    }

    #[test]
    fn stages_that_ran_for_each_segment_are_one_line() {
        let mut report = report();
        let stages = report.stages.clone();
        report.stages = stages.iter().flat_map(|stage| [stage.clone(), stage.clone()]).collect();
        let lines = super::stages(&report, Detail::Short);
        assert_eq!(lines, super::stages(&Report { stages, ..report.clone() }, Detail::Short));
        assert_eq!(super::stages(&report, Detail::Full).len(), 2 * lines.len());
    }

    #[test]
    fn what_is_missing_is_said() {
        let stopped = Report { left: 28, outcome: Outcome::Stopped, ..report() };
        let line = headline(&stopped);
        assert!(line.starts_with("10 done, 2 failed, 28 not begun, "), "{line}");
        assert!(line.ends_with(", stopped at the first failure"), "{line}");
        let line = headline(&Report { outcome: Outcome::Interrupted, ..stopped });
        assert!(line.contains("28 not done") && line.ends_with(", interrupted"), "{line}");
    }

    #[test]
    fn many_failures_are_cut_unless_all_are_asked_for() {
        let mut report = report();
        let failure = |i| Failure { input: format!("{i}").into(), reason: "x".into() };
        report.failed = (0..100).map(failure).collect();
        let short = text(&report, Detail::Short);
        assert!(short.contains("and 92 more"), "{short}");
        assert!(short.lines().count() <= 24);
        assert!(text(&report, Detail::Full).contains("failed   99: x"));
        assert!(text(&report, Detail::Full).contains("pid 5 of 4"));
    }
}
