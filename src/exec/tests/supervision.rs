//! The parent of three processes, with shell scripts for children.

use std::ffi::OsString;
use std::io::{Seek, Write};
use std::os::fd::AsFd;
use std::sync::atomic::AtomicUsize;
use std::time::Instant;

use super::fakes::Kept;
use super::*;
use crate::exec::processes::{Care, StageCommands};

fn scripts(read: &str, work: &str, write: &str) -> StageCommands {
    let sh = |script: &str| ["sh", "-c", script].map(OsString::from).to_vec();
    StageCommands { read: sh(read), work: sh(work), write: sh(write) }
}

fn run(commands: &StageCommands, events: &dyn Observer, cancel: &Cancel) -> Result<Ended> {
    let care = Care { grace: Duration::from_millis(300), ..Care::default() };
    let begin = Instant::now();
    let ended = processes::run(commands, None, &care, events, cancel);
    assert!(begin.elapsed() < Duration::from_secs(8), "took {:?}", begin.elapsed());
    ended
}

#[test]
fn children_that_end_well_are_joined_and_heard() {
    let planned = r#"echo '{"event":"planned","items":3,"bytes":9}' >&3"#;
    let torn = "printf '{\"event\":\"pla' >&3";
    let commands =
        scripts(&format!("{planned}; echo data"), "cat", &format!("cat >/dev/null; {torn}"));
    let events = Kept::default();
    run(&commands, &events, &Cancel::default()).unwrap();
    assert_eq!(events.all(), [Event::Planned { items: 3, bytes: 9 }]);
}

#[test]
fn the_command_is_told_as_a_person_would_type_it() {
    let started = r#"{"event":"stage-started","name":"read","pid":1,"parent_pid":1,"threads":1,"command":null}"#;
    let commands = scripts(&format!("echo '{started}' >&3"), "cat >/dev/null", "cat >/dev/null");
    let events = Kept::default();
    run(&commands, &events, &Cancel::default()).unwrap();
    let Event::StageStarted { command: Some(command), .. } = &events.all()[0] else { panic!() };
    assert!(command.starts_with("sh -c 'echo "), "{command}");
}

#[test]
fn a_crash_names_stage_process_and_signal() {
    let commands = scripts("sleep 30", "kill -SEGV $$", "cat >/dev/null; exit 75");
    let error = run(&commands, &Kept::default(), &Cancel::default()).unwrap_err();
    assert_eq!(error.kind(), Kind::Internal);
    let text = error.to_string();
    assert!(text.contains("work stage (process ") && text.contains("signal 11"), "{text}");
}

#[test]
fn a_cause_outweighs_echoes_whoever_ends_first() {
    let failed = r#"{"event":"stage-failed","name":"write","error":{"kind":"system","message":"disk full"}}"#;
    let write = format!("sleep 0.1; echo '{failed}' >&3; exit 1");
    let error = run(&scripts("exit 75", "exit 75", &write), &Kept::default(), &Cancel::default())
        .unwrap_err();
    assert_eq!(error, Error::system("write stage: disk full"));
    let echoes =
        run(&scripts("exit 75", "exit 75", "exit 75"), &Kept::default(), &Cancel::default());
    assert_eq!(echoes.unwrap_err().kind(), Kind::Temporary);
    let odd = run(&scripts("exit 0", "exit 9", "exit 75"), &Kept::default(), &Cancel::default());
    assert!(odd.unwrap_err().to_string().contains("code 9"));
}

#[test]
fn the_writer_alone_is_handed_the_lock() {
    let lock = tempfile::tempfile().unwrap();
    writeln!(&lock, "locked").unwrap();
    (&lock).rewind().unwrap();
    let none = "test -e /dev/fd/4 && exit 9; cat >/dev/null";
    let commands = scripts("test -e /dev/fd/4 && exit 9; exit 0", none, "grep -q locked <&4");
    let (care, cancel) = (Care::default(), Cancel::default());
    let ended = processes::run(&commands, Some(lock.as_fd()), &care, &Kept::default(), &cancel);
    assert_eq!(ended, Ok(Ended::All));
}

