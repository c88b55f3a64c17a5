//! Frames that `--pix-fmt` or an encoder makes of others: the samples and what is said of them go
//! together.

use super::*;
use crate::frame::Matrix;

const TV709: &str = "setparams=range=tv:colorspace=bt709:color_primaries=bt709";

/// A clip of one colour: a pixel format, its samples there, and what is said of them.
struct Plain {
    format: &'static str,
    samples: [u16; 3],
    said: &'static str,
}

impl Plain {
    fn file(&self, room: &Path) -> PathBuf {
        let Self { format, samples: [a, b, c], said } = self;
        let names = if format.starts_with("gbr") { ["r", "g", "b"] } else { ["lum", "cb", "cr"] };
        let [x, y, z] = names;
        let path = room.join("plain.mkv");
        let set = match *format {
            "gray" => format!("{x}={a}"),
            _ => format!("{x}={a}:{y}={b}:{z}={c}"),
        };
        let range = if said.contains("pc") || format.starts_with("yuvj") { "pc" } else { "tv" };
        ffmpeg(
            &format!(
                "-f lavfi -i nullsrc=s=16x8:r=25:d=0.08,format={format} -vf geq={set},{said} \
                 -color_range {range} -c:v ffv1 @"
            ),
            &[&path],
        );
        path
    }
}

/// The first pixel of a clip of one colour, in the order of the file's planes.
fn first(path: &Path, format: &str) -> Vec<u16> {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-nostdin", "-i"]).arg(path);
    if format == "rgb24" {
        // What it is stored as has another order.
        command.args(["-pix_fmt", format]);
    }
    command.args(["-frames:v", "1", "-f", "rawvideo", "pipe:1"]);
    let bytes = command.output().expect("ffmpeg starts").stdout;
    let wide = format.contains("10");
    let words = |at: usize| match wide {
        true => u16::from_le_bytes([bytes[2 * at], bytes[2 * at + 1]]),
        false => u16::from(bytes[at]),
    };
    let of_420 = [0, 16 * 8, 16 * 8 + 8 * 4];
    let of_444 = [0, 16 * 8, 2 * 16 * 8];
    match format {
        "gray" => vec![words(0)],
        "rgb24" => (0..3).map(words).collect(),
        f if f.contains("420") => of_420.into_iter().map(words).collect(),
        _ => of_444.into_iter().map(words).collect(),
    }
}

#[test]
fn samples_and_tags_of_converted_frames_agree() {
    let room = TempDir::new().unwrap();
    let plain = |format, samples, said| Plain { format, samples, said };
    let rgb = || plain("gbrp", [200, 100, 50], "null");
    // What it is, what is wished, the first pixel that is due, and the range and the matrix that
    // are said of it. The figures are those of BT.601 and BT.709.
    for (from, to, matrix, due, range, said) in [
        (plain("yuvj420p", [30, 100, 150], "null"), "yuv420p", None, vec![30, 100, 150], "pc", ""),
        (
            plain("yuv420p", [30, 100, 150], "setparams=range=pc:colorspace=bt709"),
            "yuv444p",
            None,
            vec![30, 100, 150],
            "pc",
            "bt709",
        ),
        (
            plain("yuv420p", [30, 100, 150], TV709),
            "yuv444p10le",
            None,
            vec![120, 400, 600],
            "tv",
            "bt709",
        ),
        (
            plain("yuv420p", [126, 128, 128], "null"),
            "yuvj420p",
            None,
            vec![128, 128, 128],
            "pc",
            "",
        ),
        (rgb(), "yuv444p", None, vec![123, 91, 175], "tv", "smpte170m"),
        (rgb(), "yuv420p", Some(Matrix::Bt709), vec![117, 96, 174], "tv", "bt709"),
        (plain("yuv444p", [120, 100, 150], TV709), "rgb24", None, vec![161, 115, 62], "", ""),
        (
            plain("gray", [100, 0, 0], "null"),
            "yuv420p",
            None,
            vec![102, 128, 128],
            "tv",
            "smpte170m",
        ),
        (plain("yuv420p", [120, 128, 128], "null"), "gray", None, vec![121], "", ""),
    ] {
        let source = from.file(room.path());
        for programs in programs() {
            let out = room.path().join("out.part.mkv");
            let wishes = Wishes { pix_fmt: Some(to.into()), matrix, range: None };
            let pass = Pass { wishes, ..Pass::lossless() };
            pass.through(&programs, &source, &out).unwrap();
            let what = format!("{} to {to} with {}", from.format, programs.version());
            let is = first(&out, to);
            let near = is.iter().zip(&due).all(|(is, due)| is.abs_diff(*due) <= 1);
            assert!(near && is.len() == due.len(), "{what}: {is:?}, not {due:?}");
            let clip = probed(&programs, &out).unwrap();
            let color = &clip.main_video().unwrap().1.color;
            let word = |tag: &Option<String>| tag.clone().unwrap_or_default();
            let matrix = word(&color.matrix);
            assert!(matrix == said || said.is_empty() && matrix == "gbr", "{what}: {color:?}");
            // 9.0 says a range of all that ffv1 is, ours or not.
            assert!(word(&color.range) == range || range.is_empty(), "{what}: {color:?}");
        }
    }
}

