//! Clips through the program and a real ffmpeg: the pixels change, everything else stays.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use rustix::process::{Pid, Signal, kill_process};

use crate::clips::{MODES, clip, ffmpeg, frames, sound};
use crate::program::{Done, Place};

#[test]
fn only_the_pixels_change_and_they_are_the_same_in_every_mode() {
    let place = clip();
    let mut seen = None;
    for mode in MODES {
        let line =
            format!("video a.mkv -o {mode}.mkv --codec ffv1 -f gblur=2,negate --mode {mode}");
        place.line(&line).code(0).says(&["40 done", "encoder"]);
        let got = frames(&place, &format!("{mode}.mkv"));
        let times = |rows: &[(i64, String)]| rows.iter().map(|r| r.0).collect::<Vec<_>>();
        assert_eq!(times(&got), times(&frames(&place, "a.mkv")), "{mode}");
        assert_eq!(sound(&place, &format!("{mode}.mkv")), sound(&place, "a.mkv"), "{mode}");
        let bytes = std::fs::read(place.path(&format!("{mode}.mkv"))).unwrap();
        let all = (got, bytes);
        assert!(*seen.get_or_insert(all.clone()) == all, "{mode}: the same file");
        let title = ffmpeg(&place, &format!("-i {mode}.mkv -f ffmetadata -"));
        assert!(title.contains("title=Title"), "{title}");
    }
    let pixels = |file| frames(&place, file).into_iter().map(|r| r.1).collect::<Vec<_>>();
    assert_ne!(pixels("threads.mkv"), pixels("a.mkv"));
    place.line("video a.mkv -o same.mkv --codec ffv1").code(0);
    assert_eq!(frames(&place, "same.mkv"), frames(&place, "a.mkv"), "no chain, no change");
}

#[test]
fn a_shell_joins_the_stages_and_a_cut_starts_at_zero() {
    let place = clip();
    let line = "--ss 0.5 --t 1";
    place.line(&format!("video a.mkv -o one.mkv --codec ffv1 -f gray {line}")).code(0);
    let script = format!(
        "$0 stage read video a.mkv {line} | $0 stage work -f gray -j 2 | \
         $0 stage write video -o two.mkv --codec ffv1"
    );
    place.shell(&script).code(0).says(&["write: 20 done"]);
    let cut = frames(&place, "one.mkv");
    assert_eq!((cut.len(), cut[0].0), (20, 0));
    assert_eq!(frames(&place, "two.mkv"), cut);
}

#[test]
fn ffmpegs_own_spelling_is_understood() {
    let place = clip();
    let ours = "video a.mkv -o ours.mkv -f negate --codec ffv1 --r 10 --an";
    let theirs = "video -i a.mkv -vf negate -c:v ffv1 -r 10 -an -o theirs.mkv";
    place.line(ours).code(0);
    place.line(theirs).code(0);
    assert_eq!(frames(&place, "ours.mkv").len(), 20);
    assert_eq!(frames(&place, "ours.mkv"), frames(&place, "theirs.mkv"));
    assert!(
        !ffmpeg(&place, "-i ours.mkv -map 0 -c copy -f framemd5 -").contains("\n1,"),
        "no sound"
    );
    place.line("video -i a.mkv -map 0:v -o b.mkv").code(2).says(&["-map is not known", "after --"]);
}

#[test]
fn raw_frames_go_down_a_pipe() {
    let place = clip();
    place.line("video a.mkv -o want.mkv --codec ffv1 -f negate --r 25").code(0);
    for mode in MODES {
        let script = format!(
            "$0 video a.mkv -o - -f negate --r 25 --mode {mode} | \
             ffmpeg -v error -y -f yuv4mpegpipe -i - -c:v ffv1 {mode}.mkv"
        );
        place.shell(&script).code(0).says(&["49 done"]);
        // A stream of raw frames has no times; it begins at 0.
        let pixels = |file: &str| frames(&place, file).into_iter().map(|r| r.1).collect::<Vec<_>>();
        assert_eq!(pixels(&format!("{mode}.mkv")), pixels("want.mkv"), "{mode}");
    }
}

