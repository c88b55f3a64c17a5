//! `lumaloom images`, sentence by sentence of its contract.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::program::{Done, Place};

/// Six pictures of two formats in two folders.
fn six() -> Place {
    let place = Place::new();
    for (i, name) in ["a.png", "b.png", "sub/c.png", "sub/d.png"].iter().enumerate() {
        place.png(&format!("in/{name}"), 33 + 8 * i as u32, 21, i as u8);
    }
    place.ppm("in/e.ppm", 40, 30, 9);
    place.ppm("in/sub/deep/f.ppm", 1, 1, 10);
    place
}

#[test]
fn a_tree_is_mirrored_and_reported() {
    let place = six();
    let done = place.line("images in -o out -f negate --report r.json").code(0);
    assert_eq!(
        place.names("out"),
        ["a.png", "b.png", "e.ppm", "sub/c.png", "sub/d.png", "sub/deep/f.ppm"]
    );
    assert_eq!(done.stdout, "", "data only");
    let done = done.says(&["6 done", "outputs  out", "limit ", "MP/s"]);
    assert!(done.stderr.lines().count() <= 24, "one screen:\n{}", done.stderr);
    let report = place.json("r.json");
    assert_eq!(report["done"], 6);
    assert_eq!(report["skipped"], 0);
    assert_eq!(report["failed"], serde_json::json!([]));
    assert_eq!(report["mode"], "threads");
    for stage in report["stages"].as_array().expect("stages") {
        assert!(stage["busy_seconds"].as_f64().expect("a number") >= 0.0);
    }
}

#[test]
fn one_file_goes_to_one_file() {
    let place = Place::new();
    place.png("a.png", 20, 10, 1);
    place.line("images a.png -o b.png -f hflip").code(0);
    assert!(place.path("b.png").is_file());
    assert!(!place.path("b.png.lumaloom").exists() && !place.path(".lumaloom").exists());
    // The extension decides the format.
    place.line("images a.png -o c.ppm").code(0);
    assert!(place.tree("")["c.ppm"].starts_with(b"P6"));
    place.line("images a.png -o c.ppm").code(2).says(&["-y"]);
    place.line("images a.png -o c.ppm -y").code(0);
    place.line("images a.png -o d.ppm --resume").code(2).says(&["--resume"]);
    // Without an image extension OUT is a folder.
    place.line("images a.png -o folder").code(0);
    assert_eq!(place.names("folder"), ["a.png"]);
}

#[test]
fn other_files_are_skipped_and_counted() {
    let place = six();
    place.file("in/notes.txt", b"hello");
    place.file("in/raw.cr2", b"II*\0");
    place.file("in/.hidden.png", b"not even opened");
    place.file("in/.cache/x.png", b"not even opened");
    let done = place.line("images in -o out --report r.json").code(0);
    done.says(&["6 done", "skipped", "txt", "cr2"]);
    let report = place.json("r.json");
    assert!(report["skipped"].as_u64().expect("a count") >= 3, "{report}");
}

#[test]
fn a_bad_input_costs_that_input() {
    let place = six();
    place.file("in/bad.png", b"this is no picture");
    let mut cut = crate::program::png(64, 64, 3);
    cut.truncate(cut.len() / 2);
    place.file("in/cut.png", &cut);
    for mode in ["threads", "processes", "inline"] {
        let line = format!("images in -o {mode} --mode {mode} --report {mode}.json");
        place.line(&line).code(1).says(&["6 done", "2 failed", "bad.png", "cut.png"]);
        assert_eq!(place.names(mode).len(), 6, "{mode}");
        let failed = &place.json(&format!("{mode}.json"))["failed"];
        assert_eq!(failed[0]["input"], "in/bad.png", "sorted by input");
        assert_eq!(failed[1]["input"], "in/cut.png");
    }
}

#[test]
fn a_named_file_that_is_no_image_is_a_failure() {
    let place = Place::new();
    place.png("a.png", 5, 5, 0);
    place.file("notes.txt", b"hello");
    place.line("images a.png notes.txt -o out").code(1).says(&["notes.txt"]);
    assert_eq!(place.names("out"), ["a.png"]);
}

#[test]
fn a_missing_input_stops_before_anything_starts() {
    let place = six();
    place.line("images in none -o out").code(2).says(&["none"]);
    assert!(!place.path("out").exists());
}

#[test]
fn an_output_is_never_an_input() {
    let place = six();
    let before = place.tree("in");
    place.line("images in -o in -y").code(2);
    place.line("images in/a.png -o in/a.png -y").code(2);
    place.line("images in/a.png -o in -y").code(2).says(&["in/a.png"]);
    // The same folder by another name.
    std::os::unix::fs::symlink(place.path("in"), place.path("link")).expect("a link");
    place.line("images in -o link -y").code(2);
    assert_eq!(place.tree("in"), before);
}

#[test]
fn an_output_folder_inside_an_input_is_left_out_of_the_walk() {
    let place = six();
    place.line("images in -o in/out").code(0).says(&["6 done"]);
    place.line("images in -o in/out -y").code(0).says(&["6 done"]);
    assert_eq!(place.names("in/out").len(), 6);
}

#[test]
fn several_inputs_share_the_deepest_folder() {
    let place = six();
    place.line("images in/sub/c.png in/a.png -o out").code(0);
    assert_eq!(place.names("out"), ["a.png", "sub/c.png"]);
    place.line("images in/sub in/a.png -o out2 --base .").code(0);
    assert!(place.path("out2/in/sub/deep/f.ppm").is_file());
}

#[test]
fn globs_are_expanded() {
    let place = six();
    place.run(&["images", "in/*.png", "-o", "out"]).code(0);
    assert_eq!(place.names("out"), ["a.png", "b.png"]);
}

