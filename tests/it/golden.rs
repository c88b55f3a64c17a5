//! Golden pictures: the samples through a handful of chains, as hashes of the output files.
//!
//! A hash that changes means that someone's pictures change: look at them, say why in the
//! change log, and write the files anew with `make golden` (`LUMALOOM_GOLDEN=write`). The build
//! without C (`pure-rust`) is held to the same hashes.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use xxhash_rust::xxh3::xxh3_128;

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
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let mut changed = String::new();
    for (name, arguments) in PICTURES {
        let out = scratch.path().join(name);
        let found = hashes(&out, arguments);
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
fn hashes(out: &Path, arguments: &[&str]) -> String {
    let run = Command::new(env!("CARGO_BIN_EXE_lumaloom"))
        .arg("images")
        .arg(root().join("samples/photos"))
        .arg("-o")
        .arg(out)
        .args(["--progress", "none"])
        .args(arguments)
        .output()
        .expect("the program starts");
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{arguments:?}: {}\n{said}", run.status);
    let mut lines = String::new();
    let mut count = 0;
    for file in files(out) {
        let bytes = fs::read(&file).expect("an output can be read");
        let name = file.strip_prefix(out).expect("found below out").display();
        let _ = writeln!(lines, "{:032x} {:>7} {name}", xxh3_128(&bytes), bytes.len());
        count += 1;
    }
    assert_eq!(count, 6, "{arguments:?} gave\n{lines}");
    lines
}

/// The outputs, sorted, without the journal's folder.
fn files(out: &Path) -> Vec<PathBuf> {
    let walk = walkdir::WalkDir::new(out).sort_by_file_name().into_iter();
    let visible = walk.filter_entry(|e| e.file_name() != ".lumaloom").filter_map(Result::ok);
    visible.filter(|e| e.file_type().is_file()).map(walkdir::DirEntry::into_path).collect()
}
