//! The tally: exact counts of a run, and the report that is made of them.

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result, shown};
use crate::event::{Event, HelperReport, Loss, Observer, StageName, StageReport};

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It has not ended: this report is a checkpoint.
    Running,
    /// Each input was dealt with; `failed` says which of them have no output.
    Complete,
    /// The first failure stopped it (`--on-error stop`); what was begun is done.
    Stopped,
    /// The user stopped it; what was finished is kept.
    Interrupted,
    /// The run itself failed.
    Failed,
}

/// What a run counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Files of their own.
    #[default]
    Picture,
    /// Parts of one clip.
    Frame,
}

impl Unit {
    /// One of them, for people.
    pub const fn noun(self) -> &'static str {
        match self {
            Self::Picture => "picture",
            Self::Frame => "frame",
        }
    }
}

/// An input without an output.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Failure {
    /// The input.
    #[serde(with = "crate::event::path_text")]
    pub input: PathBuf,
    /// Why, as said to people.
    pub reason: String,
}

/// The report of a run (`--report`), and the checkpoint of one that goes on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The program's version.
    pub version: String,
    /// The command line, quoted for a shell.
    pub command: String,
    /// What is counted.
    #[serde(default)]
    pub unit: Unit,
    /// `threads`, `processes` or `inline`.
    pub mode: String,
    /// Threads of the pool.
    pub threads: usize,
    /// Seconds from the first event to the last.
    pub wall_seconds: f64,
    /// Inputs whose output was put in place by this run.
    pub done: u64,
    /// Files that were met and are no candidates.
    pub skipped: u64,
    /// Inputs without an output, sorted by input.
    pub failed: Vec<Failure>,
    /// How many pictures lost what.
    pub losses: BTreeMap<Loss, u64>,
    /// Peak resident set in bytes, summed over the processes of the run but `helpers`.
    pub peak_rss_bytes: u64,
    /// What each stage did; several of one name where there are several processes of it.
    pub stages: Vec<StageReport>,
    /// What each ffmpeg cost, by name: apart from the stages and from `peak_rss_bytes`.
    #[serde(default)]
    pub helpers: Vec<HelperReport>,
    /// How it ended.
    pub outcome: Outcome,
    /// Inputs of this run.
    pub inputs: u64,
    /// Those of them that are neither done nor failed.
    #[serde(default)]
    pub left: u64,
    /// Inputs that an earlier run had finished (`--resume`).
    pub finished_before: u64,
    /// `skipped` by extension or by kind of file.
    pub skipped_by: BTreeMap<String, u64>,
    /// Pixels of the inputs that are done.
    pub pixels: u64,
    /// Bytes that were read.
    pub bytes_in: u64,
    /// Bytes that were written.
    pub bytes_out: u64,
    /// Where the outputs are.
    #[serde(with = "crate::event::path_text")]
    pub output: PathBuf,
    /// The first warnings, at most 100.
    pub warnings: Vec<String>,
}

/// What a report knows before anything happened.
#[derive(Clone, Debug)]
pub struct Head {
    /// The command line, quoted for a shell.
    pub command: String,
    /// What is counted.
    pub unit: Unit,
    /// `threads`, `processes` or `inline`.
    pub mode: String,
    /// Threads of the pool.
    pub threads: usize,
    /// Where the outputs go.
    pub output: PathBuf,
    /// Files that were met and are no candidates, by extension or kind.
    pub skipped_by: BTreeMap<String, u64>,
    /// Inputs that an earlier run had finished.
    pub finished_before: u64,
    /// Inputs that an earlier run had given up and that are not tried again.
    pub failed_before: Vec<Failure>,
}

/// An observer that counts. Exact whatever the number of threads that call it: one lock, held
/// for a few additions.
pub struct Tally {
    state: Mutex<State>,
}

struct State {
    report: Report,
    /// How many of the failures are an earlier run's.
    failed_before: usize,
    start: Instant,
    /// Peak resident sets by process.
    peaks: BTreeMap<u32, u64>,
}

/// Warnings beyond this number are not kept.
const WARNINGS: usize = 100;