#[test]
fn names_follow_the_template() {
    let place = six();
    place.line("images in -o out --name {dir}/{stem}-{width}x{height}.{ext}").code(0);
    assert!(place.path("out/sub/deep/f-1x1.ppm").is_file(), "{:?}", place.names("out"));
    assert!(place.path("out/a-33x21.png").is_file());
    place.line("images in -o numbered --name {n}.{ext}").code(0);
    assert_eq!(place.names("numbered").len(), 6);
    place.line("images in -o out3 --name {nope}").code(2).says(&["nope"]);
}

#[test]
fn a_format_changes_the_names_too() {
    let place = six();
    place.line("images in -o out --format png").code(0);
    assert!(place.names("out").iter().all(|name| name.ends_with(".png")));
    assert!(place.tree("out")["e.png"].starts_with(b"\x89PNG"));
    place.line("images in -o out2 --format jpg").code(0);
    assert!(place.tree("out2").values().all(|bytes| bytes.starts_with(&[0xff, 0xd8])));
    place.line("images in -o out3 --format jpog").code(2).says(&["jpog"]);
}

#[test]
fn two_inputs_for_one_output_are_found_first() {
    let place = Place::new();
    for name in ["a", "b"] {
        place.png(&format!("in/{name}.png"), 8, 8, 0);
        place.ppm(&format!("in/{name}.ppm"), 8, 8, 0);
    }
    let done = place.line("images in -o out --format png").code(2);
    done.says(&["2 pairs", "a.png", "a.ppm", "--name"]);
    assert!(!place.path("out").exists() || place.names("out").is_empty());
    let solved = "images in -o out --format png --name {dir}/{stem}-{ext}.{format}";
    place.line(solved).code(0);
    assert_eq!(place.names("out").len(), 4);
}

#[test]
fn a_second_run_says_both_ways_out() {
    let place = six();
    place.line("images in -o out").code(0);
    let before = place.tree("out");
    place.line("images in -o out -f negate").code(2).says(&["6", "-y", "--resume"]);
    assert_eq!(place.tree("out"), before, "nothing was touched");
    place.line("images in -o out -f negate -y").code(0).says(&["6 done"]);
    assert_ne!(place.tree("out"), before);
}

#[test]
fn resume_without_a_journal_leaves_somebodys_files_alone() {
    let place = six();
    place.file("out/a.png", b"precious");
    for journal in [None, Some("no journal at all")] {
        if let Some(text) = journal {
            place.file("out/.lumaloom/journal.jsonl", text.as_bytes());
        }
        for option in ["--resume", "--retry-failed"] {
            let done = place.line(&format!("images in -o out {option}")).code(2);
            done.says(&["finds no journal", "-y"]);
            assert_eq!(fs::read(place.path("out/a.png")).unwrap(), b"precious");
        }
    }
    place.line("images in -o out --resume -y").code(0).says(&["6 done"]);
}

#[test]
fn a_report_is_not_written_over_a_picture() {
    let place = six();
    let before = place.tree("in");
    for line in [
        "images in -o out --report in/a.png",
        "images in -o out --trace in/a.png",
        "manifest in -o in/a.png",
        "bench in -r 1 --export-json in/a.png",
    ] {
        place.line(line).code(2).says(&["in/a.png", "is a picture"]);
        assert_eq!(place.tree("in"), before, "{line}");
    }
}

#[test]
fn resume_does_what_is_new_or_changed() {
    let place = six();
    // Without a journal it starts fresh.
    place.line("images in -o out -f negate --resume").code(0).says(&["6 done"]);
    place.line("images in -o out -f negate --resume").code(0).says(&["0 done", "6 finished"]);
    place.png("in/new.png", 9, 9, 1);
    place.png("in/a.png", 50, 50, 200);
    place.line("images in -o out -f negate --resume").code(0).says(&["2 done", "5 finished"]);
    fs::remove_file(place.path("out/b.png")).expect("it was there");
    place.line("images in -o out -f negate --resume").code(0).says(&["1 done"]);
    // Another recipe is another job.
    place.line("images in -o out -f hflip --resume").code(2).says(&["-y"]);
    place.line("images in -o out -f hflip --resume -y").code(0).says(&["7 done"]);
}

#[test]
fn a_resumed_run_keeps_outputs_that_somebody_worked_on() {
    for mode in ["threads", "processes"] {
        let place = six();
        let resume = format!("images in -o out -f negate --mode {mode} --resume");
        place.line(&resume).code(0).says(&["6 done"]);
        let output = place.path("out/a.png");
        let made = fs::read(&output).expect("it was made");
        fs::write(&output, b"work of hours").expect("it can be written");
        let later = std::time::SystemTime::now() + std::time::Duration::from_secs(60);
        let file = fs::File::options().write(true).open(&output).expect("it is there");
        file.set_modified(later).expect("times can be set");
        place.png("in/new.png", 9, 9, 1);
        // Nobody knows whose this is: a run that was killed may have left it.
        fs::write(place.path("out/new.png"), b"half").expect("it can be written");
        place.line(&format!("{resume} -n")).code(0).says(&[
            "1 input,",
            "new.png",
            "5 inputs finished before",
            "1 input left alone",
            "-y",
        ]);
        place.line(&resume).code(1).says(&["1 done", "5 finished", "out/a.png was changed", "-y"]);
        assert_eq!(fs::read(&output).expect("it is there"), b"work of hours");
        assert!(fs::read(place.path("out/new.png")).expect("it is there").len() > 10);
        // A picture that changed does not cost the work either.
        place.png("in/a.png", 50, 50, 200);
        place.line(&resume).code(1).says(&["0 done", "6 finished", "out/a.png was changed"]);
        fs::write(place.path("in/a.png"), fs::read(place.path("in/b.png")).expect("an input"))
            .expect("it can be written");
        place.line(&format!("{resume} -y")).code(0).says(&["1 done"]);
        assert_ne!(fs::read(&output).expect("it is there"), made);
        place.line(&format!("{resume} -n")).code(0).says(&["0 inputs", "7 inputs finished"]);
        // What is cut off by a crash is as old as the journal's line, and done again.
        fs::write(&output, b"").expect("it can be written");
        place.line(&resume).code(0).says(&["1 done"]);
    }
}

