//! What a render leaves as it was: runs the program on clips that ffmpeg makes, with the system's
//! ffmpeg and with the one that `LUMALOOM_FFMPEG` names.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::program::{Done, Place};

/// Runs the system's ffmpeg in a place and gives its stdout.
#[track_caller]
fn ffmpeg(place: &Place, line: &str) -> Vec<u8> {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-nostdin", "-y"]).args(line.split_whitespace());
    let out = command.current_dir(place.path(".")).output().expect("ffmpeg starts");
    assert!(out.status.success(), "{line}: {}", String::from_utf8_lossy(&out.stderr));
    out.stdout
}

/// The values of PATH to run with: one for each ffmpeg.
pub fn paths(place: &Place) -> Vec<OsString> {
    let system = std::env::var_os("PATH").unwrap_or_default();
    let other = std::env::var_os("LUMALOOM_FFMPEG").map(PathBuf::from).map(|ffmpeg| {
        let folder = place.path("bin");
        fs::create_dir_all(&folder).expect("a folder");
        let link = folder.join("ffmpeg");
        if !link.exists() {
            std::os::unix::fs::symlink(ffmpeg, link).expect("a link");
        }
        let folders = std::iter::once(folder).chain(std::env::split_paths(&system));
        std::env::join_paths(folders).expect("a PATH")
    });
    std::iter::once(system).chain(other).collect()
}

/// Runs a line of arguments with one of [`paths`].
pub fn run(place: &Place, path: &OsString, line: &str) -> Done {
    let words: Vec<&str> = line.split_whitespace().collect();
    Done::of(place.command(&words).env("PATH", path).output().expect("the program starts"))
}

#[track_caller]
pub fn succeeds(place: &Place, path: &OsString, line: &str) -> Done {
    let done = run(place, path, line);
    assert_eq!(done.code, 0, "{line}: {}", done.stderr);
    done
}

/// The display matrix of each track of an MP4, as it lies in the file.
fn matrices(bytes: &[u8]) -> Vec<usize> {
    let headers = bytes.windows(4).enumerate().filter(|(_, word)| word == b"tkhd");
    headers.map(|(at, _)| at + 4 + 40).collect()
}

/// Sets the matrix `a b c d` of the first track of an MP4.
fn ask(file: &Path, turn: [i32; 4]) {
    let mut bytes = fs::read(file).expect("a clip");
    let at = matrices(&bytes)[0];
    let [a, b, c, d] = turn.map(|n| n << 16);
    let rows = [a, b, 0, c, d, 0, 0, 0, 1 << 30].map(i32::to_be_bytes).concat();
    bytes[at..at + 36].copy_from_slice(&rows);
    fs::write(file, bytes).expect("a clip");
}

/// A clip of 6 frames with sound, and lossless pictures of 64x48.
fn plain(place: &Place, name: &str) {
    ffmpeg(
        place,
        &format!(
            "-f lavfi -i testsrc2=s=64x48:r=25:d=0.24 -f lavfi -i sine=d=0.24 -c:a aac -c:v libx264 \
             -qp 0 -pix_fmt yuv420p {name}"
        ),
    );
}

/// All samples of a clip as players show it, after these filters of ffmpeg's.
fn shown(place: &Place, name: &str, filters: &str) -> Vec<u8> {
    ffmpeg(
        place,
        &format!(
            "-autorotate 1 -i {name} -map 0:v -vf {filters} -fps_mode passthrough -f rawvideo -"
        ),
    )
}

const LOSSLESS: &str = "--codec libx264 -y -- -qp 0";

#[test]
fn a_clip_that_asks_to_be_turned_is_shown_as_before() {
    let place = Place::new();
    // Quarter turn, half turn, a flip, and a flip about a diagonal; the rest is the unit's test.
    let turns: [[i32; 4]; 4] = [[0, 1, -1, 0], [-1, 0, 0, -1], [1, 0, 0, -1], [0, 1, 1, 0]];
    // A chain of ours, what ffmpeg shows of the source, and of the result.
    let chains = [
        ("gray", "extractplanes=y", true),
        ("crop=24:20:6:10", "crop=24:20:6:10,extractplanes=y", false),
    ];
    // Luma alone: chroma that is sited at the left is resampled when it is turned.

    for turn in turns {
        plain(&place, "in.mp4");
        ask(&place.path("in.mp4"), turn);
        let source = fs::read(place.path("in.mp4")).unwrap();
        let stored = &source[matrices(&source)[0]..][..36];
        for path in paths(&place) {
            for ((chain, seen, stays), mode) in chains.into_iter().zip(["threads", "processes"]) {
                let line = format!("video in.mp4 -o out.mp4 --mode {mode} -f {chain} {LOSSLESS}");
                let done = succeeds(&place, &path, &line);
                let what = format!("{turn:?}, {chain}: {}", done.stderr);
                let out = fs::read(place.path("out.mp4")).unwrap();
                let kept = &out[matrices(&out)[0]..][..36] == stored;
                assert_eq!(kept, stays, "{what}");
                let said = if stays { "the output asks too" } else { "frames are turned so" };
                assert_eq!(done.stderr.matches(said).count(), 1, "{what}");
                let after = "extractplanes=y";
                assert!(shown(&place, "in.mp4", seen) == shown(&place, "out.mp4", after), "{what}");
            }
            // Matroska cannot ask, in the versions that we take.
            let line = format!("video in.mp4 -o out.mkv -f gray {LOSSLESS}");
            let done = succeeds(&place, &path, &line);
            assert!(done.stderr.contains("frames are turned so"), "{}", done.stderr);
            let luma = "extractplanes=y";
            assert!(shown(&place, "in.mp4", luma) == shown(&place, "out.mkv", luma), "{turn:?}");
        }
    }
}

