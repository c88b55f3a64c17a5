//! Clips in segments: the same frames as in one pass, and a render that was ended goes on.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::Child;
use std::time::SystemTime;

use rustix::process::{Pid, Signal, kill_process};

use crate::clips::{MODES, clip, ffmpeg, frames, sound};
use crate::program::{Done, Place};

/// A place with `long.EXT`: uneven times that begin at 5 s, a key frame every 6 frames, B-frames,
/// sound, and colour tags that the stream alone says.
fn long(extension: &str) -> Place {
    let place = Place::new();
    ffmpeg(
        &place,
        &format!(
            "-f lavfi -i testsrc2=size=97x53:rate=30000/1001:duration=2 \
             -f lavfi -i sine=frequency=440:duration=2 \
             -vf select=mod(n\\,3),setpts=PTS+5/TB,setparams=color_primaries=bt709:range=pc \
             -af asetpts=PTS+5/TB -fps_mode passthrough -c:v libx264 -crf 8 -g 6 -bf 2 \
             -pix_fmt yuv420p -color_range pc -c:a aac -b:a 64k long.{extension}"
        ),
    );
    place
}

/// What ffprobe says of the picture, without what an encoder's number of runs may change.
fn said(place: &Place, file: &str) -> String {
    let keys = "codec_name,codec_tag_string,width,height,sample_aspect_ratio,pix_fmt,color_range,\
                color_space,color_transfer,color_primaries,chroma_location,field_order,time_base,\
                start_pts";
    let script = format!(
        "ffprobe -v error -select_streams v -show_entries stream={keys}:stream_disposition \
         -of default {file}"
    );
    place.shell(&script).code(0).stdout
}

/// Frames with their times, packets of the sound, and what is said of the picture.
type Seen = (Vec<(i64, String)>, Vec<(i64, String)>, String);

fn seen(place: &Place, file: &str) -> Seen {
    (frames(place, file), sound(place, file), said(place, file))
}

#[test]
fn any_number_of_segments_gives_the_frames_of_one_pass() {
    // What depends on the number does so in any container; the rest needs some of them.
    const SOME: &[u32] = &[2, 3, 7];
    for (source, out, codec, more, counts) in [
        ("mkv", "mkv", "ffv1", "", &[1, 2, 3, 4, 5, 6, 7][..]),
        ("mkv", "mp4", "libx264", "-- -qp 0 -movflags +faststart", SOME),
        ("mp4", "mkv", "libx264", "-- -qp 0", SOME),
        ("mp4", "mov", "libx265", "-- -x265-params lossless=1:log-level=none", SOME),
    ] {
        let place = long(source);
        let line = format!("video long.{source} -f gblur=1,hflip --codec {codec}");
        place.line(&format!("{line} -o one.{out} {more}")).code(0);
        let one = seen(&place, &format!("one.{out}"));
        assert_eq!(one.0.len(), 40);
        for count in counts {
            let line = format!("{line} -o some.{out} -y --chunks {count} {more}");
            let done = place.line(&line).code(0).says(&["40 done"]);
            let what = format!("{source} to {out}, {codec}, {count}: {}", done.stderr);
            assert_eq!(seen(&place, &format!("some.{out}")), one, "{what}");
            assert!(!place.path(&format!("some.{out}.lumaloom")).exists(), "{what}");
        }
    }
}

#[test]
fn segments_are_the_same_in_every_mode_and_side_by_side() {
    let place = long("mp4");
    let line = "video long.mp4 --codec ffv1 -f unsharp,gray --ss 0.3 --t 1.2";
    place.line(&format!("{line} -o one.mkv")).code(0);
    let one = seen(&place, "one.mkv");
    assert_eq!(one.0[0].0, 0, "a cut begins at 0");
    for mode in MODES {
        for workers in [1, 2] {
            // One thread for each of two workers; `inline` has one by itself.
            let threads = if mode == "inline" { 1 } else { 2 };
            let line = format!(
                "{line} -o {mode}.mkv -y --chunks 3 --mode {mode} --workers {workers} -j {threads} \
                 --mem 64M --verify"
            );
            place.line(&line).code(0).says(&["24 done"]);
            assert_eq!(seen(&place, &format!("{mode}.mkv")), one, "{mode}, {workers} workers");
        }
    }
}

