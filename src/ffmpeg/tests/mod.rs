//! Whole clips through real ffmpegs and through scripts that pretend to be one. They need ffmpeg
//! on the PATH; `LUMALOOM_FFMPEG` names another one to go through as well.

mod converted;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::*;
use crate::codec::y4m::Interlacing;
use crate::error::{Error, Kind, shown};
use crate::frame::BufferPool;
use crate::link::Cancel;

/// The ffmpegs to go through: the system's, and another if it is named.
fn programs() -> Vec<Programs> {
    let system = Programs::find(None, &Ledger::default())
        .expect("these tests need ffmpeg: apt-get install ffmpeg");
    let named = std::env::var_os("LUMALOOM_FFMPEG").map(PathBuf::from);
    let other =
        named.map(|path| Programs::find(Some(&path), &Ledger::default()).expect("LUMALOOM_FFMPEG"));
    std::iter::once(system).chain(other).collect()
}

/// Runs the system's ffmpeg and gives its stdout.
#[track_caller]
fn ffmpeg(words: &str, paths: &[&Path]) -> String {
    let mut paths = paths.iter();
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-nostdin", "-y"]);
    for word in words.split_ascii_whitespace() {
        match word {
            "@" => command.arg(paths.next().expect("a path for each @")),
            word => command.arg(word),
        };
    }
    let out = command.output().expect("ffmpeg starts");
    assert!(out.status.success(), "{words}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).expect("framemd5 is text")
}

/// Each frame of a video stream: when in microseconds of the file's clock, and its hash.
#[track_caller]
fn frames(path: &Path, stream: usize) -> Vec<(i64, String)> {
    let words = format!(
        "-copyts -i @ -map 0:{stream} -fps_mode passthrough -enc_time_base 1/1000000 -f framemd5 -"
    );
    let text = ffmpeg(&words, &[path]);
    let base = text.lines().find_map(|l| l.strip_prefix("#tb 0: ")).expect("a time base");
    let base = TimeBase::parse(base).unwrap();
    let row = |line: &str| {
        let cells: Vec<&str> = line.split(',').map(str::trim).collect();
        (base.micros(cells[2].parse().unwrap()).0, cells[5].to_owned())
    };
    text.lines().filter(|l| !l.starts_with('#')).map(row).collect()
}

/// The hash of each packet of a stream.
fn packets(path: &Path, stream: usize) -> String {
    ffmpeg(&format!("-copyts -i @ -map 0:{stream} -c copy -f framemd5 -"), &[path])
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| format!("{}\n", line.rsplit(',').next().unwrap_or_default()))
        .collect()
}

fn probed(programs: &Programs, path: &Path) -> Result<Clip, Error> {
    Clip::probe(programs, path, &Cancel::default())
}

/// All frames of a clip's first stream, with patience.
fn whole<'a>(programs: &'a Programs, clip: &'a Clip, pixels: &'a Pixels) -> Decode<'a> {
    Decode {
        programs,
        clip,
        stream: 0,
        pixels,
        window: Window::default(),
        rate: None,
        threads: None,
        extra: vec![],
        filters: None,
        patience: Patience::default(),
    }
}

/// Everything that a pass through decoder and encoder takes.
struct Pass {
    window: Window,
    wishes: Wishes,
    codec: Codec,
    /// Whether the encoder is tried first.
    tried: bool,
}

impl Pass {
    fn lossless() -> Self {
        let codec = Codec { name: Some("ffv1".into()), ..Codec::default() };
        Self { window: Window::default(), wishes: Wishes::default(), codec, tried: false }
    }

