//! The house rules that a compiler does not check: which room may import from which, and what
//! only some rooms may do. Reads the sources as tokens, so that words in comments and strings
//! do not count.

use std::fs;
use std::path::{Path, PathBuf};

/// The rooms, lowest first. A file imports only from its own room and from those before it.
const ROOMS: &[&str] = &[
    "error", "process", "frame", "filter", "kernel", "plan", "event", "link", "ordered", "stage",
    "codec", "ffmpeg", "journal", "source", "sink", "work", "observe", "sandbox", "exec", "bench",
    "lib", "cli", "main",
];

/// Rooms that speak to people, and so may print and exit.
const SPEAKERS: &[&str] = &["cli", "main"];

/// Files outside `kernel/` that call the operating system or a C library where no safe wrapper
/// exists.
const FOREIGN: &[&str] =
    &["bench/usage.rs", "codec/jpeg/native.rs", "exec/system.rs", "process.rs"];

/// Calls that only a speaker makes: an identifier followed by `!`.
const PRINTING: &[&str] = &["print", "println", "eprint", "eprintln", "dbg"];

/// What is said of a path that is shown as it is, orders to a terminal included.
const RAW_PATH: &str = "`display` of a path; people read it by `error::shown`";

/// Macros that promise code instead of being code.
const PROMISES: &[&str] = &["todo", "unimplemented"];

#[test]
fn every_file_keeps_the_house_rules() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut broken = Vec::new();
    let mut seen = 0;
    for file in rust_files(&root.join("src")) {
        let text = fs::read_to_string(&file).expect("sources are UTF-8");
        let name = file.strip_prefix(root.join("src")).expect("found below src").to_owned();
        broken.extend(violations(&name, &text));
        seen += 1;
    }
    for folder in ["tests", "benches"] {
        for file in rust_files(&root.join(folder)) {
            let text = fs::read_to_string(&file).expect("sources are UTF-8");
            let name = file.strip_prefix(root).expect("found below the root").to_owned();
            broken.extend(first_line(&name, &text));
        }
    }
    assert!(seen > 10, "only {seen} source files were found");
    assert!(broken.is_empty(), "house rules broken:\n{}", broken.join("\n"));
}

#[test]
fn every_exception_is_still_needed() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for name in FOREIGN {
        let text = fs::read_to_string(src.join(name)).unwrap_or_default();
        let used = tokens(&text).iter().any(|t| t.word("unsafe"));
        assert!(used, "{name} has no unsafe code (any more): take it off the list");
    }
}

/// All `.rs` files below a folder, sorted; none where the folder does not exist.
fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let walk = walkdir::WalkDir::new(folder).sort_by_file_name();
    let files = walk.into_iter().filter_map(Result::ok).map(walkdir::DirEntry::into_path);
    files.filter(|path| path.extension().is_some_and(|e| e == "rs")).collect()
}

/// What a source file does that it may not, one line each: `file:line: what`.
fn violations(name: &Path, text: &str) -> Vec<String> {
    let room = room_of(name);
    let speaks = SPEAKERS.contains(&room);
    let may_be_unsafe = room == "kernel" || FOREIGN.iter().any(|s| Path::new(s) == name);
    let tokens = tokens(text);
    let mut broken = first_line(name, text);
    let mut say = |line: usize, what: String| {
        broken.push(format!("{}:{line}: {what}", name.display()));
    };
    for (line, target) in imports(name, &tokens) {
        match (rank(&target), rank(room)) {
            (Some(theirs), Some(ours)) if theirs <= ours => {}
            (Some(_), Some(_)) => say(line, format!("`{room}` imports from `{target}`")),
            (None, _) => say(line, format!("`{target}` is not a room; import from its home")),
            (_, None) => say(line, format!("`{room}` is not a room")),
        }
    }
    for pair in tokens.windows(2) {
        let [a, b] = pair else { continue };
        let bang = b.word("!");
        if bang && !speaks && PRINTING.contains(&a.text.as_str()) {
            say(a.line, format!("`{}!` outside cli/ and main", a.text));
        }
        if bang && PROMISES.contains(&a.text.as_str()) {
            say(a.line, format!("`{}!`", a.text));
        }
        if a.word("static") && b.word("mut") {
            say(a.line, "`static mut`".into());
        }
        if a.word("unsafe") && !may_be_unsafe {
            say(a.line, "`unsafe` outside kernel/ and the listed foreign calls".into());
        }
    }
    for call in tokens.windows(3) {
        let [a, b, c] = call else { continue };
        if a.word(".") && b.word("display") && c.word("(") {
            say(b.line, RAW_PATH.into());
        }
    }
    for path in tokens.windows(4) {
        let [a, b, c, d] = path else { continue };
        if a.word("Path") && b.word(":") && c.word(":") && d.word("display") {
            say(d.line, RAW_PATH.into());
        }
        let leaves = d.word("exit") || d.word("abort");
        if a.word("process") && b.word(":") && c.word(":") && leaves && !speaks {
            say(d.line, format!("`process::{}` outside cli/ and main", d.text));
        }
    }
    broken
}

