//! What a bench found: one row per case, in the shape of hyperfine's JSON plus ours.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::bench::measure::{Case, Series};
use crate::bench::stats::{self, Serial, Summary};
use crate::event::{StageName, StageReport};

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
    /// Processor seconds in user mode, mean.
    pub user: f64,
    /// Processor seconds in the kernel, mean.
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
    /// Mean number of busy cores: processor time over wall-clock time.
    pub cores_busy: f64,
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
            row(s, one, inline, (context.command_of)(&s.case))
        });
        let results: Vec<Row> = rows.collect();
        let pixels = series.iter().flat_map(|s| &s.samples).map(|s| s.pixels).max().unwrap_or(0);
        let serial_fraction = serial_fractions(&results);
        Self {
            results,
            lumaloom: About {
                version: env!("CARGO_PKG_VERSION").to_owned(),
                command: context.command.to_owned(),
                chain: context.chain.to_owned(),
                inputs: context.inputs,
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

fn row(series: &Series, one: Option<f64>, inline: Option<f64>, command: String) -> Option<Row> {
    let times = times(series);
    let summary = Summary::of(&times)?;
    let n = summary.count as f64;
    let user = series.samples.iter().map(|s| s.cpu.user).sum::<f64>() / n;
    let system = series.samples.iter().map(|s| s.cpu.system).sum::<f64>() / n;
    let pixels = series.samples.iter().map(|s| s.pixels).max().unwrap_or(0);
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
        megapixels_per_second: pixels as f64 / 1e6 / summary.median,
        cores_busy: (user + system) / summary.mean,
        speedup,
        efficiency: speedup.map(|s| stats::efficiency(s, threads)),
        karp_flatt: speedup.and_then(|s| stats::karp_flatt(s, threads)),
        speedup_over_inline: inline.map(|inline| stats::speedup(inline, summary.median)),
        stages: shares(series.samples.iter().flat_map(|s| &s.stages), series.samples.len()),
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
    use crate::bench::measure::Sample;
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
                cores: 2,
                warmup: 1,
                command_of: &|c| format!("lumaloom images --mode {} -j {}", c.mode, c.threads),
            },
        )
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