impl Tally {
    /// Starts to count, and the clock.
    pub fn new(head: Head) -> Self {
        let report = Report {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            command: head.command,
            unit: head.unit,
            mode: head.mode,
            threads: head.threads,
            wall_seconds: 0.0,
            done: 0,
            skipped: head.skipped_by.values().sum(),
            failed: head.failed_before.clone(),
            losses: BTreeMap::new(),
            peak_rss_bytes: 0,
            stages: Vec::new(),
            helpers: Vec::new(),
            outcome: Outcome::Running,
            inputs: 0,
            left: 0,
            finished_before: head.finished_before,
            skipped_by: head.skipped_by,
            pixels: 0,
            bytes_in: 0,
            bytes_out: 0,
            output: head.output,
            warnings: Vec::new(),
        };
        let failed_before = head.failed_before.len();
        let (start, peaks) = (Instant::now(), BTreeMap::new());
        let state = State { report, failed_before, start, peaks };
        Self { state: Mutex::new(state) }
    }

    /// A process that belongs to the run and has this peak resident set, in bytes. Counted
    /// once per process, with its largest figure.
    pub fn add_peak(&self, pid: u32, bytes: u64) {
        self.lock().add_peak(pid, bytes);
    }

    /// Bytes of an output that is one file for many items.
    pub fn add_written(&self, bytes: u64) {
        self.lock().report.bytes_out += bytes;
    }

    /// The report as it stands, failures sorted by input.
    pub fn report(&self, outcome: Outcome) -> Report {
        let state = self.lock();
        let mut report = state.report.clone();
        report.wall_seconds = state.start.elapsed().as_secs_f64();
        report.peak_rss_bytes = state.peaks.values().sum();
        let failed = report.failed.len() - state.failed_before;
        report.left = report.inputs.saturating_sub(report.done + failed as u64);
        drop(state);
        report.outcome = outcome;
        report.failed.sort();
        report.stages.sort_by_key(|stage| (stage.name, stage.pid));
        // Those of one name stay in the order of their ends.
        report.helpers.sort_by(|a, b| a.name.cmp(&b.name));
        report
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // Counting cannot panic half-way in a way that matters, so a poisoned lock is as good.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn add_peak(&mut self, pid: u32, bytes: u64) {
        let peak = self.peaks.entry(pid).or_default();
        *peak = (*peak).max(bytes);
    }
}

impl Observer for Tally {
    fn on(&self, event: &Event) {
        let mut state = self.lock();
        let state = &mut *state;
        let report = &mut state.report;
        match event {
            Event::Planned { items, .. } => report.inputs += items,
            Event::Read { bytes, .. } => report.bytes_in += bytes,
            Event::Done { bytes, pixels, losses, .. } => {
                report.done += 1;
                report.pixels += pixels;
                report.bytes_out += bytes;
                for loss in losses {
                    *report.losses.entry(*loss).or_default() += 1;
                }
            }
            Event::Failed { input, error, .. } => {
                report.failed.push(Failure { input: input.clone(), reason: error.to_string() });
            }
            Event::StageEnded(stage) => {
                report.stages.push(stage.clone());
                state.add_peak(stage.pid, stage.peak_rss_bytes);
            }
            Event::HelperEnded(helper) => report.helpers.push(helper.clone()),
            Event::Warning { text } if report.warnings.len() < WARNINGS => {
                report.warnings.push(text.clone());
            }
            Event::Warning { .. }
            | Event::Estimated { .. }
            | Event::StageStarted { .. }
            | Event::Worked { .. }
            | Event::StageFailed { .. }
            | Event::Sample { .. } => {}
        }
    }
}

