//! What a bench found: one row per case, in the shape of hyperfine's JSON plus ours.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::bench::measure::{Case, Sample, Series};
use crate::bench::stats::{self, Serial, Summary};
use crate::event::{StageName, StageReport};
use crate::observe::Unit;

/// The whole result; `--export-json` writes it and `bench compare` reads it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// One per case. The first ten fields are hyperfine's.
    pub results: Vec<Row>,
    /// What holds for all rows.
    pub lumaloom: About,
}

/// What was measured, and on what.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct About {
    /// The program's version.
    pub version: String,
    /// The command line, quoted for a shell.
    pub command: String,
    /// The chain as it prints itself; empty for none.
    pub chain: String,
    /// Input files.
    pub inputs: u64,
    /// Frames of the clip; none where pictures were measured.
    #[serde(default)]
    pub frames: Option<u64>,
    /// Pixels of all inputs, in millions.
    pub megapixels: f64,
    /// Cores that this process may use.
    pub cores: usize,
    /// Runs of each case before the measured ones.
    pub warmup: u32,
    /// By mode: the serial fraction of Amdahl's law that fits all thread counts best.
    pub serial_fraction: BTreeMap<String, Serial>,
}

/// One case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The command that runs this case.
    pub command: String,
    /// Seconds, arithmetic mean.
    pub mean: f64,
    /// Seconds, standard deviation of the sample; none for a single run.
    pub stddev: Option<f64>,
    /// Seconds, the middle run.
    pub median: f64,
    /// Processor seconds in user mode, mean; ffmpeg's too, as hyperfine counts.
    pub user: f64,
    /// Processor seconds in the kernel, mean; ffmpeg's too.
    pub system: f64,
    /// Seconds, the fastest run.
    pub min: f64,
    /// Seconds, the slowest run.
    pub max: f64,
    /// Seconds of each run, in order of time.
    pub times: Vec<f64>,
    /// `mode` and `threads`, as text.
    pub parameters: BTreeMap<String, String>,
    /// `inline`, `threads` or `processes`.
    pub mode: String,
    /// Threads of the pool.
    pub threads: usize,
    /// Seconds, the median distance from the median.
    pub mad: f64,
    /// Millions of input pixels per second, by the median.
    pub megapixels_per_second: f64,
    /// Frames per second, by the median; none where pictures were measured.
    #[serde(default)]
    pub frames_per_second: Option<f64>,
    /// Mean number of cores that were busy with our threads: processor time without ffmpeg's over
    /// wall-clock time.
    pub cores_busy: f64,
    /// Processor seconds of the ffmpegs, mean; none where pictures were measured.
    #[serde(default)]
    pub ffmpeg_cpu_seconds: Option<f64>,
    /// Times faster than one thread of the same mode; none where one thread was not measured.
    pub speedup: Option<f64>,
    /// `speedup / threads`.
    pub efficiency: Option<f64>,
    /// The serial fraction by Karp and Flatt; none for one thread.
    pub karp_flatt: Option<f64>,
    /// Times faster than the plain loop; none where `inline` was not measured.
    pub speedup_over_inline: Option<f64>,
    /// Where the stages' threads spent their time, all runs together.
    pub stages: Vec<StageShare>,
}

/// How a stage's threads spent their time, as shares of `threads x lifetime`, 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageShare {
    /// Which stage.
    pub name: StageName,
    /// Its threads, summed over its processes.
    pub threads: usize,
    /// Working.
    pub busy: f64,
    /// Waiting for input.
    pub blocked_in: f64,
    /// Waiting for room in the output, or for memory.
    pub blocked_out: f64,
}

impl Row {
    /// What was measured.
    pub fn case(&self) -> Case {
        Case { mode: self.mode.clone(), threads: self.threads }
    }

    /// The measured times, summed up. `None` if a file that was read holds none.
    pub fn summary(&self) -> Option<Summary> {
        Summary::of(&self.times)
    }
}

