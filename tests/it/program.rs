//! Runs the built program on generated pictures in a folder of its own.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// The program under test.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_lumaloom");

/// A temporary folder that the program runs in; removed at the end.
pub struct Place {
    folder: tempfile::TempDir,
}

/// How a run ended.
pub struct Done {
    /// The exit code; -1 after a signal.
    pub code: i32,
    /// What it printed as data.
    pub stdout: String,
    /// What it said.
    pub stderr: String,
}

impl Place {
    /// An empty place.
    pub fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("lumaloom-it-").tempdir();
        Self { folder: folder.expect("a temporary folder") }
    }

    /// A path in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file, with its folders.
    pub fn file(&self, name: &str, bytes: &[u8]) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("below the place")).expect("folders");
        fs::write(path, bytes).expect("a file");
    }

    /// Writes an RGB PNG whose pixels depend on its size and on `seed`.
    pub fn png(&self, name: &str, width: u32, height: u32, seed: u8) {
        self.file(name, &png(width, height, seed));
    }

    /// Writes the same as a binary PPM.
    pub fn ppm(&self, name: &str, width: u32, height: u32, seed: u8) {
        let mut bytes = format!("P6\n{width} {height}\n255\n").into_bytes();
        bytes.extend(pixels(width, height, seed));
        self.file(name, &bytes);
    }

    /// The program with these arguments, to run here.
    pub fn command<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(arguments).current_dir(self.folder.path()).stdin(Stdio::null());
        command
    }

    /// Runs the program to its end.
    pub fn run<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Done {
        Done::of(self.command(arguments).output().expect("the program starts"))
    }

    /// Runs a line of arguments that are separated by blanks.
    pub fn line(&self, line: &str) -> Done {
        self.run(&line.split_whitespace().collect::<Vec<_>>())
    }

    /// Runs a line for `/bin/sh`, where `$0` is the program.
    pub fn shell(&self, script: &str) -> Done {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", script, PROGRAM]).current_dir(self.folder.path()).stdin(Stdio::null());
        Done::of(shell.output().expect("a shell"))
    }

    /// Starts the program with its output collected.
    pub fn start(&self, line: &str) -> Child {
        let arguments: Vec<&str> = line.split_whitespace().collect();
        let mut command = self.command(&arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().expect("the program starts")
    }

    /// All files below a folder by relative path, without the journal's folder.
    pub fn tree(&self, name: &str) -> BTreeMap<String, Vec<u8>> {
        let root = self.path(name);
        let mut files = BTreeMap::new();
        collect(&root, &root, &mut files);
        files
    }

    /// The relative paths of [`Place::tree`].
    pub fn names(&self, name: &str) -> Vec<String> {
        self.tree(name).into_keys().collect()
    }

    /// A JSON file.
    pub fn json(&self, name: &str) -> serde_json::Value {
        let text = fs::read_to_string(self.path(name)).expect("a JSON file");
        serde_json::from_str(&text).expect("JSON")
    }
}

impl Done {
    /// What a finished process said.
    pub fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Fails unless the exit code is this one.
    #[track_caller]
    pub fn code(self, expected: i32) -> Self {
        assert_eq!(
            self.code, expected,
            "exit code\nstdout: {}\nstderr: {}",
            self.stdout, self.stderr
        );
        self
    }

    /// Fails unless each part was said on stderr.
    #[track_caller]
    pub fn says(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(self.stderr.contains(part), "{part:?} is not in\n{}", self.stderr);
        }
        self
    }
}

/// An RGB PNG, 8 bit.
pub fn png(width: u32, height: u32, seed: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().expect("a header");
    writer.write_image_data(&pixels(width, height, seed)).expect("pixels");
    writer.finish().expect("an end");
    bytes
}

/// A gradient with some texture.
fn pixels(width: u32, height: u32, seed: u8) -> Vec<u8> {
    let at = |x: u32, y: u32| {
        let noise = (x.wrapping_mul(31) ^ y.wrapping_mul(17) ^ u32::from(seed)) % 23;
        let ramp = |v: u32, of: u32| v * 200 / of.max(1) + noise;
        [ramp(x, width), ramp(y, height), u32::from(seed)].map(|v| v.min(255) as u8)
    };
    (0..height).flat_map(|y| (0..width).flat_map(move |x| at(x, y))).collect()
}

fn collect(root: &Path, folder: &Path, files: &mut BTreeMap<String, Vec<u8>>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.expect("an entry").path();
        if path.file_name() == Some(OsStr::new(".lumaloom")) {
            continue;
        }
        if path.is_dir() {
            collect(root, &path, files);
        } else {
            let name = path.strip_prefix(root).expect("below its root");
            files.insert(name.display().to_string(), fs::read(&path).expect("a file"));
        }
    }
}