    /// Decodes and encodes without change; the ticks that were handed on.
    fn through(&self, programs: &Programs, source: &Path, out: &Path) -> Result<Vec<i64>, Error> {
        let (pool, cancel) = (BufferPool::new(4), Cancel::default());
        let clip = probed(programs, source)?;
        let (stream, video) = clip.main_video()?;
        let pixels = Pixels::of(video, &self.wishes)?;
        let job = whole(programs, &clip, &pixels);
        let mut decoder =
            Decoder::start(Decode { stream: stream.index, window: self.window, ..job })?;
        let mut next = decoder.next(&pool, &cancel)?;
        let first = next.as_ref().expect("a frame").ticks;
        let copies = Copies::new(&clip, stream.index, Without::default(), self.window.until)?;
        let trimmed = self.window != Window::default();
        let job = Encode {
            programs,
            copies: Some(&copies),
            format: pixels.format(),
            layout: *pixels.layout(),
            takes: None,
            aspect: video.aspect,
            display: video.display,
            time_base: decoder.time_base().expect("known with the first frame"),
            rate: None,
            clock: None,
            first,
            last: None,
            origin: if trimmed { Origin::First } else { Origin::Clip },
            color: pixels.color().clone(),
            interlacing: Interlacing::Progressive,
            codec: self.codec.clone(),
            after: None,
            extra: vec![],
            patience: Patience::default(),
        };
        let trial = if self.tried { job.trial(out, &cancel)? } else { None };
        let job = Encode { takes: trial.map(|trial| trial.takes), ..job };
        let mut encoder = Encoder::start(&job, out, &cancel)?;
        let mut ticks = Vec::new();
        while let Some(timed) = next {
            encoder.write(&timed.frame, timed.ticks, &cancel)?;
            ticks.push(timed.ticks);
            timed.frame.recycle(&pool);
            next = decoder.next(&pool, &cancel)?;
        }
        assert_eq!(encoder.finish(&cancel)?, ticks.len() as u64);
        written(out)?;
        clip.unchanged()?;
        Ok(ticks)
    }
}

#[test]
fn frames_and_times_come_out_as_they_went_in() {
    let room = TempDir::new().unwrap();
    // Pixel format, size, and what happens to time or tags.
    let kinds = [
        ("yuv420p", "35x21", "null"),
        ("yuv422p", "35x21", "setpts=PTS*1.5"),
        ("yuv444p", "34x20", "null"),
        ("yuv440p", "34x21", "null"),
        ("yuv411p", "35x21", "null"),
        ("yuv410p", "35x21", "null"),
        ("yuv420p10le", "35x21", "select=mod(n\\,3)"),
        ("yuv422p10le", "35x21", "setpts=PTS+3/TB"),
        ("yuv444p10le", "35x21", "setparams=range=pc:colorspace=bt709"),
        ("gray", "35x21", "null"),
        ("gray16le", "35x21", "null"),
        ("gray10le", "35x21", "null"),
        ("ya8", "35x21", "null"),
        ("bgr0", "35x21", "null"),
        ("bgra", "35x21", "null"),
        ("gbrp10le", "35x21", "null"),
        ("gbrp16le", "35x21", "null"),
        ("rgb48le", "35x21", "null"),
        ("rgba64le", "35x21", "null"),
    ];
    for (format, size, time) in kinds {
        let source = room.path().join(format!("{format}.mkv"));
        let words = format!(
            "-f lavfi -i testsrc2=size={size}:rate=30000/1001:duration=0.5 -vf {time},noise=alls=40:allf=t \
             -fps_mode passthrough -pix_fmt {format} -c:v ffv1 @"
        );
        ffmpeg(&words, &[&source]);
        for programs in programs() {
            let out = room.path().join(format!("{format}.part.mkv"));
            let through = Pass::lossless().through(&programs, &source, &out);
            let version = programs.version();
            assert!(through.is_ok(), "{format} with {version}: {through:?}");
            assert_eq!(frames(&source, 0), frames(&out, 0), "{format} with {version}");
            let clip = |path: &Path| probed(&programs, path).unwrap();
            let (before, after) = (clip(&source), clip(&out));
            let (before, after) = (before.main_video().unwrap().1, after.main_video().unwrap().1);
            assert_eq!(before.pix_fmt, after.pix_fmt);
            let mut color = after.color.clone();
            // 9.0 says "limited" of what says nothing, whatever its options; 5.1 does not.
            if before.color.range.is_none() && color.range.as_deref() == Some("tv") {
                color.range = None;
            }
            assert_eq!(before.color, color, "{format} with {version}");
        }
    }
}

