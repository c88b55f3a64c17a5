//! What encoders are given, and what of the user's stands behind it: through a real ffmpeg.

use crate::clips::{clip, ffmpeg, frames};
use crate::program::Place;

/// The first pixel of a file's first frame as red, green and blue.
fn pixel(place: &Place, file: &str) -> [u8; 3] {
    ffmpeg(place, &format!("-i {file} -frames:v 1 -f rawvideo -pix_fmt rgb24 one.rgb"));
    let bytes = std::fs::read(place.path("one.rgb")).expect("a frame");
    bytes[..3].try_into().expect("a pixel")
}

#[track_caller]
fn near(got: [u8; 3], want: [u8; 3]) {
    let far = got.iter().zip(want).any(|(a, b)| a.abs_diff(b) > 3);
    assert!(!far, "{got:?} for {want:?}");
}

/// A clip of one colour in RGB, so high that players take what says nothing for BT.709.
fn red_green_blue(place: &Place, name: &str) {
    let source = "-f lavfi -i color=c=0x20c040:s=1280x720:r=25:d=0.2,format=gbrp -c:v ffv1";
    ffmpeg(place, &format!("{source} {name}"));
}

#[test]
fn the_matrix_is_that_of_frames_as_large_as_they_are() {
    let place = Place::new();
    red_green_blue(&place, "a.mkv");
    for after in ["", " -vf null"] {
        place.line(&format!("video a.mkv -y -o b.avi --codec mjpeg -- -q:v 1{after}")).code(0);
        near(pixel(&place, "b.avi"), [0x20, 0xc0, 0x40]);
        place.line(&format!("video a.mkv -y -o b.mp4 --codec libx264 -- -qp 1{after}")).code(0);
        near(pixel(&place, "b.mp4"), [0x20, 0xc0, 0x40]);
    }
    // AVI says no matrix, so players guess.
    for (matrix, said) in [("bt709", false), ("smpte170m", true)] {
        let tags = format!("format=yuv420p,setparams=colorspace={matrix}:range=tv");
        ffmpeg(&place, &format!("-i a.mkv -vf {tags} -c:v ffv1 {matrix}.mkv"));
        let done = place.line(&format!("video {matrix}.mkv -o {matrix}.avi --codec mpeg4")).code(0);
        assert_eq!(done.stderr.contains("does not say its matrix"), said, "{}", done.stderr);
    }
}

#[test]
fn fields_in_full_range_become_limited_where_files_are_read_so() {
    let place = Place::new();
    ffmpeg(
        &place,
        "-f lavfi -i color=s=64x48:r=25:d=0.2 -vf format=yuvj420p,geq=lum=0:cb=128:cr=128,setfield=tff \
         -flags +ildct+ilme -color_range pc -c:v ffv1 a.mkv",
    );
    place.line("video a.mkv -o b.mpg --codec mpeg1video --verify -- -q:v 2").code(0);
    ffmpeg(&place, "-i b.mpg -frames:v 1 -f rawvideo -pix_fmt gray -vf extractplanes=y one.gray");
    let luma = std::fs::read(place.path("one.gray")).expect("a frame");
    assert!(luma.iter().all(|y| (14..=18).contains(y)), "{:?}", &luma[..8]);
}

#[test]
fn transparency_without_a_place_is_said() {
    let place = Place::new();
    let source = "-f lavfi -i color=c=red@0.5:s=64x48:r=25:d=1,format=gbrap -c:v ffv1 -g 5 a.mkv";
    ffmpeg(&place, source);
    let line = "video a.mkv -y --verify";
    let done = place.line(&format!("{line} -o b.mp4 --codec libvpx-vp9")).code(1);
    let done = done.says(&["without their transparency"]);
    let row = done.stdout.lines().find(|row| row.contains("transparency")).expect("a row");
    assert!(row.ends_with("lost"), "{row}");
    for codec in ["libvpx-vp9", "libvpx"] {
        let done = place.line(&format!("{line} -o b.webm --codec {codec}")).code(0);
        let row = done.stdout.lines().find(|row| row.contains("transparency")).expect("a row");
        assert!(row.ends_with("same"), "{row}");
        let chunks = format!("video a.mkv -y -o b.webm --codec {codec} --chunks 2");
        place.line(&chunks).code(2).says(&["transparency", codec, "--pix-fmt"]);
    }
    place.line("video a.mkv -o p_%d.jpg --frames 2").code(0).says(&["lost", "alpha"]);
}

#[test]
fn what_would_take_the_place_of_our_filters_is_refused() {
    let place = clip();
    let line = "video a.mkv -o b.mkv --codec ffv1 --";
    for (words, part) in [
        ("-filter:0 null", "by -vf"),
        ("-filter_script:v file", "by -vf"),
        ("-vf [in]hflip[out]", "one chain"),
        ("-vf sws_flags=bicubic;hflip", "one chain"),
    ] {
        let words: Vec<&str> = line.split(' ').chain(words.split(' ')).collect();
        place.run(&words).code(2).says(&[part]);
    }
    place.line("video a.mkv -o c.mkv --codec ffv1").code(0);
    place.line(&format!("{line} -filter:V null")).code(0);
    assert_eq!(frames(&place, "b.mkv"), frames(&place, "c.mkv"));
}

