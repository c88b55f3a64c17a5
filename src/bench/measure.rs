//! Measuring: which case runs when, how often, and until when. What a run is, the executor knows.

use serde::{Deserialize, Serialize};

use crate::bench::usage::CpuTime;
use crate::error::Result;
use crate::event::StageReport;

/// One thing to measure: a mode on a number of threads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Case {
    /// `inline`, `threads` or `processes`.
    pub mode: String,
    /// Threads of the pool, 1...
    pub threads: usize,
}

/// What one run of a case took.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Wall-clock seconds, from start to the last output.
    pub seconds: f64,
    /// Processor seconds, all threads and processes, ffmpeg's too.
    pub cpu: CpuTime,
    /// ffmpeg's part of them.
    pub ffmpeg_cpu: f64,
    /// Pictures, or frames of the clip.
    pub items: u64,
    /// Pixels of the inputs.
    pub pixels: u64,
    /// What the stages did.
    pub stages: Vec<StageReport>,
}

/// All measured runs of one case, in order of time.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// What was measured.
    pub case: Case,
    /// Each run; at least one.
    pub samples: Vec<Sample>,
}

/// How often and how long.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Schedule {
    /// Runs of each case before the measured ones, 0..; they fill caches and are not kept.
    pub warmup: u32,
    /// Measured runs of each case, 1...
    pub runs: u32,
    /// No run starts after this many seconds, no warm-up after half of them, and no round that would end after them as
    /// the rounds so far took. One run is measured in any case.
    pub max_seconds: Option<f64>,
}

/// What was measured, and what was not in the time that there was.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measured {
    /// One for each case that was measured, in their order.
    pub series: Vec<Series>,
    /// The other cases.
    pub missing: Vec<Case>,
}

/// Runs a case once. The one place that knows how; a test counts instead.
pub trait Executor {
    /// Does the whole job and says what it took.
    ///
    /// # Errors
    /// When the job failed: a time of half a job is no measurement.
    fn run(&mut self, case: &Case) -> Result<Sample>;

    /// Seconds since the measurement began, with all that runs need beside what is measured of them.
    fn elapsed(&self) -> f64;
}

/// What is about to run, for progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// A run that is not kept.
    Warmup(&'a Case),
    /// Run `run` of `runs`, 1...
    Run {
        /// What.
        case: &'a Case,
        /// 1..=runs.
        run: u32,
        /// How many there will be at most.
        runs: u32,
    },
}

/// Measures all cases, interleaved: each round runs every case once, so that a machine that
/// gets warmer or busier meanwhile does so for all of them. Every other round goes backwards,
/// which takes a steady drift out of the differences.
///
/// # Errors
/// The first run that fails ends the measurement.
pub fn measure(
    cases: &[Case],
    schedule: &Schedule,
    executor: &mut dyn Executor,
    progress: &mut dyn FnMut(Step<'_>),
) -> Result<Measured> {
    let over = |executor: &dyn Executor, share: f64| {
        schedule.max_seconds.is_some_and(|max| executor.elapsed() >= max * share)
    };
    'warmup: for case in cases {
        for _ in 0..schedule.warmup {
            if over(executor, 0.5) {
                break 'warmup;
            }
            progress(Step::Warmup(case));
            executor.run(case)?;
        }
    }
    let runs = schedule.runs.max(1);
    let mut samples: Vec<Vec<Sample>> = cases.iter().map(|_| Vec::new()).collect();
    let mut longest_round: f64 = 0.0;
    for run in 1..=runs {
        let begin = executor.elapsed();
        if run > 1 && schedule.max_seconds.is_some_and(|max| begin + longest_round > max) {
            break;
        }
        for i in 0..cases.len() {
            // The first round is cut where the time is over; all others were seen to fit.
            if run == 1 && i > 0 && over(executor, 1.0) {
                break;
            }
            let at = if run % 2 == 1 { i } else { cases.len() - 1 - i };
            progress(Step::Run { case: &cases[at], run, runs });
            samples[at].push(executor.run(&cases[at])?);
        }
        longest_round = longest_round.max(executor.elapsed() - begin);
    }
    let mut measured = Measured::default();
    for (case, samples) in cases.iter().zip(samples) {
        match samples.is_empty() {
            true => measured.missing.push(case.clone()),
            false => measured.series.push(Series { case: case.clone(), samples }),
        }
    }
    Ok(measured)
}

