//! What the tests of clips share: clips made by ffmpeg, and what ffmpeg says is in a file.

use std::process::{Command, Stdio};

use crate::program::{Done, Place};

/// The ways to run the stages.
pub const MODES: [&str; 3] = ["inline", "threads", "processes"];

/// Runs ffmpeg in the place and gives its stdout.
#[track_caller]
pub fn ffmpeg(place: &Place, words: &str) -> String {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-nostdin", "-y"]).args(words.split_ascii_whitespace());
    let out = command.current_dir(place.path(".")).stdin(Stdio::null()).output();
    let done = Done::of(out.expect("these tests need ffmpeg: apt-get install ffmpeg"));
    assert_eq!(done.code, 0, "{words}: {}", done.stderr);
    done.stdout
}

/// A place with `a.mkv`: 40 frames whose times are uneven, sound, a title.
pub fn clip() -> Place {
    let place = Place::new();
    ffmpeg(
        &place,
        "-f lavfi -i testsrc2=size=97x53:rate=30000/1001:duration=2 \
         -f lavfi -i sine=frequency=440:duration=2 -vf select=mod(n\\,3) -fps_mode passthrough \
         -c:v ffv1 -pix_fmt yuv420p -c:a flac -metadata title=Title a.mkv",
    );
    place
}

/// Time and hash of each frame, or packet, of a stream.
fn rows(place: &Place, file: &str, stream: &str, how: &str) -> Vec<(i64, String)> {
    let words = format!("-copyts -i {file} -map 0:{stream} {how} -f framemd5 -");
    let text = ffmpeg(place, &words);
    let row = |line: &str| {
        let cells: Vec<&str> = line.split(',').map(str::trim).collect();
        (cells[2].parse().expect("a timestamp"), cells[cells.len() - 1].to_owned())
    };
    text.lines().filter(|line| !line.starts_with('#')).map(row).collect()
}

/// Time in milliseconds and hash of each frame of the picture.
pub fn frames(place: &Place, file: &str) -> Vec<(i64, String)> {
    rows(place, file, "v", "-fps_mode passthrough -enc_time_base 1/1000")
}

/// Time and hash of each packet of the sound.
pub fn sound(place: &Place, file: &str) -> Vec<(i64, String)> {
    rows(place, file, "a", "-c copy")
}