#[test]
fn a_resumed_run_with_nothing_to_do_removes_what_dead_ones_left() {
    let place = six();
    place.line("images in -o out -f negate").code(0);
    place.file("out/.lumaloom-0123456789abcdef.part", b"half");
    place.line("images in -o out -f negate --resume").code(0).says(&["0 done"]);
    assert!(!place.path("out/.lumaloom-0123456789abcdef.part").exists());
}

#[test]
fn shards_into_one_folder_add_up() {
    for mode in ["threads", "processes"] {
        let place = six();
        for k in 1..=3 {
            place.line(&format!("images in -o out --shard {k}/3 --mode {mode}")).code(0);
        }
        let report = place.line("report out").code(0).stdout;
        assert!(report.contains("6 done, 0 failed"), "{report}");
        place.line("images in -o out --resume").code(0).says(&["0 done", "6 finished"]);
        place.line("images in -o out --shard 2/3 --resume").code(0).says(&["0 done"]);
    }
}

#[test]
fn folders_into_one_folder_add_up() {
    for mode in ["threads", "processes"] {
        let place = Place::new();
        place.png("A/a.png", 8, 8, 1);
        place.png("B/b.png", 8, 8, 2);
        place.line(&format!("images A -o out --mode {mode}")).code(0);
        place.line(&format!("images B -o out --mode {mode}")).code(0);
        for folder in ["A", "B"] {
            let again = format!("images {folder} -o out --resume --mode {mode}");
            place.line(&again).code(0).says(&["0 done", "1 finished"]);
        }
        let report = place.line("report out").code(0).stdout;
        assert!(report.contains("A/a.png") && report.contains("B/b.png"), "{report}");
    }
}

#[test]
fn two_inputs_of_one_relative_path_are_never_taken_for_each_other() {
    for mode in ["threads", "processes"] {
        let place = Place::new();
        // As alike as a copy: name, size and time of change.
        place.ppm("A/x.ppm", 8, 8, 1);
        place.ppm("B/x.ppm", 8, 8, 2);
        let time = fs::metadata(place.path("A/x.ppm")).and_then(|data| data.modified());
        let copy = fs::File::options().write(true).open(place.path("B/x.ppm")).expect("a file");
        copy.set_modified(time.expect("a time")).expect("a time");
        let run = |rest: &str| place.line(&format!("images {rest} -o out --mode {mode}"));
        run("A").code(0);
        let of_a = place.tree("out");
        run("B").code(2).says(&["-y"]);
        run("B --resume").code(2).says(&["x.ppm", "A/x.ppm", "-y"]);
        assert!(place.tree("out") == of_a, "nothing was touched");
        run("B --resume -y").code(0).says(&["1 done"]);
        assert!(place.tree("out") != of_a);
        run("B --resume").code(0).says(&["0 done"]);
        run("A --resume").code(2).says(&["B/x.ppm"]);
        run("A --resume -y").code(0).says(&["1 done"]);
        assert!(place.tree("out") == of_a);
        let report = place.line("report out").code(0).stdout;
        assert!(report.contains("1 done"), "{report}");
    }
}

#[test]
fn an_output_of_an_input_that_is_gone_may_be_replaced() {
    for mode in ["threads", "processes"] {
        for name in ["{stem}.{format}", "{stem}-{width}.{format}"] {
            let place = Place::new();
            place.ppm("in/a.ppm", 8, 8, 1);
            place.ppm("in/b.ppm", 8, 8, 2);
            let line = format!("images in -o out --format png --name {name} --mode {mode}");
            place.line(&line).code(0);
            let before = place.tree("out");
            fs::remove_file(place.path("in/a.ppm")).expect("it was there");
            place.line(&format!("{line} --resume")).code(0).says(&["0 done", "1 finished"]);
            place.png("in/a.png", 8, 8, 3);
            // Where names are known late, it costs the input alone.
            let code = if name.contains("width") { 1 } else { 2 };
            let refused = place.line(&format!("{line} --resume")).code(code);
            refused.says(&["the output of", "in/a.ppm", "-y"]);
            assert!(place.tree("out") == before, "nothing was touched");
            let again = if code == 1 { "--retry-failed" } else { "--resume" };
            place.line(&format!("{line} {again} -y")).code(0).says(&["1 done", "1 finished"]);
            assert!(place.tree("out") != before && place.names("out").len() == 2);
            place.line(&format!("{line} --resume")).code(0).says(&["0 done", "2 finished"]);
        }
    }
}