#[test]
fn a_matrix_that_is_no_turn_is_kept_or_refused() {
    let place = Place::new();
    plain(&place, "in.mp4");
    ask(&place.path("in.mp4"), [2, 0, 0, 1]);
    for path in paths(&place) {
        let done = succeeds(&place, &path, &format!("video in.mp4 -o out.mp4 -f hflip {LOSSLESS}"));
        assert!(done.stderr.contains("the matrix 2.000 0.000 0.000 1.000"), "{}", done.stderr);
        let [source, out] = ["in.mp4", "out.mp4"].map(|name| fs::read(place.path(name)).unwrap());
        let matrix = |bytes: &[u8]| bytes[matrices(bytes)[0]..][..36].to_vec();
        assert_eq!(matrix(&source), matrix(&out));
        let done = run(&place, &path, "video in.mp4 -o no.mkv");
        assert_eq!(done.code, 2, "{}", done.stderr);
        assert!(done.stderr.contains("only mp4 and mov"), "{}", done.stderr);
        assert!(!place.path("no.mkv").exists());
    }
}

/// A clip with sound, subtitles, a font, chapters and titles.
fn rich(place: &Place, name: &str) {
    plain(place, "plain.mp4");
    place.file(
        "about.txt",
        b";FFMETADATA1\ntitle=a clip\nmood=fine\n\
        [CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=100\ntitle=one\n\
        [CHAPTER]\nTIMEBASE=1/1000\nSTART=100\nEND=240\ntitle=two\n",
    );
    place.file("a.srt", b"1\n00:00:00,040 --> 00:00:00,120\nhello\n");
    place.file("a.ttf", b"no real font");
    ffmpeg(
        place,
        &format!(
            "-i plain.mp4 -i a.srt -i about.txt -map 0 -map 1 -attach a.ttf -map_metadata 2 \
             -metadata:s:t mimetype=font/ttf -metadata:s:1 language=deu -c copy -c:s srt {name}"
        ),
    );
}

/// The rows of a table of `--verify` that end in a word.
fn rows<'a>(done: &'a Done, verdict: &str) -> Vec<&'a str> {
    done.stdout.lines().filter(|line| line.ends_with(verdict)).collect()
}

#[test]
fn what_is_left_as_it_was_is_verified() {
    let place = Place::new();
    rich(&place, "in.mkv");
    for path in paths(&place) {
        for mode in ["threads", "processes", "inline"] {
            let line = format!("video in.mkv -o out.mkv -f gray --mode {mode} --verify {LOSSLESS}");
            let done = succeeds(&place, &path, &line);
            assert_eq!(rows(&done, "lost"), [""; 0], "{}", done.stdout);
            for row in ["chapters", "stream 0 frames", "stream 0 times", "stream 1 packets"] {
                let same = rows(&done, "same");
                assert!(same.iter().any(|line| line.starts_with(row)), "{row}: {}", done.stdout);
            }
        }
        // Half the sound, and the clip begins at 0.
        let line = "video in.mkv -o out.mkv --ss 0.08 --t 0.08 --verify -q -y";
        let done = succeeds(&place, &path, line);
        let frames: Vec<&str> = done.stdout.lines().filter(|l| l.contains("frames")).collect();
        assert_eq!(frames.len(), 1, "{}", done.stdout);
        assert_eq!(frames[0].split_whitespace().collect::<Vec<_>>()[3..], ["2", "2", "same"]);
        let line = "video in.mkv -o out.mkv --r 10 --verify -q -y";
        assert!(succeeds(&place, &path, line).stdout.contains("stream 0 times"));
        // MP4 has no place for a tag of one's own.
        ffmpeg(&place, "-i in.mkv -map 0:v -map 0:a -c copy -y in.nut");
        let done = run(&place, &path, "video in.nut -o out.mp4 --verify -q -y");
        assert_eq!(done.code, 1, "{}{}", done.stdout, done.stderr);
        assert_eq!(rows(&done, "lost").len(), 1, "{}", done.stdout);
        assert!(rows(&done, "lost")[0].contains("not mood"), "{}", done.stdout);
        assert!(place.path("out.mp4").exists(), "hours of work are not thrown away");
    }
}

