//! Golden pictures: the samples through a handful of chains, as hashes of the output files.
//!
//! A hash that changes means that someone's pictures change: look at them, say why in the
//! change log, and write the files anew with `make golden` (`LUMALOOM_GOLDEN=write`). The build
//! without C (`pure-rust`) is held to the same hashes.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use xxhash_rust::xxh3::xxh3_128;

use crate::program::Place;

/// Name of the file in `tests/golden`, and the arguments after input and output.
const PICTURES: &[(&str, &[&str])] = &[
    ("unchanged", &[]),
    ("png", &["--format", "png"]),
    ("vivid", &["-f", "eq=contrast=1.15:saturation=1.2"]),
    ("gray", &["-f", "gray"]),
    ("mixed", &["-f", "eq=contrast=1.15,gamma=1.1,colorchannelmixer=rr=1.05:bb=0.95"]),
    ("srgb", &["-f", "icc=srgb", "--format", "png"]),
    ("curves", &["-f", "curves=preset=vintage", "--format", "tiff"]),
    ("blur", &["-f", "gblur=sigma=2.5", "--format", "png"]),
    ("sharp", &["-f", "unsharp=5:5:0.8"]),
    ("soft", &["-f", "gblur=sigma=3,convolution='0 -1 0 -1 5 -1 0 -1 0'"]),
    ("edges", &["-f", "gray,sobel", "--format", "png"]),
    ("median", &["-f", "median=radius=2", "--format", "png"]),
    ("small", &["-f", "resize=161:-1,unsharp=3:3:0.5"]),
    ("half", &["-f", "resize=iw/2:ih/2:kernel=area", "--format", "png"]),
    ("turned", &["-f", "crop=iw-3:ih-5:1:2,hflip,transpose=dir=clock", "--format", "png"]),
    ("tilted", &["-f", "rotate=7", "--format", "png"]),
    ("subsampled", &["--format", "jpeg", "--quality", "80", "--subsampling", "4:2:0"]),
    ("lossless-webp", &["--format", "webp", "--compression", "lossless"]),
];

#[test]
fn golden_pictures_stay_as_they_are() {
    let folder = root().join("tests/golden");
    let write = std::env::var_os("LUMALOOM_GOLDEN").is_some_and(|v| v == "write");
    let mut changed = String::new();
    for (name, arguments) in PICTURES {
        let found = hashes(name, arguments);
        let file = folder.join(format!("{name}.txt"));
        if write {
            fs::create_dir_all(&folder).expect("tests/golden can be made");
            fs::write(&file, &found).expect("tests/golden can be written");
            continue;
        }
        let want = fs::read_to_string(&file).unwrap_or_default();
        for line in found.lines().filter(|line| !want.lines().any(|l| l == *line)) {
            let _ = writeln!(changed, "{name}: {line}");
        }
        for line in want.lines().filter(|line| !found.lines().any(|l| l == *line)) {
            let _ = writeln!(changed, "{name}: {line} (expected)");
        }
    }
    assert!(changed.is_empty(), "pictures changed; `make golden` accepts them:\n{changed}");
}

#[test]
fn every_golden_file_has_its_picture() {
    let Ok(files) = fs::read_dir(root().join("tests/golden")) else { return };
    for file in files.map(|f| f.expect("tests/golden can be read").path()) {
        let stem = file.file_stem().and_then(|s| s.to_str()).unwrap_or_default();
        assert!(PICTURES.iter().any(|(name, _)| *name == stem), "{stem}.txt belongs to no picture");
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Runs the program on the samples; one line per output: hash, bytes, path.
fn hashes(name: &str, arguments: &[&str]) -> String {
    let place = Place::new();
    let samples = root().join("samples/photos");
    let samples = samples.to_str().expect("the checkout has a plain path");
    let fixed = ["images", samples, "-o", "out", "--progress", "none"];
    place.run(&[&fixed, arguments].concat()).code(0);
    let mut lines = String::new();
    let tree = place.tree("out");
    for (path, bytes) in &tree {
        let _ = writeln!(lines, "{:032x} {:>7} {path}", xxh3_128(bytes), bytes.len());
    }
    assert_eq!(tree.len(), 6, "{name} gave\n{lines}");
    lines
}
