//! What a clip keeps, stream by stream: clips of many kinds through the program, source and result
//! compared by ffprobe and ffmpeg themselves. `--verify` is not asked.

use std::fs;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::clip_rest::{paths, run, succeeds};
use crate::clips::ffmpeg;
use crate::program::{Done, Place};

/// A kind of clip.
struct Case {
    /// What is special about it; the name of its file is `in.` and what comes first here.
    source: &'static str,
    /// Lines for ffmpeg that make it. `@P` is a picture of 12 frames, `@A` is its sound.
    made: &'static [&'static str],
    /// Names of outputs with what encodes them without loss.
    to: &'static [(&'static str, &'static str)],
    /// Fields of the rendered stream that have to be the same, beside size and shape of a pixel.
    fields: &'static [&'static str],
    /// Whether the container may move all streams in time together.
    time: Time,
}

#[derive(Clone, Copy, PartialEq)]
enum Time {
    Stays,
    Moves,
}

const PICTURE: &str = "-f lavfi -i testsrc2=s=64x48:r=25:d=0.48";
const SOUND: &str = "-f lavfi -i sine=d=0.48:r=48000";
/// Encoders without loss, by what takes them.
const H264: &str = "--codec libx264 -- -qp 0";
const H265: &str = "--codec libx265 -- -x265-params lossless=1:log-level=error";
const VP9: &str = "--codec libvpx-vp9 -- -lossless 1";
const FFV1: &str = "--codec ffv1";
const COLORS: &[&str] = &["color_range", "color_space", "color_primaries", "color_transfer"];