/// A clip with sound before its picture, subtitles, a font, chapters, titles and colour tags.
fn rich(room: &Path) -> PathBuf {
    let (about, text, font) = (room.join("about.txt"), room.join("a.srt"), room.join("a.ttf"));
    let chapters = "[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=400\ntitle=one\n\
                    [CHAPTER]\nTIMEBASE=1/1000\nSTART=400\nEND=1000\ntitle=two\n";
    fs::write(&about, format!(";FFMETADATA1\ntitle=a clip\n{chapters}")).unwrap();
    fs::write(&text, "1\n00:00:00,100 --> 00:00:00,700\nhello\n").unwrap();
    fs::write(&font, "no real font").unwrap();
    let out = room.join("rich.mkv");
    ffmpeg(
        "-f lavfi -i sine=d=1 -f lavfi -i testsrc2=s=48x32:r=25:d=1 -i @ -i @ -map 0 -map 1 -map 2 \
         -attach @ -map_metadata 3 -map_chapters 3 -metadata:s:t mimetype=font/ttf \
         -metadata:s:0 language=deu -metadata:s:1 title=picture -disposition:0 default+dub \
         -disposition:1 0 -disposition:2 forced -c:a flac -c:v ffv1 -c:s srt \
         -vf format=yuv420p10le,setparams=range=tv:colorspace=bt2020nc:color_primaries=bt2020:color_trc=smpte2084 @",
        &[&text, &about, &font, &out],
    );
    out
}

#[test]
fn everything_but_the_pixels_is_copied() {
    let room = TempDir::new().unwrap();
    let source = rich(room.path());
    for programs in programs() {
        let out = room.path().join("out.part.mkv");
        Pass::lossless().through(&programs, &source, &out).unwrap();
        let version = programs.version();
        let (before, after) =
            (probed(&programs, &source).unwrap(), probed(&programs, &out).unwrap());
        assert_eq!(before.chapters(), after.chapters(), "{version}");
        assert_eq!(before.chapters().len(), 2);
        assert_eq!(before.tags().get("title"), after.tags().get("title"));
        assert!(after.tags().contains_key("title"), "{:?}", after.tags());
        assert_eq!(before.streams().len(), after.streams().len());
        for (a, b) in before.streams().iter().zip(after.streams()) {
            let at = a.index;
            assert_eq!(a.codec, b.codec, "{version}, stream {at}");
            assert_eq!(a.dispositions, b.dispositions, "{version}, stream {at}");
            for tag in ["language", "title", "filename", "mimetype"] {
                assert_eq!(a.tags.get(tag), b.tags.get(tag), "{version}, stream {at}, {tag}");
            }
            if matches!(a.kind, StreamKind::Audio | StreamKind::Subtitle) {
                assert_eq!(packets(&source, at), packets(&out, at), "{version}, stream {at}");
            }
        }
        let video = |clip: &Clip| clip.main_video().unwrap().1.clone();
        assert_eq!(video(&before).color, video(&after).color);
        assert_eq!(video(&before).aspect, video(&after).aspect);
        assert_eq!(frames(&source, 1), frames(&out, 1), "{version}");
    }
}

/// What a comparison with `out` finds that is not the same, a word of each row and its verdict.
fn differing(source: &Path, window: Window, out: &Path, frames: u64) -> Vec<(String, Verdict)> {
    let programs = &programs()[0];
    let clip = probed(programs, source).unwrap();
    let (stream, video) = clip.main_video().unwrap();
    let copies = Copies::new(&clip, stream.index, Without::default(), window.until).unwrap();
    let verify = Verify {
        programs,
        copies: &copies,
        out,
        frames,
        window,
        taken: Taken::AsTheyAre,
        words: &[],
        alpha: false,
        color: &video.color,
        aspect: video.aspect,
        display: video.display,
    };
    let rows = verify.run(&Cancel::default()).unwrap();
    let rows = rows.into_iter().filter(|row| row.verdict != Verdict::Same);
    rows.map(|row| (row.what, row.verdict)).collect()
}

