//! The trace (`--trace`): what each thread of each stage did when, as Chrome's trace JSON,
//! which Perfetto opens.

use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use serde_json::json;

use crate::error::{Error, Result};
use crate::event::{Event, Observer, StageName};
use crate::stage::Epoch;

/// Events that are kept; from there on they are sampled.
pub const LIMIT: usize = 1_000_000;

/// Collects spans and counters, at most a fixed number of them. When it is full, every second
/// one is dropped and from then on only every second (fourth, eighth, ...) is taken, so that
/// the whole run stays covered evenly.
pub struct Trace {
    state: Mutex<State>,
    epoch: Epoch,
}

struct State {
    kept: Vec<Entry>,
    limit: usize,
    /// One of this many is taken: 1, 2, 4, ...
    stride: u64,
    seen: u64,
    /// The end of the last span per row of a stage, to give overlapping reads rows of their own.
    rows: [Vec<f64>; 3],
    processes: Vec<(StageName, u32)>,
}

/// Times in seconds since the run started.
#[derive(Clone, Copy)]
enum Entry {
    Span { stage: StageName, row: u32, seq: u64, start: f64, seconds: f64, outcome: Outcome },
    Counter { stage: StageName, at: f64, depth: u32, in_flight_bytes: u64, rss_bytes: u64 },
}

#[derive(Clone, Copy)]
enum Outcome {
    Fine,
    Failed,
}

impl Trace {
    /// A trace of the run that started at `epoch`, of at most [`LIMIT`] events.
    pub fn new(epoch: Epoch) -> Self {
        Self::with_limit(epoch, LIMIT)
    }

    /// The same with another limit, 2...
    pub fn with_limit(epoch: Epoch, limit: usize) -> Self {
        let state = State {
            kept: Vec::new(),
            limit: limit.max(2),
            stride: 1,
            seen: 0,
            rows: [Vec::new(), Vec::new(), Vec::new()],
            processes: Vec::new(),
        };
        Self { state: Mutex::new(state), epoch }
    }

    /// One event of how many is in the trace: 1 until the limit was reached.
    pub fn sampled(&self) -> u64 {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).stride
    }

    /// Writes the trace as JSON.
    ///
    /// # Errors
    /// `System`, with the path.
    pub fn save(&self, path: &Path) -> Result<()> {
        let failed = |e: std::io::Error| Error::io("write", path, &e);
        let file = std::fs::File::create(path).map_err(failed)?;
        let mut out = BufWriter::new(file);
        self.write(&mut out).and_then(|()| out.flush()).map_err(failed)
    }

    fn write(&self, out: &mut impl Write) -> std::io::Result<()> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let note = json!({"sampled": format!("1 of {}", state.stride), "events_seen": state.seen});
        writeln!(out, "{{\"otherData\":{note},\"displayTimeUnit\":\"ms\",\"traceEvents\":[")?;
        let names = state.names();
        let entries = state.kept.iter().map(|entry| state.json(entry));
        for (i, value) in names.into_iter().chain(entries).enumerate() {
            writeln!(out, "{}{value}", if i == 0 { "" } else { "," })?;
        }
        writeln!(out, "]}}")
    }
}

impl Observer for Trace {
    fn on(&self, event: &Event) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let span = |stage, row, seq, start, seconds, outcome| Entry::Span {
            stage,
            row,
            seq,
            start,
            seconds,
            outcome,
        };
        let entry = match *event {
            Event::StageStarted { name, pid, .. } => {
                state.processes.push((name, pid));
                return;
            }
            Event::Read { seq, start, seconds, .. } => {
                let row = state.row(StageName::Read, start, seconds);
                span(StageName::Read, row, seq, start, seconds, Outcome::Fine)
            }
            Event::Worked { seq, start, seconds, thread, .. } => {
                let row = u32::try_from(thread).unwrap_or(u32::MAX);
                state.see_row(StageName::Work, row);
                span(StageName::Work, row, seq, start, seconds, Outcome::Fine)
            }
            Event::Done { seq, start, seconds, .. } => {
                let row = state.row(StageName::Write, start, seconds);
                span(StageName::Write, row, seq, start, seconds, Outcome::Fine)
            }
            Event::Failed { seq, .. } => {
                let now = self.epoch.seconds();
                let row = state.row(StageName::Write, now, 0.0);
                span(StageName::Write, row, seq, now, 0.0, Outcome::Failed)
            }
            Event::Sample { name, depth, in_flight_bytes, rss_bytes } => Entry::Counter {
                stage: name,
                at: self.epoch.seconds(),
                depth: u32::try_from(depth).unwrap_or(u32::MAX),
                in_flight_bytes,
                rss_bytes,
            },
            Event::Planned { .. }
            | Event::Estimated { .. }
            | Event::StageEnded(_)
            | Event::HelperEnded(_)
            | Event::StageFailed { .. }
            | Event::Warning { .. } => return,
        };
        state.take(entry);
    }
}

impl State {
    fn take(&mut self, entry: Entry) {
        let turn = self.seen;
        self.seen += 1;
        if !turn.is_multiple_of(self.stride) {
            return;
        }
        if self.kept.len() == self.limit {
            let mut keep = false;
            self.kept.retain(|_| {
                keep = !keep;
                keep
            });
            self.stride *= 2;
            if !turn.is_multiple_of(self.stride) {
                return;
            }
        }
        self.kept.push(entry);
    }