#[test]
fn the_last_frame_is_shown_as_long_as_it_was() {
    let place = Place::new();
    let shown = |file: &str| {
        let probe = format!("ffprobe -v error -show_entries format=duration -of csv=p=0 {file}");
        place.shell(&probe).code(0).stdout.trim().parse::<f64>().expect("seconds")
    };
    // Four frames, of which the last is shown for 3 s.
    ffmpeg(&place, "-f lavfi -i testsrc2=s=64x48:r=10:d=0.4 -final_delay 300 a.gif");
    for (from, out, words) in [
        ("a.gif", "a.mp4", ""),
        ("a.gif", "b.mp4", " -- -bsf:v h264_metadata=video_full_range_flag=0"),
        ("a.mp4", "c.mp4", ""),
        ("a.mp4", "d.mkv", ""),
    ] {
        place.line(&format!("video {from} -o {out} --codec libx264{words}")).code(0);
        assert!((shown(out) - 3.3).abs() < 0.02, "{out}: {}", shown(out));
    }
}

#[test]
fn an_encoder_that_counts_frames_gets_a_clock_for_uneven_ones() {
    let place = Place::new();
    ffmpeg(
        &place,
        "-f lavfi -i testsrc2=s=64x48:r=30:d=3 -vf select=not(eq(mod(n\\,7)\\,3))*lt(n\\,40)+gt(n\\,80) \
         -fps_mode passthrough -c:v libx264 -pix_fmt yuv420p a.mp4",
    );
    let count = frames(&place, "a.mp4").len();
    for out in ["b.avi", "b.ts"] {
        place.line(&format!("video a.mp4 -o {out}")).code(0);
        assert!(frames(&place, out).len() >= count, "{out}");
    }
    // Whose ticks are not the clip's.
    place.line("video a.mp4 -o b.mp4 --codec mpeg4").code(0);
    let probe = "ffprobe -v error -show_entries format=duration -of csv=p=0 b.mp4";
    let seconds: f64 = place.shell(probe).code(0).stdout.trim().parse().expect("seconds");
    assert!((2.9..3.2).contains(&seconds), "{seconds}");
}

#[test]
fn a_tag_that_players_ask_for_stays() {
    let place = Place::new();
    for tag in ["hvc1", "hev1"] {
        ffmpeg(
            &place,
            &format!(
                "-f lavfi -i testsrc2=s=64x64:d=0.2 -c:v libx265 -x265-params log-level=none \
                 -tag:v {tag} -pix_fmt yuv420p {tag}.mp4"
            ),
        );
        for chunks in ["", " --chunks 2"] {
            place.line(&format!("video {tag}.mp4 -o b.mp4 -y --codec libx265{chunks}")).code(0);
            let probe = "ffprobe -v error -show_entries stream=codec_tag_string -of csv=p=0 b.mp4";
            assert_eq!(place.shell(probe).code(0).stdout.trim(), tag);
        }
    }
}

#[test]
fn sound_that_was_to_be_coded_anew_is_no_loss() {
    let place = Place::new();
    ffmpeg(&place, "-f lavfi -i testsrc2=s=64x48:d=1 -f lavfi -i sine=d=1 -c:a aac a.mp4");
    let done = place.line("video a.mp4 -o b.mkv --verify -- -c:a libopus").code(0);
    assert!(done.stdout.contains("coded anew"), "{}", done.stdout);
    for words in ["-c:a copy -frames:a 3", "-c:a:1 libopus -frames:a 3"] {
        place.line(&format!("video a.mp4 -y -o b.mkv --verify -- {words}")).code(1);
    }
}

#[test]
fn cover_art_is_left_out_where_it_has_no_place() {
    let place = Place::new();
    place.png("cover.png", 32, 32, 1);
    ffmpeg(
        &place,
        "-f lavfi -i testsrc2=s=64x48:d=0.2 -i cover.png -map 0 -map 1 -c:v:1 copy -disposition:v:1 \
         attached_pic a.mp4",
    );
    for out in ["b.mov", "b.webm", "b.ts"] {
        place.line(&format!("video a.mp4 -o {out}")).code(0).says(&["cover art) is left out"]);
    }
    let done = place.line("video a.mp4 -o b.mp4 --verify").code(0);
    assert!(done.stdout.contains("attached_pic"), "{}", done.stdout);
}

#[test]
fn pictures_of_other_pixels_than_square_ones_say_how_to_keep_their_shape() {
    let place = Place::new();
    ffmpeg(&place, "-f lavfi -i testsrc2=s=64x48:d=0.2 -vf setsar=4/3 -c:v ffv1 a.mkv");
    place.line("video a.mkv -o p_%d.png --frames 1").code(0).says(&["4:3", "resize=85:48"]);
    let done = place.line("video a.mkv -o q_%d.png --frames 1 -f resize=85:48").code(0);
    assert!(!done.stderr.contains("square"), "{}", done.stderr);
}