const CASES: &[Case] = &[
    Case {
        source: "two-sounds.mp4",
        made: &[
            "@P @A -f lavfi -i sine=f=99:d=0.48:r=44100 -map 0 -map 1 -map 2 -c:v libx264 -qp 0 @F \
                 -c:a aac -metadata:s:a:0 language=eng -metadata:s:a:1 language=fra \
                 -disposition:a:0 0 -disposition:a:1 default+comment in.two-sounds.mp4",
        ],
        to: &[("o.mp4", H264), ("o.mov", H264), ("o.mkv", H264)],
        fields: &[],
        time: Time::Moves,
    },
    Case {
        source: "opus.mp4",
        made: &["@P @A -map 0 -map 1 -c:v libx264 -qp 0 @F -c:a libopus in.opus.mp4"],
        to: &[("o.mp4", H264), ("o.mkv", FFV1), ("o.webm", VP9)],
        fields: &[],
        time: Time::Stays,
    },
    Case {
        source: "opus.mkv",
        made: &["@P @A -map 0 -map 1 -c:v ffv1 @F -c:a libopus in.opus.mkv"],
        to: &[("o.mkv", FFV1), ("o.mp4", H264)],
        fields: &[],
        time: Time::Stays,
    },
    Case {
        source: "texts.mkv",
        made: &[
            "@P -i a.srt -i about.txt -map 0 -map 1 -map_metadata 2 -attach a.ttf -metadata:s:t \
                 mimetype=font/ttf -metadata:s:s:0 language=eng -c:v ffv1 @F -c:s srt in.texts.mkv",
        ],
        to: &[("o.mkv", FFV1)],
        fields: &[],
        time: Time::Stays,
    },
    Case {
        source: "texts.mp4",
        made: &[
            "@P -i a.srt -i about.txt -map 0 -map 1 -map_metadata 2 -metadata:s:s:0 language=eng \
                 -c:v libx264 -qp 0 @F -c:s mov_text in.texts.mp4",
        ],
        to: &[("o.mp4", H264), ("o.mov", H264)],
        fields: &[],
        time: Time::Stays,
    },
    Case {
        source: "cover.mp4",
        made: &[
            "@P @A -i a.png -map 0 -map 1 -map 2 -c:v:0 libx264 -qp 0 @F -c:a aac -c:v:1 copy \
                 -disposition:v:1 attached_pic in.cover.mp4",
        ],
        to: &[("o.mp4", H264)],
        fields: &[],
        time: Time::Moves,
    },
    Case {
        source: "code.mov",
        made: &["@P @A -timecode 01:02:03:04 -c:v libx264 -qp 0 @F -c:a aac in.code.mov"],
        to: &[("o.mov", H264)],
        fields: &[],
        time: Time::Moves,
    },
    Case {
        source: "uneven.mkv",
        made: &[
            "@P -vf select=mod(n\\,3) -fps_mode passthrough -c:v libx264 -qp 0 @F in.uneven.mkv",
        ],
        to: &[("o.mkv", H264), ("o.mp4", H264), ("o.mov", H264), ("o.webm", VP9), ("o.ts", H264)],
        fields: &[],
        time: Time::Moves,
    },
    Case {
        source: "ntsc.mp4",
        made: &[
            "@P @A -vf settb=1001/30000,setpts=N -enc_time_base:v 1001/30000 -fps_mode passthrough \
                 -c:v libx264 -qp 0 @F -c:a aac in.ntsc.mp4",
        ],
        to: &[("o.mp4", H264), ("o.mov", H264), ("o.mkv", H264)],
        fields: &["r_frame_rate"],
        time: Time::Moves,
    },
    Case {
        source: "late.mp4",
        made: &["@P @A -vf settb=1/90000,setpts=4004+N*3003 -enc_time_base:v 1/90000 \
                 -movie_timescale 90000 -fps_mode passthrough -c:v libx264 -qp 0 @F -c:a aac in.late.mp4"],
        to: &[("o.mp4", H264), ("o.mov", H264)],
        fields: &[],
        time: Time::Stays,
    },
    Case {
        source: "odd-ticks.nut",
        made: &[
            "@P @A -vf settb=7/1237,setpts=3+N*9 -enc_time_base:v 7/1237 -fps_mode passthrough \
                 -c:v libx264 -bf 0 -qp 0 @F -c:a aac in.odd-ticks.nut",
        ],
        to: &[("o.mp4", H264), ("o.mkv", H264)],
        fields: &[],
        time: Time::Stays,
    },
    Case {
        source: "begins-late.ts",
        made: &["@P @A -vf settb=1/90000,setpts=45000+N*3600 -enc_time_base:v 1/90000 \
                 -fps_mode passthrough -c:v libx264 -bf 0 -qp 0 @F -c:a mp2 -muxdelay 0 \
                 -muxpreload 0 in.begins-late.ts"],
        to: &[("o.ts", H264), ("o.mkv", H264)],
        fields: &[],
        time: Time::Moves,
    },
    Case {
        source: "negative.mkv",
        made: &["@P @A -vf setpts=PTS-0.08/TB -c:v libx264 -qp 0 @F -c:a aac \
                 -avoid_negative_ts disabled in.negative.mkv"],
        to: &[("o.mkv", H264), ("o.mp4", H264)],
        fields: &[],
        time: Time::Moves,
    },
    Case {
        source: "edited.mp4",
        made: &[
            "@P @A -c:v libx264 -qp 0 @F -c:a aac whole.mp4",
            "-ss 0.13 -i whole.mp4 -c copy in.edited.mp4",
        ],
        to: &[("o.mkv", H264)],
        fields: &[],
        time: Time::Moves,
    },
    Case {
        source: "deep.mkv",
        made: &["@P -pix_fmt yuv420p10le -c:v ffv1 in.deep.mkv"],
        to: &[("o.mkv", FFV1), ("o.mp4", H265)],
        fields: &["pix_fmt"],
        time: Time::Stays,
    },
    Case {
        source: "hdr.mp4",
        made: &[
            "@P -pix_fmt yuv420p10le -c:v libx265 -color_primaries bt2020 -color_trc smpte2084 \
                 -colorspace bt2020nc -color_range tv -x265-params \
                 lossless=1:log-level=error:hdr10=1:max-cll=1000,400:master-display=G(13250,34500)\
                 B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,500) in.hdr.mp4",
        ],
        to: &[("o.mp4", H265), ("o.mkv", H265)],
        fields: &["pix_fmt", "color_range", "color_space", "color_primaries", "color_transfer"],
        time: Time::Stays,
    },
    Case {
        source: "full.mkv",
        made: &[
            "@P -vf setparams=range=pc:colorspace=bt709:color_primaries=bt709:color_trc=bt709 \
                 -c:v libx264 -qp 0 @F -color_range pc -colorspace bt709 -color_primaries bt709 \
                 -color_trc bt709 in.full.mkv",
        ],
        to: &[("o.mkv", H264), ("o.mp4", H264), ("o.webm", VP9)],
        fields: COLORS,
        time: Time::Stays,
    },
    Case {
        source: "odd-size.mkv",
        made: &[
            "-f lavfi -i testsrc2=s=97x53:r=25:d=0.4 -vf setsar=3/2 -pix_fmt yuv420p -c:v ffv1 in.odd-size.mkv",
        ],
        to: &[("o.mkv", FFV1), ("o.webm", VP9)],
        fields: &["pix_fmt"],
        time: Time::Stays,
    },
    Case {
        source: "wide-pixels.mp4",
        made: &["@P -vf setsar=64/45 -c:v libx264 -qp 0 @F in.wide-pixels.mp4"],
        to: &[("o.mp4", H264), ("o.mkv", H264), ("o.mov", H264), ("o.ts", H264)],
        fields: &[],
        time: Time::Moves,
    },
    Case {
        source: "fields.mkv",
        made: &["-f lavfi -i testsrc2=s=64x48:r=50:d=0.48 -vf interlace=scan=tff,setfield=tff \
                 -c:v libx264 -qp 0 @F -flags +ildct+ilme in.fields.mkv"],
        to: &[("o.mkv", H264), ("o.mkv", FFV1)],
        fields: &["field_order"],
        time: Time::Stays,
    },
    Case {
        source: "two-pictures.mkv",
        made: &["@P -f lavfi -i testsrc=s=48x64:r=10:d=0.4 -map 0 -map 1 -c:v ffv1 @F \
                 -disposition:v:0 0 -disposition:v:1 default -metadata:s:v:0 title=small in.two-pictures.mkv"],
        to: &[("o.mkv", FFV1)],
        fields: &[],
        time: Time::Stays,
    },
];

