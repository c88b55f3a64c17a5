//! Renders in which something dies, is cut off or has no room: one cause is named, nothing that is
//! not whole keeps the output's name, and nothing is left running.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::clips::{ffmpeg, frames};
use crate::program::{Done, Place};

/// How long a run may take to end once something has died.
const BOUND: Duration = Duration::from_secs(5);

/// Who is killed.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Victim {
    Decoder,
    Encoder,
    /// One of `--mode processes`.
    Stage(&'static str),
    Program,
}

impl Victim {
    /// Whether a process with these arguments is the one.
    fn is(self, arguments: &str) -> bool {
        let ffmpeg = arguments.contains("-nostdin");
        match self {
            Self::Decoder => ffmpeg && arguments.contains("showinfo"),
            Self::Encoder => ffmpeg && arguments.contains("pipe:0"),
            Self::Stage(name) => arguments.contains(&format!("stage {name}")),
            Self::Program => false,
        }
    }

    /// How an error names it, with `@` for the number of its process.
    fn named(self) -> String {
        match self {
            Self::Decoder => "the decoder (ffmpeg, process @)".to_owned(),
            Self::Encoder => "the encoder (ffmpeg, process @)".to_owned(),
            Self::Stage(name) => format!("the {name} stage (process @) was ended by signal 9"),
            Self::Program => String::new(),
        }
    }
}

/// A place with a clip whose render takes some seconds with [`SLOW`].
fn long() -> Place {
    let place = Place::new();
    ffmpeg(
        &place,
        "-f lavfi -i testsrc2=s=320x180:r=25:d=12 -f lavfi -i sine=d=12 -c:v ffv1 -pix_fmt yuv420p \
         -c:a flac a.mkv",
    );
    place
}

const SLOW: &str = "-f gblur=9,gblur=8,gblur=7,gblur=6 --codec libx264 -j 1";

/// Processes below one, with their arguments.
fn below(parent: u32) -> Vec<(u32, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").expect("/proc").flatten() {
        let Some(id) = entry.file_name().to_str().and_then(|n| n.parse::<u32>().ok()) else {
            continue;
        };
        let read = |file: &str| fs::read_to_string(entry.path().join(file)).ok();
        let Some(stat) = read("stat") else { continue };
        let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        let mut fields = fields.split_ascii_whitespace();
        let (state, of) = (fields.next(), fields.next().and_then(|of| of.parse::<u32>().ok()));
        if of == Some(parent) && state != Some("Z") {
            found.push((id, read("cmdline").unwrap_or_default().replace('\0', " ")));
            found.extend(below(id));
        }
    }
    found
}

