//! Works of several steps that look at other frames: whoever runs them, and however they are
//! pressed for memory, what comes out is what the definition says.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::sleep;

use super::fakes::{Collect, Collected, Kept, Numbers, numbers};
use super::schedules::Draw;
use super::*;
use crate::link::{Packet, Part, Payload};
use crate::stage::naive::{stir, through};
use crate::stage::{Bands, Needs, Serial, frames_at_once};

/// Bytes that a frame of the made-up work takes on its way.
const PEAK: u64 = 20;

/// The made-up work of the definition. A real work has no lock.
struct Mix {
    needs: Vec<Needs>,
    breaks: fn(usize, u64) -> bool,
    /// Milliseconds.
    delay: fn(usize) -> u64,
    jitter: bool,
    /// For each step, what it carries and which frame was the last.
    carried: Vec<Mutex<(u64, Option<u64>)>>,
    alone: Vec<AtomicBool>,
    /// Each step that was begun, and the threads that might have shared the frame.
    bands: Mutex<Vec<(usize, usize)>>,
    /// The most that was begun while a frame was at a carried step.
    beside: AtomicU64,
    /// Before this frame is admitted, and once another was begun, the run is told to stop, and
    /// then that takes a moment.
    late: Option<(u64, Cancel)>,
    held: Arc<AtomicU64>,
    most_held: AtomicU64,
}

impl Mix {
    fn new(needs: &[Needs], settings: &Settings) -> Self {
        Self {
            needs: needs.to_vec(),
            breaks: |_, _| false,
            delay: |_| 0,
            jitter: false,
            carried: needs.iter().map(|_| Mutex::default()).collect(),
            alone: needs.iter().map(|_| AtomicBool::new(true)).collect(),
            bands: Mutex::default(),
            beside: AtomicU64::new(0),
            late: None,
            held: settings.gauges.in_flight.clone(),
            most_held: AtomicU64::new(0),
        }
    }

    /// What a source's frames become.
    fn by_definition(&self, source: &Numbers) -> Vec<Result<u64>> {
        let broken = |n: u64| if (source.broken)(n) { Err(Error::input("broken")) } else { Ok(n) };
        through(&self.needs, (0..source.count).map(broken).collect(), |step, n| {
            let error = || Error::internal(format!("item-{n}: the work panicked: at step {step}"));
            (self.breaks)(step, n).then(error)
        })
    }
}

impl Work for Mix {
    fn needs(&self) -> &[Needs] {
        &self.needs
    }

    fn peak(&self, packet: &Packet, _: Bands<'_>) -> Result<u64> {
        if let Some((frame, cancel)) = &self.late
            && *frame == packet.seq
        {
            while self.bands.lock().unwrap().is_empty() {
                sleep(Duration::from_millis(1));
            }
            cancel.request();
            sleep(Duration::from_millis(60));
        }
        Ok(PEAK)
    }

    fn process(&self, step: usize, packet: Packet, bands: Bands<'_>) -> Packet {
        self.most_held.fetch_max(self.held.load(Ordering::Relaxed), Ordering::Relaxed);
        let begun = || self.bands.lock().unwrap().len();
        self.bands.lock().unwrap().push((step, bands.threads()));
        let before = begun();
        let (needs, window) = (self.needs[step], numbers(&packet));
        assert_eq!(window.len(), needs.before + needs.after + 1);
        let serial = needs.state == Serial::Carried;
        let alone = || self.alone[step].swap(false, Ordering::SeqCst);
        assert!(!serial || alone(), "two at a carried step");
        sleep(Duration::from_millis((self.delay)(step)));
        if self.jitter {
            let spread = packet.seq.wrapping_mul(0x9e37_79b9).wrapping_add(step as u64) % 7;
            sleep(Duration::from_micros(spread * 60));
        }
        self.alone[step].store(true, Ordering::SeqCst);
        if serial {
            self.beside.fetch_max((begun() - before) as u64, Ordering::Relaxed);
        }
        assert!(!(self.breaks)(step, packet.seq), "at step {step}");
        let mut carried = self.carried[step].lock().unwrap();
        assert!(!serial || carried.1 < Some(packet.seq), "after {:?}", carried.1);
        carried.1 = carried.1.max(Some(packet.seq));
        let value = stir(step, &window, &mut carried.0, needs.state);
        let payload = Payload::Bytes(value.to_le_bytes().to_vec());
        Packet { outcome: Ok(vec![Part { key: (0, 0), payload }]), ..packet }
    }
}