/// What a report needs besides the measurements.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The command line, quoted for a shell.
    pub command: &'a str,
    /// The chain as it prints itself.
    pub chain: &'a str,
    /// Input files.
    pub inputs: u64,
    /// What they are made of.
    pub unit: Unit,
    /// Cores that this process may use.
    pub cores: usize,
    /// Runs of each case before the measured ones.
    pub warmup: u32,
    /// The command that a person could type for one case.
    pub command_of: &'a dyn Fn(&Case) -> String,
}

impl Report {
    /// Does the arithmetic. Series without a sample are left out.
    pub fn new(series: &[Series], context: &Context<'_>) -> Self {
        let median = |case: &Case| -> Option<f64> {
            let found = series.iter().find(|s| s.case == *case)?;
            Summary::of(&times(found)).map(|s| s.median)
        };
        let inline = median(&Case { mode: "inline".into(), threads: 1 });
        let rows = series.iter().filter_map(|s| {
            let one = median(&Case { mode: s.case.mode.clone(), threads: 1 });
            row(s, context.unit, [one, inline], (context.command_of)(&s.case))
        });
        let results: Vec<Row> = rows.collect();
        let most = |what: fn(&Sample) -> u64| {
            series.iter().flat_map(|s| &s.samples).map(what).max().unwrap_or(0)
        };
        let (pixels, items) = (most(|s| s.pixels), most(|s| s.items));
        let serial_fraction = serial_fractions(&results);
        Self {
            results,
            lumaloom: About {
                version: env!("CARGO_PKG_VERSION").to_owned(),
                command: context.command.to_owned(),
                chain: context.chain.to_owned(),
                inputs: context.inputs,
                frames: (context.unit == Unit::Frame).then_some(items),
                megapixels: pixels as f64 / 1e6,
                cores: context.cores,
                warmup: context.warmup,
                serial_fraction,
            },
        }
    }
}

fn times(series: &Series) -> Vec<f64> {
    series.samples.iter().map(|s| s.seconds).collect()
}

/// A row; `one` and `inline` are the times that its own is compared with.
fn row(
    series: &Series,
    unit: Unit,
    [one, inline]: [Option<f64>; 2],
    command: String,
) -> Option<Row> {
    let times = times(series);
    let summary = Summary::of(&times)?;
    let samples = &series.samples;
    let mean = |of: fn(&Sample) -> f64| samples.iter().map(of).sum::<f64>() / samples.len() as f64;
    let (user, system, ffmpeg) =
        (mean(|s| s.cpu.user), mean(|s| s.cpu.system), mean(|s| s.ffmpeg_cpu));
    let most = |of: fn(&Sample) -> u64| samples.iter().map(of).max().unwrap_or(0) as f64;
    let (pixels, items) = (most(|s| s.pixels), most(|s| s.items));
    let frames = unit == Unit::Frame;
    let Case { mode, threads } = series.case.clone();
    let speedup = one.map(|one| stats::speedup(one, summary.median));
    Some(Row {
        command,
        mean: summary.mean,
        stddev: (summary.count > 1).then_some(summary.stddev),
        median: summary.median,
        user,
        system,
        min: summary.min,
        max: summary.max,
        parameters: [("mode", mode.clone()), ("threads", threads.to_string())]
            .map(|(k, v)| (k.to_owned(), v))
            .into(),
        mad: summary.mad,
        megapixels_per_second: pixels / 1e6 / summary.median,
        frames_per_second: frames.then_some(items / summary.median),
        // What is counted in the system's ticks may come to a little more than the whole.
        cores_busy: (user + system - ffmpeg).max(0.0) / summary.mean,
        ffmpeg_cpu_seconds: frames.then_some(ffmpeg),
        speedup,
        efficiency: speedup.map(|s| stats::efficiency(s, threads)),
        karp_flatt: speedup.and_then(|s| stats::karp_flatt(s, threads)),
        speedup_over_inline: inline.map(|inline| stats::speedup(inline, summary.median)),
        stages: shares(samples.iter().flat_map(|s| &s.stages), samples.len()),
        times,
        mode,
        threads,
    })
}

