//! Animated files of other programs, and ours as other programs see them.

use std::fs;
use std::io::Cursor;
use std::path::Path;
use std::process::{Command, Stdio};

use lumaloom::codec::animation::{Animation, Fraction, Joiner};
use lumaloom::codec::{EncodeOptions, Format, Header, Limits, Means, Metadata, encode};
use lumaloom::filter::Dihedral;
use lumaloom::frame::{BufferPool, Depth, Frame, Layout, Model, Plane, Samples, Size};

const SIZE: Size = Size::new(120, 90);

/// What a program writes to its stdout; `None`, and said so, if it is not there.
fn output(program: &str, words: &str, place: &Path) -> Option<Vec<u8>> {
    let mut command = Command::new(program);
    command.args(words.split_ascii_whitespace()).current_dir(place).stdin(Stdio::null());
    let Ok(out) = command.output() else {
        eprintln!("{program} is not installed: nothing tested");
        return None;
    };
    assert!(out.status.success(), "{program} {words}: {}", String::from_utf8_lossy(&out.stderr));
    Some(out.stdout)
}

/// ffmpeg, without which other tests fail already.
#[track_caller]
fn ffmpeg(words: &str, place: &Path) -> Vec<u8> {
    let words = format!("-v error -nostdin -y {words}");
    output("ffmpeg", &words, place).expect("these tests need ffmpeg: apt-get install ffmpeg")
}

/// All frames of a file as RGBA bytes, 8 bits, and their delays in milliseconds.
#[track_caller]
fn read(bytes: Vec<u8>) -> (Vec<u8>, Vec<u64>) {
    let pool = BufferPool::new(2);
    let mut animation = Animation::open(bytes, &Limits::default()).unwrap().unwrap();
    let tick = animation.tick();
    let (mut pixels, mut delays) = (Vec::new(), Vec::new());
    while let Some(shown) = animation.next(&pool).unwrap() {
        let samples = shown.frame.planes()[0].data::<u8>().unwrap();
        match shown.frame.layout().model() {
            Model::Rgba => pixels.extend(samples),
            _ => samples.chunks(3).for_each(|p| pixels.extend([p[0], p[1], p[2], 255])),
        }
        delays.push(shown.delay * 1000 * u64::from(tick.num()) / u64::from(tick.den()));
        shown.frame.recycle(&pool);
    }
    assert_eq!(animation.frames(), delays.len() as u64);
    (pixels, delays)
}

/// Equal, but for the colour of clear pixels.
#[track_caller]
fn same(ours: &[u8], theirs: &[u8], what: &str) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    let differs = |(a, b): (&[u8], &[u8])| a != b && (a[3] != 0 || b[3] != 0);
    let at = ours.chunks(4).zip(theirs.chunks(4)).position(differs);
    let pixels = SIZE.pixels() as usize;
    let place = at.map(|at| (at / pixels, at % pixels % 120, at % pixels / 120));
    assert_eq!(place, None, "{what}: frame, column and row of the first difference");
}

#[test]
fn what_ffmpeg_writes_is_read_as_ffmpeg_reads_it() {
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    // Its encoders cut frames to what changes, and lay holes over the frame before.
    let source = "-f lavfi -i testsrc=s=120x90:r=10:d=1.2 -f lavfi -i testsrc2=s=120x90:r=10:d=1.2";
    for (name, words) in [
        ("a.gif", "-map 0:v -loop 3"),
        ("b.gif", "-map 1:v -gifflags -offsetting"),
        ("c.apng", "-map 1:v -plays 0 -pix_fmt rgba"),
        ("d.apng", "-map 0:v -plays 2 -pix_fmt rgb24"),
        ("e.apng", "-map 0:v -plays 2 -pix_fmt gray"),
        ("f.apng", "-map 0:v -filter:v fps=30000/1001 -frames 7 -plays 2 -pix_fmt pal8"),
    ] {
        ffmpeg(&format!("{source} {words} {name}"), place);
        let theirs =
            ffmpeg(&format!("-i {name} -fps_mode passthrough -f rawvideo -pix_fmt rgba -"), place);
        let (ours, delays) = read(fs::read(place.join(name)).unwrap());
        same(&ours, &theirs, name);
        // Its muxers do not know how long the last frame is.
        let due = if name == "f.apng" { 33 } else { 100 };
        let last = delays.len() - 1;
        assert!(delays[..last].iter().all(|delay| *delay == due), "{name}: {delays:?}");
    }
}