fn window(before: usize, after: usize) -> Needs {
    Needs { before, after, state: Serial::Free }
}

fn carried(before: usize, after: usize) -> Needs {
    Needs { before, after, state: Serial::Carried }
}

/// What a sink kept, as the definition says it.
fn kept_is(kept: &Collected, want: &[Result<u64>], what: &str) {
    let values: Vec<u64> = want.iter().filter_map(|value| value.as_ref().ok().copied()).collect();
    assert_eq!(kept.values, values, "{what}");
    let failed = want.iter().zip(0..).filter_map(|(value, n)| Some((n, value.clone().err()?)));
    assert_eq!(kept.failed, failed.collect::<Vec<_>>(), "{what}");
}

fn strict(count: u64) -> Numbers {
    Numbers { order: Order::Strict, ..Numbers::new(count) }
}

#[test]
fn drawn_works_give_what_the_definition_says() {
    for seed in 0..240 {
        let mut draw = Draw(seed);
        let mut step = |_| {
            let state = draw.one(&[Serial::Free, Serial::Free, Serial::Carried]);
            let [before, after] = [(); 2].map(|()| draw.below(4) as usize);
            Needs { before, after, state }
        };
        let needs: Vec<Needs> = (0..1 + seed % 4).map(&mut step).collect();
        let none: fn(u64) -> bool = |_| false;
        let fine: fn(usize, u64) -> bool = |_, _| false;
        let source = Numbers {
            broken: draw.one(&[none, none, |n| n % 9 == 4]),
            ..strict(draw.one(&[0, 1, 2, 5, 30]))
        };
        let least = frames_at_once(&needs) as u64 * PEAK;
        let settings = Settings {
            threads: draw.one(&[1, 2, 3, 4]),
            io_threads: draw.one(&[1, 2, 4]),
            capacity: draw.one(&[1, 2, 16]),
            split: draw.one(&[Split::Frames, Split::Bands, Split::Auto]),
            mem: least + draw.one(&[0, 0, 1, 9, 50, 1 << 20]),
            over: draw.one(&[Over::Alone, Over::Refuse]),
            on_error: draw.one(&[OnError::Continue, OnError::Continue, OnError::Stop]),
            ..settings(1)
        };
        let work = Mix {
            breaks: draw.one(&[fine, fine, |step, n| n % 11 == 2 + step as u64]),
            jitter: draw.below(2) == 1,
            ..Mix::new(&needs, &settings)
        };
        let cancel = Cancel::default();
        let (mut sink, kept) = Collect::new();
        match draw.below(8) {
            0 => sink.full_at = Some(draw.below(5) as usize),
            turn @ 1..=2 => sink.at = Some((draw.below(5) as usize, cancel.clone(), turn as usize)),
            _ => {}
        }
        let full = sink.full_at.is_some();
        let (name, run) = RUNS[usize::from(draw.below(4) > 0)];
        let events = Kept::default();
        let ended = run(&source, &work, Box::new(sink), &settings, &events, &cancel);
        let kept = kept.lock().unwrap();
        let what = format!("seed {seed}: {name} {needs:?} {settings:?} {ended:?}");
        let want = work.by_definition(&source);
        assert!(kept.finished != kept.aborted, "{what}");
        assert_eq!(settings.gauges.in_flight.load(Ordering::Relaxed), 0, "{what}");
        let most = work.most_held.load(Ordering::Relaxed);
        // A frame is counted twice while the reader's share of it is exchanged.
        assert!(most <= settings.mem + 8, "{most}: {what}");
        // Whatever happened, nothing was made up and nothing in between is missing.
        let out = kept.values.len() + kept.failed.len();
        kept_is(&kept, &want[..out], &what);
        match ended {
            Ok(Ended::All) => {
                assert_eq!(out, want.len(), "{what}");
                let begun = work.bands.lock().unwrap();
                let first = begun.iter().filter(|(step, _)| *step == 0).count();
                let worked = events.count(|e| matches!(e, Event::Worked { .. }));
                assert_eq!(worked, first, "one for each frame that was begun: {what}");
            }
            Ok(Ended::Stopped) => assert_eq!(settings.on_error, OnError::Stop, "{what}"),
            Err(error) if full => assert_eq!(error.to_string(), "disk full", "{what}"),
            Err(error) => assert_eq!(error.kind(), Kind::Interrupted, "{error}: {what}"),
        }
    }
}