#[test]
fn each_loss_is_found() {
    let room = TempDir::new().unwrap();
    let source = rich(room.path());
    let out = room.path().join("out.mkv");
    // What a render did wrong, and the rows that tell. Stream 0 is sound, 1 the picture.
    let wrongs: [(&str, &[&str]); 11] = [
        ("-c copy", &[]),
        ("-c copy -map_chapters -1", &["chapters"]),
        ("-c copy -metadata title=other", &["file metadata"]),
        ("-c copy -metadata:s:0 language=", &["stream 0 metadata"]),
        ("-c copy -disposition:2 0", &["stream 2 dispositions"]),
        ("-c copy -map -0:3", &["stream 3"]),
        ("-c copy -c:0 flac -af volume=0.5", &["stream 0 packets"]),
        ("-c copy -bsf:2 setts=ts=TS+50", &["stream 2 times"]),
        // Each stream by itself and not all together: that the picture moved is not lost, that
        // the others did not move with it is.
        ("-c copy -bsf:1 setts=ts=TS+50", &["stream 0 times", "stream 1 times", "stream 2 times"]),
        ("-c copy -frames:v 24", &["stream 1 frames", "stream 1 times"]),
        (
            "-c copy -c:1 ffv1 -vf setsar=4/3,setparams=color_trc=bt709",
            &["stream 1 pixel aspect", "stream 1 transfer"],
        ),
    ];
    for (wrong, rows) in wrongs {
        ffmpeg(&format!("-copyts -i @ -map 0 {wrong} @"), &[&source, &out]);
        let found = differing(&source, Window::default(), &out, 25);
        let found: Vec<&str> = found.iter().map(|(what, _)| what.as_str()).collect();
        assert_eq!(found, rows, "{wrong}");
    }
}

#[test]
fn packets_in_another_containers_form_are_no_loss() {
    let room = TempDir::new().unwrap();
    let (source, out) = (room.path().join("a.ts"), room.path().join("a.mp4"));
    ffmpeg(
        "-f lavfi -i testsrc2=s=48x32:r=25:d=1 -f lavfi -i sine=d=1 -c:a aac -c:v libx264 -bf 0 \
         -pix_fmt yuv420p @",
        &[&source],
    );
    ffmpeg("-copyts -i @ -map 0 -c copy @", &[&source, &out]);
    let found = differing(&source, Window::default(), &out, 25);
    assert!(found.contains(&("stream 1 packets".into(), Verdict::Changed)), "{found:?}");
    assert!(found.iter().all(|(_, verdict)| *verdict == Verdict::Changed), "{found:?}");
}

#[test]
fn packets_that_a_cut_should_have_left_are_missed() {
    let room = TempDir::new().unwrap();
    let source = room.path().join("a.mkv");
    ffmpeg(
        "-f lavfi -i testsrc2=s=48x32:r=25:d=3 -f lavfi -i sine=d=3 -c:a aac -c:v ffv1 @",
        &[&source],
    );
    let window = Window { from: Some(Micros(1_000_000)), until: Some(Micros(2_000_000)) };
    let (cut, out) = (room.path().join("cut.mkv"), room.path().join("out.mkv"));
    Pass { window, ..Pass::lossless() }.through(&programs()[0], &source, &cut).unwrap();
    let all_but_one = format!("-frames:a {}", packets(&cut, 1).lines().count() - 1);
    let lost = Some("stream 1 packets");
    for (wrong, lost) in [("", None), (&all_but_one, lost), ("-frames:a 20", lost)] {
        ffmpeg(&format!("-copyts -i @ -map 0 -c copy {wrong} @"), &[&cut, &out]);
        let found = differing(&source, window, &out, 25);
        let found = found.iter().find(|(_, verdict)| *verdict == Verdict::Lost);
        assert_eq!(found.map(|(what, _)| what.as_str()), lost, "{wrong}");
    }
}

#[test]
fn a_window_is_cut_to_the_frame_and_starts_at_zero() {
    let room = TempDir::new().unwrap();
    for container in ["mp4", "mkv", "ts"] {
        let source = room.path().join(format!("long.{container}"));
        // B frames and open groups of pictures: what follows a seek may be broken.
        ffmpeg(
            "-f lavfi -i testsrc2=s=48x32:r=25:d=3 -f lavfi -i sine=d=3 -c:a aac -c:v libx264 -g 20 -bf 3 \
             -x264-params open-gop=1 -pix_fmt yuv420p @",
            &[&source],
        );
        let all = frames(&source, 0);
        for programs in programs() {
            let version = programs.version();
            let clip = probed(&programs, &source).unwrap();
            let start = clip.start().0;
            for (from, until) in [(1_010_000, 2_000_000), (40_000, 80_000), (0, 3_000_000)] {
                let window = Window { from: Some(Micros(from)), until: Some(Micros(until)) };
                let out = room.path().join("cut.part.mkv");
                let pass = Pass { window, ..Pass::lossless() };
                pass.through(&programs, &source, &out).unwrap();
                let inside = |t: i64| (start + from..start + until).contains(&t);
                let expected: Vec<_> = all.iter().filter(|(t, _)| inside(*t)).collect();
                let got = frames(&out, 0);
                let hashes = |rows: &[&(i64, String)]| -> Vec<String> {
                    rows.iter().map(|(_, hash)| hash.clone()).collect()
                };
                let what = format!("{container} {from}..{until} with {version}");
                assert_eq!(hashes(&expected), hashes(&got.iter().collect::<Vec<_>>()), "{what}");
                assert_eq!(got[0].0, 0, "{what}");
            }
        }
    }
}

