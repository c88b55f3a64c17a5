//! Tricky and broken files of the wild, from the folder that `LUMALOOM_CORPUS` names. Without
//! it these tests say so and pass.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::program::{Done, Place};

/// The folders that hold pictures, and whether some, none or all of them can be done.
const FOLDERS: &[(&str, Hope)] = &[
    ("orientation", Hope::All),
    ("webp", Hope::All),
    ("pngsuite", Hope::Some),
    ("smallest", Hope::Some),
    ("bad-image", Hope::Some),
    ("bad-jpeg", Hope::Some),
    ("bad-tiff", Hope::Some),
];

/// What to expect of a folder's files.
#[derive(Clone, Copy, PartialEq)]
enum Hope {
    All,
    Some,
}

/// Longer than any folder takes on one slow core; shorter than a hang.
const LIMIT: Duration = Duration::from_secs(300);

#[test]
fn every_file_ends_as_an_output_or_as_a_failure_in_both_modes() {
    let Some(corpus) = corpus() else { return };
    let place = Place::new();
    for (folder, hope) in FOLDERS {
        let input = corpus.join(folder);
        let mut trees = Vec::new();
        for mode in ["threads", "processes"] {
            let out = format!("{folder}-{mode}");
            let report = format!("{out}.json");
            let start = Instant::now();
            let done = place.run(&[
                "images",
                input.to_str().expect("the corpus has a plain path"),
                "-o",
                &out,
                "-f",
                "eq=contrast=1.1,resize=64:64:fit=inside",
                "--name",
                "{dir}/{stem}.{ext}.{format}",
                "--format",
                "png",
                "--mode",
                mode,
                "--report",
                &report,
                "--progress",
                "none",
            ]);
            assert!(start.elapsed() < LIMIT, "{folder} took {:?}", start.elapsed());
            check(&place, &report, &done, *hope, folder);
            trees.push(place.tree(&out));
        }
        let same = trees[0] == trees[1];
        assert!(same, "{folder}: threads and processes wrote different trees");
    }
}

/// Each input is done or has a reason, and no reason is a fault of the program.
#[track_caller]
fn check(place: &Place, report: &str, done: &Done, hope: Hope, folder: &str) {
    let said = &done.stderr;
    assert!([0, 1].contains(&done.code), "{folder}: exit code {}\n{said}", done.code);
    assert!(!said.contains("panicked"), "{folder}:\n{said}");
    let report = place.json(report);
    let failed = report["failed"].as_array().expect("a list of failures");
    let all = report["inputs"].as_u64().expect("a count");
    let finished = report["done"].as_u64().expect("a count");
    assert_eq!(finished + failed.len() as u64, all, "{folder}: {report:#}");
    assert_eq!(done.code == 1, !failed.is_empty(), "{folder}: {failed:#?}");
    for failure in failed {
        let reason = failure["reason"].as_str().unwrap_or_default();
        assert!(!reason.contains("panic"), "{folder}: {failure:#}");
    }
    if hope == Hope::All {
        assert!(failed.is_empty(), "{folder}: {failed:#?}");
    }
}

#[test]
fn all_orientations_come_out_alike() {
    let Some(corpus) = corpus() else { return };
    let place = Place::new();
    let input = corpus.join("orientation");
    let input = input.to_str().expect("the corpus has a plain path");
    // Small, so that what JPEG lost in each orientation does not matter.
    let chain = "resize=60:60:fit=inside";
    place.run(&["images", input, "-o", "out", "-f", chain, "--format", "png"]).code(0);
    let pictures = place.tree("out");
    for kind in ["Landscape", "Portrait"] {
        let alike: Vec<_> = pictures.iter().filter(|(name, _)| name.starts_with(kind)).collect();
        assert_eq!(alike.len(), 9, "{kind}");
        let (size, first) = pixels(alike[1].1);
        for (name, bytes) in &alike {
            let (its_size, its) = pixels(bytes);
            assert_eq!(its_size, size, "{name} is turned otherwise than {}", alike[1].0);
            let sum: u64 = first.iter().zip(&its).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
            let mean = sum as f64 / first.len() as f64;
            assert!(mean < 8.0, "{name} differs from {} by {mean:.1} on average", alike[1].0);
        }
    }
}

/// Width, height and samples of a PNG.
fn pixels(bytes: &[u8]) -> ((u32, u32), Vec<u8>) {
    let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().expect("a PNG");
    let mut samples = vec![0; reader.output_buffer_size().expect("a small picture")];
    reader.next_frame(&mut samples).expect("pixels");
    let info = reader.info();
    ((info.width, info.height), samples)
}

/// The folder of the corpus, if there is one.
fn corpus() -> Option<PathBuf> {
    let folder = std::env::var_os("LUMALOOM_CORPUS").map(PathBuf::from);
    if folder.is_none() {
        eprintln!("LUMALOOM_CORPUS is not set: nothing was tested");
    }
    folder
}
