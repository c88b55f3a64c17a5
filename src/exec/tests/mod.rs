//! The executors with made-up sources, works and sinks.

mod fakes;
mod schedules;
mod sharing;
mod steps;
mod supervision;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use fakes::{Collect, Kept, Numbers, Square, stopped_in_between};

use super::*;
use crate::error::Kind;
use crate::event::StageReport;
use crate::link::{channel, pipe};
use crate::stage::{
    Computing, Order, Reading, Sink, Source, WhenStopped, Work, pool, run_sink, run_source,
    run_work,
};

type Run =
    fn(&dyn Source, &dyn Work, Box<dyn Sink>, &Settings, &dyn Observer, &Cancel) -> Result<Ended>;

const RUNS: [(&str, Run); 2] = [("inline", inline::run), ("threads", threads::run)];

/// Settings that find a deadlock within the patience of a test.
fn settings(threads: usize) -> Settings {
    Settings {
        threads,
        io_threads: 2,
        capacity: 2,
        stall: Duration::from_secs(10),
        ..Settings::default()
    }
}

#[test]
fn every_item_arrives_once_and_in_order_where_that_is_asked() {
    for (name, run) in RUNS {
        for order in [Order::Any, Order::Strict] {
            for threads in [1, 3] {
                let (sink, kept) = Collect::new();
                let source = Numbers { order, ..Numbers::new(50) };
                let work = Square { jitter: true, ..Square::default() };
                let events = Kept::default();
                run(
                    &source,
                    &work,
                    Box::new(sink),
                    &settings(threads),
                    &events,
                    &Cancel::default(),
                )
                .unwrap();
                let kept = kept.lock().unwrap();
                let mut got = kept.values.clone();
                if order == Order::Any {
                    got.sort_unstable();
                }
                let want: Vec<u64> = (0..50).map(|n| n * n).collect();
                assert_eq!(got, want, "{name}, {order:?}, {threads} threads");
                assert!(kept.finished && !kept.aborted);
                assert_eq!(events.count(|e| matches!(e, Event::Read { bytes: 8, .. })), 50);
                assert_eq!(events.count(|e| matches!(e, Event::Worked { .. })), 50);
                assert_eq!(events.count(|e| matches!(e, Event::Done { .. })), 50);
                assert_eq!(events.count(|e| matches!(e, Event::StageEnded(_))), 3);
            }
        }
    }
}

#[test]
fn a_panic_and_a_failure_cost_their_items_only() {
    for (name, run) in RUNS {
        for order in [Order::Any, Order::Strict] {
            let (sink, kept) = Collect::new();
            let source = Numbers { order, broken: |n| n == 3, ..Numbers::new(20) };
            let work = Square { panics: |n| n == 5, too_large: |n| n == 7, ..Square::default() };
            let events = Kept::default();
            run(&source, &work, Box::new(sink), &settings(2), &events, &Cancel::default()).unwrap();
            let kept = kept.lock().unwrap();
            let mut failed = kept.failed.clone();
            failed.sort_by_key(|(seq, _)| *seq);
            let seqs: Vec<u64> = failed.iter().map(|(seq, _)| *seq).collect();
            assert_eq!(seqs, [3, 5, 7], "{name} {order:?}");
            let panic = failed[1].1.to_string();
            assert!(panic.contains("item-5") && panic.contains("five is right out"), "{panic}");
            assert_eq!(kept.values.len(), 17);
            assert!(kept.finished);
            assert_eq!(events.count(|e| matches!(e, Event::Failed { .. })), 3);
        }
    }
}