#[test]
fn a_window_without_a_frame_is_said() {
    let room = TempDir::new().unwrap();
    let source = small(room.path());
    let window = Window { from: Some(Micros(9_000_000)), until: None };
    let pass = Pass { window, ..Pass::lossless() };
    let error = pass.through(&programs()[0], &source, &room.path().join("o.mkv")).unwrap_err();
    assert!(error.to_string().contains("--ss"), "{error}");
}

#[test]
fn lists_and_scripts_in_disguise_are_refused_unopened() {
    let room = TempDir::new().unwrap();
    let secret = small(room.path());
    let secret = shown(&secret);
    let programs = programs();
    for (name, text) in [
        ("a.mp4", format!("ffconcat version 1.0\nfile '{secret}'\n")),
        (
            "b.mp4",
            format!(
                "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile://{secret}\n#EXT-X-ENDLIST\n"
            ),
        ),
        ("c.mp4", "no clip at all".to_owned()),
    ] {
        let path = room.path().join(name);
        fs::write(&path, text).unwrap();
        for programs in &programs {
            let error = probed(programs, &path).unwrap_err();
            assert_eq!(error.kind(), Kind::Input, "{name}: {error}");
            let text = error.to_string();
            let disguised = name != "c.mp4";
            assert!(text.contains(name), "{text}");
            assert_eq!(text.contains("names other files"), disguised, "{text}");
        }
    }
    let error = probed(&programs[0], room.path()).unwrap_err();
    assert!(error.to_string().contains("not a regular file"), "{error}");
}

#[test]
fn a_clip_that_changes_is_noticed() {
    let room = TempDir::new().unwrap();
    let source = small(room.path());
    let clip = probed(&programs()[0], &source).unwrap();
    clip.unchanged().unwrap();
    fs::OpenOptions::new().append(true).open(&source).unwrap().set_len(10).unwrap();
    assert!(clip.unchanged().unwrap_err().to_string().contains("was changed"));
}

#[test]
fn encoders_are_checked_before_the_first_frame() {
    for programs in programs() {
        programs.require_encoder("ffv1").unwrap();
        let error = programs.require_encoder("x264").unwrap_err().to_string();
        assert!(error.contains("libx264") && error.contains("--codec"), "{error}");
        assert!(programs.require_encoder("aac").is_err(), "an encoder of sound");
    }
}

