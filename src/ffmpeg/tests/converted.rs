//! Frames that `--pix-fmt` makes of others: the samples and what is said of them go together.

use super::*;
use crate::frame::Matrix;

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
    let tv709 = "setparams=range=tv:colorspace=bt709:color_primaries=bt709";
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
            plain("yuv420p", [30, 100, 150], tv709),
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
        (plain("yuv444p", [120, 100, 150], tv709), "rgb24", None, vec![161, 115, 62], "", ""),
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