/// A file says what it holds in its first line.
fn first_line(name: &Path, text: &str) -> Vec<String> {
    let said = text
        .lines()
        .next()
        .is_some_and(|line| line.strip_prefix("//!").is_some_and(|rest| rest.trim().len() > 3));
    if said { vec![] } else { vec![format!("{}:1: no `//!` says what it holds", name.display())] }
}

/// The room of a file: its folder's name, or its own where it lies at the top.
fn room_of(name: &Path) -> &str {
    let first = name.iter().next().and_then(|part| part.to_str()).unwrap_or_default();
    first.strip_suffix(".rs").unwrap_or(first)
}

fn rank(room: &str) -> Option<usize> {
    ROOMS.iter().position(|r| *r == room)
}

/// How deep a file's module lies below the crate: 1 for `error.rs` and `kernel/mod.rs`.
fn depth_of(name: &Path) -> usize {
    let parts = name.iter().count();
    let stem = name.file_stem().and_then(|s| s.to_str()).unwrap_or_default();
    match stem {
        "mod" => parts - 1,
        "lib" | "main" if parts == 1 => 0,
        _ => parts,
    }
}

/// A word or one punctuation mark, with its line (1..).
struct Token {
    line: usize,
    text: String,
}

impl Token {
    fn word(&self, text: &str) -> bool {
        self.text == text
    }
}

/// The top-level modules that a file names, by `crate::` or by enough `super::`.
fn imports(name: &Path, tokens: &[Token]) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    // For each open brace: whether an inline module opened it.
    let mut braces: Vec<bool> = Vec::new();
    let path_sep = |i: usize| {
        tokens.get(i).is_some_and(|t| t.word(":")) && tokens.get(i + 1).is_some_and(|t| t.word(":"))
    };
    let mut i = 0;
    while let Some(token) = tokens.get(i) {
        match token.text.as_str() {
            "{" => braces.push(i >= 2 && tokens[i - 2].word("mod")),
            "}" => {
                braces.pop();
            }
            "crate" if path_sep(i + 1) => found.extend(heads(&tokens[i + 3..])),
            "super" => {
                let depth = depth_of(name) + braces.iter().filter(|module| **module).count();
                let mut supers = 1;
                let mut next = i + 1;
                while path_sep(next) && tokens.get(next + 2).is_some_and(|t| t.word("super")) {
                    supers += 1;
                    next += 3;
                }
                if supers >= depth && path_sep(next) {
                    found.extend(heads(&tokens[next + 2..]));
                }
                i = next - 1;
            }
            _ => {}
        }
        i += 1;
    }
    found
}