#[test]
fn everything_but_the_pixels_is_as_it_was() {
    let place = Place::new();
    place.png("a.png", 16, 16, 3);
    place.file("a.srt", b"1\n00:00:00,040 --> 00:00:00,120\nhello\n");
    place.file("a.ttf", b"no real font");
    place.file(
        "about.txt",
        b";FFMETADATA1\ntitle=a clip\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=100\ntitle=one\n\
        [CHAPTER]\nTIMEBASE=1/1000\nSTART=100\nEND=480\ntitle=two\n",
    );
    for case in CASES {
        for line in case.made {
            let line = line.replace("@P", PICTURE).replace("@A", SOUND);
            ffmpeg(&place, &line.replace("@F", "-pix_fmt yuv420p"));
        }
    }
    for path in paths(&place) {
        for (number, case) in CASES.iter().enumerate() {
            for (at, (out, encoded)) in case.to.iter().enumerate() {
                let mode = ["threads", "processes"][(number + at) % 2];
                let (options, rest) = encoded.split_once(" -- ").unwrap_or((encoded, ""));
                // Nothing changes, but the engine has computed it.
                let line = format!(
                    "video in.{} -o {out} -y --mode {mode} -f negate,negate {options} -- {rest}",
                    case.source
                );
                succeeds(&place, &path, &line);
                compare(&place, case, out);
            }
        }
    }
}