fn runs(id: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

fn kill(id: u32) {
    let pid = i32::try_from(id).ok().and_then(Pid::from_raw).expect("a process");
    kill_process(pid, Signal::KILL).expect("a signal");
}

/// Names in the place.
fn names(place: &Place) -> Vec<String> {
    place.names(".")
}

/// Waits until none of these processes is left.
#[track_caller]
fn all_end(family: &[(u32, String)], what: &str) {
    let until = Instant::now() + BOUND;
    while let Some((id, arguments)) = family.iter().find(|(id, _)| runs(*id)) {
        assert!(Instant::now() < until, "{what}: {id} is left: {arguments}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Kills one of the processes of a render `after` so many milliseconds from its first frame on.
#[track_caller]
fn dies(place: &Place, mode: &str, victim: Victim, after: u64) {
    let what = format!("{mode}, {victim:?} after {after} ms");
    let line = format!("video a.mkv -o b.mkv --mode {mode} --progress jsonl {SLOW}");
    let mut child = place.start(&line);
    let mut events = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut event = String::new();
    while !event.contains(r#""event":"done""#) {
        event.clear();
        assert!(events.read_line(&mut event).expect("an event") > 0, "{what}: it ended");
    }
    let rest = std::thread::spawn(move || events.read_to_end(&mut Vec::new()));
    std::thread::sleep(Duration::from_millis(after));
    let family = below(child.id());
    assert!(family.len() >= 2, "{what}: {family:?}");
    let begin = Instant::now();
    let named = if victim == Victim::Program {
        kill(child.id());
        String::new()
    } else {
        let (id, _) = family.iter().find(|(_, arguments)| victim.is(arguments)).expect("a victim");
        kill(*id);
        victim.named().replace('@', &id.to_string())
    };
    let done = Done::of(child.wait_with_output().expect("an end"));
    assert!(begin.elapsed() < BOUND, "{what}: {:?}", begin.elapsed());
    all_end(&family, &what);
    rest.join().expect("a thread").expect("the rest of the events");
    if victim == Victim::Program {
        // Nobody was left to remove what is not whole; it is not called what it will be called.
        assert!(!place.path("b.mkv").exists(), "{what}");
        return;
    }
    assert_eq!(names(place), ["a.mkv"], "{what}");
    assert!(done.code > 0, "{what}: code {}", done.code);
    let causes: Vec<&str> =
        done.stderr.lines().filter(|line| line.starts_with("lumaloom: ")).collect();
    assert_eq!(causes.len(), 1, "{what}: {}", done.stderr);
    assert!(causes[0].contains(&named) && causes[0].contains("signal 9"), "{what}: {}", causes[0]);
}

/// Milliseconds that look like chance and are the same each time.
fn moments(count: usize) -> impl Iterator<Item = u64> {
    let next = |seed: &u64| Some(seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
    std::iter::successors(Some(20_260_726), next).skip(1).map(|seed| (seed >> 33) % 400).take(count)
}

#[test]
fn whoever_is_killed_is_named_and_leaves_nothing_behind() {
    let place = long();
    for after in moments(3) {
        for (mode, victims) in [
            ("threads", &[Victim::Decoder, Victim::Encoder][..]),
            (
                "processes",
                &[
                    Victim::Decoder,
                    Victim::Encoder,
                    Victim::Stage("read"),
                    Victim::Stage("work"),
                    Victim::Stage("write"),
                ],
            ),
        ] {
            for victim in victims {
                dies(&place, mode, *victim, after);
                // The writer cannot remove what it leaves when it is killed itself.
                let _ = fs::remove_file(place.path("b.lumaloom-part.mkv"));
            }
        }
    }
}

#[test]
fn what_a_killed_program_leaves_is_replaced_by_the_next_run() {
    let place = long();
    for (mode, after) in ["threads", "processes", "inline"].into_iter().zip(moments(3)) {
        dies(&place, mode, Victim::Program, after);
        // What is left, if it came to that, is half a clip of another length.
        if place.path("b.lumaloom-part.mkv").exists() {
            place.file("b.lumaloom-part.mkv", &[7; 1 << 20]);
        }
        place.line(&format!("video a.mkv -o b.mkv --mode {mode} --t 0.4")).code(0);
        assert_eq!(names(&place), ["a.mkv", "b.mkv"], "{mode}");
        let frames = ffmpeg(&place, "-i b.mkv -map 0:v -f framemd5 -");
        assert_eq!(frames.lines().filter(|line| !line.starts_with('#')).count(), 10, "{mode}");
        fs::remove_file(place.path("b.mkv")).expect("removed");
    }
}

#[test]
fn a_file_that_ends_early_is_no_clip() {
    let place = Place::new();
    let made = "-f lavfi -i testsrc2=s=320x180:r=25:d=2 -f lavfi -i sine=d=2 -c:v libx264 -pix_fmt \
                yuv420p -c:a aac -movflags +faststart";
    for name in ["a.mp4", "a.mkv"] {
        ffmpeg(&place, &format!("{made} {name}"));
        let bytes = fs::read(place.path(name)).expect("a clip");
        fs::remove_file(place.path(name)).expect("removed");
        place.file(&format!("cut-{name}"), &bytes[..bytes.len() * 2 / 3]);
    }
    for mode in ["threads", "processes", "inline"] {
        for name in ["cut-a.mp4", "cut-a.mkv"] {
            let line = format!("video {name} -o b.mkv --mode {mode}");
            place.line(&line).code(1).says(&[name, "is cut off after"]);
            assert_eq!(names(&place), ["cut-a.mkv", "cut-a.mp4"], "{mode}");
        }
        // What comes before the end is there, as the error says.
        let said = place.line(&format!("video cut-a.mkv -o b.mkv --mode {mode}")).code(1).stderr;
        let (_, to) = said.split_once("(--to ").expect("what to do");
        let (to, _) = to.split_once(" renders").expect("what that does");
        place.line(&format!("video cut-a.mkv -o b.mkv --mode {mode} --to {to}")).code(0);
        assert!(frames(&place, "b.mkv").len() > 10, "--to {to}");
        fs::remove_file(place.path("b.mkv")).expect("removed");
    }
}

#[test]
fn a_clip_that_changes_meanwhile_gives_none() {
    let place = long();
    for mode in ["threads", "processes"] {
        let line = format!("video a.mkv -o b.mkv --mode {mode} --t 2 --progress jsonl {SLOW}");
        let mut child = place.start(&line);
        let mut events = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut event = String::new();
        while !event.contains(r#""event":"done""#) {
            event.clear();
            assert!(events.read_line(&mut event).expect("an event") > 0, "{mode}: it ended");
        }
        let file = fs::OpenOptions::new().append(true).open(place.path("a.mkv"));
        std::io::Write::write_all(&mut file.expect("the clip"), &[0; 99]).expect("more of it");
        events.read_to_string(&mut event).expect("the rest");
        let done = Done::of(child.wait_with_output().expect("an end"));
        done.code(1).says(&["a.mkv was changed while it was read"]);
        assert_eq!(names(&place), ["a.mkv"], "{mode}");
    }
}

#[test]
fn where_there_is_no_room_that_is_said() {
    let place = long();
    place.shell("$0 video a.mkv -o - --t 2 > /dev/full").code(1).says(&["No space left"]);
    for mode in ["threads", "processes"] {
        let line = format!("video a.mkv -o b.mkv --codec ffv1 --mode {mode}");
        // 512 KiB of file: by signal, and by an error of `write` where the signal is ignored.
        let done = place.shell(&format!("ulimit -f 1024; exec $0 {line}"));
        done.code(1).says(&["the encoder (ffmpeg", "signal 25"]);
        assert_eq!(names(&place), ["a.mkv"], "{mode}");
        let done = place.shell(&format!("trap '' XFSZ; ulimit -f 1024; exec $0 {line}"));
        done.code(1).says(&["the encoder (ffmpeg", "File too large"]);
        assert_eq!(names(&place), ["a.mkv"], "{mode}");
    }
}

#[test]
fn a_full_file_system_is_named_and_left_clean() {
    let place = long();
    let mut may = Command::new("unshare");
    may.args(["-rm", "mount", "-t", "tmpfs", "tmpfs"]).arg(place.path("."));
    may.stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
    if !may.status().is_ok_and(|status| status.success()) {
        eprintln!("skipped: this user may not mount a small file system");
        return;
    }
    fs::create_dir(place.path("small")).expect("a folder");
    for mode in ["threads", "processes"] {
        let script = format!(
            "mount -t tmpfs -o size=256k tmpfs small && \
             $0 video a.mkv -o small/b.mkv --codec ffv1 --mode {mode}; code=$?; ls -A small; exit $code"
        );
        let script = format!("exec unshare -rm sh -c '{script}' \"$0\"");
        let done = place.shell(&script).code(1).says(&["encoder", "No space left"]);
        assert_eq!(done.stdout, "", "{mode}");
    }
}