/// The first names of what follows `crate::`: one, or those of a brace group.
fn heads(after: &[Token]) -> Vec<(usize, String)> {
    let Some(first) = after.first() else { return vec![] };
    if !first.word("{") {
        return vec![(first.line, first.text.clone())];
    }
    let mut level = 0_usize;
    let mut names = Vec::new();
    let mut expected = true;
    for token in after {
        match token.text.as_str() {
            "{" => level += 1,
            "}" => level -= 1,
            "," if level == 1 => expected = true,
            _ if level == 1 && expected => {
                names.push((token.line, token.text.clone()));
                expected = false;
            }
            _ => {}
        }
        if level == 0 {
            break;
        }
    }
    names
}

/// Splits a source into words and marks, leaving out comments, strings and characters.
fn tokens(text: &str) -> Vec<Token> {
    let bytes = text.as_bytes();
    let at = |i: usize| bytes.get(i).copied().unwrap_or(0);
    let is_word = |b: u8| b == b'_' || b.is_ascii_alphanumeric() || b >= 0x80;
    let mut out = Vec::new();
    let (mut i, mut line) = (0, 1);
    while i < bytes.len() {
        let start = i;
        let b = bytes[i];
        if b == b'/' && at(i + 1) == b'/' {
            while i < bytes.len() && bytes[i] != b'\n' {
                i += 1;
            }
        } else if b == b'/' && at(i + 1) == b'*' {
            i = after_block_comment(bytes, i);
        } else if let Some(end) = after_string(bytes, i) {
            i = end;
        } else if b == b'\'' {
            i = after_quote(bytes, i);
        } else if is_word(b) {
            while i < bytes.len() && is_word(bytes[i]) {
                i += 1;
            }
            out.push(Token { line, text: text[start..i].to_owned() });
        } else {
            i += 1;
            if !b.is_ascii_whitespace() {
                out.push(Token { line, text: char::from(b).to_string() });
            }
        }
        line += bytes[start..i.min(bytes.len())].iter().filter(|b| **b == b'\n').count();
    }
    out
}

/// The end of a block comment that starts here; they nest.
fn after_block_comment(bytes: &[u8], mut i: usize) -> usize {
    let mut level = 0;
    while i < bytes.len() {
        match &bytes[i..] {
            [b'/', b'*', ..] => {
                level += 1;
                i += 2;
            }
            [b'*', b'/', ..] => {
                level -= 1;
                i += 2;
                if level == 0 {
                    break;
                }
            }
            _ => i += 1,
        }
    }
    i
}

/// The end of a string literal of any kind, where one starts here.
fn after_string(bytes: &[u8], start: usize) -> Option<usize> {
    let prefix = bytes[start..].iter().take_while(|b| matches!(b, b'b' | b'c' | b'r')).count();
    if prefix > 2 {
        return None;
    }
    let raw = bytes[start..start + prefix].contains(&b'r');
    let mut i = start + prefix;
    let hashes = bytes[i..].iter().take_while(|b| raw && **b == b'#').count();
    i += hashes;
    if bytes.get(i) != Some(&b'"') {
        return None;
    }
    i += 1;
    while i < bytes.len() {
        if bytes[i] == b'\\' && !raw {
            i += 2;
        } else if bytes[i] == b'"'
            && bytes[i + 1..].iter().take_while(|b| **b == b'#').count() >= hashes
        {
            return Some(i + 1 + hashes);
        } else {
            i += 1;
        }
    }
    Some(i)
}

/// The end of a character literal, or of the `'` of a lifetime.
fn after_quote(bytes: &[u8], i: usize) -> usize {
    if bytes.get(i + 1) == Some(&b'\\') {
        let end = bytes[i + 3..].iter().position(|b| *b == b'\'');
        return end.map_or(bytes.len(), |n| i + 4 + n);
    }
    // A character is at most four bytes long; a lifetime has no closing quote that near,
    // save for `'a'`, which is a character.
    let width = match bytes.get(i + 1) {
        Some(0xf0..) => 4,
        Some(0xe0..) => 3,
        Some(0xc0..) => 2,
        _ => 1,
    };
    if bytes.get(i + 1 + width) == Some(&b'\'') { i + 2 + width } else { i + 1 }
}

#[cfg(test)]
mod checker {
    use super::*;