/// Fails unless the result has all that the source has.
#[track_caller]
fn compare(place: &Place, case: &Case, out: &str) {
    let source = format!("in.{}", case.source);
    let [before, after] = [&source, out].map(|file| described(place, file));
    let what = format!("{source} to {out}");
    let streams = |of: &Value| of["streams"].as_array().expect("streams").clone();
    // A time code is a tag, too, and is written anew from it: its track has no packets of ours.
    let counted = |stream: &Value| stream["codec_tag_string"] != "tmcd";
    let (had, has) = (streams(&before), streams(&after));
    let rendered = rendered(&had);
    let mut moved: Option<f64> = None;
    for (at, (had, has)) in had.iter().zip(&has).enumerate().filter(|(_, (had, _))| counted(had)) {
        let what = format!("{what}, stream {at}");
        assert_eq!(had["codec_type"], has["codec_type"], "{what}");
        for tag in ["language", "title", "timecode"] {
            assert_eq!(tag_of(had, tag), tag_of(has, tag), "{what}: {tag}");
        }
        // MOV has no place for the first.
        let kept = ["comment", "attached_pic", "forced"];
        for name in &kept[usize::from(out.ends_with(".mov"))..] {
            assert_eq!(had["disposition"][name], has["disposition"][name], "{what}: {name}");
        }
        let (old, new) = if at == rendered {
            let shape = |of: &Value| match of["sample_aspect_ratio"].as_str() {
                None | Some("0:1") => "1:1".to_owned(),
                Some(shape) => shape.to_owned(),
            };
            assert_eq!(shape(had), shape(has), "{what}");
            for field in ["width", "height"].iter().chain(case.fields) {
                assert_eq!(had[field], has[field], "{what}: {field}");
            }
            let [old, new] = [&source, out].map(|file| pixels(place, file, at));
            assert!(!old.is_empty() && old == new, "{what}: pixels\n{old:?}\n{new:?}");
            let [old, new] = [&source, out].map(|file| side_data(place, file, at));
            assert_eq!(old, new, "{what}");
            let [old, new] = [&source, out].map(|file| shown(place, file, at));
            (old, new)
        } else {
            assert_eq!(had["codec_name"], has["codec_name"], "{what}");
            let [old, new] = [&source, out].map(|file| packets(place, file, at));
            let hashes = |of: &[(f64, String)]| of.iter().map(|p| p.1.clone()).collect::<Vec<_>>();
            assert_eq!(hashes(&old), hashes(&new), "{what}");
            // A cover has no time.
            let times = |of: Vec<(f64, String)>| {
                of.iter().map(|p| p.0).filter(|time| !time.is_nan()).collect::<Vec<_>>()
            };
            (times(old), times(new))
        };
        assert_eq!(old.len(), new.len(), "{what}");
        // To the coarser of both ticks; what is printed has six decimals.
        let tick = tick(had).max(tick(has)) + 2e-6;
        for (old, new) in old.iter().zip(&new) {
            let by = new - old;
            let start = *moved.get_or_insert(by);
            // Where all moves it moves by what the one track had to, and each is rounded once more.
            let allowed = if case.time == Time::Moves { 2.0 * tick } else { tick };
            assert!(
                (by - start).abs() <= allowed,
                "{what}: {old} became {new}, others moved {start}"
            );
        }
    }
    let start = moved.unwrap_or(0.0).abs();
    assert!(case.time == Time::Moves || start < 0.0011, "{what}: all moved by {start}");
    assert!(has.len() >= had.len(), "{what}: {} streams of {}", has.len(), had.len());
    let chapters = |of: &Value| {
        let all = of["chapters"].as_array().cloned().unwrap_or_default();
        let said = |c: &Value| (c["start_time"].clone(), c["end_time"].clone(), tag_of(c, "title"));
        all.iter().map(said).collect::<Vec<_>>()
    };
    assert_eq!(chapters(&before), chapters(&after), "{what}");
    assert_eq!(tag_of(&before["format"], "title"), tag_of(&after["format"], "title"), "{what}");
}

