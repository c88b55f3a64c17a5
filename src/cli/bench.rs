//! `lumaloom bench`: the options of a measurement, its cases, and what is printed of it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use lumaloom::bench::measure::{self, Case, Schedule, Step};
use lumaloom::bench::report::{Context, Report};
use lumaloom::bench::{compare, table};
use lumaloom::error::{Error, Result, shown};
use lumaloom::exec::processes::quoted;
use lumaloom::sink::check::file_can_be_made;
use lumaloom::stage::Cancel;

use super::args::{BenchArgs, ModeArg};
use super::job::word;
use super::runs::{self, Runs, Way};
use super::{machine, say, signals};

/// Measures, or compares two results if the first input is the word `compare`. The exit code is 1 if there was no time for
/// some of the cases.
///
/// # Errors
/// `Usage`, and the first run that failed: a time of half a job is no measurement.
pub fn run(args: &BenchArgs, arguments: &[OsString]) -> Result<u8> {
    if args.inputs.first().is_some_and(|word| word.as_os_str() == "compare") {
        return compare_files(&args.inputs[1..]).map(|()| 0);
    }
    let cancel = Cancel::default();
    let subject = runs::subject(args, &cancel)?;
    for (option, path, _) in exports(args) {
        file_can_be_made(option, path)?;
    }
    let cases = cases(args);
    let schedule = Schedule {
        warmup: args.measure.warmup,
        runs: args.measure.runs,
        max_seconds: args.measure.max_time.map(|time| time.as_secs_f64()),
    };
    // What was made on the way is still removed.
    let _signals = signals::Watch::at_once(&cancel)?;
    let mut runs = Runs::new(&*subject, args, &cancel);
    for note in subject.notes().iter().filter(|_| !args.measure.quiet) {
        say::line(&format!("warning: {note}"));
    }
    let mut progress = |step: Step<'_>| {
        if !args.measure.quiet {
            say::line(&step_line(step));
        }
    };
    let measured = measure::measure(&cases, &schedule, &mut runs, &mut progress)?;
    let context = Context {
        command: &quoted(arguments),
        chain: &subject.chain(),
        inputs: subject.inputs(),
        unit: subject.unit(),
        cores: machine::cores().get(),
        warmup: schedule.warmup,
        command_of: &|case| {
            // The cases were made of modes that there are.
            Way::of(case, args).map_or_else(|_| String::new(), |way| subject.command(&way))
        },
    };
    let report = Report::new(&measured.series, &context);
    for (_, path, text) in exports(args) {
        std::fs::write(path, text(&report)).map_err(|e| Error::io("write", path, &e))?;
    }
    say::data(&table::text(&report))?;
    if measured.missing.is_empty() {
        return Ok(0);
    }
    say::line(&missing_line(&measured.missing));
    Ok(1)
}

/// Names the cases that there was no time for, and says how to get them.
fn missing_line(missing: &[Case]) -> String {
    /// Cases that are named.
    const FIRST: usize = 8;
    let mut names: Vec<String> = missing.iter().take(FIRST).map(case_name).collect();
    if missing.len() > FIRST {
        names.push(format!("and {} more", missing.len() - FIRST));
    }
    format!(
        "not measured, as --max-time was over: {}; a longer --max-time, fewer --threads or --warmup 0 leave time for them",
        names.join(", ")
    )
}

fn case_name(case: &Case) -> String {
    format!("{} -j {}", case.mode, case.threads)
}

/// What writes a report as a text.
type Form = fn(&Report) -> String;

/// The files that were asked for, with their options and what goes into them.
fn exports(args: &BenchArgs) -> impl Iterator<Item = (&'static str, &PathBuf, Form)> {
    let measure = &args.measure;
    let all: [(_, &Option<PathBuf>, Form); 3] = [
        ("--export-json", &measure.export_json, table::json),
        ("--export-csv", &measure.export_csv, table::csv),
        ("--export-markdown", &measure.export_markdown, table::markdown),
    ];
    all.into_iter().filter_map(|(option, path, form)| Some((option, path.as_ref()?, form)))
}

/// Each mode with each count of threads; `inline` has one.
fn cases(args: &BenchArgs) -> Vec<Case> {
    let threads = args.measure.threads.as_ref().map_or_else(
        || measure::default_threads(machine::cores().get()),
        |counts| counts.0.iter().map(|n| n.get()).collect(),
    );
    let mut cases = Vec::new();
    for mode in &args.measure.modes {
        let counts = if *mode == ModeArg::Inline { &[1][..] } else { &threads[..] };
        for &threads in counts {
            let case = Case { mode: word(*mode), threads };
            if !cases.contains(&case) {
                cases.push(case);
            }
        }
    }
    cases
}

fn step_line(step: Step<'_>) -> String {
    match step {
        Step::Warmup(case) => format!("warm-up: {}", case_name(case)),
        Step::Run { case, run, runs } => format!("run {run} of {runs}: {}", case_name(case)),
    }
}

fn compare_files(files: &[PathBuf]) -> Result<()> {
    let [before, after] = files else {
        return Err(Error::usage(
            "bench compare takes two files that --export-json wrote (a folder of that name is ./compare)",
        ));
    };
    let comparison = compare::compare(&load(before)?, &load(after)?);
    say::data(&compare::text(&comparison))
}

fn load(path: &Path) -> Result<Report> {
    let text = std::fs::read(path)
        .map_err(|e| Error::usage(format!("failed to read {}: {e}", shown(path))))?;
    serde_json::from_slice(&text)
        .map_err(|e| Error::usage(format!("{} is no result of bench: {e}", shown(path))))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::args::{Cli, Command};
    use super::*;

    fn bench(options: &str) -> BenchArgs {
        let line = format!("lumaloom bench photos {options}");
        match Cli::try_parse_from(line.split_whitespace()).unwrap().command {
            Command::Bench(args) => *args,
            _ => unreachable!("the line says bench"),
        }
    }

    fn names(options: &str) -> Vec<String> {
        cases(&bench(options)).iter().map(|c| format!("{}{}", c.mode, c.threads)).collect()
    }

    #[test]
    fn inline_is_measured_once() {
        assert_eq!(
            names("--threads 1..2 --modes inline,threads,processes"),
            ["inline1", "threads1", "threads2", "processes1", "processes2"]
        );
        assert_eq!(names("-j 3 --modes threads,threads"), ["threads3"]);
    }

    #[test]
    fn the_command_of_a_case_can_be_typed() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a.png"), b"\x89PNG\r\n\x1a\n").unwrap();
        let mut args = bench("-f negate --quality 80");
        args.inputs = vec![dir.path().to_owned()];
        let subject = runs::subject(&args, &Cancel::default()).unwrap();
        let case = Case { mode: "threads".into(), threads: 2 };
        let command = subject.command(&Way::of(&case, &args).unwrap());
        let photos = dir.path().to_str().unwrap();
        assert_eq!(
            command.replace(photos, "photos"),
            "lumaloom images photos -o OUT -f negate --quality 80 --mode threads -j 2"
        );
    }

    #[test]
    fn compare_wants_two_files() {
        let error = compare_files(&["a.json".into()]).unwrap_err();
        assert_eq!(error.kind(), lumaloom::error::Kind::Usage);
    }
}
