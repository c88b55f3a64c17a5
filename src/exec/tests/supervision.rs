//! The parent of three processes, with shell scripts for children.

use std::ffi::OsString;
use std::time::Instant;

use super::fakes::Kept;
use super::*;
use crate::exec::processes::{Care, StageCommands};

fn scripts(read: &str, work: &str, write: &str) -> StageCommands {
    let sh = |script: &str| ["sh", "-c", script].map(OsString::from).to_vec();
    StageCommands { read: sh(read), work: sh(work), write: sh(write) }
}

fn run(commands: &StageCommands, events: &Kept, cancel: &Cancel) -> Result<()> {
    let care = Care { grace: Duration::from_millis(300), ..Care::default() };
    let begin = Instant::now();
    let ended = processes::run(commands, &care, events, cancel);
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
fn a_program_that_is_not_there_is_said() {
    let mut commands = scripts("sleep 30", "sleep 30", "");
    commands.write = vec!["/nonexistent/lumaloom".into()];
    let error = run(&commands, &Kept::default(), &Cancel::default()).unwrap_err();
    assert!(error.to_string().starts_with("failed to start the write stage"), "{error}");
}

#[test]
fn a_drain_is_told_to_the_reader_alone() {
    let read = "trap 'exit 130' INT; while :; do sleep 0.05; done";
    let others = "trap 'exit 9' INT; cat >/dev/null";
    let commands = scripts(read, others, others);
    let cancel = Cancel::default();
    thread::scope(|scope| {
        scope.spawn(|| {
            // Long enough for a loaded machine to have the trap set.
            sleep(Duration::from_millis(1500));
            cancel.request();
        });
        let error = run(&commands, &Kept::default(), &cancel).unwrap_err();
        assert_eq!(error.kind(), Kind::Interrupted, "{error}");
    });
}

#[test]
fn a_reader_that_someone_else_stopped_is_no_clean_end() {
    let commands = scripts("exit 130", "cat >/dev/null", "cat >/dev/null");
    let error = run(&commands, &Kept::default(), &Cancel::default()).unwrap_err();
    assert_eq!(error.kind(), Kind::Interrupted, "{error}");
    // After a failure that ends the run, the reader's 130 is what was asked for.
    let cancel = Cancel::default();
    cancel.raise(Level::Drain, Reason::Failure);
    run(&commands, &Kept::default(), &cancel).unwrap();
}

#[test]
fn now_ends_children_that_do_not_listen() {
    let deaf = "trap '' INT TERM; while :; do sleep 0.05; done";
    let cancel = Cancel::default();
    thread::scope(|scope| {
        scope.spawn(|| {
            sleep(Duration::from_millis(200));
            cancel.request();
            cancel.request();
        });
        let error = run(&scripts(deaf, deaf, deaf), &Kept::default(), &cancel).unwrap_err();
        assert_eq!(error.kind(), Kind::Interrupted, "{error}");
    });
}