/// The stream that ffmpeg would take: most pixels, but the default one first, and no cover.
fn rendered(streams: &[Value]) -> usize {
    let score = |stream: &Value| {
        let flag = |name: &str| stream["disposition"][name].as_i64().unwrap_or(0);
        let pixels = stream["width"].as_i64()? * stream["height"].as_i64()?;
        (stream["codec_type"] == "video" && flag("attached_pic") == 0)
            .then(|| pixels + 5_000_000 * flag("default"))
    };
    let all = streams.iter().enumerate().filter_map(|(at, s)| Some((score(s)?, at)));
    all.rev().max_by_key(|(score, _)| *score).expect("a video stream").1
}

fn tag_of(of: &Value, name: &str) -> Option<String> {
    let tags = of["tags"].as_object()?;
    let found = tags.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
    // What MP4 says of a language that nobody said.
    found.1.as_str().filter(|value| *value != "und").map(str::to_owned)
}

/// Seconds of a tick.
fn tick(stream: &Value) -> f64 {
    let (over, under) = stream["time_base"].as_str().and_then(|t| t.split_once('/')).expect("a/b");
    over.parse::<f64>().expect("a number") / under.parse::<f64>().expect("a number")
}

/// Runs ffprobe on a file of the place.
#[track_caller]
fn ffprobe(place: &Place, words: &str) -> String {
    let mut command = Command::new("ffprobe");
    command.args(["-v", "error"]).args(words.split_ascii_whitespace());
    let out = command.current_dir(place.path(".")).stdin(Stdio::null()).output();
    Done::of(out.expect("ffprobe starts")).code(0).stdout
}

fn described(place: &Place, file: &str) -> Value {
    let words = format!("-of json -show_streams -show_chapters -show_format {file}");
    serde_json::from_str(&ffprobe(place, &words)).expect("JSON")
}

/// When each frame of a stream is shown, sorted.
fn shown(place: &Place, file: &str, stream: usize) -> Vec<f64> {
    let entries = "-show_entries frame=best_effort_timestamp_time -of json";
    let text = ffprobe(place, &format!("-select_streams {stream} {entries} {file}"));
    let time = |frame: &Value| seconds(&frame["best_effort_timestamp_time"]);
    let mut times: Vec<f64> = rows(&text, "frames").iter().map(time).collect();
    times.sort_by(f64::total_cmp);
    times
}

/// When each packet of a stream is shown, if it is at a time, and its hash.
fn packets(place: &Place, file: &str, stream: usize) -> Vec<(f64, String)> {
    let entries = "-show_entries packet=pts_time,data_hash -show_data_hash md5 -of json";
    let text = ffprobe(place, &format!("-select_streams {stream} {entries} {file}"));
    let time = |packet: &Value| packet.get("pts_time").map_or(f64::NAN, seconds);
    let packet = |packet: &Value| (time(packet), packet["data_hash"].to_string());
    rows(&text, "packets").iter().map(packet).collect()
}

fn rows(text: &str, name: &str) -> Vec<Value> {
    let said: Value = serde_json::from_str(text).expect("JSON");
    said[name].as_array().expect("a list").clone()
}

fn seconds(of: &Value) -> f64 {
    of.as_str().and_then(|text| text.parse().ok()).expect("a time")
}

/// The hash of each frame of a stream as it is stored.
fn pixels(place: &Place, file: &str, stream: usize) -> Vec<String> {
    let words =
        format!("-noautorotate -i {file} -map 0:{stream} -fps_mode passthrough -f framemd5 -");
    let text = ffmpeg(place, &words);
    let hash = |line: &str| line.rsplit(',').next().map(|hash| hash.trim().to_owned());
    text.lines().filter(|line| !line.starts_with('#')).filter_map(hash).collect()
}