#[test]
fn numbers_that_shift_name_all_anew_on_request() {
    for mode in ["threads", "processes"] {
        for name in ["{n}.png", "{n}-{width}.png"] {
            let place = Place::new();
            place.png("in/b.png", 8, 8, 1);
            place.png("in/c.png", 8, 8, 2);
            let line = format!("images in --name {name} --mode {mode} -o");
            place.line(&format!("{line} out")).code(0);
            // One that sorts last shifts nothing.
            place.png("in/d.png", 8, 8, 3);
            place.line(&format!("{line} out --resume")).code(0).says(&["1 done", "2 finished"]);
            let before = place.tree("out");
            place.png("in/a.png", 8, 8, 4);
            let code = if name.contains("width") { 1 } else { 2 };
            let refused = place.line(&format!("{line} out --resume")).code(code);
            let refused = refused.says(&["the output of", "in/b.png", "-y"]);
            assert!(!refused.stderr.contains("{n} tells"), "{}", refused.stderr);
            assert!(place.tree("out") == before, "nothing was touched");
            let again = if code == 1 { "--retry-failed" } else { "--resume" };
            place.line(&format!("{line} out {again} -y")).code(0).says(&["4 done"]);
            place.line(&format!("{line} fresh")).code(0);
            assert!(place.tree("out") == place.tree("fresh"));
            place.line(&format!("{line} out --resume")).code(0).says(&["0 done", "4 finished"]);
        }
    }
}

#[test]
fn outputs_of_other_shards_stay_whatever_is_said() {
    for mode in ["threads", "processes"] {
        for name in ["x.png", "{width}.png"] {
            let place = Place::new();
            (0..8).for_each(|i| place.png(&format!("in/{i}.png"), 8, 8, i));
            // One input in each share, so that none collides with one of its own.
            let line = |k| format!("images in -o out --name {name} --mode {mode} --shard {k}/40");
            let shares = |k: &u32| {
                let list = place.line(&format!("{} -n", line(*k))).stderr;
                list.starts_with("1 input")
            };
            let alone: Vec<u32> = (1..=40).filter(shares).take(2).collect();
            let [first, second] = alone[..] else { panic!("{alone:?}") };
            place.line(&line(first)).code(0);
            let before = place.tree("out");
            let code = if name.contains("width") { 1 } else { 2 };
            let refused = place.line(&format!("{} --resume -y", line(second))).code(code);
            refused.says(&["the output of", "{n}"]);
            assert!(place.tree("out") == before, "nothing was touched");
        }
    }
}

#[test]
fn recipes_stay_apart_and_a_permission_to_replace_is_kept() {
    let place = six();
    place.line("images in -o out -f negate").code(0);
    place.line("images in -o out --format qoi").code(0);
    // Both are there and done.
    place.line("images in -o out -f negate --resume").code(0).says(&["6 finished"]);
    place.line("images in -o out --format qoi --resume").code(0).says(&["6 finished"]);
    let report = place.line("report out").code(0).stdout;
    assert!(report.contains("12 done") && report.contains("negate"), "{report}");
    // Three are replaced, as if the run had been cut short; then it goes on without -y.
    place.line("images in -o out -f hflip -y --shard 1/2").code(0);
    place.line("images in -o out -f hflip --resume").code(0).says(&["finished before"]);
    place.line("images in -o out -f negate --resume").code(2).says(&["-y"]);
}

#[test]
fn a_resumed_run_removes_what_dead_ones_left_anywhere() {
    let place = six();
    place.line("images in -o out").code(0);
    fs::remove_dir_all(place.path("in/sub/deep")).expect("it was there");
    place.file("in/later/g.png", &crate::program::png(5, 5, 5));
    let dead = ["out/sub/deep/.lumaloom-0123456789abcdef.part", "out/.lumaloom-00.part"];
    dead.iter().for_each(|name| place.file(name, b"half"));
    place.file("outside/.lumaloom-0123456789abcdef.part", b"half");
    std::os::unix::fs::symlink(place.path("outside"), place.path("out/link")).expect("a link");
    place.line("images in -o out --resume").code(0).says(&["1 done"]);
    assert!(dead.iter().all(|name| !place.path(name).exists()));
    assert!(place.path("outside/.lumaloom-0123456789abcdef.part").exists());
}

#[test]
fn names_give_no_orders_to_a_terminal() {
    let place = Place::new();
    for name in ["a\x1b[31mb.png", "a\nb.png"] {
        place.png(&format!("in/good-{name}"), 5, 5, 1);
        place.file(&format!("in/bad-{name}"), b"no picture");
        place.file(&format!("in/{name}.t\x1b[2Jxt"), b"skipped");
    }
    for mode in ["threads", "processes"] {
        let runs = [
            place.line(&format!("images in -o {mode} -n -v")).code(1),
            place.line(&format!("images in -o {mode} -v --mode {mode} --progress plain")).code(1),
            place.line(&format!("images in -o {mode} --resume")).code(1),
            place.line(&format!("images in -o {mode}")).code(2),
            place.line(&format!("report {mode}")).code(0),
        ];
        for run in &runs {
            let text = [run.stdout.as_str(), run.stderr.as_str()].concat();
            let odd = |c: char| c.is_control() && c != '\n';
            assert!(!text.contains(odd), "{text:?}");
            assert!(text.contains("a\\x1b[31mb.png") && text.contains("a\\nb.png"), "{text:?}");
        }
        let failed = place.line(&format!("report {mode} --json")).code(0).stdout;
        let report: serde_json::Value = serde_json::from_str(&failed).expect("JSON");
        assert_eq!(report["entries"][0]["input"], "bad-a\nb.png", "exact");
    }
}

#[test]
fn an_extension_in_the_names_is_the_format() {
    let place = six();
    place.run(&["images", "in", "-o", "out", "--name", "{n}.qoi"]).code(0);
    assert!(place.tree("out").values().all(|bytes| bytes.starts_with(b"qoif")));
    let other = ["images", "in", "-o", "o2", "--name", "{n}.png", "--format", "jpg"];
    place.run(&other).code(2).says(&["png", "jpeg"]);
    place.run(&["images", "in", "-o", "o2", "--name", "{n}.avif"]).code(2).says(&[".avif"]);
    place.run(&["images", "in", "-o", "o2", "--processes", "--name", "{n}.bmp"]).code(0);
    assert!(place.tree("o2").values().all(|bytes| bytes.starts_with(b"BM")));
}