#[test]
fn a_panic_over_a_header_costs_its_item() {
    for (name, run) in RUNS {
        let (sink, kept) = Collect::new();
        let peak = |n| if n == 4 { panic!("four has a strange header") } else { 1 };
        let work = Square { peak, ..Square::default() };
        let (source, cancel) = (Numbers::new(9), Cancel::default());
        let ended = run(&source, &work, Box::new(sink), &settings(2), &Kept::default(), &cancel);
        assert_eq!(ended, Ok(Ended::All), "{name}");
        let kept = kept.lock().unwrap();
        assert_eq!(kept.values.len(), 8, "{name}");
        assert!(kept.failed[0].1.to_string().contains("four has a strange header"));
    }
}

#[test]
fn a_sink_that_fails_ends_the_run_with_its_own_error() {
    for (name, run) in RUNS {
        let (sink, kept) = Collect::new();
        let sink = Collect { full_at: Some(4), ..sink };
        let ended = run(
            &Numbers::new(1000),
            &Square::default(),
            Box::new(sink),
            &settings(2),
            &Kept::default(),
            &Cancel::default(),
        );
        let error = ended.unwrap_err();
        assert_eq!(
            (error.kind(), error.to_string().as_str()),
            (Kind::System, "disk full"),
            "{name}"
        );
        let kept = kept.lock().unwrap();
        assert!(kept.aborted && !kept.finished && kept.values.len() == 4);
    }
}

#[test]
fn memory_is_held_to_and_a_large_item_runs_alone_or_fails() {
    let run = |over, mem, peak| {
        let (sink, kept) = Collect::new();
        let work = Square { peak, jitter: true, ..Square::default() };
        let settings = Settings { over, mem, threads: 4, ..settings(4) };
        let gauge = settings.gauges.in_flight.clone();
        threads::run(
            &Numbers::new(20),
            &work,
            Box::new(sink),
            &settings,
            &Kept::default(),
            &Cancel::default(),
        )
        .unwrap();
        assert_eq!(gauge.load(Ordering::Relaxed), 0, "everything came back");
        let kept = Arc::try_unwrap(kept).unwrap().into_inner().unwrap();
        (kept, work.most.load(Ordering::Relaxed))
    };
    let over: fn(u64) -> u64 = |n| if n == 4 { 900 } else { 100 };
    let (kept, most) = run(Over::Alone, 400, over);
    assert_eq!((kept.values.len(), most), (20, 900));
    let (kept, most) = run(Over::Refuse, 400, over);
    assert_eq!(kept.values.len(), 19);
    assert!(kept.failed[0].0 == 4 && kept.failed[0].1.to_string().contains("--mem 900 would do"));
    assert!(most <= 400, "{most}");
    // An item that needs all of it has all of it.
    let (kept, most) = run(Over::Refuse, 400, |n| if n % 5 == 4 { 400 } else { 100 });
    assert_eq!((kept.values.len(), most), (20, 400));
    let (kept, most) = run(Over::Refuse, 400, |_| 390);
    assert_eq!((kept.values.len(), most), (20, 390));
}

#[test]
fn a_stop_finishes_what_was_begun_and_commits_stills_only() {
    for (name, run) in RUNS {
        for when_stopped in [WhenStopped::Commit, WhenStopped::Discard] {
            let (sink, kept) = Collect::new();
            let cancel = Cancel::default();
            let sink = Collect { at: Some((3, cancel.clone(), 1)), when_stopped, ..sink };
            let (source, work) = (Numbers::new(100_000), Square::default());
            let error =
                run(&source, &work, Box::new(sink), &settings(2), &Kept::default(), &cancel)
                    .unwrap_err();
            assert_eq!(error.kind(), Kind::Interrupted, "{name}");
            let kept = kept.lock().unwrap();
            assert!(kept.values.len() >= 4 && kept.values.len() < 1000);
            let commits = when_stopped == WhenStopped::Commit;
            assert_eq!((kept.finished, kept.aborted), (commits, !commits), "{name}");
            let mut begun = work.begun.into_inner().unwrap();
            begun.sort_unstable();
            let mut done: Vec<u64> = kept.values.iter().map(|square| square.isqrt()).collect();
            done.sort_unstable();
            assert_eq!(done, begun, "{name}: what was begun is done, and no more");
        }
    }
}

