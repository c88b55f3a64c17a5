//! The other commands: stages, manifests, reports, the catalogue, generated text.

use crate::program::Place;

#[test]
fn help_and_version_are_data() {
    let place = Place::new();
    let done = place.line("--version").code(0);
    assert!(done.stdout.starts_with("lumaloom "));
    let done = place.line("images --help").code(0);
    for option in ["--filter", "--vf", "--resume", "--mem", "--explain"] {
        assert!(done.stdout.contains(option), "{option}");
    }
    assert_eq!(done.stderr, "");
}

#[test]
fn unknown_commands_name_what_exists() {
    let place = Place::new();
    place.line("imges in -o out").code(2).says(&["images"]);
    place.line("frobnicate").code(2).says(&["images", "filters", "stage", "report"]);
}

#[test]
fn the_catalogue() {
    let place = Place::new();
    let done = place.line("filters").code(0);
    for name in ["eq", "gblur", "resize"] {
        assert!(done.stdout.lines().any(|l| l.split_whitespace().next() == Some(name)), "{name}");
    }
    let done = place.line("filters eq").code(0);
    assert!(done.stdout.contains("contrast"));
    assert!(done.stdout.contains("differs from ffmpeg"));
    let done = place.line("filters --json").code(0);
    let json: serde_json::Value = serde_json::from_str(&done.stdout).expect("JSON");
    assert!(json.as_array().is_some_and(|a| a.len() > 10), "{json}");
    let done = place.line("filters --markdown").code(0);
    assert!(done.stdout.contains("## ") && done.stdout.contains("`gblur`"), "{}", done.stdout);
    place.line("filters gblurr").code(2).says(&["gblur"]);
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let place = Place::new();
    let done = place.shell("$0 filters --markdown | head -n 1").code(0);
    assert_eq!(done.stderr, "");
}

#[test]
fn a_full_disk_is_one() {
    let place = Place::new();
    place.shell("$0 filters > /dev/full").code(1).says(&["stdout"]);
}

#[test]
fn completions_and_manual_pages() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish"] {
        let done = place.line(&format!("completions {shell}")).code(0);
        assert!(done.stdout.contains("lumaloom"), "{shell}");
    }
    assert!(place.line("man").code(0).stdout.contains(".TH"));
    assert!(place.line("man images").code(0).stdout.contains("subsampling"));
    place.line("man nothing").code(2).says(&["images"]);
}

#[test]
fn a_manifest_is_a_frozen_list() {
    let place = Place::new();
    place.png("in/a.png", 8, 8, 0);
    place.png("in/b.png", 8, 8, 1);
    place.line("manifest in -o list.jsonl").code(0);
    place.png("in/c.png", 8, 8, 2);
    let script = "$0 stage read images --manifest list.jsonl | $0 stage work -f negate | \
        $0 stage write images -o out";
    place.shell(script).code(0);
    assert_eq!(place.names("out"), ["a.png", "b.png"]);
    let done = place.line("manifest in -o -").code(0);
    assert_eq!(done.stdout.lines().count(), 4, "a header and three inputs");
}

#[test]
fn a_report_of_an_earlier_run() {
    let place = Place::new();
    place.png("in/a.png", 8, 8, 0);
    place.file("in/bad.png", b"no");
    place.line("images in -o out").code(1);
    let done = place.line("report out").code(0);
    assert!(done.stdout.contains("1 done") && done.stdout.contains("bad.png"), "{}", done.stdout);
    let done = place.line("report out --json").code(0);
    let json: serde_json::Value = serde_json::from_str(&done.stdout).expect("JSON");
    assert_eq!(json["done"], 1);
    assert_eq!(json["entries"][1]["input"], "bad.png");
    assert_eq!(json["last_run"]["failed"][0]["input"], "in/bad.png");
    place.line("report in").code(2).says(&["in"]);
}

#[test]
fn a_bench_measures_each_case() {
    let place = Place::new();
    place.png("in/a.png", 64, 64, 0);
    place.png("in/b.png", 64, 64, 1);
    let line = "bench in -f gblur=2 --modes inline,threads,processes --threads 1,2 --runs 2 \
        --warmup 0 --export-json b.json --export-markdown b.md --export-csv b.csv -q";
    let done = place.line(line).code(0);
    assert!(done.stdout.contains("speedup"), "{}", done.stdout);
    assert_eq!(done.stderr, "");
    let results = place.json("b.json")["results"].as_array().expect("results").clone();
    assert_eq!(results.len(), 5, "inline once, two modes at two counts");
    for field in ["command", "mean", "stddev", "median", "user", "system", "min", "max", "times"] {
        assert!(results[0].get(field).is_some(), "{field}");
    }
    assert!(place.path("b.md").exists() && place.path("b.csv").exists());
    assert!(place.line("bench compare b.json b.json").code(0).stdout.contains("same"));
    place.line("bench compare b.json").code(2);
    place.line("bench in -o made --runs 1 --modes threads,processes -q").code(0);
    assert!(place.names("made").is_empty(), "what was written is removed");
    place.file("in/bad.png", b"no");
    place.line("bench in --runs 1 -q").code(1).says(&["bad.png", "--exclude"]);
}

#[test]
fn stages_whose_neighbour_went_away_end_with_75() {
    let place = Place::new();
    place.shell("$0 stage work -f negate < /dev/null > x").code(75);
    // What is no stream of ours is not a neighbour that went away.
    place.shell("head -c 100 /dev/zero | $0 stage write images -o out").code(1).says(&["stream"]);
    assert!(!place.path("out").exists());
    for i in 0..40 {
        place.png(&format!("in/{i}.png"), 300, 300, i);
    }
    let script = "{ $0 stage read images in; echo $? > code; } | true";
    place.shell(script);
    let code = std::fs::read_to_string(place.path("code")).expect("a code");
    assert_eq!(code.trim(), "75");
}

#[test]
fn a_stage_keeps_failures_and_says_so() {
    let place = Place::new();
    place.png("in/a.png", 8, 8, 0);
    place.file("in/bad.png", b"no");
    let script = "$0 stage read images in | $0 stage work | $0 stage write images -o out";
    place.shell(script).code(1).says(&["bad.png", "read", "work", "write"]);
    assert_eq!(place.names("out"), ["a.png"]);
}