/// Sums reports by stage, in the order of the stages.
fn shares<'a>(reports: impl Iterator<Item = &'a StageReport>, runs: usize) -> Vec<StageShare> {
    let mut sums: BTreeMap<StageName, (usize, [f64; 3])> = BTreeMap::new();
    for r in reports {
        let (threads, seconds) = sums.entry(r.name).or_default();
        *threads += r.threads;
        let more = [r.busy_seconds, r.blocked_in_seconds, r.blocked_out_seconds];
        seconds.iter_mut().zip(more).for_each(|(sum, s)| *sum += s);
    }
    let share = |(name, (threads, seconds)): (StageName, (usize, [f64; 3]))| {
        let total: f64 = seconds.iter().sum();
        let [busy, blocked_in, blocked_out] =
            seconds.map(|s| if total > 0.0 { s / total } else { 0.0 });
        StageShare { name, threads: threads / runs.max(1), busy, blocked_in, blocked_out }
    };
    sums.into_iter().map(share).collect()
}

/// Fits Amdahl's law to each mode that was measured on one thread and on more.
fn serial_fractions(rows: &[Row]) -> BTreeMap<String, Serial> {
    let ones = rows.iter().filter(|row| row.threads == 1);
    let fit = |one: &Row| {
        let more = rows.iter().filter(|row| row.mode == one.mode && row.threads > 1);
        let several: Vec<_> = more.filter_map(|row| Some((row.threads, row.summary()?))).collect();
        Some((one.mode.clone(), stats::amdahl_fit(&one.summary()?, &several)?))
    };
    ones.filter_map(fit).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::bench::usage::CpuTime;

    fn stage(name: StageName, threads: usize, seconds: [f64; 3]) -> StageReport {
        StageReport {
            name,
            pid: 1,
            parent_pid: 0,
            threads,
            busy_seconds: seconds[0],
            blocked_in_seconds: seconds[1],
            blocked_out_seconds: seconds[2],
            queue_depth_mean: 0.0,
            peak_rss_bytes: 0,
        }
    }

    fn series(mode: &str, threads: usize, times: &[f64]) -> Series {
        let sample = |&seconds: &f64| Sample {
            seconds,
            cpu: CpuTime { user: 1.5, system: 0.5 },
            ffmpeg_cpu: 0.0,
            items: 3,
            pixels: 24_000_000,
            stages: vec![
                stage(StageName::Write, 1, [0.1, 0.9, 0.0]),
                stage(StageName::Work, threads, [3.0, 0.6, 0.4]),
            ],
        };
        let case = Case { mode: mode.into(), threads };
        Series { case, samples: times.iter().map(sample).collect() }
    }

    /// Inline 2.2 s; threads 2 s, and 1.25 s on two, which is a quarter serial.
    pub(crate) fn example() -> Report {
        let series = [
            series("inline", 1, &[2.2, 2.2]),
            series("threads", 1, &[2.0, 2.1, 1.9]),
            series("threads", 2, &[1.25, 1.25, 1.25]),
        ];
        Report::new(
            &series,
            &Context {
                command: "lumaloom bench photos",
                chain: "gamma=1.1",
                inputs: 3,
                unit: Unit::Picture,
                cores: 2,
                warmup: 1,
                command_of: &|c| format!("lumaloom images --mode {} -j {}", c.mode, c.threads),
            },
        )
    }

    /// A clip of 48 frames: 2 s, of whose 2 s of processor time 1.6 s are ffmpeg's.
    pub(crate) fn clip() -> Report {
        let mut series = series("threads", 1, &[1.9, 2.0, 2.1]);
        for (sample, ffmpeg_cpu) in series.samples.iter_mut().zip([1.5, 1.6, 1.7]) {
            *sample = Sample { ffmpeg_cpu, items: 48, ..sample.clone() };
        }
        let context = Context {
            command: "lumaloom bench clip.mp4",
            chain: "",
            inputs: 1,
            unit: Unit::Frame,
            cores: 2,
            warmup: 1,
            command_of: &|_| "lumaloom video".to_owned(),
        };
        Report::new(&[series], &context)
    }

    #[test]
    fn the_cost_of_ffmpeg_is_no_busy_core_of_ours() {
        let report = clip();
        let row = &report.results[0];
        let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-9, "{a} {b}");
        near(row.cores_busy, 0.2);
        near(row.ffmpeg_cpu_seconds.unwrap(), 1.6);
        near(row.user + row.system, 2.0);
        near(row.frames_per_second.unwrap(), 24.0);
        assert_eq!((report.lumaloom.frames, report.lumaloom.inputs), (Some(48), 1));
        let pictures = &example().results[0];
        assert_eq!((pictures.frames_per_second, pictures.ffmpeg_cpu_seconds), (None, None));
    }

    #[test]
    fn results_of_before_there_were_clips_are_read() {
        let mut value = serde_json::to_value(example()).unwrap();
        value["lumaloom"].as_object_mut().unwrap().remove("frames").unwrap();
        for row in value["results"].as_array_mut().unwrap() {
            for field in ["frames_per_second", "ffmpeg_cpu_seconds"] {
                row.as_object_mut().unwrap().remove(field).unwrap();
            }
        }
        assert_eq!(serde_json::from_value::<Report>(value).unwrap(), example());
    }

    #[test]
    fn rows_hold_the_arithmetic() {
        let report = example();
        let row = &report.results[2];
        let near = |a: Option<f64>, b: f64| assert!((a.unwrap() - b).abs() < 1e-9, "{a:?} {b}");
        near(row.speedup, 1.6);
        near(row.efficiency, 0.8);
        near(row.karp_flatt, 0.25);
        near(row.speedup_over_inline, 1.76);
        near(Some(row.megapixels_per_second), 19.2);
        near(Some(row.cores_busy), 1.6);
        near(report.lumaloom.serial_fraction.get("threads").map(|s| s.fraction), 0.25);
        assert_eq!(report.lumaloom.serial_fraction.len(), 1, "inline has no second point");
        assert_eq!(report.results[1].karp_flatt, None);
    }

    #[test]
    fn stages_come_in_order_with_shares_that_add_up() {
        let row = &example().results[1];
        let [work, write] = row.stages.as_slice() else { panic!("{:?}", row.stages) };
        assert_eq!((work.name, write.name), (StageName::Work, StageName::Write));
        assert_eq!((work.busy, work.threads), (0.75, 1));
        assert!((write.busy + write.blocked_in + write.blocked_out - 1.0).abs() < 1e-12);
    }

    #[test]
    fn without_one_thread_there_is_no_speedup() {
        let series = [series("processes", 2, &[1.0])];
        let context = Context {
            command: "",
            chain: "",
            inputs: 1,
            unit: Unit::Picture,
            cores: 2,
            warmup: 0,
            command_of: &|_| String::new(),
        };
        let row = &Report::new(&series, &context).results[0];
        assert_eq!((row.speedup, row.karp_flatt, row.stddev), (None, None, None));
    }

    #[test]
    fn json_has_the_fields_of_hyperfine_and_comes_back() {
        let report = example();
        let value = serde_json::to_value(&report).unwrap();
        let row = &value["results"][2];
        for field in ["mean", "stddev", "median", "user", "system", "min", "max"] {
            assert!(row[field].is_number(), "{field}");
        }
        assert!(row["command"].is_string() && row["times"].as_array().unwrap().len() == 3);
        assert_eq!(row["parameters"]["threads"], "2");
        assert_eq!(serde_json::from_value::<Report>(value).unwrap(), report);
    }
}