#[test]
fn what_cannot_be_made_stops_before_anything_starts() {
    let place = six();
    place.file("file", b"");
    for mode in ["threads", "processes"] {
        let line = format!("images in -o file/out --mode {mode}");
        place.line(&line).code(2).says(&["file/out", "file: is no folder"]);
        for option in ["--report", "--trace"] {
            let line = format!("images in -o out {option} none/r.json --mode {mode}");
            place.line(&line).code(2).says(&[option, "none/r.json", "No such file"]);
        }
    }
    place.line("images in/a.png -o file/a.png").code(2).says(&["file"]);
    place.line("manifest in -o none/list").code(2).says(&["none"]);
    for option in ["--export-json", "--export-csv", "--export-markdown"] {
        let done = place.line(&format!("bench in {option} none/r")).code(2);
        let done = done.says(&[option, "none/r", "No such file"]);
        assert!(!done.stderr.contains("warm-up"), "{}", done.stderr);
    }
    assert!(!place.path("out").exists());
}

#[test]
fn what_is_said_fits_the_case() {
    let place = six();
    place.file("in/void.png", b"");
    place.line("images in -o out").code(1).says(&["void.png", "is empty"]);
    place.line("images in/a.png -o a.qoi").code(0);
    let again = place.line("images in/a.png -o a.qoi").code(2).says(&["a.qoi exists", "-y"]);
    assert!(!again.stderr.contains("--resume"), "{}", again.stderr);
    place.line("images in/a.png -o o1 --shard 1/1").code(0);
    let shards = [1, 2].map(|k| place.line(&format!("images in/a.png -o s{k} --shard {k}/2")));
    let [a, b] = shards.map(|done| done.code(0).stderr);
    assert!([&a, &b].iter().any(|said| said.contains("no input falls into shard")), "{a}{b}");
    place.line("images in -o -").code(2).says(&["stdout", "lumaloom stage"]);
    place.line("images in -o o3 -j 0").code(2).says(&["1 or more"]);
    place.line("images in -o o3 --name {nope}.png").code(2).says(&["{nope}", "{stem}"]);
}

#[test]
fn failed_inputs_are_tried_again_on_request() {
    let place = six();
    place.file("in/bad.png", b"no");
    place.line("images in -o out").code(1);
    place.line("images in -o out --resume").code(1).says(&["0 done", "bad.png"]);
    place.line("images in -o out --retry-failed").code(1).says(&["0 done", "1 failed", "bad.png"]);
    place.png("in/bad.png", 4, 4, 4);
    place.line("images in -o out --retry-failed").code(0).says(&["1 done"]);
}

#[test]
fn a_held_lock_is_waited_for_then_75() {
    let place = six();
    place.line("images in -o out").code(0);
    let held = fs::File::open(place.path("out/.lumaloom/lock")).expect("a lock file");
    rustix::fs::flock(&held, rustix::fs::FlockOperation::LockExclusive).expect("a lock");
    for mode in ["threads", "processes"] {
        let begin = Instant::now();
        place.line(&format!("images in -o out -y --mode {mode}")).code(75).says(&["out"]);
        assert!(begin.elapsed() >= Duration::from_secs(5), "{:?}", begin.elapsed());
    }
    drop(held);
    place.line("images in -o out -y").code(0);
}

#[test]
fn every_mode_and_every_number_of_threads_gives_the_same_bytes() {
    let place = six();
    let chain = "eq=contrast=1.2:saturation=1.3,gblur=1.5,resize=20:-1";
    place.line(&format!("images in -o inline -f {chain} --mode inline")).code(0);
    let expected = place.tree("inline");
    assert_eq!(expected.len(), 6);
    for (i, options) in [
        "-j 1",
        "-j 3",
        "-j 2 --split bands",
        "-j 2 --split frames",
        "--processes",
        "--mode processes -j 1",
        "--io-threads 4 --mem 64M",
    ]
    .iter()
    .enumerate()
    {
        place.line(&format!("images in -o out{i} -f {chain} {options}")).code(0);
        assert!(place.tree(&format!("out{i}")) == expected, "{options}");
    }
    let script = format!(
        "$0 stage read images in | $0 stage work -f {chain} | $0 stage write images -o shell"
    );
    place.shell(&script).code(0);
    assert!(place.tree("shell") == expected, "stages joined by a shell");
}

#[test]
fn inline_is_one_loop() {
    let place = six();
    place.line("images in -o out --mode inline -j 1").code(0);
    place.line("images in -o out2 --mode inline -j 2").code(2).says(&["-j"]);
}

#[test]
fn process_mode_lists_its_stages() {
    let place = six();
    let done = place.line("images in -o out -f negate --processes -v --report r.json").code(0);
    done.says(&["stage read images", "stage work images -f negate", "stage write images", "pid"]);
    let report = place.json("r.json");
    let stages = report["stages"].as_array().expect("stages");
    let pids: std::collections::BTreeSet<_> =
        stages.iter().map(|s| s["pid"].as_u64().expect("a pid")).collect();
    assert_eq!(pids.len(), 3, "{report}");
    let parents: std::collections::BTreeSet<_> =
        stages.iter().map(|s| s["parent_pid"].as_u64().expect("a pid")).collect();
    assert_eq!(parents.len(), 1, "{report}");
}