#[test]
fn a_missing_or_old_ffmpeg_says_what_to_install() {
    let room = TempDir::new().unwrap();
    let missing =
        Programs::find(Some(&room.path().join("ffmpeg")), &Ledger::default()).unwrap_err();
    assert_eq!(missing.kind(), Kind::Usage);
    assert!(missing.to_string().contains("apt-get install ffmpeg"), "{missing}");
    for (answer, part) in [
        (
            "(echo 'ffmpeg version 4.4.2 Copyright'; echo '  libavutil 56. 70.100') >&2",
            "4.4.2, too old",
        ),
        ("echo hello >&2", "is not ffmpeg: it says \"hello\""),
        ("echo sorry >&2; exit 3", "sorry"),
    ] {
        let path = script(room.path(), "old", answer);
        let error = Programs::find(Some(&path), &Ledger::default()).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
}

/// Five frames of 16x16 in 4:2:0, so 384 bytes each.
fn small(room: &Path) -> PathBuf {
    let path = room.join("small.mkv");
    ffmpeg("-f lavfi -i testsrc2=s=16x16:r=25:d=0.2 -pix_fmt yuv420p -c:v ffv1 @", &[&path]);
    path
}

/// A script to start. Another process writes it: a descriptor of ours that is open for writing
/// could be inherited by a child of another test, and the script would be busy.
fn script(room: &Path, name: &str, body: &str) -> PathBuf {
    let (text, path) = (room.join(format!("{name}.txt")), room.join(name));
    fs::write(&text, format!("#!/bin/sh\n{body}\n")).unwrap();
    let done = Command::new("install").args(["-m", "755"]).args([&text, &path]).status();
    assert!(done.expect("install starts").success());
    path
}

/// A program that says who it is as ffmpeg does and else runs `body`.
fn stub(room: &Path, body: &str, ledger: &Ledger) -> Programs {
    let answer = "case \" $* \" in *' -encoders '*) (echo 'ffmpeg: libz.so: no version information \
                  available'; echo 'ffmpeg version 9.9 Copyright'; \
                  echo '  libavutil      99. 1.100 / 99. 1.100') >&2; exit 0;; esac";
    let script = script(room, "stub", &format!("{answer}\n{body}"));
    Programs::find(Some(&script), ledger).unwrap()
}

/// Enough for a script to start, too little to wait for.
const SHORT: Patience =
    Patience { idle: Duration::from_millis(700), busy: Duration::from_secs(20) };

/// What a decoder made of `body` gives: its frames' times, or the error.
fn decoded(body: &str, cancel: &Cancel) -> Result<Vec<i64>, Error> {
    decoded_in(body, cancel, &Ledger::default())
}

/// The same, with what it cost entered.
fn decoded_in(body: &str, cancel: &Cancel, ledger: &Ledger) -> Result<Vec<i64>, Error> {
    let room = TempDir::new().unwrap();
    let source = small(room.path());
    let clip = probed(&programs()[0], &source).unwrap();
    let pixels = Pixels::of(clip.main_video().unwrap().1, &Wishes::default()).unwrap();
    let programs = stub(room.path(), body, ledger);
    ledger.take();
    let pool = BufferPool::new(4);
    let mut decoder =
        Decoder::start(Decode { patience: SHORT, ..whole(&programs, &clip, &pixels) })?;
    let mut times = Vec::new();
    while let Some(timed) = decoder.next(&pool, cancel)? {
        times.push(timed.ticks);
    }
    Ok(times)
}

/// What an encoder made of `body` says to many frames.
fn encoded(body: &str) -> Result<u64, Error> {
    let (room, cancel) = (TempDir::new().unwrap(), Cancel::default());
    let source = small(room.path());
    let clip = probed(&programs()[0], &source).unwrap();
    let (_, video) = clip.main_video().unwrap();
    let pixels = Pixels::of(video, &Wishes::default()).unwrap();
    let programs = stub(room.path(), body, &Ledger::default());
    let copies = Copies::new(&clip, 0, Without::default(), None).unwrap();
    let job = Encode {
        programs: &programs,
        copies: Some(&copies),
        format: pixels.format(),
        layout: *pixels.layout(),
        takes: None,
        aspect: None,
        display: None,
        time_base: TimeBase::new(1, 25).unwrap(),
        rate: None,
        clock: None,
        first: 0,
        last: None,
        origin: Origin::Clip,
        color: ColorTags::default(),
        interlacing: Interlacing::Progressive,
        codec: Codec::default(),
        after: None,
        extra: vec![],
        patience: SHORT,
    };
    let mut encoder = Encoder::start(&job, &room.path().join("o.mkv"), &cancel)?;
    let frame = crate::frame::Frame::zeroed(*pixels.layout());
    for ticks in 0..10_000 {
        encoder.write(&frame, ticks, &cancel)?;
    }
    encoder.finish(&cancel)
}

/// Floods stderr with 2 MB of what is no record.
const FLOOD: &str = "head -c 2000000 /dev/zero | tr '\\0' 'x' >&2; echo >&2";
/// Says a configuration, then gives frame `$1` and says its time.
const FRAMES: &str = "echo '[info] config in time_base: 1/25, frame_rate: 25/1' >&2\n\
    frame() { head -c 384 /dev/zero; say $1; }\n\
    say() { echo \"[info] n: $1 pts: $1 pts_time:0 s:16x16 i:P iskey:1 type:I\" >&2; }";

#[track_caller]
fn refused(result: Result<impl std::fmt::Debug, Error>, part: &str) {
    let text = result.unwrap_err().to_string();
    assert!(text.contains(part), "{text}");
}

#[test]
fn frames_of_one_time_are_shown_a_tick_apart() {
    let says = |n: u8, pts: u8| {
        format!("head -c 384 /dev/zero; echo 'n: {n} pts: {pts} s:16x16 i:P iskey:1' >&2")
    };
    let times = [7, 8, 8, 8, 12].into_iter().zip(0..).map(|(pts, n)| says(n, pts));
    let body = format!("{FRAMES}\n{}", times.collect::<Vec<_>>().join("\n"));
    assert_eq!(decoded(&body, &Cancel::default()), Ok(vec![7, 8, 9, 10, 12]));
}

#[test]
fn frames_that_go_back_in_time_are_shown_a_tick_apart_and_counted() {
    let says = |n: u8, pts: u8| {
        format!("head -c 384 /dev/zero; echo 'n: {n} pts: {pts} s:16x16 i:P iskey:1' >&2")
    };
    let times = [7, 9, 5, 6, 10, 13].into_iter().zip(0..).map(|(pts, n)| says(n, pts));
    let body = format!("{FRAMES}\n{}", times.collect::<Vec<_>>().join("\n"));
    let ledger = Ledger::default();
    let times = decoded_in(&body, &Cancel::default(), &ledger);
    assert_eq!(times, Ok(vec![7, 9, 10, 11, 12, 13]));
    let [decoder] = <[_; 1]>::try_from(ledger.take()).expect("one decoder");
    assert_eq!(decoder.errors, 1, "one of these is before the one in front of it");
    assert!(decoder.first_errors[0].contains("frame 2 goes back in time"), "{decoder:?}");
}

#[test]
fn times_that_program_streams_do_not_say_are_found() {
    let room = TempDir::new().unwrap();
    let (source, out) = (room.path().join("a.mkv"), room.path().join("a.mpg"));
    // Several frames fit into one of its packets, of which the first alone has a time.
    ffmpeg("-f lavfi -i color=s=48x32:r=25:d=2 -c:v mpeg2video -bf 2 @", &[&source]);
    ffmpeg("-i @ -c copy @", &[&source, &out]);
    let text = ffmpeg("-copyts -i @ -map 0 -c copy -f framemd5 -", &[&out]);
    assert!(text.contains("-9223372036854775808"), "{text}");
    let found = differing(&source, Window::default(), &out, 50);
    assert!(found.iter().all(|(_, verdict)| *verdict != Verdict::Lost), "{found:?}");
}

#[test]
fn a_decoder_may_flood_its_log() {
    let cancel = Cancel::default();
    let body = format!("{FLOOD}\n{FRAMES}\nframe 0; {FLOOD}\nframe 1; {FLOOD}");
    assert_eq!(decoded(&body, &cancel), Ok(vec![0, 1]));
    // Times without frames fill the channel, and are drained all the same.
    let body = format!("{FRAMES}\nyes 'n: 0 pts: 0 s:16x16 i:P iskey:1' | head -n 50000 >&2");
    refused(decoded(&body, &cancel), "it gave 0 frames and said 1");
}

#[test]
fn a_decoder_that_gives_too_little_is_an_error_whatever_its_code() {
    let cancel = Cancel::default();
    let after = |body: &str| decoded(&format!("{FRAMES}\n{body}"), &cancel);
    assert_eq!(after("frame 0; frame 1"), Ok(vec![0, 1]));
    refused(after("exit 0"), "it gave no frame");
    refused(after("frame 0; head -c 100 /dev/zero; exit 0"), "frame 1 has 100 bytes of 384");
    refused(after("frame 0; echo '[error] no more' >&2; exit 7"), "exit code 7: no more");
    refused(after("head -c 384 /dev/zero; exit 0"), "the time of frame 0 was not said");
    refused(after("frame 0; frame 2"), "the time of frame 2 was said where 1 was due");
    refused(after("frame 0; say 1"), "it gave 1 frames and said 2");
    let resized = "frame 0; head -c 384 /dev/zero; echo 'n: 1 pts: 1 s:8x8 i:P iskey:1' >&2";
    refused(after(resized), "changes its size from 16x16 to 8x8 at frame 1");
    let timeless = "head -c 384 /dev/zero; echo 'n: 0 pts: NOPTS s:16x16 i:P iskey:1' >&2";
    refused(after(timeless), "frame 0 has no timestamp");
}

#[test]
fn a_decoder_that_hangs_is_killed() {
    let cancel = Cancel::default();
    let begun = Instant::now();
    refused(decoded("exec sleep 60", &cancel), "moved no byte");
    refused(decoded("exec 1>&-; exec sleep 60", &cancel), "moved no byte");
    assert!(begun.elapsed() < Duration::from_secs(30));
    let stopped = Cancel::default();
    stopped.raise(crate::link::Level::Now, crate::link::Reason::User);
    let error = decoded("exec sleep 60", &stopped).unwrap_err();
    assert_eq!(error.kind(), Kind::Interrupted);
}

#[test]
fn an_encoder_that_goes_away_or_hangs_is_an_error() {
    assert_eq!(encoded(&format!("{FLOOD}\ncat >/dev/null; {FLOOD}")), Ok(10_000));
    refused(encoded("echo '[error] no such thing' >&2; exit 1"), "exit code 1: no such thing");
    refused(encoded("head -c 1000 >/dev/null; exit 0"), "an option after --");
    refused(
        encoded("echo '[error] full' >&2; exit 0"),
        "it ended before the last frame, exit code 0: full",
    );
    refused(encoded("exec 0<&-; exec sleep 60"), "it ended before the last frame");
    refused(encoded("exec sleep 60"), "moved no byte");
    refused(encoded("cat >/dev/null; exec sleep 60"), "moved no byte");
    refused(encoded("cat >/dev/null; exit 3"), "exit code 3");
}

#[test]
fn a_dropped_decoder_takes_its_children_along() {
    let room = TempDir::new().unwrap();
    let note = room.path().join("pid");
    let body = format!("sleep 60 & echo $! > '{}'\n{FRAMES}\nframe 0; wait", shown(&note));
    let cancel = Cancel::default();
    refused(decoded(&body, &cancel), "moved no byte");
    let pid = fs::read_to_string(&note).unwrap();
    // It was killed, which takes its time on a busy machine; it would sleep for a minute.
    let soon = Instant::now() + Duration::from_secs(20);
    loop {
        let stat = fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
        let state = stat.rsplit_once(") ").map_or("", |(_, rest)| &rest[..1]);
        if matches!(state, "" | "Z" | "X") {
            break;
        }
        assert!(Instant::now() < soon, "{stat}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn what_each_one_cost_is_entered_however_it_ended() {
    let room = TempDir::new().unwrap();
    let source = small(room.path());
    let ledger = Ledger::default();
    let programs = Programs::find(None, &ledger).unwrap();
    let queries = ledger.take();
    assert!(queries.iter().all(|helper| helper.name == "query"), "{queries:?}");
    assert_eq!(queries.len(), 1, "ffmpeg was asked who it is, and ffprobe was not");
    Pass::lossless().through(&programs, &source, &room.path().join("out.mkv")).unwrap();
    let helpers = ledger.take();
    let names: Vec<&str> = helpers.iter().map(|helper| helper.name.as_str()).collect();
    assert_eq!(names, ["probe", "decoder", "encoder"]);
    for helper in &helpers {
        assert!((0.01..30.0).contains(&helper.cpu_seconds), "{helper:?}");
        // The probe may be over before a second look at it; the others are looked at as frames pass.
        let least = if helper.name == "probe" { 0 } else { 4 << 20 };
        assert!(helper.peak_rss_bytes > least, "{helper:?}");
    }
    // Computes until it is killed.
    let body = "while :; do :; done";
    let (clip, pool) = (probed(&programs, &source).unwrap(), BufferPool::new(1));
    let pixels = Pixels::of(clip.main_video().unwrap().1, &Wishes::default()).unwrap();
    let programs = stub(room.path(), body, &ledger);
    ledger.take();
    let patience = Patience { busy: Duration::from_millis(300), ..Patience::default() };
    let mut decoder =
        Decoder::start(Decode { patience, ..whole(&programs, &clip, &pixels) }).unwrap();
    decoder.next(&pool, &Cancel::default()).unwrap_err();
    drop(decoder);
    let [killed] = <[_; 1]>::try_from(ledger.take()).expect("entered once");
    assert!(killed.cpu_seconds > 0.01 && killed.name == "decoder", "{killed:?}");
}