/// What the first frame says of its picture: fields, screen and light.
fn side_data(place: &Place, file: &str, stream: usize) -> Value {
    let words = format!(
        "-select_streams {stream} -read_intervals %+#30 -show_frames -of json -show_entries \
         frame=interlaced_frame,top_field_first,side_data_list {file}"
    );
    let mut said: Value = serde_json::from_str(&ffprobe(place, &words)).expect("JSON");
    if let Some(all) = said["frames"][0]["side_data_list"].as_array_mut() {
        let name = |data: &Value| data["side_data_type"].as_str().unwrap_or_default().to_owned();
        all.retain(|data| ["Mastering", "Content"].iter().any(|kind| name(data).starts_with(kind)));
    }
    let frame = &said["frames"][0];
    let data = frame["side_data_list"].as_array().cloned().unwrap_or_default();
    serde_json::json!([frame["interlaced_frame"], frame["top_field_first"], data])
}

#[test]
fn an_encoder_is_told_the_rate() {
    let place = Place::new();
    // One frame of this size is more than ffmpeg looks at to guess a rate.
    ffmpeg(
        &place,
        "-f lavfi -i testsrc2=s=1920x1080:r=25:d=0.2 -c:v libx264 -pix_fmt yuv420p a.mp4",
    );
    ffmpeg(&place, "-f lavfi -i testsrc2=s=64x48:r=25:d=0.4 -c:v libx264 -pix_fmt yuv420p b.mp4");
    for path in paths(&place) {
        succeeds(&place, &path, "video a.mp4 -o o.mp4 -y --preset ultrafast");
        let streams = described(&place, "o.mp4")["streams"][0].clone();
        assert_eq!((&streams["level"], &streams["r_frame_rate"]), (&40.into(), &"25/1".into()));
        assert_eq!(streams["duration"], "0.200000", "the last frame lasts as long as the others");
        // MPEG-2 and MPEG-4 know few rates: the defaults of these containers.
        for out in ["o.ts", "o.avi", "o.mpg"] {
            succeeds(&place, &path, &format!("video b.mp4 -o {out} -y"));
            assert_eq!(described(&place, out)["streams"][0]["avg_frame_rate"], "25/1", "{out}");
            assert_eq!(pixels(&place, out, 0).len(), 10, "{out}");
        }
    }
}

#[test]
fn light_is_told_to_av1_and_where_it_is_not_that_is_said() {
    let place = Place::new();
    let hdr = CASES.iter().find(|case| case.source == "hdr.mp4").expect("a case");
    let big = "-f lavfi -i testsrc2=s=128x96:r=25:d=0.2";
    ffmpeg(&place, &hdr.made[0].replace("@P", big));
    for path in paths(&place) {
        let line = "video in.hdr.mp4 -o o.mkv -y --codec libsvtav1 --preset 12";
        let done = succeeds(&place, &path, line);
        assert!(!done.stderr.contains("not handed"), "{}", done.stderr);
        let light = side_data(&place, "o.mkv", 0)[2].clone();
        assert_eq!(light[1]["max_content"], 1000, "{light}");
        // 0.68 in 65536ths.
        assert_eq!(light[0]["red_x"], "44564/65536", "{light}");
        let line = "video in.hdr.mp4 -o o.mkv -y --codec ffv1";
        let done = succeeds(&place, &path, line);
        for part in ["Mastering display metadata of the clip is not", "Content light level"] {
            assert!(done.stderr.contains(part), "{}", done.stderr);
        }
        // A user's own word is the last.
        let line = "video in.hdr.mp4 -o o.mp4 -y --codec libx265 -- -x265-params max-cll=7,5";
        succeeds(&place, &path, line);
        assert_eq!(side_data(&place, "o.mp4", 0)[2][1]["max_content"], 7);
    }
}