/// What encoders that take less than there is get: the values are those of BT.601, within what the
/// encoder loses.
#[test]
fn frames_become_what_their_encoder_takes() {
    let room = TempDir::new().unwrap();
    let plain = |format, samples, said| Plain { format, samples, said };
    let rgb = || plain("gbrp", [200, 100, 50], "setparams=range=pc");
    for (from, encoder, out, has, due, range) in [
        (rgb(), "libx264", "out.mp4", "yuv444p", [123, 91, 175], "tv"),
        (rgb(), "mjpeg", "out.mov", "yuvj444p", [124, 86, 182], "pc"),
        (rgb(), "ffv1", "out.mkv", "rgb24", [200, 100, 50], "pc"),
        // It has no word for full range.
        (
            plain("yuvj420p", [30, 100, 150], "null"),
            "mpeg4",
            "out.avi",
            "yuv420p",
            [42, 103, 147],
            "",
        ),
        (
            plain("yuvj420p", [30, 100, 150], "null"),
            "libx264",
            "out.mp4",
            "yuvj420p",
            [30, 100, 150],
            "pc",
        ),
        (
            plain("yuv420p", [126, 128, 128], "null"),
            "mjpeg",
            "out.mov",
            "yuvj420p",
            [128, 128, 128],
            "pc",
        ),
        (plain("gray", [100, 0, 0], "null"), "mpeg4", "out.avi", "yuv420p", [102, 128, 128], ""),
        // JPEG is BT.601 to whoever reads it.
        (
            plain("yuv444p", [120, 100, 150], TV709),
            "mjpeg",
            "out.mov",
            "yuvj444p",
            [123, 94, 155],
            "pc",
        ),
        // Players know VP9 as YCbCr.
        (
            plain("gray", [100, 0, 0], "null"),
            "libvpx-vp9",
            "out.webm",
            "yuv420p",
            [102, 128, 128],
            "tv",
        ),
        // Its alpha lies beside the frames, which VP9's own decoder does not see.
        (
            plain("gbrap", [200, 100, 50], "null"),
            "libvpx-vp9",
            "out.webm",
            "yuva420p",
            [123, 91, 175],
            "tv",
        ),
    ] {
        let source = from.file(room.path());
        for programs in programs() {
            let out = room.path().join(out);
            let codec = Codec { name: Some(encoder.into()), ..Codec::default() };
            let pass = Pass { codec, tried: true, ..Pass::lossless() };
            pass.through(&programs, &source, &out).unwrap();
            let what = format!("{} by {encoder} with {}", from.format, programs.version());
            let is = first(&out, has);
            assert!(is.iter().zip(&due).all(|(is, due)| is.abs_diff(*due) <= 2), "{what}: {is:?}");
            let clip = probed(&programs, &out).unwrap();
            let video = clip.main_video().unwrap().1;
            let format = video.pix_fmt.as_deref().unwrap_or_default();
            assert!(format == has || has == "rgb24", "{what}: {format}");
            assert_eq!(video.color.range.as_deref().unwrap_or_default(), range, "{what}");
        }
    }
}

/// A frame in the pixel format that it is stored in: rows of bytes, plane after plane.
fn stored(path: &Path) -> Vec<u8> {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-nostdin", "-i"]).arg(path);
    command.args(["-frames:v", "1", "-f", "rawvideo", "pipe:1"]);
    command.output().expect("ffmpeg starts").stdout
}

#[test]
fn chroma_lies_where_it_is_said_to() {
    let room = TempDir::new().unwrap();
    let source = room.path().join("ramp.mkv");
    // Half a pixel is 1.7 codes of Cr here.
    let ramp =
        "-f lavfi -i nullsrc=s=32x8:r=25:d=0.04,format=gbrp -vf geq=r=X*8:g=0:b=0 -c:v ffv1 @";
    ffmpeg(ramp, &[&source]);
    for programs in programs() {
        let out = room.path().join("out.part.mkv");
        let [fine, coarse] = ["yuv444p", "yuv420p"].map(|format| {
            let wishes = Wishes { pix_fmt: Some(format.into()), ..Wishes::default() };
            Pass { wishes, ..Pass::lossless() }.through(&programs, &source, &out).unwrap();
            stored(&out)
        });
        // Away from the edges, which have no neighbours.
        for column in 2..14 {
            let (left, half) = (fine[2 * 32 * 8 + 2 * column], coarse[32 * 8 + 16 * 4 + column]);
            let version = programs.version();
            assert!(left.abs_diff(half) <= 1, "{version}, column {column}: {left}, {half}");
        }
    }
}

#[test]
fn fields_keep_their_chroma_apart() {
    let room = TempDir::new().unwrap();
    let source = room.path().join("fields.mkv");
    // Rows of the top field are red, those of the other are blue.
    ffmpeg(
        "-f lavfi -i nullsrc=s=16x16:r=25:d=0.04,format=yuv422p \
         -vf geq=lum=100:cb=if(mod(Y\\,2)\\,240\\,90):cr=if(mod(Y\\,2)\\,110\\,240),setfield=tff \
         -flags +ildct -field_order tt -c:v ffv1 @",
        &[&source],
    );
    for programs in programs() {
        let out = room.path().join("out.part.mkv");
        let wishes = Wishes { pix_fmt: Some("yuv420p".into()), ..Wishes::default() };
        Pass { wishes, ..Pass::lossless() }.through(&programs, &source, &out).unwrap();
        let samples = stored(&out);
        let cb: Vec<u8> = (0..8).map(|row| samples[16 * 16 + 8 * row]).collect();
        assert_eq!(cb, [90, 240, 90, 240, 90, 240, 90, 240], "{}", programs.version());
    }
}