#[test]
fn the_seconds_of_a_stage_add_up() {
    let place = Place::new();
    for i in 0..12 {
        place.png(&format!("in/{i}.png"), 400, 300, i);
    }
    for mode in ["threads", "processes", "inline"] {
        let line = format!("images in -o {mode} -f gblur=3 --mode {mode} --report {mode}.json");
        place.line(&line).code(0);
        let report = place.json(&format!("{mode}.json"));
        let wall = report["wall_seconds"].as_f64().expect("seconds");
        for stage in report["stages"].as_array().expect("stages") {
            let number = |name: &str| stage[name].as_f64().expect("a number");
            let sum = number("busy_seconds")
                + number("blocked_in_seconds")
                + number("blocked_out_seconds");
            let most = number("threads") * wall;
            assert!(sum > 0.0 && sum <= most * 1.02, "{mode}: {sum} of {most}: {stage}");
        }
    }
}

#[test]
fn a_dry_run_writes_nothing() {
    let place = six();
    let done = place.line("images in -o out -f eq=contrast=1.2,gblur=2 -n").code(0);
    assert!(!place.path("out").exists());
    let last = done.stderr.lines().last().unwrap_or_default();
    assert_eq!(last, "nothing written (dry run)");
    assert!(done.stderr.contains("6 inputs") && done.stderr.contains("a.png"), "{}", done.stderr);
    let done = place.line("images in -o out -f eq=contrast=1.2,gblur=2 --explain").code(0);
    done.says(&["f.ppm", "nothing written (dry run)"]);
    assert!(!place.path("out").exists());
}

#[test]
fn chain_errors_point_at_the_character() {
    let place = six();
    let done = place.line("images in -o out -f negate,gblurr=3").code(2).says(&["gblur"]);
    let lines: Vec<&str> = done.stderr.lines().collect();
    let at = lines.iter().position(|l| l.contains("negate,gblurr=3")).expect("the chain is shown");
    let column = lines[at].find("gblurr").expect("shown");
    assert_eq!(lines[at + 1].find('^'), Some(column), "{}", done.stderr);
    assert!(!place.path("out").exists());
}

#[test]
fn include_exclude_and_shards_choose() {
    let place = six();
    place.run(&["images", "in", "-o", "o1", "--include", "*.ppm"]).code(0);
    assert_eq!(place.names("o1"), ["e.ppm", "sub/deep/f.ppm"]);
    place.run(&["images", "in", "-o", "o2", "--exclude", "sub/**"]).code(0);
    assert_eq!(place.names("o2"), ["a.png", "b.png", "e.ppm"]);
    for k in 1..=3 {
        place.line(&format!("images in -o shards/{k} --shard {k}/3")).code(0);
    }
    let mut all: Vec<String> = (1..=3).flat_map(|k| place.names(&format!("shards/{k}"))).collect();
    all.sort();
    place.line("images in -o whole").code(0);
    assert_eq!(all, place.names("whole"), "the shards are disjoint and cover all");
}

#[test]
fn links_in_a_walk_are_not_followed_but_named_ones_are() {
    let place = six();
    std::os::unix::fs::symlink(place.path("in"), place.path("in/loop")).expect("a link");
    std::os::unix::fs::symlink(place.path("in/a.png"), place.path("in/z.png")).expect("a link");
    place.line("images in -o out").code(0).says(&["6 done"]);
    place.line("images in/z.png -o named").code(0);
    assert_eq!(place.names("named"), ["z.png"]);
}

#[test]
fn limits_name_their_option() {
    let place = six();
    place.png("in/big.png", 300, 300, 1);
    place.line("images in -o out --max-pixels 10K").code(1).says(&["big.png", "--max-pixels"]);
    assert_eq!(place.names("out").len(), 6);
    for mode in ["threads", "processes", "inline"] {
        let line = format!("images in -o {mode} --mode {mode} --mem");
        let done = place.line(&format!("{line} 100K")).code(1).says(&["big.png", "--mem"]);
        // What is said to do does.
        let line_of_big = done.stderr.lines().find(|l| l.contains("big.png")).expect("a line");
        let (_, would_do) = line_of_big.split_once("of --mem; --mem ").expect("a way out");
        let size = would_do.split_whitespace().next().expect("a size");
        place.line(&format!("{line} {size} -y")).code(0);
    }
}

#[test]
fn a_dry_run_says_what_would_fail() {
    let place = six();
    place.png("in/big.png", 900, 900, 1);
    place.line("images in/big.png -o in/large.jpg --quality 100").code(0);
    let large = place.path("in/large.jpg").metadata().expect("a file").len();
    assert!(large > 256 << 10, "more than a dry run reads of it first: {large}");
    let line = "images in -o out -f gblur=2 --mem 5M";
    let said = |output: &str, before: &str| -> Vec<String> {
        let lines = output.lines().filter(|l| l.contains("of --mem"));
        let mut lines: Vec<String> =
            lines.map(|l| l.replacen(before, "", 1).trim().to_owned()).collect();
        lines.sort();
        lines
    };
    let dry = place.line(&format!("{line} -n")).code(1);
    let run = place.line(line).code(1);
    let (dry, run) = (said(&dry.stderr, "would fail "), said(&run.stderr, "failed "));
    assert_eq!((dry.len(), dry), (2, run));
}

#[test]
fn on_error_stop_starts_nothing_more() {
    let place = Place::new();
    place.file("in/000.png", b"no");
    for i in 1..200 {
        place.png(&format!("in/{i:03}.png"), 200, 200, i as u8);
    }
    for mode in ["threads", "processes", "inline"] {
        let line = format!("images in -o {mode} --mode {mode} --on-error stop --report r.json");
        let done = place.line(&format!("{line} -j 1 --io-threads 1")).code(1);
        let made = place.names(mode).len();
        assert!(made < 199, "{mode}: {made} outputs");
        let left = format!("{} not begun", 199 - made);
        done.says(&["000.png", &left, "stopped at the first failure"]);
        let report = place.json("r.json");
        assert_eq!(
            (&report["outcome"], &report["left"]),
            (&"stopped".into(), &(199 - made).into())
        );
    }
}