#[test]
fn on_error_stop_is_no_interruption_and_not_the_whole_either() {
    for (name, run) in RUNS {
        let (sink, kept) = Collect::new();
        let settings = Settings { on_error: OnError::Stop, ..settings(2) };
        let source = Numbers { broken: |n| n == 3, ..Numbers::new(100_000) };
        let (work, cancel) = (Square::default(), Cancel::default());
        let ended = run(&source, &work, Box::new(sink), &settings, &Kept::default(), &cancel);
        assert_eq!(ended, Ok(Ended::Stopped), "{name}");
        let kept = kept.lock().unwrap();
        assert!(kept.finished && kept.failed.len() == 1 && kept.values.len() < 1000);
        assert_eq!(kept.values.len(), work.begun.into_inner().unwrap().len(), "{name}");
        // A failure that leaves nothing to stop.
        let (sink, _) = Collect::new();
        let source = Numbers { broken: |n| n == 3, ..Numbers::new(4) };
        let (work, cancel) = (Square::default(), Cancel::default());
        let settings = Settings { io_threads: 1, ..settings };
        let ended = run(&source, &work, Box::new(sink), &settings, &Kept::default(), &cancel);
        assert!(ended.is_ok(), "{name}: {ended:?}");
    }
}

#[test]
fn a_stop_after_the_last_item_was_read_leaves_out_what_was_not_begun() {
    for (when_stopped, order) in
        [(WhenStopped::Commit, Order::Any), (WhenStopped::Discard, Order::Strict)]
    {
        let commits = when_stopped == WhenStopped::Commit;
        let (sink, kept) = Collect::new();
        let cancel = Cancel::default();
        let (source, work) = stopped_in_between(9, order, &cancel);
        let sink = Box::new(Collect { when_stopped, ..sink });
        let settings = Settings { capacity: 16, ..settings(1) };
        let error = threads::run(&source, &work, sink, &settings, &Kept::default(), &cancel);
        assert_eq!(error.unwrap_err().kind(), Kind::Interrupted);
        let kept = kept.lock().unwrap();
        assert_eq!((&kept.values[..], kept.finished), (&[0][..], commits), "one thread, one item");

        let (sink, kept) = Collect::new();
        let cancel = Cancel::default();
        let (source, work) = stopped_in_between(9, order, &cancel);
        let sink = Collect { when_stopped, ..sink };
        let ended = over_pipes(&source, &work, sink, &Kept::default(), &cancel);
        // The source was through; that a part is missing is the work's news.
        assert_eq!(ended, [Ended::All, Ended::Stopped, Ended::Stopped].map(Ok));
        let kept = kept.lock().unwrap();
        assert!((1..=2).contains(&kept.values.len()), "two threads: {:?}", kept.values);
        assert_eq!((kept.finished, kept.aborted), (commits, !commits));
    }
}

#[test]
fn a_source_whose_neighbour_leaves_at_a_stop_was_stopped() {
    for told in [true, false] {
        let cancel = Cancel::default();
        let (tx, mut rx) = channel(1);
        let ended = thread::scope(|scope| {
            let cancel = &cancel;
            let read = scope.spawn(move || {
                let settings = settings(1);
                child::run(StageName::Read, &settings, &Kept::default(), cancel, |context| {
                    let budget = &budget_of(StageName::Read, &settings, cancel);
                    let reading = Reading { io_threads: 2, budget };
                    run_source(&Numbers::new(1000), tx, &reading, context)
                })
            });
            rx.recv().unwrap();
            if told {
                cancel.request();
            }
            drop(rx);
            read.join().unwrap()
        });
        assert_eq!(ended, if told { Ok(Ended::Stopped) } else { Err(Stop::Echo) });
    }
}

