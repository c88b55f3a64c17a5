//! What clips cost: ffmpeg's own part in reports, and `bench` of a clip.

use std::fs;

use serde_json::Value;

use crate::clips::{MODES, clip, ffmpeg};
use crate::program::Place;

/// The rows of a result.
fn rows(place: &Place, file: &str) -> Vec<Value> {
    place.json(file)["results"].as_array().expect("results").clone()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

fn names(place: &Place) -> Vec<String> {
    place.names(".")
}

#[test]
fn each_ffmpeg_is_in_the_report_with_its_cost() {
    let place = clip();
    for mode in MODES {
        let line = format!(
            "video a.mkv -o {mode}.mkv --codec ffv1 -f negate --mode {mode} --report r.json"
        );
        place.line(&line).code(0).says(&["ffmpeg   apart from these: decoder ", "; encoder "]);
        let report = place.json("r.json");
        let helpers = report["helpers"].as_array().expect("helpers");
        for name in ["decoder", "encoder"] {
            let found: Vec<&Value> = helpers.iter().filter(|h| h["name"] == name).collect();
            let [helper] = found[..] else { panic!("{mode}: {helpers:?}") };
            assert!(number(&helper["cpu_seconds"]) > 0.0, "{mode}: {helper}");
            assert!(number(&helper["peak_rss_bytes"]) > 4e6, "{mode}: {helper}");
            let stages = report["stages"].as_array().expect("stages");
            assert!(stages.iter().all(|stage| stage["pid"] != helper["pid"]), "{mode}");
        }
    }
}

#[test]
fn a_clip_is_measured_in_each_mode() {
    let place = clip();
    let line = "bench a.mkv -f gblur=1 --ss 0.5 --modes inline,threads,processes --threads 1,2 \
        --runs 1 --warmup 0 --export-json b.json --export-csv b.csv --export-markdown b.md -q";
    let done = place.line(line).code(0);
    assert_eq!(done.stderr, "");
    for part in ["30 frames, 0.1 MP, gblur=", "frames/s", "ffmpeg CPU s", "read", "work", "write"] {
        assert!(done.stdout.contains(part), "{part} in\n{}", done.stdout);
    }
    assert_eq!(place.json("b.json")["lumaloom"]["frames"], 30);
    let rows = rows(&place, "b.json");
    assert_eq!(rows.len(), 5, "inline once, two modes at two counts");
    for row in &rows {
        assert!(number(&row["ffmpeg_cpu_seconds"]) > 0.0, "{row}");
        assert!(number(&row["frames_per_second"]) > 0.0, "{row}");
        let (mode, threads) = (row["mode"].as_str().expect("a mode"), &row["threads"]);
        let command = format!(
            "lumaloom video a.mkv -o null -f gblur=sigma=1 --ss 500000us --ffmpeg-threads {threads} \
             --mode {mode} -j {threads}"
        );
        let said = row["command"].as_str().expect("a command");
        assert_eq!(said, command);
        place.line(&said["lumaloom ".len()..]).code(0).says(&["30 done"]);
    }
    let csv = fs::read_to_string(place.path("b.csv")).expect("a table");
    assert!(csv.lines().next().expect("a head").ends_with("ffmpeg_cpu_seconds"), "{csv}");
    let markdown = fs::read_to_string(place.path("b.md")).expect("a table");
    assert!(markdown.contains("| ffmpeg CPU s |"), "{markdown}");
    assert!(place.line("bench compare b.json b.json").code(0).stdout.contains("same"));
    assert_eq!(names(&place), ["a.mkv", "b.csv", "b.json", "b.md"]);
}

#[test]
fn an_encoder_that_computes_much_keeps_none_of_our_cores_busy() {
    let place = Place::new();
    ffmpeg(
        &place,
        "-f lavfi -i testsrc2=size=320x240:rate=25:duration=2 -c:v ffv1 -pix_fmt yuv420p a.mkv",
    );
    place.file("b.mkv", b"precious");
    let line = "bench a.mkv -o b.mkv --codec libx264 --preset veryslow --crf 20 --threads 1 \
        --modes inline,threads,processes --runs 1 --warmup 0 --export-json b.json -q";
    place.line(line).code(0);
    for row in rows(&place, "b.json") {
        let (all, ffmpeg) =
            (number(&row["user"]) + number(&row["system"]), number(&row["ffmpeg_cpu_seconds"]));
        let ours = number(&row["cores_busy"]) * number(&row["mean"]);
        // Pixels pass unchanged, so nearly all of it is the encoder's.
        assert!(ours < ffmpeg / 2.0, "{row}");
        assert!(ffmpeg < all, "{row}");
        let command = row["command"].as_str().expect("a command");
        assert!(command.contains("-o b.mkv --ffmpeg-threads 1 --codec libx264"), "{command}");
    }
    assert_eq!(fs::read(place.path("b.mkv")).unwrap(), b"precious");
    assert_eq!(names(&place), ["a.mkv", "b.json", "b.mkv"], "what was encoded is removed");
}

#[test]
fn pictures_with_numbers_are_measured_as_a_clip() {
    let place = Place::new();
    for number in 1..=3 {
        place.png(&format!("f/{number}.png"), 32, 20, number);
    }
    let line = "bench f/%d.png -o g/%d.jpg --quality 50 --threads 1 --modes threads,processes \
        --runs 1 --warmup 0 --export-json b.json -q";
    place.line(line).code(0);
    assert_eq!(place.json("b.json")["lumaloom"]["frames"], 3);
    assert!(rows(&place, "b.json").iter().all(|row| row["ffmpeg_cpu_seconds"] == 0.0));
    assert_eq!(names(&place), ["b.json", "f/1.png", "f/2.png", "f/3.png"]);
    // An animation alone is a clip; among others, and where it does not move, a picture.
    place.line("video f/%d.png -o a.gif").code(0);
    place.line("video f/1.png -o still.gif").code(0);
    for (inputs, frames) in
        [("a.gif", Value::from(3)), ("still.gif", Value::Null), ("a.gif f/1.png", Value::Null)]
    {
        let line = format!("bench {inputs} -j 1 --modes threads -r 1 -w 0 --export-json b.json -q");
        place.line(&line).code(0);
        assert_eq!(place.json("b.json")["lumaloom"]["frames"], frames, "{inputs}");
    }
}

#[test]
fn what_makes_no_sense_is_said_before_the_first_run() {
    let place = clip();
    place.png("p.png", 8, 8, 0);
    place.file("notes.txt", b"no clip at all");
    fs::create_dir(place.path("out")).unwrap();
    for (arguments, code, said) in [
        ("p.png a.mkv", 2, "a.mkv is a clip"),
        ("a.mkv --io-threads 2", 2, "--io-threads is for pictures"),
        ("a.mkv --quality 80", 2, "--quality is for pictures"),
        ("a.mkv --format png", 2, "--format is for pictures"),
        ("a.mkv --exclude x", 2, "--exclude is for pictures"),
        ("p.png --ss 1", 2, "--ss is for clips"),
        ("p.png --preset slow", 2, "--preset is for clips"),
        ("a.mkv -o -", 2, "stdout is the table's"),
        ("a.mkv -o out", 2, "out is a folder"),
        ("a.mkv -o a.mkv", 2, "is the input"),
        ("a.mkv -o b.mkv --codec nothing", 2, "no video encoder"),
        ("a.mkv -f crop=999:999", 2, "crop"),
        ("-", 2, "stdin"),
        ("notes.txt", 1, "it is text"),
    ] {
        let done = place.line(&format!("bench {arguments}")).code(code).says(&[said]);
        assert!(!done.stderr.contains("warm-up"), "{arguments}: {}", done.stderr);
    }
    assert_eq!(names(&place), ["a.mkv", "notes.txt", "p.png"]);
}
