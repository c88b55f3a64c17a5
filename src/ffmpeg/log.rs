//! What an ffmpeg says on its stderr: read to the end whatever it says, the last part kept.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ffmpeg_sidecar::event::{FfmpegEvent, LogLevel};
use ffmpeg_sidecar::log_parser::FfmpegLogParser;

/// How many bytes of it are kept.
const KEPT_BYTES: usize = 64 << 10;
/// The longest line that is handed on; the rest of a longer one is dropped. A record of
/// showinfo has some 200 bytes, a frame's side data is printed in hex and may have thousands.
const LINE_BYTES: usize = 4 << 10;
/// How many of its errors are quoted: the last ones where it failed, else the first ones.
const QUOTED: usize = 3;
/// How many different errors are kept to be quoted from.
const DIFFERENT: usize = 64;

/// The last 64 KiB of the log, and its errors, shared between the thread that reads and
/// whoever asks.
#[derive(Clone, Debug, Default)]
pub(super) struct Tail(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    last: VecDeque<u8>,
    errors: u64,
    different: Vec<Complaint>,
}

/// An error that may have come more than once.
#[derive(Debug)]
struct Complaint {
    text: String,
    /// The numbers of the first and the last one among all errors.
    first: u64,
    last: u64,
}

impl Tail {
    /// Reads `log` to its end, whatever is in it; `on_line` gets each line without its end, and
    /// how many errors there were up to it.
    /// Progress reports end in a carriage return, so that is an end, too.
    pub(super) fn drain(&self, mut log: impl Read, mut on_line: impl FnMut(&str, u64)) {
        let mut piece = vec![0; 16 << 10];
        let mut line = Vec::new();
        loop {
            let got = match log.read(&mut piece) {
                Ok(0) => break,
                Ok(got) => &piece[..got],
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => break,
            };
            self.keep(got);
            for &byte in got {
                match byte {
                    b'\n' | b'\r' if line.is_empty() => {}
                    b'\n' | b'\r' => {
                        let text = String::from_utf8_lossy(&line);
                        on_line(&text, self.note(&text));
                        line.clear();
                    }
                    _ if line.len() < LINE_BYTES => line.push(byte),
                    _ => {}
                }
            }
        }
        if !line.is_empty() {
            let text = String::from_utf8_lossy(&line);
            on_line(&text, self.note(&text));
        }
    }