/// The thread counts to measure by default on a machine of `cores`: powers of two, and all.
pub fn default_threads(cores: usize) -> Vec<usize> {
    let cores = cores.max(1);
    let mut counts: Vec<usize> =
        (0..usize::BITS).map(|i| 1 << i).take_while(|n| *n < cores).collect();
    counts.push(cores);
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    /// Takes 1 second per run and remembers what it ran.
    struct Mock {
        ran: Vec<String>,
        fails_at: Option<usize>,
    }

    impl Executor for Mock {
        fn run(&mut self, case: &Case) -> Result<Sample> {
            self.ran.push(format!("{}{}", &case.mode[..1], case.threads));
            if self.fails_at == Some(self.ran.len()) {
                return Err(Error::input("a.jpg: not a JPEG"));
            }
            Ok(Sample {
                seconds: 1.0,
                cpu: CpuTime::default(),
                ffmpeg_cpu: 0.0,
                items: 1,
                pixels: 10,
                stages: vec![],
            })
        }

        fn elapsed(&self) -> f64 {
            self.ran.len() as f64
        }
    }

    fn cases() -> Vec<Case> {
        let case = |mode: &str, threads| Case { mode: mode.into(), threads };
        vec![case("inline", 1), case("threads", 1), case("threads", 2)]
    }

    fn run(schedule: Schedule, fails_at: Option<usize>) -> (Result<Measured>, String, usize) {
        let mut mock = Mock { ran: vec![], fails_at };
        let mut steps = 0;
        let result = measure(&cases(), &schedule, &mut mock, &mut |_| steps += 1);
        (result, mock.ran.join(" "), steps)
    }

    #[test]
    fn rounds_are_interleaved_and_turn_around() {
        let (result, ran, steps) = run(Schedule { warmup: 1, runs: 2, max_seconds: None }, None);
        assert_eq!(ran, "i1 t1 t2 i1 t1 t2 t2 t1 i1");
        assert_eq!(steps, 9);
        for series in result.unwrap().series {
            assert_eq!(series.samples.len(), 2, "{:?}", series.case);
        }
    }

    #[test]
    fn time_ends_it_between_rounds_and_each_case_has_as_many_runs() {
        let (result, ran, _) =
            run(Schedule { warmup: 1, runs: 100, max_seconds: Some(10.0) }, None);
        // 3 s of warm-up and two rounds of 3 s make 9; a third would end at 12.
        assert_eq!(ran.split(' ').count(), 9);
        assert!(result.unwrap().series.iter().all(|s| s.samples.len() == 2));
    }

    #[test]
    fn time_ends_warm_ups_and_the_first_round_too() {
        for (warmup, max, expected, missing) in [
            // One run, whatever the time.
            (0, 0.0, "i1", 2),
            (1, 0.0, "i1", 2),
            (0, 2.0, "i1 t1", 1),
            // Half of the time for warm-ups.
            (1, 4.0, "i1 t1 i1 t1", 1),
            (9, 5.0, "i1 i1 i1 i1 t1", 1),
            (0, 3.0, "i1 t1 t2", 0),
        ] {
            let schedule = Schedule { warmup, runs: 5, max_seconds: Some(max) };
            let (result, ran, _) = run(schedule, None);
            let measured = result.unwrap();
            assert_eq!(ran, expected, "{warmup} {max}");
            assert_eq!(measured.missing, cases()[3 - missing..], "{warmup} {max}");
            assert!(measured.series.iter().all(|s| s.samples.len() == 1));
            assert_eq!(measured.series.len(), 3 - missing);
        }
    }

    #[test]
    fn a_run_that_fails_ends_it() {
        let (result, ran, _) = run(Schedule { warmup: 0, runs: 5, max_seconds: None }, Some(2));
        assert_eq!(result.unwrap_err().to_string(), "a.jpg: not a JPEG");
        assert_eq!(ran, "i1 t1");
    }

    #[test]
    fn thread_counts_are_powers_of_two_and_all() {
        assert_eq!(default_threads(0), [1]);
        assert_eq!(default_threads(1), [1]);
        assert_eq!(default_threads(2), [1, 2]);
        assert_eq!(default_threads(6), [1, 2, 4, 6]);
        assert_eq!(default_threads(8), [1, 2, 4, 8]);
    }
}