#[test]
fn a_stall_says_what_each_stage_did() {
    let (sink, _) = Collect::new();
    let stuck = Arc::new(AtomicBool::new(true));
    let sink = Collect { stuck: Some(stuck.clone()), ..sink };
    let called = Arc::new(AtomicBool::new(false));
    let (release, noted) = (stuck, called.clone());
    let settings = Settings {
        stall: Duration::from_millis(200),
        last_resort: LastResort::new(move |_| {
            noted.store(true, Ordering::Relaxed);
            release.store(false, Ordering::Relaxed);
        }),
        ..settings(2)
    };
    let error = threads::run(
        &Numbers::new(100),
        &Square::default(),
        Box::new(sink),
        &settings,
        &Kept::default(),
        &Cancel::default(),
    )
    .unwrap_err();
    assert_eq!(error.kind(), Kind::Internal);
    let text = error.to_string();
    assert!(text.contains("write: writing, 1 packets") && text.contains("read: "), "{text}");
    assert!(called.load(Ordering::Relaxed), "the sink never ends by itself");
}

#[test]
fn a_slow_source_is_no_stall() {
    let (sink, kept) = Collect::new();
    let settings = Settings { stall: Duration::from_millis(150), ..settings(1) };
    let source = Numbers { delay: Duration::from_millis(400), ..Numbers::new(2) };
    let cancel = Cancel::default();
    threads::run(&source, &Square::default(), Box::new(sink), &settings, &Kept::default(), &cancel)
        .unwrap();
    assert_eq!(kept.lock().unwrap().values.len(), 2);
}

/// The reports of a run with the given delays, in order of the stages, each with the seconds
/// from the stage's start to its end as an observer saw them.
fn measured(run: Run, threads: usize, delays: [u64; 3]) -> [(StageReport, f64); 3] {
    let [read, work, write] = delays.map(Duration::from_millis);
    let (sink, _) = Collect::new();
    let sink = Collect { delay: write, ..sink };
    let source = Numbers { delay: read, ..Numbers::new(30) };
    let work = Square { delay: work, ..Square::default() };
    let events = Kept::default();
    let settings = Settings { io_threads: 1, ..settings(threads) };
    run(&source, &work, Box::new(sink), &settings, &events, &Cancel::default()).unwrap();
    let events = events.timed();
    [StageName::Read, StageName::Work, StageName::Write].map(|stage| {
        let start = events
            .iter()
            .find(|(_, e)| matches!(e, Event::StageStarted { name, .. } if *name == stage));
        let end = events.iter().find_map(|(time, e)| match e {
            Event::StageEnded(report) if report.name == stage => Some((time, report)),
            _ => None,
        });
        let (end, report) = end.unwrap();
        (report.clone(), end.duration_since(start.unwrap().0).as_secs_f64())
    })
}

#[test]
fn times_add_up_and_point_at_the_slow_stage() {
    let share = |r: &StageReport| {
        let whole = r.busy_seconds + r.blocked_in_seconds + r.blocked_out_seconds;
        [r.busy_seconds, r.blocked_in_seconds, r.blocked_out_seconds].map(|s| s / whole)
    };
    for (name, run) in RUNS {
        let threads = if name == "inline" { 1 } else { 3 };
        for delays in [[8, 0, 0], [0, 20, 0], [0, 0, 8]] {
            let reports = measured(run, threads, delays);
            for (report, seconds) in &reports {
                let sum =
                    report.busy_seconds + report.blocked_in_seconds + report.blocked_out_seconds;
                let whole = report.threads as f64 * seconds;
                // An observer's own clock is a little late on a busy machine.
                assert!((sum - whole).abs() < 0.02 * whole + 0.01, "{name} {report:?} {seconds}");
            }
            let [read, work, write] = [0, 1, 2].map(|i| share(&reports[i].0));
            match delays {
                [8, 0, 0] => {
                    assert!(read[0] > 0.8, "{name} {reports:?}");
                    assert!(work[1] > 0.8 && write[1] > 0.8, "{name} {reports:?}");
                }
                [0, 20, 0] => {
                    assert!(work[0] > 0.7 && write[1] > 0.8, "{name} {reports:?}");
                    assert!(read[2] > 0.4, "{name} {reports:?}");
                }
                _ => {
                    assert!(write[0] > 0.8 && work[2] > 0.5, "{name} {reports:?}");
                }
            }
        }
    }
}

