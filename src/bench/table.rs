//! A bench's result as text: a table for a terminal, Markdown, CSV, JSON.

use std::fmt::Write;

use crate::bench::report::{Report, Row, StageShare};
use crate::bench::stats::Limit;
use crate::event::StageName;

/// A grid of cells; all but the first `left` columns are numbers and stand to the right.
pub(crate) struct Grid {
    pub(crate) left: usize,
    pub(crate) head: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
}

/// The table for a terminal: times and what follows from them, where the stages' time went, and
/// what limits the speedup.
pub fn text(report: &Report) -> String {
    let about = &report.lumaloom;
    let runs = report.results.iter().map(|r| r.times.len()).min().unwrap_or(0);
    let chain = if about.chain.is_empty() { "no filter" } else { &about.chain };
    let what = match about.frames {
        Some(frames) => format!("{frames} frames"),
        None => format!("{} inputs", about.inputs),
    };
    let mut out = format!(
        "{what}, {:.1} MP, {chain}; {} cores; median and median deviation of {runs} runs\n\n",
        about.megapixels, about.cores
    );
    out += &aligned(&times(report));
    if report.results.iter().any(|r| !r.stages.is_empty()) {
        out +=
            "\nWhere the stages' threads were, % busy / waiting for input / waiting to hand on\n\n";
        out += &aligned(&shares(report));
    }
    out += &limits(report);
    out += &notes(report);
    out
}

/// The same tables in Markdown.
pub fn markdown(report: &Report) -> String {
    let mut out = piped(&times(report));
    out += &limits(report);
    out += &notes(report);
    out
}

/// One line per case with plain numbers; hyperfine's columns first. Seconds unless named.
pub fn csv(report: &Report) -> String {
    let mut out = String::from(
        "command,mean,stddev,median,user,system,min,max,parameter_mode,parameter_threads,mad,\
         megapixels_per_second,cores_busy,speedup,efficiency,karp_flatt,speedup_over_inline,\
         frames_per_second,ffmpeg_cpu_seconds\n",
    );
    for r in &report.results {
        let number = |x: Option<f64>| x.map(|x| x.to_string()).unwrap_or_default();
        let mut cells = vec![quoted(&r.command)];
        let first = [Some(r.mean), r.stddev, Some(r.median), Some(r.user), Some(r.system)];
        cells.extend(first.map(number));
        cells.extend([r.min, r.max].map(|x| x.to_string()));
        cells.extend([r.mode.clone(), r.threads.to_string()]);
        cells.extend([r.mad, r.megapixels_per_second, r.cores_busy].map(|x| x.to_string()));
        let last = [r.speedup, r.efficiency, r.karp_flatt, r.speedup_over_inline];
        cells.extend(last.map(number));
        // Empty for pictures: a script finds each column in its place.
        cells.extend([r.frames_per_second, r.ffmpeg_cpu_seconds].map(number));
        out += &cells.join(",");
        out.push('\n');
    }
    out
}

/// The report as indented JSON, with a newline at its end.
pub fn json(report: &Report) -> String {
    let mut out = serde_json::to_string_pretty(report).expect("a report has only string keys");
    out.push('\n');
    out
}

fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

/// How a cell is made of a row.
type Cell = fn(&Row) -> String;

fn times(report: &Report) -> Grid {
    let all: [(&str, Cell, Of); 11] = [
        ("mode", |r| r.mode.clone(), Of::Any),
        ("threads", |r| r.threads.to_string(), Of::Any),
        ("seconds", |r| format!("{:.3} ± {:.3}", r.median, r.mad), Of::Any),
        ("frames/s", |r| or_dash(r.frames_per_second, |f| format!("{f:.1}")), Of::Clips),
        ("MP/s", |r| format!("{:.1}", r.megapixels_per_second), Of::Any),
        ("cores busy", |r| format!("{:.2}", r.cores_busy), Of::Any),
        ("ffmpeg CPU s", |r| or_dash(r.ffmpeg_cpu_seconds, |s| format!("{s:.2}")), Of::Clips),
        ("speedup", |r| or_dash(r.speedup, |s| format!("{s:.2}")), Of::Any),
        ("efficiency", |r| or_dash(r.efficiency, |e| format!("{:.0} %", e * 100.0)), Of::Any),
        ("Karp-Flatt", |r| or_dash(r.karp_flatt, |e| format!("{e:.3}")), Of::Any),
        ("over inline", |r| or_dash(r.speedup_over_inline, |s| format!("{s:.2}")), Of::Any),
    ];
    let clip = report.lumaloom.frames.is_some();
    let columns: Vec<_> = all.into_iter().filter(|(.., of)| clip || *of == Of::Any).collect();
    Grid {
        left: 1,
        head: columns.iter().map(|(name, ..)| (*name).to_owned()).collect(),
        rows: report
            .results
            .iter()
            .map(|row| columns.iter().map(|(_, cell, _)| cell(row)).collect())
            .collect(),
    }
}