#[test]
fn progress_as_json_lines_is_data() {
    let place = six();
    let done = place.line("images in -o out --progress jsonl -q").code(0);
    let events: Vec<serde_json::Value> =
        done.stdout.lines().map(|l| serde_json::from_str(l).expect("JSON")).collect();
    assert_eq!(events.iter().filter(|e| e["event"] == "done").count(), 6);
    assert_eq!(events[0]["event"], "planned");
}

#[test]
fn quiet_says_only_what_went_wrong() {
    let place = six();
    let done = place.line("images in -o out -q").code(0);
    assert_eq!(done.stderr, "");
    place.file("in/bad.png", b"no");
    let done = place.line("images in -o out2 -q").code(1).says(&["bad.png"]);
    assert!(!done.stderr.contains("MP/s"), "{}", done.stderr);
}

#[test]
fn a_recipe_gives_options_and_the_command_line_wins() {
    let place = six();
    place.file("r.toml", b"filter = ['hflip', 'negate']\nformat = 'png'\n");
    place.line("images in -o a --recipe r.toml").code(0);
    place.line("images in -o b -f hflip,negate --format png").code(0);
    assert!(place.tree("a") == place.tree("b"));
    place.line("images in -o c --recipe r.toml -f vflip").code(0);
    assert!(place.names("c").iter().all(|n| n.ends_with(".png")));
    assert!(place.tree("c") != place.tree("b"));
    place.file("bad.toml", b"fliter = 'x'\n");
    place.line("images in -o d --recipe bad.toml").code(2).says(&["filter", "bad.toml"]);
    place.file("bad.toml", b"quality = 500\n");
    place.line("images in -o d --recipe bad.toml").code(2).says(&["--quality", "bad.toml"]);
}

#[test]
fn a_trace_has_a_track_per_stage() {
    let place = six();
    for (mode, processes) in [("inline", 1), ("threads", 1), ("processes", 3)] {
        let line = format!("images in -o {mode} -f gblur=2 --mode {mode} --trace {mode}.json");
        place.line(&line).code(0);
        let trace = place.json(&format!("{mode}.json"));
        let events = trace["traceEvents"].as_array().expect("events");
        let spans = || events.iter().filter(|e| e["ph"] == "X");
        for category in ["read", "work", "write"] {
            let count = spans().filter(|e| e["cat"] == category).count();
            assert_eq!(count, 6, "{mode}, {category}");
        }
        let pids: std::collections::BTreeSet<_> = spans().map(|e| e["pid"].as_u64()).collect();
        assert_eq!(pids.len(), processes, "{mode}: {pids:?}");
        assert!(spans().all(|e| e["ts"].as_f64().is_some_and(|t| (0.0..60e6).contains(&t))));
    }
}

/// Inputs of a run that is stopped. What they make it say is more than a pipe holds, so a run
/// whose events nobody reads cannot get to its end.
const MANY: usize = 800;

fn many() -> Place {
    let place = Place::new();
    for i in 0..MANY {
        place.png(&format!("in/{i:03}.png"), 64, 64, i as u8);
    }
    place
}

/// Runs this line and, after the first event of this name, sends a signal for each of the
/// answers, each when the one before was given. The rest of the events is not read before.
fn interrupted(place: &Place, line: &str, after: &str, answers: &[&str]) -> Done {
    let mut child = place.start(&format!("{line} --progress jsonl"));
    let mut events = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut said = BufReader::new(child.stderr.take().expect("a pipe"));
    let (mut stdout, mut stderr) = (String::new(), String::new());
    while !stdout.contains(&format!("\"event\":\"{after}\"")) {
        assert!(events.read_line(&mut stdout).expect("text") > 0, "no {after}: {stdout}");
    }
    for answer in answers {
        interrupt(child.id());
        while !stderr.contains(answer) {
            assert!(said.read_line(&mut stderr).expect("text") > 0, "no {answer}: {stderr}");
        }
    }
    events.read_to_string(&mut stdout).expect("text");
    said.read_to_string(&mut stderr).expect("text");
    let code = child.wait().expect("it ends").code().unwrap_or(-1);
    Done { code, stdout, stderr }
}

/// How many outputs there are, each of them whole and in the journal.
fn whole_outputs(place: &Place, out: &str) -> usize {
    let outputs = place.tree(out);
    assert!(outputs.keys().all(|n| n.ends_with(".png")), "no temporary file");
    assert!(outputs.values().all(|b| b.ends_with(b"IEND\xaeB`\x82")), "whole files only");
    let report = place.line(&format!("report {out} --json")).code(0);
    let report: serde_json::Value = serde_json::from_str(&report.stdout).expect("JSON");
    assert_eq!(report["done"], outputs.len(), "{out}: the journal has them all");
    outputs.len()
}

#[test]
fn ctrl_c_keeps_what_is_finished() {
    let place = many();
    for mode in ["threads", "processes", "inline"] {
        let line = format!("images in -o {mode} --mode {mode}");
        let done = interrupted(&place, &line, "done", &["stopping: "]).code(130);
        done.says(&["interrupted", "not done"]);
        let first = whole_outputs(&place, mode);
        assert!(first > 0 && first < MANY, "{mode}: {first}");
        let rest = format!("{} done, {first} finished before", MANY - first);
        place.line(&format!("{line} --resume")).code(0).says(&[&rest]);
        assert_eq!(whole_outputs(&place, mode), MANY, "{mode}");
    }
}