#[test]
fn a_stop_drops_what_was_parked_and_makes_nothing_up() {
    let needs = [window(1, 3), carried(0, 0), window(0, 2)];
    for (name, run) in RUNS {
        for threads in [1, 3] {
            let settings = settings(threads);
            let (sink, kept) = Collect::new();
            let cancel = Cancel::default();
            let sink = Collect { at: Some((6, cancel.clone(), 1)), ..sink };
            let (source, work) = (strict(100_000), Mix::new(&needs, &settings));
            let error = run(&source, &work, Box::new(sink), &settings, &Kept::default(), &cancel);
            assert_eq!(error.unwrap_err().kind(), Kind::Interrupted, "{name}");
            let kept = kept.lock().unwrap();
            let want = work.by_definition(&strict(1000));
            assert!((7..500).contains(&kept.values.len()), "{name}: {}", kept.values.len());
            kept_is(&kept, &want[..kept.values.len()], name);
            // The frames at the end of what came would have seen themselves in place of others.
            let came = work.bands.lock().unwrap().iter().filter(|(step, _)| *step == 0).count();
            assert!(kept.values.len() + 2 <= came, "{name}: {came}");
        }
    }
}

#[test]
fn a_stop_that_only_the_reader_heard_makes_nothing_up_either() {
    let needs = [window(1, 1), window(0, 2)];
    let settings = settings(2);
    let (source, work, cancel) = (strict(10), Mix::new(&needs, &settings), Cancel::default());
    let (mut to_work, from_read) = channel(16);
    let (to_sink, from_work) = channel(16);
    while let Some(ticket) = source.next() {
        to_work.send(source.read(ticket)).unwrap();
    }
    to_work.finish(Ended::Stopped).unwrap();
    let ended = child::run(StageName::Work, &settings, &Kept::default(), &cancel, |context| {
        let computing = Computing {
            pool: &pool(2)?,
            split: Split::Auto,
            order: Order::Strict,
            budget: &budget_of(StageName::Work, &settings, &cancel),
            started: &|| Ok(()),
        };
        run_work(&work, from_read, to_sink, &computing, context)
    });
    assert_eq!(ended, Ok(Ended::Stopped));
    let (sink, kept) = Collect::new();
    let written = child::run(StageName::Write, &settings, &Kept::default(), &cancel, |context| {
        run_sink(Box::new(sink), from_work, context)
    });
    assert_eq!(written, Ok(Ended::Stopped));
    // The last three would have needed frames that did not come.
    kept_is(&kept.lock().unwrap(), &work.by_definition(&source)[..7], "stopped before us");
}

#[test]
fn a_frame_that_is_admitted_after_the_stop_is_missed() {
    let settings = Settings { io_threads: 1, ..settings(2) };
    let cancel = Cancel::default();
    let late = Some((1, cancel.clone()));
    let work = Mix { late, delay: |_| 20, ..Mix::new(&[carried(0, 0)], &settings) };
    let (sink, kept) = Collect::new();
    let sink = Box::new(Collect { when_stopped: WhenStopped::Discard, ..sink });
    // The source is through by then, so only the work knows that one is missing.
    let ended = threads::run(&strict(2), &work, sink, &settings, &Kept::default(), &cancel);
    assert_eq!(ended.unwrap_err().kind(), Kind::Interrupted);
    let kept = kept.lock().unwrap();
    assert!(kept.aborted && kept.values.len() == 1, "{kept:?}");
}

#[test]
fn a_stop_is_heard_between_the_last_frames_of_a_clip_too() {
    let settings = settings(1);
    let (work, cancel) = (Mix::new(&[window(0, 5)], &settings), Cancel::default());
    let (sink, kept) = Collect::new();
    let sink = Box::new(Collect { at: Some((6, cancel.clone(), 1)), ..sink });
    let ended = inline::run(&strict(10), &work, sink, &settings, &Kept::default(), &cancel);
    assert_eq!(ended.unwrap_err().kind(), Kind::Interrupted);
    assert_eq!(kept.lock().unwrap().values.len(), 7, "five were out when the source ended");
}

