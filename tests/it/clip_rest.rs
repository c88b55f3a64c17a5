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
fn paths(place: &Place) -> Vec<OsString> {
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
fn run(place: &Place, path: &OsString, line: &str) -> Done {
    let words: Vec<&str> = line.split_whitespace().collect();
    Done::of(place.command(&words).env("PATH", path).output().expect("the program starts"))
}

#[track_caller]
fn succeeds(place: &Place, path: &OsString, line: &str) -> Done {
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
    ffmpeg(place, &format!("-autorotate 1 -i {name} -map 0:v -vf {filters} -f rawvideo -"))
}

const LOSSLESS: &str = "--codec libx264 -y -- -qp 0";

#[test]
fn a_clip_that_asks_to_be_turned_is_shown_as_before() {
    let place = Place::new();
    let turns: [[i32; 4]; 7] = [
        [0, 1, -1, 0],
        [-1, 0, 0, -1],
        [0, -1, 1, 0],
        [-1, 0, 0, 1],
        [1, 0, 0, -1],
        [0, 1, 1, 0],
        [0, -1, -1, 0],
    ];
    // A chain of ours, what ffmpeg shows of the source, and of the result.
    let chains = [("gray", "extractplanes=y", true), ("crop=24:20:6:10", "crop=24:20:6:10", false)];
    for turn in turns {
        plain(&place, "in.mp4");
        ask(&place.path("in.mp4"), turn);
        let source = fs::read(place.path("in.mp4")).unwrap();
        let stored = &source[matrices(&source)[0]..][..36];
        for path in paths(&place) {
            for ((chain, seen, stays), mode) in chains.into_iter().zip(["threads", "processes"]) {
                // 5.1 turns by a flip only where there is no quarter turn; it is asked here for
                // what it knows, which is all but the lone horizontal flip.
                let line = format!("video in.mp4 -o out.mp4 --mode {mode} -f {chain} {LOSSLESS}");
                let done = succeeds(&place, &path, &line);
                let what = format!("{turn:?}, {chain}: {}", done.stderr);
                let out = fs::read(place.path("out.mp4")).unwrap();
                let kept = &out[matrices(&out)[0]..][..36] == stored;
                assert_eq!(kept, stays, "{what}");
                let said = if stays { "the output asks too" } else { "frames are turned so" };
                assert_eq!(done.stderr.matches(said).count(), 1, "{what}");
                let after = if stays { seen } else { "null" };
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