#[test]
fn what_imagemagick_writes_is_read_as_imagemagick_reads_it() {
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    let pictures = "-size 120x90 xc:none \
         ( -size 40x30 xc:red -repage 120x90+10+20 ) ( -size 50x50 xc:lime -repage 120x90+30+11 ) \
         ( -size 70x20 xc:blue -repage 120x90+3+50 )";
    for disposal in ["None", "Background", "Previous"] {
        let words = format!("-dispose {disposal} -delay 7 {pictures} -loop 4 a.gif");
        if output("convert", &words, place).is_none() {
            return;
        }
        let theirs = output("convert", "a.gif -coalesce -depth 8 rgba:-", place).unwrap();
        let (ours, delays) = read(fs::read(place.join("a.gif")).unwrap());
        same(&ours, &theirs, disposal);
        assert_eq!(delays, [70; 4]);
    }
    // libwebp's encoder, which makes holes for what stays as it was.
    for words in ["-lossless 1", "-lossless 0 -quality 90"] {
        let source = "-f lavfi -i testsrc2=s=120x90:r=10:d=1.2 -c:v libwebp_anim";
        ffmpeg(&format!("{source} {words} a.webp"), place);
        let theirs = output("convert", "a.webp -coalesce -depth 8 rgba:-", place).unwrap();
        let (ours, delays) = read(fs::read(place.join("a.webp")).unwrap());
        same(&ours, &theirs, words);
        assert_eq!(delays, [100; 12]);
    }
}

/// Frames of gradients that move, with holes where asked. Few colours, so that GIF keeps them.
fn moving(model: Model, count: usize) -> Vec<Frame> {
    let layout = Layout::new(SIZE, model, Depth::U8).unwrap();
    let pixel = |x: usize, y: usize, t: usize| {
        let hole = model == Model::Rgba && (x + 3 * t) % 40 < 9;
        let level = |v: usize| (v / 20 % 5 * 60) as u8;
        if hole { [0; 4] } else { [level(x + 7 * t), level(y + 5 * t), level(x + y), 255] }
    };
    let frame = |t| {
        let all = (0..90).flat_map(|y| (0..120).map(move |x| (x, y)));
        let bytes = all.flat_map(|(x, y)| pixel(x, y, t).into_iter().take(model.components()));
        let samples = Samples::U8(bytes.collect());
        Frame::new(layout, vec![Plane::new(samples, 120 * model.components())]).unwrap()
    };
    (0..count).map(frame).collect()
}

/// An animation at 12.5 frames a second, which all three formats can state.
fn written(frames: &[Frame], format: Format) -> Vec<u8> {
    let layout = *frames[0].layout();
    let tick = Fraction::new(2, 25).unwrap();
    let mut joiner = Joiner::new(Cursor::new(Vec::new()), format, &layout, tick, None).unwrap();
    let source =
        Header { format, layout, orientation: Dihedral::IDENTITY, icc: None, losses: Vec::new() };
    let lossless = (format == Format::WebP).then(|| "lossless".to_owned());
    let options = EncodeOptions { compression: lossless, ..EncodeOptions::default() };
    let pool = BufferPool::new(2);
    for frame in frames {
        let still =
            encode(frame.clone(), &Metadata::default(), &source, &options, Means::alone(&pool))
                .unwrap();
        joiner.write(&still.bytes, 1).unwrap();
    }
    joiner.finish().unwrap().into_inner()
}

/// What the frames are as RGBA.
fn rgba(frames: &[Frame]) -> Vec<u8> {
    let components = frames[0].layout().model().components();
    let samples = frames.iter().flat_map(|frame| frame.planes()[0].data::<u8>().unwrap());
    let samples: Vec<u8> = samples.copied().collect();
    let pixel = |p: &[u8]| [p[0], p[1], p[2], p.get(3).copied().unwrap_or(255)];
    samples.chunks(components).flat_map(pixel).collect()
}

#[test]
fn ffmpeg_reads_what_we_write() {
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    for (name, format) in [("a.gif", Format::Gif), ("a.apng", Format::Png)] {
        for model in [Model::Rgb, Model::Rgba] {
            let frames = moving(model, 6);
            fs::write(place.join(name), written(&frames, format)).unwrap();
            let words = format!("-i {name} -fps_mode passthrough -f rawvideo -pix_fmt rgba -");
            same(&rgba(&frames), &ffmpeg(&words, place), name);
            let words =
                format!("-i {name} -fps_mode passthrough -enc_time_base 1/100 -f framemd5 -");
            let table = String::from_utf8(ffmpeg(&words, place)).unwrap();
            let rows = table.lines().filter(|line| !line.starts_with('#'));
            let times: Vec<&str> = rows.filter_map(|row| row.split(',').nth(2)).collect();
            let times: Vec<u32> = times.iter().map(|time| time.trim().parse().unwrap()).collect();
            assert_eq!(times, [0, 8, 16, 24, 32, 40], "{name}");
        }
    }
}

#[test]
fn imagemagick_reads_what_we_write() {
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    // It lays every WebP frame over the one before, also one that is to replace it; so each is
    // looked at alone.
    let kinds = [("a.gif -coalesce", Format::Gif), ("a.webp", Format::WebP)];
    for (words, format) in kinds {
        let name = &words[..words.find(' ').unwrap_or(words.len())];
        for model in [Model::Rgb, Model::Rgba] {
            let frames = moving(model, 5);
            fs::write(place.join(name), written(&frames, format)).unwrap();
            let words = format!("{words} -depth 8 rgba:-");
            let Some(theirs) = output("convert", &words, place) else { return };
            same(&rgba(&frames), &theirs, name);
            let delays = output("identify", &format!("-format %T,%s; {name}"), place).unwrap();
            assert_eq!(String::from_utf8_lossy(&delays), "8,0;8,1;8,2;8,3;8,4;", "{name}");
        }
    }
}