#[test]
fn a_budget_that_cannot_hold_the_windows_names_one_that_can() {
    let needs = [window(2, 3), window(1, 1)];
    assert_eq!(frames_at_once(&needs), 6);
    for (name, run) in RUNS {
        for over in [Over::Alone, Over::Refuse] {
            let try_with = |mem| {
                let settings = Settings { mem, over, ..settings(2) };
                let work = Mix::new(&needs, &settings);
                let (sink, kept) = Collect::new();
                let (source, cancel) = (strict(20), Cancel::default());
                let silent = Kept::default();
                let ended = run(&source, &work, Box::new(sink), &settings, &silent, &cancel);
                assert_eq!(settings.gauges.in_flight.load(Ordering::Relaxed), 0);
                (ended, kept.lock().unwrap().values.len())
            };
            let (ended, written) = try_with(6 * PEAK - 1);
            let error = ended.unwrap_err();
            let text = error.to_string();
            assert_eq!((error.kind(), written), (Kind::Usage, 0), "{name} {over:?}");
            assert!(text.contains("6 frames") && text.ends_with("--mem 120 would do"), "{text}");
            assert_eq!(try_with(120), (Ok(Ended::All), 20), "{name} {over:?}");
        }
    }
}

#[test]
fn a_carried_step_has_all_threads_and_the_others_what_the_split_says() {
    let needs = [window(0, 0), carried(0, 1), window(1, 0)];
    for (split, free) in [(Split::Frames, 1..=1), (Split::Auto, 1..=2)] {
        let settings = Settings { split, ..settings(2) };
        let work = Mix::new(&needs, &settings);
        let (sink, kept) = Collect::new();
        let (source, cancel) = (strict(9), Cancel::default());
        threads::run(&source, &work, Box::new(sink), &settings, &Kept::default(), &cancel).unwrap();
        assert_eq!(kept.lock().unwrap().values.len(), 9);
        for (step, threads) in work.bands.lock().unwrap().iter() {
            let due = if *step == 1 { 2..=2 } else { free.clone() };
            assert!(due.contains(threads), "{split:?} {step}: {threads}");
        }
    }
}

#[test]
fn nothing_is_put_beside_a_carried_step() {
    let needs = [window(0, 0), carried(0, 0), window(0, 1)];
    let settings = settings(2);
    let delay = |step| if step == 1 { 5 } else { 0 };
    let work = Mix { delay, ..Mix::new(&needs, &settings) };
    let (sink, _) = Collect::new();
    let (source, cancel) = (strict(12), Cancel::default());
    threads::run(&source, &work, Box::new(sink), &settings, &Kept::default(), &cancel).unwrap();
    // One was there before, of which the other thread may have been late to take notice.
    assert!(work.beside.load(Ordering::Relaxed) <= 1, "{:?}", work.beside);
}

#[test]
fn steps_run_over_pipes_too() {
    let needs = [window(1, 2), carried(0, 0), window(3, 0)];
    let source = Numbers { broken: |n| n == 40, ..strict(60) };
    let work = Mix {
        breaks: |step, n| step == 1 && n == 20,
        jitter: true,
        ..Mix::new(&needs, &settings(2))
    };
    let (sink, kept) = Collect::new();
    let ended = over_pipes(&source, &work, sink, &Kept::default(), &Cancel::default());
    assert_eq!(ended, [Ended::All; 3].map(Ok));
    kept_is(&kept.lock().unwrap(), &work.by_definition(&source), "over pipes");
}

#[test]
fn the_time_of_all_steps_is_the_pools() {
    let settings = settings(3);
    let work = Mix { delay: |_| 2, ..Mix::new(&[window(1, 1), carried(0, 0)], &settings) };
    let (sink, _) = Collect::new();
    let events = Kept::default();
    threads::run(&strict(20), &work, Box::new(sink), &settings, &events, &Cancel::default())
        .unwrap();
    let ended = |e: Event| match e {
        Event::StageEnded(report) if report.name == StageName::Work => Some(report),
        _ => None,
    };
    let report = events.all().into_iter().find_map(ended).unwrap();
    assert!(report.busy_seconds >= 2.0 * 20.0 * 2e-3, "{report:?}");
    assert!(report.blocked_in_seconds >= 0.0 && report.blocked_out_seconds >= 0.0, "{report:?}");
}

#[test]
fn a_stall_says_that_frames_wait_for_others() {
    let stuck = Arc::new(AtomicBool::new(true));
    let release = stuck.clone();
    let settings = Settings {
        stall: Duration::from_millis(200),
        last_resort: LastResort::new(move |_| release.store(false, Ordering::Relaxed)),
        ..settings(2)
    };
    let (sink, _) = Collect::new();
    let sink = Box::new(Collect { stuck: Some(stuck), ..sink });
    let work = Mix::new(&[window(0, 3)], &settings);
    let cancel = Cancel::default();
    let ended = threads::run(&strict(100), &work, sink, &settings, &Kept::default(), &cancel);
    let text = ended.unwrap_err().to_string();
    assert!(text.contains("3 waiting for other packets"), "{text}");
}