#[test]
fn what_cannot_work_is_said_before_anything_starts() {
    let place = clip();
    place.file("text.mp4", b"no clip at all");
    for (line, code, said) in [
        ("video none.mp4 -o b.mp4", 2, "none.mp4"),
        ("video text.mp4 -o b.mp4", 1, "it is text"),
        ("video a.mkv -o a.mkv", 2, "is the input"),
        ("video a.mkv -o b.mkv -f crop=999:999", 2, "crop"),
        ("video a.mkv -o b.mkv --ss 1 --to 0.5", 2, "--to"),
        ("video a.mkv -o b.mkv --ss 60", 2, "no frame lies"),
        ("video a.mkv -o b.mkv --pix-fmt yuv420p12le", 2, "--pix-fmt"),
        ("video - -o b.mkv", 1, "the stream is empty"),
    ] {
        place.line(line).code(code).says(&[said]);
        assert!(!place.path("b.mkv").exists() && !place.path("b.mp4").exists(), "{line}");
    }
    place.file("b.mkv", b"precious");
    place.line("video a.mkv -o b.mkv").code(2).says(&["b.mkv exists", "-y"]);
    assert_eq!(std::fs::read(place.path("b.mkv")).unwrap(), b"precious");
}

#[test]
fn an_encoder_that_fails_leaves_nothing_and_is_quoted() {
    let place = clip();
    for mode in MODES {
        let line = format!("video a.mkv -o b.mkv --mode {mode} --codec ffv1 -- -slices 5 -level 3");
        place.line(&line).code(2).says(&["encoder", "ffmpeg", "-slices"]);
        assert_eq!(leftovers(&place), ["a.mkv"], "{mode}");
    }
}

#[test]
fn ctrl_c_leaves_no_half_clip() {
    let place = clip();
    for mode in MODES {
        // Far more frames than can be in work at once, however late the signal comes.
        let line = format!(
            "video a.mkv -o b.mkv --codec ffv1 --r 240 --mode {mode} --progress jsonl -f {}",
            ["gblur=9"; 40].join(",")
        );
        let mut child = place.start(&line);
        let mut events = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut event = String::new();
        while !event.contains(r#""event":"done""#) {
            event.clear();
            assert!(events.read_line(&mut event).expect("an event") > 0, "{mode}: it ended");
        }
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).expect("a process");
        kill_process(pid, Signal::INT).expect("a signal");
        events.read_to_string(&mut event).expect("the rest");
        Done::of(child.wait_with_output().expect("an end")).code(130);
        assert_eq!(leftovers(&place), ["a.mkv"], "{mode}");
    }
}

#[test]
fn ctrl_c_before_the_first_frame_leaves_nothing() {
    let place = clip();
    std::fs::create_dir(place.path("tmp")).expect("a folder");
    // An ffmpeg that hangs where the encoder is tried: that has its frames from a pipe.
    let real = place.shell("command -v ffmpeg").code(0).stdout;
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in *pipe:0*) touch tried; exec sleep 60;; esac\nexec {} \"$@\"\n",
        real.trim()
    );
    place.file("bin/ffmpeg", script.as_bytes());
    place.shell("chmod +x bin/ffmpeg").code(0);
    let path = std::env::var("PATH").expect("a path");
    let mut command = place.command(&["video", "a.mkv", "-o", "b.mkv", "--codec", "ffv1"]);
    command.env("PATH", format!("{}:{path}", place.path("bin").display()));
    let mut child = command.env("TMPDIR", place.path("tmp")).spawn().expect("a start");
    while !place.path("tried").exists() {
        assert!(child.try_wait().expect("a look").is_none(), "it ended before");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).expect("a process");
    kill_process(pid, Signal::INT).expect("a signal");
    Done::of(child.wait_with_output().expect("an end")).code(130);
    assert_eq!(leftovers(&place), ["a.mkv", "bin", "tmp", "tried"]);
    assert!(place.names("tmp").is_empty());
}

/// What lies in the place.
fn leftovers(place: &Place) -> Vec<String> {
    let names = std::fs::read_dir(place.path(".")).expect("the place");
    let name = |e: std::io::Result<std::fs::DirEntry>| {
        Path::new(&e.expect("an entry").file_name()).display().to_string()
    };
    let mut names: Vec<String> = names.map(name).collect();
    names.sort();
    names
}