#[test]
fn ctrl_c_twice_stops_now() {
    let place = Place::new();
    place.ppm("in/a.ppm", 1500, 1500, 1);
    // Minutes of work, so that the first signal finds it under way and the second does too.
    let slow = vec!["gblur=20"; 500].join(",");
    for mode in ["threads", "processes", "inline"] {
        let line = format!("images in -o {mode} --mode {mode} -f {slow}");
        let begin = Instant::now();
        interrupted(&place, &line, "read", &["stopping: ", "stopping now"]).code(130);
        assert!(begin.elapsed() < Duration::from_secs(20), "{mode}: {:?}", begin.elapsed());
        assert_eq!(place.names(mode), [""; 0], "{mode}: no temporary file");
    }
}

#[test]
fn ctrl_c_in_a_shell_reaches_all_stages() {
    use std::os::unix::process::CommandExt;
    let place = many();
    // The writer says each event on the shell's stdout, which is not read until the signal.
    // Outputs are so large that few of them fit into the pipe before it.
    let stage =
        |name: &str| format!("{{ trap : INT; $0 stage {name}; echo $? > {}; }}", &name[..4]);
    let [read, work] = ["read images in", "work -f resize=160:160 --format ppm -j 1"].map(stage);
    let write = stage("write images -o out --events-fd 3");
    let script = format!("trap : INT; {read} | {work} | {write} 3>&1");
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", &script, crate::program::PROGRAM]).current_dir(place.path("."));
    shell.stdin(Stdio::null()).stdout(Stdio::piped()).process_group(0);
    let mut shell = shell.spawn().expect("a shell");
    let mut events = BufReader::new(shell.stdout.take().expect("a pipe"));
    let mut text = String::new();
    while !text.contains(r#""event":"done""#) {
        assert!(events.read_line(&mut text).expect("text") > 0, "no output: {text}");
    }
    signal("INT", &format!("-{}", shell.id()));
    events.read_to_string(&mut text).expect("text");
    shell.wait().expect("it ends");
    let code = |name: &str| fs::read_to_string(place.path(name)).expect("a code");
    assert_eq!(["read", "work", "writ"].map(code).map(|c| c.trim().to_owned()), ["130"; 3]);
    let outputs = place.tree("out");
    assert!(outputs.keys().all(|n| n.ends_with(".png")), "no temporary file");
    assert!(outputs.values().all(|b| b.len() == 15 + 3 * 160 * 160), "whole files only");
    assert!(!outputs.is_empty() && outputs.len() < MANY, "{}", outputs.len());
}

#[test]
fn a_reader_of_events_that_goes_away_ends_the_run() {
    let place = Place::new();
    for i in 0..120 {
        place.png(&format!("in/{i:03}.png"), 128, 128, i as u8);
    }
    let script =
        "{ $0 images in -o out -f gblur=6 --progress jsonl -q; echo $? > code; } | head -n 1";
    place.shell(script);
    let code = fs::read_to_string(place.path("code")).expect("a code");
    assert_eq!(code.trim(), "130");
}

fn interrupt(pid: u32) {
    signal("INT", &pid.to_string());
}

fn signal(name: &str, to: &str) {
    let status = Command::new("kill").args([&format!("-{name}"), "--", to]).status();
    assert!(status.expect("kill").success());
}

#[test]
fn odd_names_survive() {
    use std::os::unix::ffi::OsStringExt;
    let place = Place::new();
    let bytes = crate::program::png(6, 6, 1);
    fs::create_dir(place.path("in")).expect("a folder");
    let odd = std::ffi::OsString::from_vec(b"\xff\xfe.png".to_vec());
    let long = std::ffi::OsString::from(format!("{}.png", "x".repeat(251)));
    for name in [odd, long, "-dash.png".into(), "new\nline.png".into(), "a b.PNG".into()] {
        fs::write(place.path("in").join(name), &bytes).expect("a file");
    }
    for mode in ["threads", "processes"] {
        place.line(&format!("images in -o {mode} --mode {mode}")).code(0).says(&["5 done"]);
    }
    assert!(place.tree("threads") == place.tree("processes"));
}

#[test]
fn a_name_like_an_option_is_a_file_in_every_mode() {
    let place = Place::new();
    place.png("-x.png", 6, 6, 1);
    for mode in ["inline", "threads", "processes"] {
        place.line(&format!("images --mode {mode} -o {mode}.png -- -x.png")).code(0);
        assert!(place.path(&format!("{mode}.png")).is_file(), "{mode}");
    }
}

#[test]
fn a_measurement_that_is_interrupted_removes_its_outputs() {
    let place = six();
    let mut bench = place.command(&["bench", "in", "-o", "out", "-r", "100000"]);
    let child = bench.env("TMPDIR", place.path("tmp")).stderr(Stdio::piped());
    fs::create_dir(place.path("tmp")).expect("a folder");
    let child = child.spawn().expect("it starts");
    let begin = Instant::now();
    while fs::read_dir(place.path("out")).map_or(0, Iterator::count) == 0 {
        assert!(begin.elapsed() < Duration::from_secs(20), "no run began");
        std::thread::sleep(Duration::from_millis(2));
    }
    interrupt(child.id());
    Done::of(child.wait_with_output().expect("it ends")).code(130);
    for folder in ["out", "tmp"] {
        let left = fs::read_dir(place.path(folder)).expect("a folder").count();
        assert_eq!(left, 0, "{folder}");
    }
}

#[test]
fn no_inputs_is_said() {
    let place = Place::new();
    fs::create_dir(place.path("in")).expect("a folder");
    place.line("images in -o out").code(0).says(&["0 done"]);
}