#[test]
fn a_program_that_is_not_there_is_said() {
    let mut commands = scripts("sleep 30", "sleep 30", "");
    commands.write = vec!["/nonexistent/lumaloom".into()];
    let error = run(&commands, &Kept::default(), &Cancel::default()).unwrap_err();
    assert!(error.to_string().starts_with("failed to start the write stage"), "{error}");
}

/// Says on the events pipe that a script has set its traps.
const READY: &str = r#"echo '{"event":"planned","items":1,"bytes":0}' >&3"#;

/// Does something when all three scripts are ready.
struct WhenReady<F> {
    ready: AtomicUsize,
    act: F,
}

impl<F: Fn() + Send + Sync> WhenReady<F> {
    fn then(act: F) -> Self {
        Self { ready: AtomicUsize::new(0), act }
    }
}

impl<F: Fn() + Send + Sync> Observer for WhenReady<F> {
    fn on(&self, event: &Event) {
        let ready = matches!(event, Event::Planned { .. });
        if ready && self.ready.fetch_add(1, Ordering::Relaxed) == 2 {
            (self.act)();
        }
    }
}

#[test]
fn a_stop_is_told_to_reader_and_worker_and_not_to_the_writer() {
    let told = format!("trap 'exit 130' INT; {READY}; while :; do sleep 0.05; done");
    // It ends with its stream, and by a signal never.
    let write = format!("trap 'exit 9' INT; {READY}; cat >/dev/null; exit 130");
    let cancel = Cancel::default();
    let events = WhenReady::then(|| cancel.request());
    let error = run(&scripts(&told, &told, &write), &events, &cancel).unwrap_err();
    assert_eq!(error.kind(), Kind::Interrupted, "{error}");
}

#[test]
fn a_stop_before_a_stage_listens_for_signals_is_one_too() {
    let deaf = format!("{READY}; exec sleep 30");
    let write = format!("{READY}; cat >/dev/null; exit 75");
    let cancel = Cancel::default();
    let events = WhenReady::then(|| cancel.request());
    let error = run(&scripts(&deaf, &deaf, &write), &events, &cancel).unwrap_err();
    assert_eq!(error.kind(), Kind::Interrupted, "{error}");
}

#[test]
fn a_reader_that_someone_else_stopped_is_no_clean_end() {
    let commands = scripts("exit 130", "cat >/dev/null", "cat >/dev/null");
    let error = run(&commands, &Kept::default(), &Cancel::default()).unwrap_err();
    assert_eq!(error.kind(), Kind::Interrupted, "{error}");
}

#[test]
fn a_failure_that_stops_the_run_excuses_a_reader_that_saw_the_worker_leave() {
    let ends = |codes: [i32; 3]| {
        let cancel = Cancel::default();
        let events = WhenReady::then(|| cancel.raise(Level::Drain, Reason::Failure));
        let [read, work, write] = codes.map(|code| {
            format!("trap '' INT; {READY}; test $0 = read || cat >/dev/null; exit {code}")
        });
        let mut commands = scripts(&read, &work, &write);
        commands.read.push("read".into());
        run(&commands, &events, &cancel)
    };
    assert_eq!(ends([75, 130, 130]), Ok(Ended::Stopped));
    assert_eq!(ends([130, 130, 130]), Ok(Ended::Stopped));
    assert_eq!(ends([0, 0, 1]), Ok(Ended::All));
    assert_eq!(ends([130, 130, 75]).unwrap_err().kind(), Kind::Temporary);
}

#[test]
fn now_ends_children_that_do_not_listen() {
    let deaf = format!("trap '' INT TERM; {READY}; while :; do sleep 0.05; done");
    let cancel = Cancel::default();
    let events = WhenReady::then(|| (0..2).for_each(|_| cancel.request()));
    let error = run(&scripts(&deaf, &deaf, &deaf), &events, &cancel).unwrap_err();
    assert_eq!(error.kind(), Kind::Interrupted, "{error}");
}
