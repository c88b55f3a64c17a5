//! Whole clips through real ffmpegs and through scripts that pretend to be one. They need ffmpeg
//! on the PATH; `LUMALOOM_FFMPEG` names another one to go through as well.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::*;
use crate::error::Kind;
use crate::frame::BufferPool;
use crate::link::Cancel;

/// The ffmpegs to go through: the system's, and another if it is named.
fn programs() -> Vec<Programs> {
    let system = Programs::find(None).expect("these tests need ffmpeg: apt-get install ffmpeg");
    let named = std::env::var_os("LUMALOOM_FFMPEG").map(PathBuf::from);
    let other = named.map(|path| Programs::find(Some(&path)).expect("LUMALOOM_FFMPEG"));
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
    let words = format!("-copyts -i @ -map 0:{stream} -fps_mode passthrough -f framemd5 -");
    let text = ffmpeg(&words, &[path]);
    let base = text.lines().find_map(|l| l.strip_prefix("#tb 0: ")).expect("a time base");
    let base = TimeBase::parse(base).unwrap();
    let row = |line: &str| {
        let cells: Vec<&str> = line.split(',').map(str::trim).collect();
        (base.micros(cells[2].parse().unwrap()).0, cells[5].to_owned())
    };
    text.lines().filter(|l| !l.starts_with('#')).map(row).collect()
}

/// What ffprobe says of each packet of the other streams.
fn packets(path: &Path, stream: usize) -> String {
    ffmpeg(&format!("-copyts -i @ -map 0:{stream} -c copy -f framemd5 -"), &[path])
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| format!("{}\n", line.rsplit(',').next().unwrap_or_default()))
        .collect()
}

/// Everything that a pass through decoder and encoder takes.
struct Pass {
    window: Window,
    wishes: Wishes,
    codec: Codec,
}

impl Pass {
    fn lossless() -> Self {
        let codec = Codec { name: Some("ffv1".into()), ..Codec::default() };
        Self { window: Window::default(), wishes: Wishes::default(), codec }
    }

    /// Decodes and encodes without change; the ticks that were handed on.
    fn through(&self, programs: &Programs, source: &Path, out: &Path) -> Result<Vec<i64>, Error> {
        let (pool, cancel) = (BufferPool::new(4), Cancel::default());
        let clip = Clip::probe(programs, source)?;
        let (stream, video) = clip.main_video()?;
        let pixels = Pixels::of(video, &self.wishes)?;
        let mut decoder = Decoder::start(Decode {
            programs,
            clip: &clip,
            stream: stream.index,
            pixels: &pixels,
            window: self.window,
            threads: None,
            extra: vec![],
            patience: Patience::default(),
        })?;
        let mut next = decoder.next(&pool, &cancel)?;
        let first = next.as_ref().expect("a frame").ticks;
        let copies = Copies::new(&clip, stream.index, Without::default(), self.window.until)?;
        let trimmed = self.window != Window::default();
        let job = Encode {
            programs,
            copies: &copies,
            pixels: &pixels,
            layout: *pixels.layout(),
            aspect: video.aspect,
            time_base: decoder.time_base().expect("known with the first frame"),
            first,
            origin: if trimmed { Origin::First } else { Origin::Clip },
            color: video.color.clone(),
            codec: self.codec.clone(),
            extra: vec![],
            patience: Patience::default(),
        };
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

use crate::error::Error;

#[test]
fn frames_and_times_come_out_as_they_went_in() {
    let room = TempDir::new().unwrap();
    // One a line: pixel format, size, what happens to time, encoder.
    let kinds = [
        ("yuv420p", "35x21", "null"),
        ("yuv422p", "35x21", "setpts=PTS*1.5"),
        ("yuv444p", "34x20", "null"),
        ("yuv440p", "34x21", "null"),
        ("yuv411p", "35x21", "null"),
        ("yuv410p", "35x21", "null"),
        ("yuv420p10le", "35x21", "select=mod(n\\,3)"),
        ("yuv422p10le", "35x21", "setpts=PTS+3/TB"),
        ("yuv444p10le", "35x21", "null"),
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
            let clip = |path: &Path| Clip::probe(&programs, path).unwrap();
            let (before, after) = (clip(&source), clip(&out));
            let (before, after) = (before.main_video().unwrap().1, after.main_video().unwrap().1);
            assert_eq!(before.pix_fmt, after.pix_fmt);
            assert_eq!(before.color, after.color, "{format} with {version}");
        }
    }
}