#[test]
fn a_cut_that_is_right_has_lost_nothing() {
    let place = Place::new();
    // Silence: the same packet again and again. And packets that have another form in MP4.
    for (sound, source, out) in [
        ("anullsrc=d=2", "a.mkv", "b.mkv"),
        ("sine=d=2", "a.ts", "b.mp4"),
        ("sine=d=2", "a.mp4", "b.ts"),
    ] {
        let clip = "-f lavfi -i testsrc2=s=64x48:r=25:d=2 -f lavfi -i";
        ffmpeg(&place, &format!("{clip} {sound} -c:v libx264 -pix_fmt yuv420p -c:a aac {source}"));
        let line = format!("video {source} -o {out} --ss 0.6 --t 0.8 --verify -y");
        let done = place.line(&line).code(0);
        assert!(
            rows(&done, "changed").iter().any(|row| row.contains("packets")),
            "{}",
            done.stdout
        );
    }
}

#[test]
fn what_a_container_cannot_hold_is_said_before_the_first_frame() {
    let place = Place::new();
    rich(&place, "in.mkv");
    for path in paths(&place) {
        let done = run(&place, &path, "video in.mkv -o out.mp4");
        assert_eq!(done.code, 2, "{}", done.stderr);
        for part in ["stream 2 (subtitles, subrip)", "stream 3 (attachment", ".mkv"] {
            assert!(done.stderr.contains(part), "{part}: {}", done.stderr);
        }
        ffmpeg(&place, "-i in.mkv -map 0:v -map 0:s -c copy texts.mkv");
        let done = run(&place, &path, "video texts.mkv -o out.mp4");
        assert!(done.code == 2 && done.stderr.contains("--sn"), "{}", done.stderr);
        let done = run(&place, &path, "video texts.mkv -o out.ts");
        assert!(done.code == 2 && done.stderr.contains("subrip"), "{}", done.stderr);
        succeeds(&place, &path, "video texts.mkv -o out.mp4 --sn -y");
        let done = run(&place, &path, "video texts.mkv -o out.odd");
        assert!(done.code == 2 && done.stderr.contains("out.odd"), "{}", done.stderr);
        let done = run(&place, &path, "video in.mkv -o out.mkv --codec x264");
        assert!(done.code == 2 && done.stderr.contains("libx264"), "{}", done.stderr);
        assert!(!place.path("out.mkv").exists() && !place.path("out.lumaloom-part.mkv").exists());
        fs::remove_file(place.path("out.mp4")).unwrap();
    }
}

#[test]
fn a_dry_run_shows_streams_plan_and_commands_and_starts_none() {
    let place = Place::new();
    rich(&place, "a clip.mkv".replace(' ', "-").as_str());
    fs::rename(place.path("a-clip.mkv"), place.path("a clip.mkv")).unwrap();
    // An ffmpeg that does not open the clip.
    place.file(
        "bin/ffmpeg",
        b"#!/bin/sh\ncase \"$*\" in *'a clip.mkv'*) exit 9;; esac\nPATH=$REST exec ffmpeg \"$@\"\n",
    );
    place.shell("chmod +x bin/ffmpeg");
    let rest = std::env::var_os("PATH").unwrap_or_default();
    let mut path = place.path("bin").into_os_string();
    path.push(":");
    path.push(&rest);
    let mut command = place.command(&["video", "a clip.mkv", "-o", "out.mkv", "-f", "gray", "-n"]);
    let done = Done::of(command.env("PATH", path).env("REST", rest).output().unwrap());
    assert_eq!(done.code, 0, "{}", done.stderr);
    for part in [
        "stream 0: video h264 64x48: rendered, as stream 0",
        "stream 2: subtitles subrip: copied, as stream 2",
        "2 chapters: copied",
        "run       1 filter",
        "decoder  ffmpeg ",
        "encoder  ffmpeg ",
        "a clip.mkv' -map 0:0",
        "nothing written (dry run)",
    ] {
        assert!(done.stderr.contains(part), "{part}: {}", done.stderr);
    }
    assert!(!place.path("out.mkv").exists());
}