    /// The first row of a stage that is free at `start`. Spans come in the order of their ends,
    /// so a reader thread's row is found again by time alone.
    fn row(&mut self, stage: StageName, start: f64, seconds: f64) -> u32 {
        let rows = &mut self.rows[stage as usize];
        let free = rows.iter().position(|end| *end <= start);
        let row = free.unwrap_or_else(|| {
            rows.push(0.0);
            rows.len() - 1
        });
        rows[row] = start + seconds;
        u32::try_from(row).unwrap_or(u32::MAX)
    }

    fn see_row(&mut self, stage: StageName, row: u32) {
        let rows = &mut self.rows[stage as usize];
        let needed = row as usize + 1;
        if rows.len() < needed && needed <= 4096 {
            rows.resize(needed, 0.0);
        }
    }

    fn pid(&self, stage: StageName) -> u32 {
        self.processes.iter().find(|(name, _)| *name == stage).map_or(0, |(_, pid)| *pid)
    }

    /// Names of processes and rows.
    fn names(&self) -> Vec<serde_json::Value> {
        let mut names = Vec::new();
        for stage in [StageName::Read, StageName::Work, StageName::Write] {
            let pid = self.pid(stage);
            names.push(json!({"ph": "M", "name": "process_name", "pid": pid,
                "args": {"name": format!("lumaloom {pid}")}}));
            for row in 0..self.rows[stage as usize].len() {
                names.push(json!({"ph": "M", "name": "thread_name", "pid": pid,
                    "tid": track(stage, row as u64),
                    "args": {"name": format!("{} {row}", stage.as_str())}}));
            }
        }
        names
    }

    fn json(&self, entry: &Entry) -> serde_json::Value {
        // Microseconds, as the format wants them.
        let micro = |seconds: f64| (seconds * 1e6).round();
        match *entry {
            Entry::Span { stage, row, seq, start, seconds, outcome } => {
                let name = match outcome {
                    Outcome::Fine => format!("{} {seq}", stage.as_str()),
                    Outcome::Failed => format!("failed {seq}"),
                };
                json!({"ph": "X", "cat": stage.as_str(), "name": name, "pid": self.pid(stage),
                    "tid": track(stage, u64::from(row)), "ts": micro(start), "dur": micro(seconds),
                    "args": {"seq": seq}})
            }
            Entry::Counter { stage, at, depth, in_flight_bytes, rss_bytes } => {
                json!({"ph": "C", "name": format!("before {}", stage.as_str()),
                    "pid": self.pid(stage), "ts": micro(at),
                    "args": {"waiting": depth, "in_flight_mib": in_flight_bytes >> 20,
                        "rss_mib": rss_bytes >> 20}})
            }
        }
    }
}

/// A track number: stages apart, in the order of the flow.
fn track(stage: StageName, row: u64) -> u64 {
    (stage as u64 + 1) * 10_000 + row
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(seq: u64, start: f64) -> Event {
        Event::Read { seq, bytes: 1, start, seconds: 0.5 }
    }

    fn written(trace: &Trace) -> serde_json::Value {
        let mut bytes = Vec::new();
        trace.write(&mut bytes).unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }

    #[test]
    fn it_stays_bounded_and_says_so() {
        let trace = Trace::with_limit(Epoch::start(), 100);
        for seq in 0..1000 {
            trace.on(&read(seq, seq as f64));
        }
        let state = trace.state.lock().unwrap();
        assert!((50..=100).contains(&state.kept.len()), "{}", state.kept.len());
        let sequences: Vec<u64> = state
            .kept
            .iter()
            .map(|entry| match entry {
                Entry::Span { seq, .. } => *seq,
                Entry::Counter { .. } => unreachable!("only spans were sent"),
            })
            .collect();
        let stride = state.stride;
        assert!(sequences.windows(2).all(|w| w[1] - w[0] == stride), "{sequences:?}");
        assert!(*sequences.last().unwrap() > 900, "the end of the run is covered");
        drop(state);
        assert_eq!(written(&trace)["otherData"]["sampled"], format!("1 of {stride}"));
    }

    #[test]
    fn overlapping_reads_have_tracks_of_their_own() {
        let trace = Trace::new(Epoch::start());
        trace.on(&read(0, 0.0));
        trace.on(&read(1, 0.2));
        trace.on(&read(2, 0.6));
        let json = written(&trace);
        let tracks: Vec<u64> = json["traceEvents"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|e| e["ph"] == "X")
            .map(|e| e["tid"].as_u64().unwrap())
            .collect();
        assert_eq!(tracks, [10_000, 10_001, 10_000]);
    }

    #[test]
    fn spans_and_counters_have_the_fields_of_the_format() {
        let trace = Trace::new(Epoch::start());
        trace.on(&Event::StageStarted {
            name: StageName::Work,
            pid: 42,
            parent_pid: 1,
            threads: 2,
            command: None,
        });
        trace.on(&Event::Worked { seq: 5, pixels: 1, start: 1.5, seconds: 0.25, thread: 1 });
        trace.on(&Event::Sample {
            name: StageName::Work,
            depth: 3,
            in_flight_bytes: 2 << 20,
            rss_bytes: 5 << 20,
        });
        let json = written(&trace);
        let events = json["traceEvents"].as_array().unwrap();
        let span = events.iter().find(|e| e["ph"] == "X").unwrap();
        assert_eq!(span["ts"], 1_500_000.0);
        assert_eq!(span["dur"], 250_000.0);
        assert_eq!(span["pid"], 42);
        let counter = events.iter().find(|e| e["ph"] == "C").unwrap();
        assert_eq!(counter["args"]["waiting"], 3);
        assert_eq!(counter["args"]["rss_mib"], 5);
        assert!(events.iter().any(|e| e["args"]["name"] == "work 1"));
    }
}
