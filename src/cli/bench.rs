//! `lumaloom bench`: the options of a measurement, its cases, and what is printed of it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use lumaloom::bench::measure::{self, Case, Schedule, Step};
use lumaloom::bench::report::{Context, Report};
use lumaloom::bench::{compare, table};
use lumaloom::error::{Error, Result, shown};
use lumaloom::exec::processes::quoted;
use lumaloom::sink::check::file_can_be_made;
use lumaloom::stage::{Cancel, Level, Reason};

use super::args::{BenchArgs, ModeArg};
use super::job::{Recipe, word};
use super::runs::Runs;
use super::{assemble, machine, say, signals};

/// Measures, or compares two results if the first input is the word `compare`.
///
/// # Errors
/// `Usage`, and the first run that failed: a time of half a job is no measurement.
pub fn run(args: &BenchArgs, arguments: &[OsString]) -> Result<()> {
    if args.inputs.first().is_some_and(|word| word.as_os_str() == "compare") {
        return compare_files(&args.inputs[1..]);
    }
    let recipe = Recipe::new(&args.pixels)?;
    recipe.chain.suits_stills()?;
    let inputs = assemble::inputs(&args.inputs, &args.walk, args.output.as_deref())?;
    if inputs.items.is_empty() {
        return Err(Error::usage("there is no picture to measure with"));
    }
    for (option, path, _) in exports(args) {
        file_can_be_made(option, path)?;
    }
    let cases = cases(args);
    let schedule = Schedule {
        warmup: args.measure.warmup,
        runs: args.measure.runs,
        max_seconds: args.measure.max_time.map(|time| time.as_secs_f64()),
    };
    let cancel = Cancel::default();
    let stop = cancel.clone();
    // Half a measurement is none, so the first signal stops at once; what was made on the way
    // is still removed.
    let _signals = signals::Watch::start(move |_| stop.raise(Level::Now, Reason::User))
        .map_err(|e| Error::system(format!("failed to listen for signals: {e}")))?;
    let mut runs = Runs::new(&recipe, &inputs, args, &cancel)?;
    let mut progress = |step: Step<'_>| {
        if !args.measure.quiet {
            say::line(&step_line(step));
        }
    };
    let series = measure::measure(&cases, &schedule, &mut runs, &mut progress)?;
    let context = Context {
        command: &quoted(arguments),
        chain: &recipe.chain.to_string(),
        inputs: inputs.items.len() as u64,
        cores: machine::cores().get(),
        warmup: schedule.warmup,
        command_of: &|case| command_of(args, &recipe, case),
    };
    let report = Report::new(&series, &context);
    for (_, path, text) in exports(args) {
        std::fs::write(path, text(&report)).map_err(|e| Error::io("write", path, &e))?;
    }
    say::data(&table::text(&report))
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
    let case = |case: &Case| format!("{} -j {}", case.mode, case.threads);
    match step {
        Step::Warmup(of) => format!("warm-up: {}", case(of)),
        Step::Run { case: of, run, runs } => format!("run {run} of {runs}: {}", case(of)),
    }
}

/// The command that does what one case did, with outputs.
fn command_of(args: &BenchArgs, recipe: &Recipe, case: &Case) -> String {
    let mut words: Vec<OsString> = vec!["lumaloom".into(), "images".into()];
    words.extend(args.inputs.iter().map(|input| input.clone().into_os_string()));
    words.extend(["-o".into(), args.output.clone().unwrap_or_else(|| "OUT".into()).into()]);
    words.extend(recipe.arguments());
    words.extend(["--mode".into(), case.mode.clone().into()]);
    words.extend(["-j".into(), case.threads.to_string().into()]);
    quoted(&words)
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
        let args = bench("-f negate --quality 80");
        let recipe = Recipe::new(&args.pixels).unwrap();
        let case = Case { mode: "threads".into(), threads: 2 };
        assert_eq!(
            command_of(&args, &recipe, &case),
            "lumaloom images photos -o OUT -f negate --quality 80 --mode threads -j 2"
        );
    }

    #[test]
    fn compare_wants_two_files() {
        let error = compare_files(&["a.json".into()]).unwrap_err();
        assert_eq!(error.kind(), lumaloom::error::Kind::Usage);
    }
}