    /// How many errors there were among those of these numbers, 0.., and the first ones, each once
    /// and without addresses.
    pub(super) fn errors(&self, among: &Range<u64>) -> (u64, Vec<String>) {
        let kept = self.kept();
        let count = kept.errors.min(among.end).saturating_sub(among.start);
        let inside = |error: &&Complaint| error.first < among.end && error.last >= among.start;
        let most = QUOTED.min(usize::try_from(count).unwrap_or(QUOTED));
        let quoted = kept.different.iter().filter(inside).take(most);
        (count, quoted.map(|error| error.text.clone()).collect())
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a line that is an error, and says how many there were. Most lines are not even
    /// suspects, and cost a search.
    pub(super) fn note(&self, line: &str) -> u64 {
        let mut kept = self.kept();
        if !line.contains("[error]") && !line.contains("[fatal]") || !is_error(line) {
            return kept.errors;
        }
        let (number, text) = (kept.errors, bare(line));
        kept.errors += 1;
        if let Some(error) = kept.different.iter_mut().find(|error| error.text == text) {
            error.last = number;
        } else if kept.different.len() < DIFFERENT {
            let text = text.to_owned();
            kept.different.push(Complaint { text, first: number, last: number });
        }
        kept.errors
    }

    fn keep(&self, bytes: &[u8]) {
        let last = &mut self.kept().last;
        last.extend(&bytes[bytes.len().saturating_sub(KEPT_BYTES)..]);
        let over = last.len().saturating_sub(KEPT_BYTES);
        last.drain(..over);
    }

    /// All that was kept.
    fn text(&self) -> String {
        let kept = self.kept();
        let (a, b) = kept.last.as_slices();
        String::from_utf8_lossy(&[a, b].concat()).into_owned()
    }

    /// The cause as ffmpeg names it: its last lines of level error or fatal, else the last
    /// line of any kind. `None` if it said nothing.
    pub(super) fn complaint(&self) -> Option<String> {
        let text = self.text();
        let lines = || text.split(['\n', '\r']).map(str::trim).filter(|line| !line.is_empty());
        let errors: Vec<&str> = lines().filter(|line| is_error(line)).collect();
        let last = &errors[errors.len().saturating_sub(QUOTED)..];
        if last.is_empty() {
            let last = lines().rev().find(|line| !is_report(line));
            return last.map(|line| bare(line).to_owned());
        }
        let said = last.iter().map(|line| bare(line)).collect::<Vec<_>>().join("; ");
        let helps = ADVICE.iter().find(|(sign, _)| said.contains(sign));
        Some(helps.map_or(said.clone(), |(_, what)| format!("{said}; {what}")))
    }
}

/// What helps against some of the things that ffmpeg says.
const ADVICE: [(&str, &str); 2] = [
    (
        "not divisible by 2",
        "the encoder wants even sides: a chain that ends in crop=floor(iw/2)*2:floor(ih/2)*2 gives \
         them, and --pix-fmt yuv444p needs none",
    ),
    (
        "Invalid pts",
        "the encoder counts frames, and some come faster than the clip's rate: --codec libx264 \
         keeps such times, --r gives the frames even ones",
    ),
];

fn is_error(line: &str) -> bool {
    matches!(
        FfmpegLogParser::new(line.as_bytes()).parse_next_event(),
        Ok(FfmpegEvent::Log(LogLevel::Error | LogLevel::Fatal, _))
    )
}

/// What is said of each frame, of how far it is, and of what goes well.
fn is_report(line: &str) -> bool {
    let key =
        |key: &str| key.bytes().all(|b| b.is_ascii_lowercase() || b"_0123456789".contains(&b));
    line.contains("[info] ")
        || line.contains("[Parsed_showinfo")
        || line.split_once('=').is_some_and(|(name, _)| key(name))
}

/// A line without what stands in brackets in front of it: level, and part with its address.
fn bare(line: &str) -> &str {
    let mut rest = line;
    while let Some((_, after)) = rest.strip_prefix('[').and_then(|r| r.split_once("] ")) {
        rest = after.trim_start();
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Range<u64> = 0..u64::MAX;

    #[test]
    fn the_last_errors_are_the_cause() {
        let tail = Tail::default();
        let log = "[info] Input #0\r\n[h264 @ 0x55] [error] a\n[error] b\n[fatal] c\n\
                   [error] d\nframe=1 fps=0\r[info] bye\n";
        let mut lines = Vec::new();
        tail.drain(log.as_bytes(), |line, errors| lines.push((line.to_owned(), errors)));
        assert_eq!(lines.len(), 7);
        assert_eq!(lines[5], ("frame=1 fps=0".to_owned(), 4));
        assert_eq!(tail.complaint().unwrap(), "b; c; d");
        assert_eq!(tail.errors(&ALL), (4, vec!["a".into(), "b".into(), "c".into()]));
    }

    #[test]
    fn an_error_that_comes_again_is_counted_and_quoted_once() {
        let tail = Tail::default();
        let log = "[h264 @ 0x55] [error] a\n[h264 @ 0x66] [error] a\n[warning] [error\n[fatal] b";
        tail.drain(log.as_bytes(), |_, _| {});
        assert_eq!(tail.errors(&ALL), (3, vec!["a".into(), "b".into()]));
    }

    #[test]
    fn errors_of_what_is_not_wanted_do_not_count() {
        let tail = Tail::default();
        let log = "[error] a\n[error] b\nframe\n[error] a\n[error] c\n";
        let mut so_far = 0;
        tail.drain(log.as_bytes(), |line, errors| {
            so_far = if line == "frame" { errors } else { so_far };
        });
        assert_eq!(tail.errors(&(0..so_far)), (2, vec!["a".into(), "b".into()]));
        assert_eq!(tail.errors(&(so_far..u64::MAX)), (2, vec!["a".into(), "c".into()]));
        assert_eq!(tail.errors(&(so_far..so_far)), (0, vec![]));
        assert_eq!(tail.complaint().unwrap(), "b; a; c", "they are the cause of a failure still");
    }

    #[test]
    fn what_helps_is_said_where_it_is_known() {
        let tail = Tail::default();
        tail.drain(
            "[libx264 @ 0x1] [error] width not divisible by 2 (451x300)\n".as_bytes(),
            |_, _| {},
        );
        let complaint = tail.complaint().unwrap();
        assert!(complaint.starts_with("width not divisible by 2 (451x300); "), "{complaint}");
        assert!(complaint.contains("crop=floor(iw/2)*2"), "{complaint}");
    }

    #[test]
    fn without_an_error_the_last_line_has_to_do() {
        let tail = Tail::default();
        assert_eq!(tail.complaint(), None);
        tail.drain("sh: 1: nothing\nkilled".as_bytes(), |_, _| {});
        let reports =
            "\n[Parsed_showinfo_0 @ 0x1] [info] n:   7 pts: 7\nout_time_us=1\nprogress=end\n";
        tail.drain(reports.as_bytes(), |_, _| {});
        assert_eq!(tail.complaint().unwrap(), "killed");
    }

    #[test]
    fn a_flood_is_read_and_its_end_kept() {
        let tail = Tail::default();
        let mut flood = vec![b'x'; 3 << 20];
        flood.extend(b"\n[error] the end \xff\n");
        let mut longest = 0;
        tail.drain(flood.as_slice(), |line, _| longest = longest.max(line.len()));
        assert_eq!(longest, LINE_BYTES);
        assert!(tail.text().len() <= KEPT_BYTES + 2, "{}", tail.text().len());
        assert_eq!(tail.complaint().unwrap(), "the end \u{fffd}");
    }
}