/// The three stages as in processes, each with settings of its own, over pipes.
fn over_pipes(
    source: &dyn Source,
    work: &dyn Work,
    sink: Collect,
    events: &Kept,
    cancel: &Cancel,
) -> [Result<Ended, Stop>; 3] {
    let (from_read, read_out) = rustix::pipe::pipe().unwrap();
    let (from_work, work_out) = rustix::pipe::pipe().unwrap();
    let settings = settings(2);
    let settings = &settings;
    thread::scope(|scope| {
        let read = scope.spawn(move || {
            child::run(StageName::Read, settings, events, cancel, |context| {
                let header = pipe::Header::new("images");
                let tx = pipe::writer(read_out, &header, pipe::Checksum::Heads)?;
                let ahead = budget_of(StageName::Read, settings, cancel);
                let reading = Reading { io_threads: 2, budget: &ahead };
                run_source(source, tx, &reading, context)
            })
        });
        let computed = scope.spawn(move || {
            child::run(StageName::Work, settings, events, cancel, |context| {
                let queue = &settings.gauges.work;
                let (header, rx) = pipe::reader(from_read, 1 << 20, cancel, queue)?;
                let tx = pipe::writer(work_out, &header, pipe::Checksum::Payloads)?;
                let frames = budget_of(StageName::Work, settings, cancel);
                let pool = pool(2)?;
                let computing = Computing {
                    pool: &pool,
                    split: Split::Auto,
                    order: source.order(),
                    budget: &frames,
                    started: &|| Ok(()),
                };
                run_work(work, rx, tx, &computing, context)
            })
        });
        let write = scope.spawn(move || {
            child::run(StageName::Write, settings, events, cancel, |context| {
                let queue = &settings.gauges.write;
                let (_, rx) = pipe::reader(from_work, 1 << 20, cancel, queue)?;
                run_sink(Box::new(sink), rx, context)
            })
        });
        [read, computed, write].map(|stage| stage.join().unwrap())
    })
}

#[test]
fn the_same_stages_run_over_pipes() {
    let (sink, kept) = Collect::new();
    let (source, work) = (Numbers::new(200), Square { panics: |n| n == 9, ..Square::default() });
    let events = Kept::default();
    let ended = over_pipes(&source, &work, sink, &events, &Cancel::default());
    assert_eq!(ended, [Ended::All; 3].map(Ok));
    let mut kept = kept.lock().unwrap();
    kept.values.sort_unstable();
    let want: Vec<u64> = (0..200).filter(|n| *n != 9).map(|n| n * n).collect();
    assert_eq!(kept.values, want);
    assert!(kept.finished && kept.failed[0].1.to_string().contains("item-9"));
}

#[test]
fn over_pipes_too_only_the_stage_at_fault_has_a_cause() {
    let (sink, kept) = Collect::new();
    let sink = Collect { full_at: Some(4), ..sink };
    let events = Kept::default();
    let source = Numbers::new(1_000_000);
    let ended = over_pipes(&source, &Square::default(), sink, &events, &Cancel::default());
    let full = Stop::Cause(Error::system("disk full"));
    assert_eq!(ended, [Err(Stop::Echo), Err(Stop::Echo), Err(full)]);
    assert!(kept.lock().unwrap().aborted);
    let told = |e: &Event| matches!(e, Event::StageFailed { name: StageName::Write, .. });
    assert_eq!(events.count(told), 1);
    assert_eq!(events.count(|e| matches!(e, Event::StageFailed { .. })), 1);
}