#[test]
fn fields_are_named_where_a_chain_brings_them_together() {
    let place = Place::new();
    let case = CASES.iter().find(|case| case.source == "fields.mkv").expect("a case");
    ffmpeg(&place, &case.made[0].replace("@F", "-pix_fmt yuv420p"));
    let said = "filters both fields as one picture";
    for path in paths(&place) {
        for (chain, mixes) in [("eq=contrast=1.2,hflip", false), ("gblur=2", true), ("vflip", true)]
        {
            let line = format!("video in.fields.mkv -o o.mkv -y -f {chain}");
            let done = succeeds(&place, &path, &line);
            assert_eq!(done.stderr.contains(said), mixes, "{chain}: {}", done.stderr);
        }
        let done = run(&place, &path, "video in.fields.mkv -o o.mkv -y --codec libx265");
        assert!(done.stderr.contains("does not mark frames as interlaced"), "{}", done.stderr);
        // The way that the message names.
        for mode in ["threads", "processes"] {
            let words = ["video", "in.fields.mkv", "-o", "o.mkv", "-y", "-f", "gblur=2", "--mode"];
            let words = [&words[..], &[mode, "--verify", "--codec", "ffv1"]].concat();
            let words = [&words[..], &["--input-args", "-vf yadif"]].concat();
            let done =
                Done::of(place.command(&words).env("PATH", &path).output().expect("a start"));
            assert_eq!(done.code, 0, "{}{}", done.stdout, done.stderr);
            assert_eq!(side_data(&place, "o.mkv", 0)[0], 0, "progressive");
            ffmpeg(&place, "-i in.fields.mkv -vf yadif -c:v ffv1 -y want.mkv");
            place.line("video want.mkv -o want2.mkv -y -f gblur=2 --codec ffv1").code(0);
            assert_eq!(pixels(&place, "o.mkv", 0), pixels(&place, "want2.mkv", 0), "{mode}");
        }
    }
}

#[test]
fn frames_with_transparency_are_refused_with_a_way_that_works() {
    let place = Place::new();
    let made = "-f lavfi -i testsrc2=s=64x48:r=25:d=0.2 -vf format=yuva420p -c:v ffv1 a.mkv";
    ffmpeg(&place, made);
    for path in paths(&place) {
        let done = run(&place, &path, "video a.mkv -o o.mkv -y");
        assert_eq!(done.code, 2, "{}", done.stderr);
        let hint = "--pix-fmt rgba";
        assert!(done.stderr.contains(hint), "{}", done.stderr);
        succeeds(&place, &path, &format!("video a.mkv -o o.mkv -y --codec ffv1 {hint}"));
        assert_eq!(pixels(&place, "o.mkv", 0).len(), 5);
        let format = described(&place, "o.mkv")["streams"][0]["pix_fmt"].clone();
        assert_eq!(format, "bgra", "ffv1's order of it");
    }
}

#[test]
fn telemetry_is_kept_where_the_container_has_it() {
    let place = Place::new();
    place.file("a.srt", b"1\n00:00:00,040 --> 00:00:00,120\nhello\n");
    ffmpeg(
        &place,
        &format!(
            "{PICTURE} -i a.srt -map 0 -map 1 -c:v libx264 -qp 0 -pix_fmt yuv420p -c:s mov_text a.mp4"
        ),
    );
    // A camera's track: the handler and the codec's name alone make the difference.
    let mut bytes = fs::read(place.path("a.mp4")).expect("a clip");
    for (from, to) in [(b"sbtl", b"meta"), (b"tx3g", b"gpmd")] {
        let found = bytes.windows(4).position(|word| word == from).expect("a track of text");
        bytes[found..found + 4].copy_from_slice(to);
    }
    place.file("in.mp4", &bytes);
    for path in paths(&place) {
        for out in ["o.mp4", "o.mov"] {
            let done = succeeds(&place, &path, &format!("video in.mp4 -o {out} -y {H264}"));
            assert!(!done.stderr.contains("left out"), "{}", done.stderr);
            let stream = described(&place, out)["streams"][1].clone();
            assert_eq!(stream["codec_tag_string"], "gpmd", "{out}");
            assert_eq!(packets(&place, out, 1), packets(&place, "in.mp4", 1), "{out}");
        }
        let done = succeeds(&place, &path, &format!("video in.mp4 -o o.mkv -y {H264}"));
        assert!(
            done.stderr.contains("stream 1") && done.stderr.contains("left out"),
            "{}",
            done.stderr
        );
    }
}
