//! Tricky and broken pictures from public collections, in the folder that `LUMALOOM_CORPUS` names.

use std::fs;
use std::path::PathBuf;

use lumaloom::codec::{DecodeHint, Limits, Still, decode, probe};
use lumaloom::error::{Kind, Result};
use lumaloom::frame::BufferPool;

/// The files of one collection with what becomes of them; `None` without the corpus.
fn collection(name: &str) -> Option<Vec<(String, Result<Still>)>> {
    let Some(corpus) = std::env::var_os("LUMALOOM_CORPUS") else {
        eprintln!("LUMALOOM_CORPUS is not set: nothing tested");
        return None;
    };
    let pool = BufferPool::new(2);
    let mut files: Vec<PathBuf> = fs::read_dir(PathBuf::from(corpus).join(name))
        .expect("the collection is there")
        .map(|entry| entry.expect("it can be listed").path())
        .collect();
    files.sort();
    let outcome = |path: PathBuf| {
        let bytes = fs::read(&path).expect("the file can be read");
        let still = probe(&bytes, &Limits::default())
            .and_then(|header| decode(&bytes, &header, DecodeHint::FULL, &pool));
        let name = path.file_name().expect("files have names").to_string_lossy();
        (name.into_owned(), still)
    };
    Some(files.into_iter().map(outcome).collect())
}

#[test]
fn pngsuite_is_read_but_for_its_broken_files() {
    let Some(files) = collection("pngsuite") else { return };
    assert!(files.len() > 150, "{} files", files.len());
    for (name, outcome) in files {
        let broken = name.starts_with("png_x");
        assert_eq!(outcome.is_err(), broken, "{name}: {:?}", outcome.err());
    }
}

#[test]
fn webp_is_read_in_all_its_variants() {
    let Some(files) = collection("webp") else { return };
    for (name, outcome) in files {
        assert!(outcome.is_ok(), "{name}: {:?}", outcome.err());
    }
}

#[test]
fn broken_files_are_the_fault_of_the_input() {
    let folders = ["bad-image", "bad-tiff", "bad-jpeg"];
    for (name, outcome) in folders.iter().filter_map(|folder| collection(folder)).flatten() {
        if let Err(error) = outcome {
            assert_eq!(error.kind(), Kind::Input, "{name}: {error}");
        }
    }
}