    fn check(name: &str, body: &str) -> Vec<String> {
        violations(Path::new(name), &format!("//! Made up.\n{body}"))
    }

    #[track_caller]
    fn refused(name: &str, body: &str, what: &str) {
        let broken = check(name, body);
        assert!(broken.len() == 1 && broken[0].contains(what), "{broken:?}");
    }

    #[track_caller]
    fn allowed(name: &str, body: &str) {
        assert_eq!(check(name, body), Vec::<String>::new());
    }

    #[test]
    fn imports_from_the_right_are_seen() {
        refused(
            "frame/layout.rs",
            "use crate::plan::Plan;",
            "layout.rs:2: `frame` imports from `plan`",
        );
        refused("kernel/rows.rs", "fn f() { crate::exec::run() }", "`exec`");
        refused("plan/mod.rs", "use crate::{error::{Error, Kind}, stage::Work};", "`stage`");
        refused("event.rs", "use super::link::Tx;", "`link`");
        refused("kernel/a/b.rs", "use super::super::super::plan::Plan;", "`plan`");
        refused("sink/folder.rs", "use crate::Job;", "`Job` is not a room");
        refused("helpers.rs", "use crate::error::Error;", "`helpers` is not a room");
    }

    #[test]
    fn imports_from_the_left_and_from_home_are_fine() {
        allowed("cli/mod.rs", "use crate::{bench, exec::threads, error::{Error, Kind}};");
        allowed("plan/mod.rs", "use crate::plan::parse::Chain; pub(crate) fn f() {}");
        allowed("event.rs", "mod tests { use super::*; use super::path_text; }");
        allowed(
            "kernel/rows.rs",
            "use super::table::Table; mod tests { use super::super::table; }",
        );
    }

    #[test]
    fn words_in_comments_and_strings_do_not_count() {
        allowed(
            "frame/mod.rs",
            "/// See [`crate::plan::Plan`].\n/* unsafe /* todo!() */ */ fn f() {}",
        );
        allowed(
            "frame/mod.rs",
            r###"const A: &str = r#"println!("crate::plan::x")"#; const B: char = '"';"###,
        );
        allowed(
            "frame/mod.rs",
            r#"fn f<'a>(x: &'a str) -> u8 { b'\'' } const C: &str = "\" unsafe {";"#,
        );
        // What follows a literal still counts.
        refused("frame/mod.rs", "const Q: char = '\"'; use crate::plan::Plan;", "`plan`");
        refused("frame/mod.rs", "const Q: &str = \"a\nb\"; use crate::plan::Plan;", "mod.rs:3");
    }

    #[test]
    fn speaking_exiting_and_promising_are_seen() {
        refused("work/still.rs", "fn f() { println!(\"done\") }", "`println!`");
        refused("work/still.rs", "fn f() { std::process::exit(1) }", "`process::exit`");
        refused("cli/mod.rs", "fn f() { todo!() }", "`todo!`");
        refused("exec/mod.rs", "static mut COUNT: u64 = 0;", "`static mut`");
        refused("exec/mod.rs", "fn f() { unsafe { g() } }", "`unsafe`");
        allowed("cli/mod.rs", "fn f() { eprintln!(\"x\"); std::process::exit(1) }");
        allowed("kernel/avx2.rs", "unsafe fn f() {}");
    }

    #[test]
    fn paths_that_are_not_made_harmless_are_seen() {
        refused("cli/mod.rs", "fn f(p: &Path) -> String { p.display().to_string() }", "`display`");
        refused("sink/owner.rs", "const F: fn(&Path) -> Display<'_> = Path::display;", "`display`");
        allowed("sink/owner.rs", "use std::fmt::Display; fn f(p: &Path) -> Shown<'_> { shown(p) }");
    }

    #[test]
    fn a_file_that_does_not_introduce_itself_is_seen() {
        let broken = violations(Path::new("error.rs"), "use std::fmt;\n");
        assert_eq!(broken, ["error.rs:1: no `//!` says what it holds"]);
    }
}