#[test]
fn a_damaged_clip_says_so_and_what_it_lost() {
    let place = Place::new();
    let source =
        "-f lavfi -i testsrc2=s=320x240:r=25:d=4 -c:v libx264 -g 10 -bf 0 -pix_fmt yuv420p";
    for name in ["a.mp4", "a.mkv"] {
        ffmpeg(&place, &format!("{source} {name}"));
        let mut bytes = std::fs::read(place.path(name)).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle..middle + 3000].fill(0xff);
        std::fs::write(place.path(name), bytes).unwrap();
    }
    for mode in MODES {
        let line =
            format!("video a.mp4 -o {mode}.mp4 -f negate --mode {mode} --report {mode}.json");
        let lost = ["fewer than the container counts", "damaged  the decoder reported"];
        place.line(&line).code(1).says(&lost);
        let report = place.json(&format!("{mode}.json"));
        let helpers = report["helpers"].as_array().unwrap();
        let decoder = helpers.iter().find(|helper| helper["name"] == "decoder").unwrap();
        assert!(decoder["errors"].as_u64().unwrap() > 0, "{mode}: {decoder}");
        assert!(place.path(&format!("{mode}.mp4")).exists(), "what could be read is kept");
    }
    // Nobody knows how many frames a Matroska file should have.
    place.line("video a.mkv -o b.mkv -f negate").code(0).says(&["damaged  the decoder"]);
    let done = place.line("video a.mkv -o c.mkv -f negate --verify").code(1);
    assert!(done.stdout.contains("decoding"), "{}", done.stdout);
    // Only what was asked for counts, also while the decoder is ahead of what was taken from it.
    for (part, damaged) in [("--t 1", false), ("--ss 1.5 --t 1", true), ("--ss 3", false)] {
        let options = format!("-f negate {part} --ffmpeg-threads 4 --verify");
        let done = place.line(&format!("video a.mkv -y -o d.mkv {options}")).code(damaged.into());
        assert_eq!(done.stderr.contains("damaged"), damaged, "{part}: {}", done.stderr);
    }
}

#[test]
fn what_a_seek_passes_over_is_no_damage() {
    let place = Place::new();
    let source = "-f lavfi -i testsrc2=s=160x120:r=25:d=3 -c:v libx264 -bf 3 -pix_fmt yuv420p";
    // Frames before a key frame that refer to others before it, and no key frame to be found.
    ffmpeg(&place, &format!("{source} -g 25 -x264-params open-gop=1 open.ts"));
    ffmpeg(&place, &format!("{source} -g 250 one.ts"));
    for options in ["open.ts --ss 1.2", "open.ts --chunks 3", "one.ts --ss .5"] {
        let line = format!("video {options} -y -o b.mkv --codec ffv1 --verify");
        let done = place.line(&line).code(0);
        assert!(!done.stderr.contains("damaged"), "{options}: {}", done.stderr);
    }
}

#[test]
fn what_the_encoder_refuses_is_a_mistake_in_the_command() {
    let place = clip();
    for (options, said) in [
        ("-o out.xyz --an", "xyz"),
        ("-o out.mp4 --an --codec ffv1", "codec"),
        ("-o out.mkv --codec libx264 --preset warp", "--preset"),
        ("-o out.mkv -- -nosuch 1", "nosuch"),
        ("-o out.avi --an --crf 20", "mpeg4 has no --crf"),
        ("-o out.mkv --codec ffv1 --preset fast", "ffv1 has no --preset"),
    ] {
        let done = place.line(&format!("video a.mkv {options}")).code(2);
        done.says(&[said, "before anything was written"]);
        let left = place.names(".");
        assert!(left.iter().all(|name| !name.contains("out")), "{options}: {left:?}");
    }
}

#[test]
fn a_dry_run_tries_the_encoder_and_leaves_the_folder_as_it_was() {
    let place = clip();
    let line = "video a.mkv -o b.avi --an --dry-run";
    place.line(&format!("{line} --codec mjpeg")).code(0).says(&["mjpeg takes no yuv420p"]);
    place.line(&format!("{line} --codec libx264 --preset warp")).code(2).says(&["--preset"]);
    assert_eq!(leftovers(&place), ["a.mkv"]);
}

#[test]
fn an_encoder_without_fields_gets_whole_frames() {
    let place = Place::new();
    ffmpeg(
        &place,
        "-f lavfi -i testsrc2=s=64x48:r=25:d=0.2 -vf setfield=tff -flags +ildct+ilme -c:v ffv1 a.mkv",
    );
    // JPEG keeps its chroma in the middle, and that of two fields is apart.
    place.line("video a.mkv -o b.mov --codec mjpeg --verify -- -q:v 2").code(0);
}

#[test]
fn filters_after_the_dashes_come_behind_ours() {
    let place = Place::new();
    ffmpeg(
        &place,
        "-f lavfi -i testsrc2=s=64x48:r=25:d=0.2 -vf format=yuv420p,setparams=colorspace=bt709:\
         color_primaries=bt709:color_trc=bt709 -c:v ffv1 a.mkv",
    );
    let line = "video a.mkv -y -o b.mkv --codec ffv1 --verify";
    place.line(line).code(0);
    let before = frames(&place, "b.mkv");
    place.line(&format!("{line} -- -vf hflip,hflip")).code(0);
    assert_eq!(frames(&place, "b.mkv"), before);
    place.line(&format!("{line} -- -vf negate")).code(0);
    assert_ne!(frames(&place, "b.mkv"), before);
    place.line(&format!("{line} -- -vf")).code(2).says(&["-vf after --"]);
}