#[test]
fn times_below_zero_b_frames_and_fewer_key_frames_than_segments() {
    let place = Place::new();
    ffmpeg(
        &place,
        "-f lavfi -i testsrc2=size=64x48:rate=10:duration=2 -c:v libx264 -g 8 -bf 2 -copyts a.mp4",
    );
    for (codec, early) in [("ffv1", "0"), ("ffv1", "-0.05"), ("mpeg4 -- -bf 2 -q:v 1", "0")] {
        let (codec, more) = codec.split_once(" --").unwrap_or((codec, ""));
        let run = |out: &str, option: &str| {
            let line = format!("video a.mp4 -o {out} -y --codec {codec} {option} --input-args");
            let mut words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
            words.push(format!("-itsoffset {early}"));
            words.extend((!more.is_empty()).then(|| "--".to_owned()));
            words.extend(more.split_whitespace().map(str::to_owned));
            Done::of(place.command(&words).output().expect("the program starts")).code(0)
        };
        run("one.mov", "");
        let said = ["--chunks 9: the clip has key frames for 3", "20 done"];
        run("some.mov", "--chunks 9").says(&said);
        let times = |file| frames(&place, file).into_iter().map(|row| row.0).collect::<Vec<_>>();
        assert_eq!(times("some.mov"), times("one.mov"), "{early}");
        if codec == "ffv1" {
            assert_eq!(frames(&place, "some.mov"), frames(&place, "one.mov"), "{early}");
        }
    }
}

/// The segments of a render that has not ended, and when each was written.
fn segments(place: &Place, out: &str) -> BTreeMap<String, SystemTime> {
    let Ok(entries) = fs::read_dir(place.path(&format!("{out}.lumaloom"))) else {
        return BTreeMap::new();
    };
    let files = entries.map(|entry| entry.expect("an entry"));
    let files = files.filter(|entry| entry.path().extension().is_some_and(|e| e == "nut"));
    let changed =
        |entry: &fs::DirEntry| entry.metadata().expect("a file").modified().expect("a time");
    files.map(|entry| (entry.file_name().to_string_lossy().into_owned(), changed(&entry))).collect()
}