/// Where a column has something to say.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    Any,
    Clips,
}

fn or_dash(value: Option<f64>, show: fn(f64) -> String) -> String {
    value.map_or("-".into(), show)
}

fn shares(report: &Report) -> Grid {
    let share = |s: &StageShare| {
        let percent = |x: f64| format!("{:.0}", x * 100.0);
        let parts = [s.busy, s.blocked_in, s.blocked_out].map(percent).join(" / ");
        format!("{parts}  ({})", s.threads)
    };
    let names = report.results.iter().map(|r| &r.stages).max_by_key(|s| s.len());
    let names: Vec<_> = names.into_iter().flatten().map(|s| s.name).collect();
    let mut head = vec!["mode".to_owned(), "threads".to_owned()];
    head.extend(names.iter().map(|n| format!("{} (threads)", n.as_str())));
    let row = |r: &Row| {
        let mut cells = vec![r.mode.clone(), r.threads.to_string()];
        let of = |name| r.stages.iter().find(|s| s.name == name);
        cells.extend(names.iter().map(|n| of(*n).map_or("-".into(), share)));
        cells
    };
    Grid { left: 1, head, rows: report.results.iter().map(row).collect() }
}

/// What Amdahl's law says about each mode, in the order in which they were measured.
fn limits(report: &Report) -> String {
    let mut out = String::new();
    let first = report.results.iter().filter(|row| row.threads == 1);
    for (mode, serial) in first.filter_map(|row| {
        let serial = report.lumaloom.serial_fraction.get(&row.mode)?;
        Some((&row.mode, serial))
    }) {
        let limit = match serial.limit() {
            Limit::Times(limit) => {
                format!("at most {limit:.1} times faster on any number of cores")
            }
            Limit::Unclear => "which is within the spread: no limit can be told".to_owned(),
            Limit::None => "better than linear".to_owned(),
            Limit::Slower => {
                let _ = write!(out, "\n{mode}: more threads took longer than one\n");
                continue;
            }
        };
        let [percent, spread] = [serial.fraction, serial.spread].map(|share| share * 100.0);
        let _ = write!(
            out,
            "\n{mode}: serial fraction {percent:.1} ± {spread:.1} % (Amdahl's law), {limit}\n"
        );
    }
    out
}

/// Runs shorter than this are mostly starting and stopping: a thread pool and three pipes take
/// some 10 ms.
const TELLING_SECONDS: f64 = 0.5;

/// Of the time that threads are at work, the least that they get from a machine that is theirs.
const GIVEN: f64 = 0.85;

/// What keeps the times from telling much: short runs, and cores that something else used.
fn notes(report: &Report) -> String {
    let mut out = String::new();
    let shortest = report.results.iter().map(|row| row.median).fold(f64::INFINITY, f64::min);
    if shortest < TELLING_SECONDS {
        let _ = write!(
            out,
            "\nnote: runs of {shortest:.2} s are mostly start and end; give more or larger inputs\n"
        );
    }
    for row in report.results.iter().filter(|row| row.median >= TELLING_SECONDS) {
        let works = |s: &&StageShare| s.name == StageName::Work;
        let threads = |s: &StageShare| s.threads.min(report.lumaloom.cores) as f64;
        let had_work = row.stages.iter().find(works).map_or(0.0, |s| s.busy * threads(s));
        if row.cores_busy < GIVEN * had_work {
            let _ = write!(
                out,
                "\nnote: {}, -j {}: there was work for {had_work:.1} cores, and it got {:.1}; something \
                 else used them, so its times tell little\n",
                row.mode, row.threads, row.cores_busy
            );
        }
    }
    out
}