#[test]
fn a_clip_of_before_1970_goes_through_processes() {
    let place = clip();
    place.shell("touch -d 1969-12-30T12:00:00.5Z a.mkv").code(0);
    place.line("video a.mkv -o b.mkv --codec ffv1 --mode processes").code(0);
    assert_eq!(frames(&place, "b.mkv"), frames(&place, "a.mkv"));
}

#[test]
fn a_raw_stream_has_frames_without_times() {
    let place = clip();
    // Nor has it a place for the title.
    let done = place.line("video a.mkv -o b.h264 --an --codec libx264 --verify").code(1);
    let rows = |what: &str| {
        let row = done.stdout.lines().find(|line| line.starts_with(what)).expect("a row");
        row.split_whitespace().skip(3).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(rows("stream 0 frames"), "40 40 same");
    assert_eq!(rows("stream 0 times"), "said not said changed");
}

#[test]
fn an_encoder_that_stops_early_is_no_end() {
    let place = clip();
    let done = place.line("video a.mkv -o out.mkv -- -frames:v 7").code(1);
    done.says(&["took 7 of 40 frames", "--frames"]);
    // With more frames than wait in pipes it is found while they are written.
    ffmpeg(&place, "-f lavfi -i testsrc2=s=640x480:r=25:d=8 -c:v ffv1 -y b.mkv");
    let done = place.line("video b.mkv -o out.mkv --codec ffv1 -- -t 0.2").code(1);
    done.says(&["an option after --", "--frames"]);
    place.line("video b.mkv -o out.mkv -- -r 10").code(2).says(&["--r RATE"]);
    assert_eq!(leftovers(&place), ["a.mkv", "b.mkv"]);
}

#[test]
fn an_output_that_is_no_file_is_refused() {
    let place = clip();
    place.png("p.png", 8, 8, 1);
    place.shell("mkfifo pipe.mkv pipe.png").code(0);
    place.line("video a.mkv -o pipe.mkv -y").code(2).says(&["pipe.mkv is a pipe"]);
    place.line("images p.png -o pipe.png -y").code(2).says(&["pipe.png is a pipe"]);
}

#[test]
fn what_is_no_clip_says_what_it_is() {
    let place = Place::new();
    place.file("empty.mp4", b"");
    place.file("text.mp4", b"hello\nworld\n");
    place.line("video empty.mp4 -o b.mkv").code(1).says(&["empty.mp4", "is empty"]);
    place.line("video text.mp4 -o b.mkv").code(1).says(&["text.mp4", "it is text"]);
    place.line("video f/*.png -o b.mkv").code(2).says(&["f/%05d.png"]);
}

#[test]
fn alpha_beside_the_frames_is_kept_or_refused() {
    let place = Place::new();
    ffmpeg(
        &place,
        "-f lavfi -i testsrc2=s=64x48:r=25:d=0.2 -vf format=yuva420p,geq=lum=128:cb=128:cr=128:a=X*2 \
         -c:v libvpx-vp9 -lossless 1 a.webm",
    );
    place.line("video a.webm -o b.webm").code(2).says(&["yuva420p", "--pix-fmt rgba"]);
    place.line("video a.webm -o b.webm --pix-fmt rgba -- -lossless 1").code(0);
    // ffmpeg's scaler rounds larger ones up by 1.
    let alpha = |file: &str| {
        ffmpeg(&place, &format!("-c:v libvpx-vp9 -i {file} -vf alphaextract -f framemd5 -"))
    };
    assert_eq!(alpha("b.webm"), alpha("a.webm"));
    place.line("video a.webm -o c.webm --pix-fmt yuv420p --verify").code(0);
    let said = place.shell("ffprobe -v error -show_entries stream_tags=alpha_mode c.webm").code(0);
    assert!(!said.stdout.contains("alpha_mode=1"), "{}", said.stdout);
}

#[test]
fn what_a_container_cannot_hold_is_refused_unless_it_is_coded_anew() {
    let place = Place::new();
    ffmpeg(&place, "-f lavfi -i testsrc2=s=64x48:d=1 -f lavfi -i sine=d=1 -c:a aac a.mp4");
    let line = "video a.mp4 -o b.webm";
    place.line(line).code(2).says(&["sound, aac", ".mkv", "--an", "-- -c:a"]);
    place.line(&format!("{line} -- -c:a libopus")).code(0);
    assert_eq!(frames(&place, "b.webm").len(), 25);
}

#[test]
fn a_file_over_the_users_limit_is_an_error_that_names_it() {
    let place = Place::new();
    place.ppm("big.ppm", 640, 480, 1);
    let done = place.shell("ulimit -f 64; exec $0 images big.ppm -o out.bmp").code(1);
    done.says(&["out.bmp", "File too large"]);
    assert_eq!(place.names("."), ["big.ppm"]);
}