/// Starts a render and waits until so many segments are journalled.
fn start(place: &Place, line: &str, out: &str, finished: usize) -> Child {
    let mut child = place.start(&format!("{line} --progress jsonl"));
    let mut events = BufReader::new(child.stdout.take().expect("a pipe"));
    let journal = place.path(&format!("{out}.lumaloom/.lumaloom/journal.jsonl"));
    let done = || {
        let text = fs::read_to_string(&journal).unwrap_or_default();
        text.lines().filter(|line| line.contains(r#""outcome":"done""#)).count()
    };
    let mut event = String::new();
    while done() < finished {
        event.clear();
        assert!(events.read_line(&mut event).expect("an event") > 0, "it ended");
    }
    // Nobody reads on; that is a wish to stop, so somebody does.
    std::thread::spawn(move || events.read_to_end(&mut Vec::new()));
    child
}

fn signal(child: &Child, signal: Signal) {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).expect("a process");
    kill_process(pid, signal).expect("a signal");
}

/// A chain that takes a while.
fn slow() -> String {
    ["gblur=9"; 30].join(",")
}

#[test]
fn a_killed_render_goes_on_with_what_is_missing() {
    let place = long("mkv");
    let chain = slow();
    let line = format!("video long.mkv -f {chain} --codec ffv1 -j 1");
    place.line(&format!("{line} -o one.mkv")).code(0);
    let rest = format!("{line} -o some.mkv --chunks 5");
    let mut child = start(&place, &rest, "some.mkv", 2);
    signal(&child, Signal::KILL);
    child.wait().expect("an end");
    let before = segments(&place, "some.mkv");
    assert!(!place.path("some.mkv").exists() && before.len() >= 2, "{before:?}");

    place.line(&rest).code(2).says(&["some.mkv.lumaloom", "--resume", "-y"]);
    let other = rest.replace("--codec ffv1", "--codec ffvhuff");
    place.line(&format!("{other} --resume")).code(2).says(&["another render", "-y"]);
    place.line(&format!("{rest} --resume").replace("--chunks 5", "--chunks 4")).code(2);
    let kept = || segments(&place, "some.mkv");
    assert_eq!(kept(), before, "what was refused touched nothing");

    // A second killed render shows which segments are written: those of the first are as they were.
    let mut child = start(&place, &format!("{rest} --resume"), "some.mkv", 3);
    signal(&child, Signal::KILL);
    child.wait().expect("an end");
    for (name, time) in before.iter().take(2) {
        assert_eq!(kept().get(name), Some(time), "{name}");
    }
    let done = place.line(&format!("{rest} --resume")).code(0).says(&["finished before"]);
    assert!(!done.stderr.contains("40 done"), "{}", done.stderr);
    assert_eq!(frames(&place, "some.mkv"), frames(&place, "one.mkv"));
    assert_eq!(sound(&place, "some.mkv"), sound(&place, "one.mkv"));
    assert!(!place.path("some.mkv.lumaloom").exists());
    place.line(&format!("{rest} --resume")).code(2).says(&["some.mkv exists"]);
}

#[test]
fn another_recipe_with_y_begins_anew_and_a_damaged_segment_is_rendered_again() {
    let place = clip();
    let line = format!("video a.mkv -o b.mkv --codec ffv1 -f {} -j 1 --chunks 3", slow());
    let mut child = start(&place, &line, "b.mkv", 2);
    signal(&child, Signal::KILL);
    child.wait().expect("an end");
    fs::write(place.path("b.mkv.lumaloom/segment-001.nut"), b"torn").expect("a file");
    place.file("b.mkv.lumaloom/mine.txt", b"precious");
    let report = place.line("report b.mkv.lumaloom").code(0);
    assert!(report.stdout.contains("2 done"), "{}", report.stdout);
    place.line(&format!("{line} --resume")).code(0).says(&["finished before"]);
    place.line(&format!("video a.mkv -o one.mkv --codec ffv1 -f {}", slow())).code(0);
    assert_eq!(frames(&place, "b.mkv"), frames(&place, "one.mkv"));
    // What is not ours stays, and is in nobody's way.
    assert!(place.path("b.mkv.lumaloom/mine.txt").exists());
    assert!(segments(&place, "b.mkv").is_empty());
    let other = line.replace(&slow(), "negate");
    place.line(&format!("{other} --resume -y")).code(0).says(&["40 done"]);
}

#[test]
fn damage_of_a_segment_that_an_earlier_run_finished_is_remembered() {
    let place = Place::new();
    ffmpeg(
        &place,
        "-f lavfi -i testsrc2=s=160x120:r=10:d=4 -c:v libx264 -g 10 -bf 0 -pix_fmt yuv420p a.mkv",
    );
    let mut bytes = fs::read(place.path("a.mkv")).expect("a clip");
    let eighth = bytes.len() / 8;
    bytes[eighth..eighth + 1000].fill(0xff);
    fs::write(place.path("a.mkv"), bytes).expect("a file");
    let line = format!("video a.mkv -o b.mkv --codec ffv1 -f {} -j 1 --chunks 4", slow());
    let mut child = start(&place, &line, "b.mkv", 2);
    signal(&child, Signal::KILL);
    child.wait().expect("an end");
    let done = place.line(&format!("{line} --resume --verify")).code(1);
    assert!(
        done.stderr.contains("earlier run reported errors in segment 1 of 4"),
        "{}",
        done.stderr
    );
    assert!(!done.stderr.contains("damaged  the decoder"), "this run met none: {}", done.stderr);
    let row = done.stdout.lines().find(|line| line.starts_with("decoding"));
    assert!(row.is_some_and(|row| row.ends_with("lost")), "{}", done.stdout);
}

#[test]
fn ctrl_c_keeps_what_is_finished() {
    let place = long("mkv");
    for mode in MODES {
        let out = format!("{mode}.mkv");
        let line = format!(
            "video long.mkv -o {out} --codec ffv1 -f {} -j 1 --mode {mode} --chunks 5",
            slow()
        );
        let child = start(&place, &line, &out, 1);
        signal(&child, Signal::INT);
        let done = Done::of(child.wait_with_output().expect("an end")).code(130);
        let left = segments(&place, &out);
        assert!(!left.is_empty() && left.len() < 5, "{mode}: {left:?} {}", done.stderr);
        assert!(left.keys().all(|name| !name.contains("part")), "{mode}: {left:?}");
        assert!(
            !place.path(&out).exists()
                && !place.path(&format!("{mode}.lumaloom-part.mkv")).exists()
        );
        let text =
            fs::read_to_string(place.path(&format!("{out}.lumaloom/.lumaloom/journal.jsonl")));
        assert_eq!(text.expect("a journal").lines().count(), left.len() + 1, "{mode}");
        place.line(&format!("{line} --resume")).code(0).says(&["finished before"]);
    }
    assert_eq!(frames(&place, "inline.mkv"), frames(&place, "processes.mkv"));
}

#[test]
fn one_render_at_a_time() {
    let place = long("mkv");
    let line = format!("video long.mkv -o b.mkv --codec ffv1 -f {} -j 1 --chunks 3", slow());
    let mut child = start(&place, &line, "b.mkv", 1);
    // It holds its lock, and does not move on.
    signal(&child, Signal::STOP);
    place.line(&line).code(75).says(&["works on b.mkv.lumaloom"]);
    signal(&child, Signal::CONT);
    child.kill().expect("a signal");
    child.wait().expect("an end");
    assert!(!segments(&place, "b.mkv").is_empty());
}

#[test]
fn a_segment_that_fails_is_named_and_leaves_nothing_half_done() {
    let place = long("mkv");
    let whole = fs::read(place.path("long.mkv")).unwrap();
    fs::write(place.path("half.mkv"), &whole[..whole.len() / 2]).unwrap();
    let line = "video half.mkv -o b.mkv --codec ffv1 --chunks 2 --workers 2";
    place.line(line).code(1).says(&["segment 2 of 2 (", "cut off"]);
    assert!(!place.path("b.mkv").exists() && !place.path("b.lumaloom-part.mkv").exists());
}

#[test]
fn an_encoder_that_refuses_its_options_is_a_mistake_of_the_command() {
    let place = clip();
    for mode in MODES {
        let line = format!(
            "video a.mkv -o b.mkv --codec ffv1 --chunks 3 --workers 2 --mode {mode} -- -slices 5 -level 3"
        );
        let said = place.line(&line).code(2).says(&["encoder", "have to go together"]);
        assert!(!said.stderr.contains("container says"), "{}", said.stderr);
        assert!(!place.path("b.mkv").exists() && !place.path("b.lumaloom-part.mkv").exists());
        // No segment was finished, so there is nothing to go on with.
        assert!(!place.path("b.mkv.lumaloom").exists());
    }
}

#[test]
fn damage_is_said_as_in_one_pass() {
    let place = long("mkv");
    let mut bytes = fs::read(place.path("long.mkv")).unwrap();
    let at = bytes.len() / 2;
    bytes[at..at + 200].fill(0x5a);
    fs::write(place.path("bad.mkv"), bytes).unwrap();
    for chunks in ["", "--chunks 2"] {
        let line = format!("video bad.mkv -y -o b.mkv --codec ffv1 --verify {chunks}");
        let done = place.line(&line).code(1).says(&["the decoder reported"]);
        assert!(
            done.stdout.contains("decoding") && done.stdout.contains("lost"),
            "{}",
            done.stdout
        );
    }
}

#[test]
fn what_cannot_be_cut_is_refused_with_the_reason() {
    let place = clip();
    place.png("p_1.png", 16, 16, 1);
    for (line, said) in [
        ("video a.mkv -o b.mkv --resume", "--chunks"),
        ("video a.mkv -o b.mkv --workers 2", "--chunks"),
        ("video a.mkv -o b.mkv --chunks 2 --r 10", "--r drops"),
        ("video a.mkv -o b.mkv --chunks 2 --input-args=-r", "-r in --input-args"),
        ("video a.mkv -o b.mkv --chunks 2 -f tmix=3", "looks at other frames"),
        ("video a.mkv -o p%d.png --chunks 2", "becomes a clip"),
        ("video a.mkv -o null --chunks 2", "becomes a clip"),
        ("video p_%d.png -o b.mkv --chunks 2", "parts of a clip"),
        ("video - -o b.mkv --chunks 2", "read once"),
    ] {
        place.line(line).code(2).says(&[said]);
        assert!(!place.path("b.mkv").exists() && !place.path("b.mkv.lumaloom").exists(), "{line}");
    }
}

#[test]
fn fields_are_those_of_the_first_frame_in_each_segment() {
    let place = Place::new();
    let half = "-f lavfi -i testsrc2=s=64x48:r=25:d=1";
    ffmpeg(
        &place,
        &format!(
            "{half} {half} -filter_complex [0]setfield=tff[a];[1]setfield=prog[b];[a][b]concat \
             -c:v mpeg2video -flags +ildct -g 12 two.mkv"
        ),
    );
    let fields = |out: &str| {
        let keys = "stream=field_order:frame=interlaced_frame,top_field_first";
        let said = format!("ffprobe -v error -show_entries {keys} -of compact {out}");
        let said = place.shell(&said).code(0).stdout;
        // The first frame of each segment has the encoder's name beside it.
        let lines = said.lines().filter_map(|line| line.split("|side_data").next());
        let lines = lines.map(|line| line.trim_end_matches('|')).filter(|line| !line.is_empty());
        let mut lines: Vec<String> = lines.map(str::to_owned).collect();
        lines.sort_unstable();
        lines
    };
    place.line("video two.mkv -o one.mkv --codec libx264").code(0);
    for mode in ["threads", "processes"] {
        place
            .line(&format!("video two.mkv -y -o b.mkv --codec libx264 --chunks 2 --mode {mode}"))
            .code(0);
        assert_eq!(fields("b.mkv"), fields("one.mkv"), "{mode}");
    }
    assert!(fields("one.mkv")[0].contains("interlaced_frame=1"));
}

#[test]
fn a_dry_run_lists_the_segments() {
    let place = long("mkv");
    let said = ["segment 1 of 3 (the start to ", "segment 3 of 3 (", "joiner   ffmpeg", "nothing"];
    place.line("video long.mkv -o b.mkv --chunks 3 -n").code(0).says(&said);
    assert!(!place.path("b.mkv.lumaloom").exists());
}