impl Report {
    /// The report as JSON text, indented, with a newline at its end.
    pub fn to_json(&self) -> String {
        // A tree of numbers, strings and paths in their JSON form: this cannot fail.
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// Writes the report to `path`: a temporary file beside it, then a rename, so that a reader
    /// never sees half a report. A path that is no regular file (`/dev/stdout`) is written
    /// directly.
    ///
    /// # Errors
    /// `System`, with the path.
    pub fn save(&self, path: &Path) -> Result<()> {
        replace(path, self.to_json().as_bytes())
    }

    /// Reads a report.
    ///
    /// # Errors
    /// `Input` when it is not a report, `System` when it cannot be read.
    pub fn load(path: &Path) -> Result<Self> {
        let text = std::fs::read(path).map_err(|e| Error::io("read", path, &e))?;
        serde_json::from_slice(&text)
            .map_err(|e| Error::input(format!("{}: not a report: {e}", shown(path))))
    }

    /// What ffmpeg's decoders found wrong with the clip, if anything.
    pub fn damage(&self) -> Option<String> {
        let decoders = || self.helpers.iter().filter(|helper| helper.is_damage());
        let errors: u64 = decoders().map(|helper| helper.errors).sum();
        let first = decoders().find_map(|helper| helper.first_errors.first())?;
        let times = if errors == 1 { "an error".to_owned() } else { format!("{errors} errors") };
        Some(format!("the decoder reported {times}, first: {first}"))
    }

    /// True if a clip is damaged and frames that its container counts are missing.
    pub fn lost_frames(&self) -> bool {
        self.unit == Unit::Frame && self.left > 0 && self.damage().is_some()
    }

    /// Processor time of all helpers together, in seconds.
    pub fn helper_seconds(&self) -> f64 {
        self.helpers.iter().map(|helper| helper.cpu_seconds).sum()
    }

    /// The stage that holds the others back: the one whose threads had the least idle time,
    /// with its busy share, 0..=1. `None` before a stage has ended.
    pub fn limit(&self) -> Option<(StageName, f64)> {
        let share = |name| {
            let of = |part: fn(&StageReport) -> f64| -> f64 {
                self.stages.iter().filter(|s| s.name == name).map(part).sum()
            };
            let busy = of(|s| s.busy_seconds);
            let all = busy + of(|s| s.blocked_in_seconds) + of(|s| s.blocked_out_seconds);
            (all > 0.0).then_some((name, busy / all))
        };
        [StageName::Read, StageName::Work, StageName::Write]
            .into_iter()
            .filter_map(share)
            .max_by(|a, b| a.1.total_cmp(&b.1))
    }
}

/// Puts `bytes` at `path` in one step. See [`Report::save`].
pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let failed = |e: std::io::Error| Error::io("write", path, &e);
    if std::fs::metadata(path).is_ok_and(|m| !m.is_file()) {
        return std::fs::write(path, bytes).map_err(failed);
    }
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut file = tempfile::Builder::new()
        .prefix(".lumaloom-")
        .suffix(".part")
        // Like any file that a program writes: the umask takes from this.
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(folder)
        .map_err(failed)?;
    std::io::Write::write_all(&mut file, bytes).map_err(failed)?;
    file.persist(path).map_err(|e| failed(e.error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head() -> Head {
        Head {
            command: "lumaloom images in -o out".into(),
            unit: Unit::Picture,
            mode: "threads".into(),
            threads: 2,
            output: "out".into(),
            skipped_by: BTreeMap::from([("txt".into(), 2), ("cr2".into(), 1)]),
            finished_before: 0,
            failed_before: Vec::new(),
        }
    }

    fn done(seq: u64, losses: &[Loss]) -> Event {
        Event::Done {
            seq,
            input: format!("{seq}.png").into(),
            output: format!("out/{seq}.png").into(),
            bytes: 10,
            input_bytes: 20,
            pixels: 100,
            losses: losses.to_vec(),
            start: 0.0,
            seconds: 0.1,
        }
    }

    fn stage(name: StageName, pid: u32, busy: f64, blocked: f64) -> Event {
        Event::StageEnded(StageReport {
            name,
            pid,
            parent_pid: 1,
            threads: 2,
            busy_seconds: busy,
            blocked_in_seconds: blocked,
            blocked_out_seconds: 0.0,
            queue_depth_mean: 0.5,
            peak_rss_bytes: 1000,
        })
    }

    #[test]
    fn counts_are_exact_from_many_threads() {
        let tally = Tally::new(head());
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let tally = &tally;
                scope.spawn(move || {
                    for i in 0..500 {
                        tally.on(&done(thread * 500 + i, &[Loss::Alpha]));
                    }
                });
            }
        });
        let report = tally.report(Outcome::Complete);
        assert_eq!((report.done, report.pixels, report.bytes_out), (4000, 400_000, 40_000));
        assert_eq!(report.losses[&Loss::Alpha], 4000);
    }

    #[test]
    fn the_report_has_the_fields_that_scripts_rely_on() {
        let tally = Tally::new(head());
        tally.on(&Event::Planned { items: 3, bytes: 0 });
        tally.on(&done(0, &[Loss::Depth, Loss::Exif]));
        for (seq, input) in [(2, "z.png"), (1, "b.png")] {
            let error = Error::input("not an image");
            tally.on(&Event::Failed { seq, input: input.into(), input_bytes: 20, error });
        }
        tally.on(&stage(StageName::Work, 7, 1.0, 0.5));
        tally.on(&stage(StageName::Read, 7, 0.5, 0.5));
        for name in ["encoder", "decoder"] {
            let helper = HelperReport {
                name: name.into(),
                pid: 9,
                cpu_seconds: 0.25,
                peak_rss_bytes: 1 << 20,
                errors: if name == "decoder" { 3 } else { 9 },
                first_errors: vec![format!("{name} a"), "b".into()],
            };
            tally.on(&Event::HelperEnded(helper));
        }
        tally.add_peak(7, 900);
        tally.add_peak(8, 50);
        let json: serde_json::Value =
            serde_json::from_str(&tally.report(Outcome::Complete).to_json()).unwrap();
        for field in [
            "version",
            "command",
            "mode",
            "threads",
            "wall_seconds",
            "done",
            "skipped",
            "failed",
            "losses",
            "peak_rss_bytes",
            "stages",
            "helpers",
        ] {
            assert!(json.get(field).is_some(), "{field}");
        }
        assert_eq!(json["skipped"], 3);
        assert_eq!(json["done"], 1);
        assert_eq!(
            json["failed"][0],
            serde_json::json!({"input": "b.png", "reason": "not an image"})
        );
        assert_eq!(json["losses"], serde_json::json!({"depth": 1, "exif": 1}));
        assert_eq!(json["peak_rss_bytes"], 1050, "one process is counted once, helpers apart");
        let decoder = serde_json::json!(
            {"name": "decoder", "pid": 9, "cpu_seconds": 0.25, "peak_rss_bytes": 1 << 20,
             "errors": 3, "first_errors": ["decoder a", "b"]}
        );
        let report = tally.report(Outcome::Complete);
        let damage = report.damage().unwrap();
        assert_eq!(damage, "the decoder reported 3 errors, first: decoder a");
        assert!(!report.lost_frames(), "files do not go missing so");
        assert_eq!(json["helpers"][0], decoder, "by name");
        assert_eq!(json["helpers"][1]["name"], "encoder");
        let first = json["stages"][0].as_object().unwrap();
        for field in [
            "name",
            "pid",
            "parent_pid",
            "threads",
            "busy_seconds",
            "blocked_in_seconds",
            "blocked_out_seconds",
            "queue_depth_mean",
        ] {
            assert!(first.contains_key(field), "{field}");
        }
        assert_eq!(first["name"], "read", "stages in the order of the flow");
    }

    #[test]
    fn the_busiest_stage_is_the_limit() {
        let tally = Tally::new(head());
        assert_eq!(tally.report(Outcome::Running).limit(), None);
        tally.on(&stage(StageName::Read, 1, 0.1, 0.9));
        tally.on(&stage(StageName::Work, 2, 0.9, 0.1));
        tally.on(&stage(StageName::Write, 3, 0.5, 0.5));
        assert_eq!(tally.report(Outcome::Complete).limit(), Some((StageName::Work, 0.9)));
    }

    #[test]
    fn a_report_is_saved_whole_and_reads_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.json");
        std::fs::write(&path, "old").unwrap();
        let report = Tally::new(head()).report(Outcome::Interrupted);
        report.save(&path).unwrap();
        assert_eq!(Report::load(&path).unwrap(), report);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file");
        let error = report.save(&folder.path().join("none/r.json")).unwrap_err();
        assert!(error.to_string().contains("none/r.json"), "{error}");
    }

    #[test]
    fn warnings_are_bounded() {
        let tally = Tally::new(head());
        for i in 0..1000 {
            tally.on(&Event::Warning { text: i.to_string() });
        }
        assert_eq!(tally.report(Outcome::Running).warnings.len(), WARNINGS);
    }
}
