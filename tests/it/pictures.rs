//! Pictures and raw frames as clips, in and out.

use std::fs;

use crate::clips::{MODES, clip, ffmpeg, frames};
use crate::program::Place;

/// A place with `rgb.mkv`, six lossless RGB frames, and the same as `f/03.png` to `f/08.png`.
fn rgb() -> Place {
    let place = Place::new();
    ffmpeg(
        &place,
        "-f lavfi -i testsrc2=size=66x42:rate=30000/1001 -frames:v 6 -c:v ffv1 -pix_fmt gbrp rgb.mkv",
    );
    fs::create_dir(place.path("f")).unwrap();
    ffmpeg(&place, "-i rgb.mkv -start_number 3 f/%02d.png");
    place
}

fn hashes(place: &Place, file: &str) -> Vec<String> {
    frames(place, file).into_iter().map(|row| row.1).collect()
}

fn listed(place: &Place, folder: &str) -> Vec<String> {
    let names = fs::read_dir(place.path(folder)).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_chain_on_a_clip_and_on_its_frames_gives_the_same_pixels() {
    let place = rgb();
    let chain = "-f sepia,gblur=1.5";
    place.line(&format!("video rgb.mkv -o want.mkv --codec ffv1 {chain}")).code(0);
    place.line(&format!("images f -o images {chain}")).code(0);
    for mode in MODES {
        let rate = format!("--r 30000/1001 --mode {mode}");
        let line =
            format!("video f/%02d.png -o {mode}.mkv --codec ffv1 --pix-fmt gbrp {chain} {rate}");
        place.line(&line).code(0).says(&["6 done"]);
        // To the millisecond, which is Matroska's tick.
        assert_eq!(frames(&place, &format!("{mode}.mkv")), frames(&place, "want.mkv"), "{mode}");
        // Pictures to pictures keep their numbers; a clip's begin at 1.
        place.line(&format!("video f/%02d.png -o {mode}/%03d.png {chain} {rate}")).code(0);
        assert_eq!(listed(&place, mode).first().unwrap(), "003.png");
        assert_eq!(listed(&place, mode).len(), 6);
        for number in 3..9 {
            let ours = fs::read(place.path(&format!("{mode}/{number:03}.png"))).unwrap();
            let image = fs::read(place.path(&format!("images/{number:02}.png"))).unwrap();
            assert_eq!(ours, image, "{mode}, {number}: the file that images writes");
        }
        place.line(&format!("video rgb.mkv -o {mode}2/%d.png {chain} --mode {mode}")).code(0);
        assert_eq!(
            listed(&place, &format!("{mode}2")),
            ["1", "2", "3", "4", "5", "6"].map(|n| format!("{n}.png"))
        );
        ffmpeg(
            &place,
            &format!("-framerate 30000/1001 -i {mode}2/%d.png -c:v ffv1 -pix_fmt gbrp {mode}2.mkv"),
        );
        assert_eq!(hashes(&place, &format!("{mode}2.mkv")), hashes(&place, "want.mkv"), "{mode}");
    }
}

#[test]
fn pictures_become_what_players_expect_and_that_is_said() {
    let place = rgb();
    place.line("video f/%02d.png -o a.mp4").code(0).says(&["yuv420p, BT.601, limited range"]);
    let probe = std::process::Command::new("ffprobe")
        .args(["-v", "error", "-show_streams"])
        .arg(place.path("a.mp4"))
        .output()
        .expect("these tests need ffmpeg: apt-get install ffmpeg");
    let probe = String::from_utf8(probe.stdout).unwrap();
    for line in [
        "pix_fmt=yuv420p",
        "color_range=tv",
        "color_space=smpte170m",
        "r_frame_rate=25/1",
        "nb_frames=6",
    ] {
        assert!(probe.contains(line), "{line}: {probe}");
    }
    // Pure red by the formulas: Y = 16 + 219 Kr, Cb = 128 - 112 Kr / (1 - Kb), Cr = 240.
    place.shell("convert -size 8x8 xc:red -type TrueColor red.png").code(0);
    for (matrix, codes) in [("bt601", [81, 90, 240]), ("bt709", [63, 102, 240])] {
        let options = format!("--pix-fmt yuv444p --colorspace {matrix}");
        place.shell(&format!("$0 video red.png -o - {options} > red.y4m")).code(0);
        let stream = fs::read(place.path("red.y4m")).unwrap();
        let planes: Vec<u8> = codes.iter().flat_map(|code| [*code; 64]).collect();
        assert_eq!(stream[stream.len() - planes.len()..], planes, "{matrix}");
    }
}

#[test]
fn a_part_of_a_sequence_is_counted_in_frames_and_in_time() {
    let place = rgb();
    let first =
        |folder: &str| (listed(&place, folder).first().cloned(), listed(&place, folder).len());
    for (options, name, count) in [
        ("--start-number 5", "05.png", 4),
        ("--frames 2", "03.png", 2),
        ("--ss 0.08 --r 25", "05.png", 4),
        ("--to 0.08 --r 25", "03.png", 2),
        ("--ss 0.04 --t 0.08 --r 25", "04.png", 2),
    ] {
        let folder = options.replace([' ', '-', '.'], "");
        place.line(&format!("video f/%02d.png -o {folder}/%02d.png {options}")).code(0);
        assert_eq!(first(&folder), (Some(name.to_owned()), count), "{options}");
    }
    fs::remove_file(place.path("f/06.png")).unwrap();
    place.line("video f/%02d.png -o g/%02d.png").code(2).says(&["06.png", "--frames 3"]);
    place.line("video f/%02d.png -o g/%02d.png --frames 3").code(0);
    place.line("video f/%02d.png -o g/%02d.png --frames 3").code(2).says(&["3 files", "-y"]);
    place.line("video f/%02d.png -o g/%02d.png --frames 3 -y").code(0);
    place.line("video f -o g.mp4").code(2).says(&["is a folder", "f/%05d.png"]);
    place.line("video h/%d.png -o g.mp4").code(2).says(&["failed to list h"]);
}

#[test]
fn a_picture_that_is_not_like_the_first_ends_the_render() {
    let place = rgb();
    ffmpeg(&place, "-f lavfi -i testsrc2=size=32x20 -frames:v 1 -update 1 f/05.png");
    for mode in MODES {
        let line = format!("video f/%02d.png -o a.mkv --codec ffv1 --mode {mode}");
        place.line(&line).code(1).says(&["frame 2", "32x20", "66x42"]);
        assert!(!place.path("a.mkv").exists(), "{mode}");
    }
    place.file("f/04.png", b"torn");
    place.line("video f/%02d.png -o g/%02d.png").code(1).says(&["f/04.png", "no image"]);
    assert_eq!(listed(&place, "g"), ["03.png"]);
}

#[test]
fn raw_frames_come_up_a_pipe() {
    let place = clip();
    place.line("video a.mkv -o want.mkv --codec ffv1 -f negate --r 25").code(0);
    for mode in MODES {
        let script = format!(
            "ffmpeg -v error -i a.mkv -vf fps=25 -fps_mode passthrough -f yuv4mpegpipe - | \
             $0 video - -o {mode}.mkv --codec ffv1 -f negate --mode {mode}"
        );
        place.shell(&script).code(0).says(&["49 done", "the stream does not say its matrix"]);
        // A stream of raw frames has no times; it begins at 0.
        assert_eq!(hashes(&place, &format!("{mode}.mkv")), hashes(&place, "want.mkv"), "{mode}");
    }
    let both = "ffmpeg -v error -i a.mkv -vf fps=25 -fps_mode passthrough -f yuv4mpegpipe - | $0 video - -o - -f negate | \
                ffmpeg -v error -f yuv4mpegpipe -i - -c:v ffv1 both.mkv";
    place.shell(both).code(0);
    assert_eq!(hashes(&place, "both.mkv"), hashes(&place, "want.mkv"));
    let torn = "ffmpeg -v error -i a.mkv -vf fps=25 -fps_mode passthrough -f yuv4mpegpipe - | head -c 20000 | $0 video - -o t.mkv";
    place.shell(torn).code(1).says(&["frame 2", "ends within a frame"]);
    assert!(!place.path("t.mkv").exists());
    place.shell("$0 video - -o t.mkv --ss 1 </dev/null").code(2).says(&["--ss needs a file"]);
}

#[test]
fn null_keeps_nothing() {
    let place = rgb();
    for (input, mode) in [("rgb.mkv", "threads"), ("f/%02d.png", "processes")] {
        place
            .line(&format!("video {input} -o null -f gray --mode {mode}"))
            .code(0)
            .says(&["6 done"]);
    }
    assert!(!place.path("null").exists());
    place.line("video rgb.mkv -o null --verify").code(2).says(&["--verify"]);
}

/// Frames in hundredths of a second and their pixels as ffmpeg composes them.
fn shown(place: &Place, file: &str) -> Vec<(i64, String)> {
    let how = "-ignore_loop 1 -min_delay 0";
    let how = if file.ends_with(".gif") { how } else { "" };
    let words = format!(
        "{how} -i {file} -map 0:v -pix_fmt rgb24 -fps_mode passthrough -enc_time_base 1/100 -f framemd5 -"
    );
    let text = ffmpeg(place, &words);
    let row = |line: &str| {
        let cells: Vec<&str> = line.split(',').map(str::trim).collect();
        (cells[2].parse().expect("a timestamp"), cells[cells.len() - 1].to_owned())
    };
    text.lines().filter(|line| !line.starts_with('#')).map(row).collect()
}

#[test]
fn animated_pictures_go_in_and_out_without_ffmpeg() {
    let place = rgb();
    // Few colours, so that GIF loses none; each frame with a delay of its own.
    place.line("images f -o few -f posterize=2 --format png").code(0);
    let script = "convert -delay 7 few/03.png -delay 20 few/04.png -delay 1 few/05.png -delay 13 few/06.png \
                  -loop 3 a.gif";
    place.shell(script).code(0);
    let times = |rows: &[(i64, String)]| rows.iter().map(|row| row.0).collect::<Vec<_>>();
    let source = shown(&place, "a.gif");
    assert_eq!(times(&source), [0, 7, 27, 28]);
    for mode in MODES {
        for extension in ["gif", "png"] {
            let out = format!("{mode}.{extension}");
            let line = format!("$0 video a.gif -o {out} --mode {mode}");
            // No ffmpeg to be found: none is needed.
            place.shell(&format!("PATH= {line}")).code(0).says(&["4 done"]);
            assert_eq!(shown(&place, &out), source, "{out}");
            place.shell(&format!("PATH= $0 video {out} -o {mode}-{extension}/%d.png")).code(0);
            assert_eq!(listed(&place, &format!("{mode}-{extension}")).len(), 4);
        }
        let line = format!("video a.gif -o {mode}.webp --mode {mode} -f negate");
        if cfg!(not(feature = "native")) {
            place.line(&line).code(1).says(&["this build writes no lossy WebP"]);
            continue;
        }
        place.line(&line).code(0);
        place.line(&format!("video {mode}.webp -o {mode}-webp.gif")).code(0);
        assert_eq!(times(&shown(&place, &format!("{mode}-webp.gif"))), [0, 7, 27, 28]);
        assert_eq!(
            fs::read(place.path(&format!("{mode}.webp"))).unwrap(),
            fs::read(place.path("inline.webp")).unwrap()
        );
    }
    let delays = place.shell("identify -format '%T ' threads.gif").stdout;
    assert!(delays.contains("7 20 1 13"), "{delays}");
    // Three times in all are two repeats; GIF counts these, PNG the others.
    let holds = |name: &str, what: &[u8]| {
        let bytes = fs::read(place.path(name)).unwrap();
        bytes.windows(what.len()).any(|window| window == what)
    };
    assert!(holds("threads.gif", b"NETSCAPE2.0\x03\x01\x02\x00"));
    assert!(holds("threads.png", b"acTL\x00\x00\x00\x04\x00\x00\x00\x03"));
}

#[test]
fn a_grey_picture_among_coloured_ones_is_one_of_them() {
    let place = Place::new();
    // Programs write a picture without colour as a grey one.
    place.shell("mkdir m; convert -size 8x6 xc:black -type Grayscale m/1.png").code(0);
    place.shell("convert -size 8x6 xc:red -define png:color-type=2 m/2.png").code(0);
    place.shell("convert -size 8x6 xc:gray -colorspace Gray m/3.png").code(0);
    for mode in MODES {
        place.line(&format!("video m/%d.png -y -o o_%d.png --mode {mode}")).code(0);
        for (at, color) in [(1, "#000000"), (2, "#FF0000"), (3, "#7E7E7E")] {
            let pixel =
                place.shell(&format!("convert o_{at}.png -depth 8 txt:- | tail -1")).code(0);
            assert!(pixel.stdout.contains(color), "{mode}, {at}: {}", pixel.stdout);
        }
    }
    place.shell("convert -size 9x6 xc:red m/4.png").code(0);
    place.line("video m/%d.png -y -o o_%d.png").code(1).says(&["m/4.png", "9x6", "alike"]);
}

#[test]
fn a_source_is_never_written_to() {
    let place = rgb();
    let picture = fs::read(place.path("f/03.png")).unwrap();
    for out in ["f/%02d.png", "./f/%02d.png"] {
        let line = format!("video f/%02d.png -o {out} -f negate -y");
        place.line(&line).code(2).says(&["is the input"]);
    }
    place.line("video f/03.png -o f/%02d.png -f negate -y").code(2).says(&["is the input"]);
    assert_eq!(fs::read(place.path("f/03.png")).unwrap(), picture);
    // The name under which an output is written first is no way around that.
    for (from, to) in [("rgb.lumaloom-part.mkv", "rgb.mkv"), ("loop.lumaloom-part.gif", "loop.gif")]
    {
        if from.ends_with("gif") {
            place.line(&format!("video rgb.mkv -o {from}")).code(0);
        } else {
            fs::rename(place.path("rgb.mkv"), place.path(from)).unwrap();
        }
        let before = fs::read(place.path(from)).unwrap();
        place.line(&format!("video {from} -o {to}")).code(2).says(&["is the input", to]);
        assert_eq!(fs::read(place.path(from)).unwrap(), before, "{from}");
        if from.ends_with("mkv") {
            fs::rename(place.path(from), place.path("rgb.mkv")).unwrap();
        }
    }
}

#[test]
fn options_that_an_output_has_no_use_for_are_refused() {
    let place = rgb();
    for (line, said) in [
        ("video f/%02d.png -o a.mp4 --verify", "this input is none"),
        ("video rgb.mkv -o a.gif --crf 18", "ffmpeg's encoder"),
        ("video rgb.mkv -o a_%d.png -- -tune film", "ffmpeg's encoder"),
        ("video rgb.mkv -o a.mkv --quality 80", "--crf"),
        ("video rgb.mkv -o null -f hqdn3d --mem 30K", "--mem"),
    ] {
        place.line(line).code(2).says(&[said]);
    }
    place.shell("$0 video rgb.mkv -o '50% off.gif'").code(0);
    assert!(place.path("50% off.gif").exists());
}

#[test]
fn an_animation_becomes_a_clip_as_players_show_it_and_a_clip_an_animation() {
    let place = rgb();
    place.shell("convert -delay 7 f/03.png -delay 0 f/04.png -delay 20 f/05.png a.gif").code(0);
    place.line("video a.gif -o a.mkv --codec ffv1 --pix-fmt gbrp").code(0);
    let times: Vec<i64> = frames(&place, "a.mkv").iter().map(|row| row.0).collect();
    assert_eq!(times, [0, 70, 170], "a frame of no time is shown for a tenth of a second");
    for (out, length) in [("a.mkv", "0.37"), ("l.mp4", "0.37"), ("t.mp4 --to .1", "0.10")] {
        place.line(&format!("video a.gif -y -o {out} --pix-fmt yuv444p")).code(0);
        let file = out.split(' ').next().unwrap();
        let script = format!("ffprobe -v error -show_entries format=duration -of csv=p=0 {file}");
        let said = place.shell(&script).code(0).stdout;
        assert!(
            said.starts_with(length),
            "the last frame lasts as long as it says, or to the cut: {out}, {said}"
        );
    }
    // The last frame is no B-frame's last packet.
    place.shell("convert -delay 100 f/03.png f/04.png f/05.png even.gif").code(0);
    place.line("video even.gif -o even.mp4").code(0);
    let script = "ffprobe -v error -show_entries stream=duration -of csv=p=0 even.mp4";
    assert_eq!(place.shell(script).code(0).stdout.trim(), "3.000000");
    // 30000/1001 frames a second do not go into hundredths; the running time is right.
    place.line("video rgb.mkv -o b.gif").code(0);
    let times: Vec<i64> = shown(&place, "b.gif").iter().map(|row| row.0).collect();
    assert_eq!(times, [0, 3, 7, 10, 13, 17]);
    place.line("video rgb.mkv -o b.png --ss 0.1").code(0);
    assert_eq!(shown(&place, "b.png").len(), 3);
    place.line("video b.png -o c.png --frames 1").code(0);
    let still = fs::read(place.path("c.png")).unwrap();
    assert!(!still.windows(4).any(|bytes| bytes == b"acTL"), "one frame is a still");
    place.line("video rgb.mkv -o b.gif").code(2).says(&["b.gif exists", "-y"]);
}