/// Columns as wide as their widest cell, two spaces apart.
pub(crate) fn aligned(grid: &Grid) -> String {
    let widths = widths(grid);
    let mut out = String::new();
    for row in std::iter::once(&grid.head).chain(&grid.rows) {
        let cells = row.iter().zip(&widths).enumerate().map(|(i, (cell, &width))| {
            if i < grid.left { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        out += cells.collect::<Vec<_>>().join("  ").trim_end();
        out.push('\n');
    }
    out
}

/// A Markdown table that reads well as text too.
pub(crate) fn piped(grid: &Grid) -> String {
    let widths = widths(grid);
    let line = |row: &[String]| {
        let cells = row.iter().zip(&widths).map(|(cell, &width)| format!(" {cell:<width$} |"));
        format!("|{}\n", cells.collect::<String>())
    };
    let rule = widths.iter().enumerate().map(|(i, &width)| {
        let dashes = "-".repeat(width);
        if i < grid.left { format!(" {dashes} |") } else { format!(" {dashes}:|") }
    });
    let mut out = line(&grid.head);
    out += &format!("|{}\n", rule.collect::<String>());
    grid.rows.iter().for_each(|row| out += &line(row));
    out
}

fn widths(grid: &Grid) -> Vec<usize> {
    let width = |i: usize| {
        let cells = std::iter::once(&grid.head).chain(&grid.rows).filter_map(|row| row.get(i));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    (0..grid.head.len()).map(width).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::report::tests::{clip, example};
    use crate::bench::stats::Serial;

    #[test]
    fn the_table_says_what_was_found() {
        let want = "\
3 inputs, 24.0 MP, gamma=1.1; 2 cores; median and median deviation of 2 runs

mode     threads        seconds  MP/s  cores busy  speedup  efficiency  Karp-Flatt  over inline
inline         1  2.200 ± 0.000  10.9        0.91     1.00       100 %           -         1.00
threads        1  2.000 ± 0.100  12.0        1.00     1.00       100 %           -         1.10
threads        2  1.250 ± 0.000  19.2        1.60     1.60        80 %       0.250         1.76

Where the stages' threads were, % busy / waiting for input / waiting to hand on

mode     threads     work (threads)   write (threads)
inline         1  75 / 15 / 10  (1)  10 / 90 / 0  (1)
threads        1  75 / 15 / 10  (1)  10 / 90 / 0  (1)
threads        2  75 / 15 / 10  (2)  10 / 90 / 0  (1)

threads: serial fraction 25.0 ± 9.3 % (Amdahl's law), at most 4.0 times faster on any number of cores
";
        assert_eq!(text(&example()), want);
    }

    #[test]
    fn a_clip_has_columns_of_its_own() {
        let want = "\
48 frames, 24.0 MP, no filter; 2 cores; median and median deviation of 3 runs

mode     threads        seconds  frames/s  MP/s  cores busy  ffmpeg CPU s  speedup  efficiency  Karp-Flatt  over inline
threads        1  2.000 ± 0.100      24.0  12.0        0.20          1.60     1.00       100 %           -            -
";
        let report = clip();
        assert!(text(&report).starts_with(want), "{}", text(&report));
        assert!(markdown(&report).contains("| ffmpeg CPU s |"));
        assert!(csv(&report).ends_with(&format!(
            "{},{}\n",
            24,
            report.results[0].ffmpeg_cpu_seconds.unwrap()
        )));
        assert!(csv(&example()).ends_with(",,\n"), "{}", csv(&example()));
        assert!(!text(&example()).contains("ffmpeg"));
    }

    #[test]
    fn runs_that_tell_nothing_are_not_interpreted() {
        let mut report = example();
        let threads = |fraction| Serial { fraction, spread: 0.2 };
        report.lumaloom.serial_fraction.insert("threads".into(), threads(1.41));
        report.results[2].median = 0.045;
        let said = text(&report);
        assert!(said.contains("threads: more threads took longer than one"), "{said}");
        assert!(said.contains("runs of 0.04 s are mostly start"), "{said}");
        assert!(!said.contains("serial fraction"), "{said}");
        report.lumaloom.serial_fraction.insert("threads".into(), threads(0.3));
        assert!(text(&report).contains("no limit can be told"));
    }

    #[test]
    fn a_machine_that_others_use_is_said_to_be() {
        let mut report = example();
        assert!(!text(&report).contains("something else"));
        report.results[2].cores_busy = 0.9;
        let said = text(&report);
        let note = "threads, -j 2: there was work for 1.5 cores, and it got 0.9; something else";
        assert!(said.contains(note), "{said}");
        report.results[2].median = 0.1;
        assert!(!text(&report).contains("something else"), "a short run tells nothing");
        let mut crowded = example();
        crowded.results[2].stages.iter_mut().for_each(|s| s.threads = 8);
        assert!(!text(&crowded).contains("something else"), "there are two cores");
    }

    #[test]
    fn markdown_is_a_table() {
        let text = markdown(&example());
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with("| mode "), "{text}");
        assert!(lines[1].starts_with("| ------- | -------:|"), "{text}");
        let bars = |line: &str| line.matches('|').count();
        assert!(lines[..5].iter().all(|line| bars(line) == 10), "{text}");
    }

    #[test]
    fn csv_lines_have_as_many_cells_as_the_head_and_quote_commas() {
        let mut report = example();
        report.results[0].command = "lumaloom images -f \"hflip,vflip\"".into();
        let text = csv(&report);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[1].starts_with("\"lumaloom images -f \"\"hflip,vflip\"\"\",2.2,"), "{text}");
        assert_eq!(lines[3].split(',').count(), lines[0].split(',').count());
        assert_eq!(lines.len(), 4);
    }
}
