//! Source and result side by side after a render: that the pixels alone have changed.

mod copied;
mod times;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::Path;

use serde_json::{Map, Value};

use self::copied::coded_anew;
use self::times::{MILLISECOND, Ticks, coarser, nanos, shifted, timing};
use super::container::is_matroska;
use super::copy::Copies;
use super::decode::Window;
use super::display::{DisplayMatrix, keeps_matrix};
use super::fit::is_coded_anew;
use super::hdr::carries;
use super::named::{grid, has_alpha};
use super::packets::{Packets, decoded, packets};
use super::probe::Clip;
use super::program::Programs;
use super::stream::{ALPHA_TAG, ColorTags, Stream, StreamKind, Video};
use super::time::{Micros, TimeBase};
use super::word::matrix_named;
use crate::error::{Error, Result, shown};
use crate::frame::Subsampling;
use crate::link::Cancel;

/// What is compared, and what the result is to have instead of what the source has.
#[derive(Clone, Debug)]
pub struct Verify<'a> {
    /// The programs.
    pub programs: &'a Programs,
    /// The source, and which of its streams the result has.
    pub copies: &'a Copies<'a>,
    /// The result.
    pub out: &'a Path,
    /// Frames that the encoder was given.
    pub frames: u64,
    /// Which frames of the source.
    pub window: Window,
    /// Which frames those are.
    pub taken: Taken,
    /// What stands after `--`: it may have other streams coded anew.
    pub words: &'a [OsString],
    /// Whether the frames that were rendered have transparency.
    pub alpha: bool,
    /// What is to be said of the colour.
    pub color: &'a ColorTags,
    /// The shape of a pixel after the chain.
    pub aspect: Option<(u32, u32)>,
    /// How players are to turn the result.
    pub display: Option<DisplayMatrix>,
}

/// What became of the source's frames before they were rendered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// Nothing.
    AsTheyAre,
    /// Some were dropped or repeated, to come to so many seconds per frame.
    Every(TimeBase),
    /// A filter of ffmpeg's made others of them: when those are shown is its affair.
    Filtered,
}

/// One thing that was compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// What it is.
    pub what: String,
    /// What the source has.
    pub source: String,
    /// What the result has.
    pub result: String,
    /// What that means.
    pub verdict: Verdict,
}

impl Row {
    /// Something of the source that no result can make up for.
    pub fn lost(what: &str, source: &str) -> Self {
        let result = String::new();
        Self { what: what.to_owned(), source: source.to_owned(), result, verdict: Verdict::Lost }
    }
}

/// What became of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is as it was, or as the options say.
    Same,
    /// It is another as the container or the cut has it, or was added; nothing is missing.
    Changed,
    /// It is missing, or not what it was.
    Lost,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Same => "same",
            Self::Changed => "changed",
            Self::Lost => "lost",
        })
    }
}

/// Tags that muxers write about themselves, and so are not compared. `DURATION` and what begins
/// with `_STATISTICS` or is counted by them are Matroska's.
const OWN_TAGS: &[&str] = &[
    "encoder",
    "major_brand",
    "minor_version",
    "compatible_brands",
    "vendor_id",
    "handler_name",
    "duration",
    "bps",
    "number_of_frames",
    "number_of_bytes",
    // It is about the pixels.
    ALPHA_TAG,
];

/// Side data that describes the coding, not the picture.
const OWN_SIDE_DATA: &[&str] = &["Display Matrix", "CPB properties"];

/// What a clip's rendered stream has beside its pixels and an encoder of this name is not told of.
pub fn unsaid(video: &Video, codec: Option<&str>) -> Vec<String> {
    beside(video).filter(|kind| !carries(codec, kind)).map(str::to_owned).collect()
}

/// The kinds of side data that describe the picture.
fn beside(video: &Video) -> impl Iterator<Item = &str> {
    let kinds = video.side_data.iter().filter_map(|data| data.get("side_data_type")?.as_str());
    kinds.filter(|kind| !OWN_SIDE_DATA.contains(kind))
}

impl Verify<'_> {
    /// Compares them.
    ///
    /// # Errors
    /// When the result or the source cannot be read, or `cancel` says to stop now.
    pub fn run(&self, cancel: &Cancel) -> Result<Vec<Row>> {
        let source = self.copies.clip();
        let result = Clip::probe(self.programs, self.out, cancel)?;
        let kept = self.copies.kept();
        let from: Vec<usize> = kept.iter().map(|stream| stream.index).collect();
        let pairs = pairs(kept, result.streams());
        let to: Vec<usize> = pairs.iter().copied().flatten().collect();
        let before = packets(self.programs, source.path(), &from, cancel)?;
        let mut found = packets(self.programs, self.out, &to, cancel)?.into_iter();
        // One for each stream that was kept; of one that is missing, none.
        let mut after: Vec<Packets> =
            pairs.iter().map(|pair| pair.and_then(|_| found.next()).unwrap_or_default()).collect();
        let at = self.copies.rendered();
        if let (Some(packets), Some(stream)) = (after.get_mut(at).filter(|p| p.untimed), pairs[at])
        {
            packets.times = decoded(self.programs, self.out, stream, cancel)?;
            packets.base = result.streams().get(stream).map(|stream| stream.time_base);
        }
        let mut rows = vec![tags("file", source.tags(), result.tags()), self.chapters(&result)];
        for text in self.copies.left_out() {
            rows.push(row(text, "there", "left out", Verdict::Lost));
        }
        let shown = self.shown(&before, cancel)?;
        let slide = self.slide(&shown, &after);
        for (at, stream) in kept.iter().enumerate() {
            let name = format!("stream {}", stream.index);
            let Some(copy) = pairs[at].and_then(|index| result.streams().get(index)) else {
                rows.push(row(&name, "there", "missing", Verdict::Lost));
                continue;
            };
            let packets = &after[at];
            if at == self.copies.rendered() {
                rows.extend(self.rendered(&name, &shown, slide, copy, packets)?);
            } else if is_coded_anew(kept, at, self.words) {
                rows.extend(coded_anew(&name, (stream, &before[at]), (copy, packets)));
            } else {
                rows.extend(self.copied(
                    &name,
                    (stream, &before[at]),
                    (copy, packets),
                    (&shown, slide),
                ));
            }
            rows.push(tags(&name, &stream.tags, &copy.tags));
            rows.push(self.dispositions(&name, stream, copy));
        }
        Ok(rows)
    }

    /// The times of the source's frames that were rendered, in nanoseconds, sorted.
    fn shown(&self, before: &[Packets], cancel: &Cancel) -> Result<Vec<i128>> {
        let at = self.copies.rendered();
        let stream = self.copies.kept()[at];
        let inside = |times: &[i64], base: TimeBase| {
            let Window { from, until } = self.window.on_clock(self.copies.clip().start());
            let late = |t: i64| from.is_none_or(|from| !base.is_before(t, from));
            let early = |t: i64| until.is_none_or(|until| base.is_before(t, until));
            let times = times.iter().filter(|t| late(**t) && early(**t));
            let mut times: Vec<i128> = times.map(|t| nanos(*t, base)).collect();
            times.sort_unstable();
            times
        };
        let times = before[at].base.map_or_else(Vec::new, |base| inside(&before[at].times, base));
        let told = times.len() as u64 == self.frames && !before[at].untimed;
        if told || self.taken != Taken::AsTheyAre {
            return Ok(times);
        }
        // Packets are not frames: some cannot be decoded, some are not shown.
        let path = self.copies.clip().path();
        let times = decoded(self.programs, path, stream.index, cancel)?;
        Ok(inside(&times, stream.time_base))
    }

    /// What is added to the source's times.
    fn shift(&self, shown: &[i128]) -> i128 {
        let trimmed = self.window != Window::default();
        shown.first().filter(|_| trimmed).map_or(0, |first| -first)
    }

    /// By how much all of the result moved in time, judged by the picture: a container without
    /// times below 0 moves all streams where one begins there.
    fn slide(&self, shown: &[i128], after: &[Packets]) -> i128 {
        let stream = self.copies.kept()[self.copies.rendered()];
        let Some(packets) = after.get(self.copies.rendered()) else { return 0 };
        if let Taken::Every(_) = self.taken {
            return 0;
        }
        let (Some(base), Some(begins)) = (packets.base, packets.times.iter().min()) else {
            return 0;
        };
        let due = shown.first().map_or(0, |begins| begins + self.shift(shown));
        let slide = nanos(*begins, base) - due;
        let ticks = self.ticks(coarser(stream.time_base, base), 0);
        if slide.abs() <= ticks.start { 0 } else { slide }
    }

    /// How exact times can be where the longer of both ticks is this.
    fn ticks(&self, tick: i128, slide: i128) -> Ticks {
        // MP4 counts the start of a track in the tick of the whole file: 1 ms with ffmpeg.
        let start = if keeps_matrix(self.out) { tick.max(MILLISECOND) } else { tick };
        // What all moved by was rounded, too.
        Ticks { each: tick, start: if slide == 0 { start } else { 2 * start } }
    }

    fn chapters(&self, result: &Clip) -> Row {
        let (before, after) = (self.copies.clip().chapters(), result.chapters());
        let said = |chapter: &Value| {
            let time = |key: &str| chapter.get(key)?.as_str().and_then(Micros::parse_seconds);
            // To the millisecond, the tick of most containers.
            let times = ["start_time", "end_time"].map(|key| time(key).map(|m| (m.0 + 500) / 1000));
            (times, chapter.get("tags").and_then(|tags| tags.get("title")).cloned())
        };
        let same =
            before.len() == after.len() && before.iter().map(said).eq(after.iter().map(said));
        let verdict = match (same, self.window == Window::default()) {
            (true, _) => Verdict::Same,
            (false, true) => Verdict::Lost,
            // Those outside the window are gone, and the rest moved.
            (false, false) => Verdict::Changed,
        };
        row("chapters", before.len(), after.len(), verdict)
    }

    /// The stream that was rendered: its frames and what is said of them.
    fn rendered(
        &self,
        name: &str,
        due_times: &[i128],
        slide: i128,
        result: &Stream,
        after: &Packets,
    ) -> Result<Vec<Row>> {
        let source = self.copies.kept()[self.copies.rendered()];
        let (StreamKind::Video(before), StreamKind::Video(video)) = (&source.kind, &result.kind)
        else {
            return Ok(vec![row(name, "video", "none", Verdict::Lost)]);
        };
        let base =
            after.base.ok_or_else(|| Error::input(format!("{} has no frame", shown(self.out))))?;
        // A raw stream says when none of its frames is shown.
        let timed = !(due_times.is_empty() || after.times.is_empty());
        let frames = if timed { after.times.len() } else { after.hashes.len() } as u64;
        let counted = timed && self.taken == Taken::AsTheyAre;
        let due = if counted { due_times.len() as u64 } else { self.frames };
        let mut rows = vec![row(&format!("{name} frames"), due, frames, equal(due == frames))];
        let mut times: Vec<i128> = after.times.iter().map(|t| nanos(*t, base)).collect();
        times.sort_unstable();
        let (expected, tick) = match self.taken {
            Taken::AsTheyAre => {
                (shifted(due_times, self.shift(due_times)), coarser(source.time_base, base))
            }
            Taken::Filtered => (times.clone(), coarser(base, base)),
            // From the first frame on, one every so often.
            Taken::Every(each) => {
                let start = times.first().copied().unwrap_or_default();
                let count = i64::try_from(due).unwrap_or(i64::MAX);
                let due = (0..count).map(|n| start - slide + nanos(n, each)).collect();
                (due, coarser(base, base))
            }
        };
        let slide = if self.taken == Taken::Filtered { 0 } else { slide };
        let ticks = self.ticks(tick, slide);
        let what = format!("{name} times");
        rows.push(match timed {
            true => timing(&what, &expected, &times, slide, ticks),
            false => {
                let said = |times: &[i128]| if times.is_empty() { "not said" } else { "said" };
                row(&what, said(due_times), said(&times), Verdict::Changed)
            }
        });
        let shape = |aspect: Option<(u32, u32)>| match aspect {
            // What says nothing is shown with square pixels.
            None | Some((1, 1)) => "1:1".to_owned(),
            Some((w, h)) => format!("{w}:{h}"),
        };
        let (due, is) = (shape(self.aspect), shape(video.aspect));
        rows.push(compared(&format!("{name} pixel aspect"), due, is));
        let turn = |matrix: Option<DisplayMatrix>| {
            matrix.map_or("none".to_owned(), |matrix| matrix.to_string())
        };
        let (due, is) = (turn(self.display), turn(video.display));
        rows.push(compared(&format!("{name} display matrix"), due, is));
        if self.alpha {
            let is = video.pix_fmt.as_deref().is_some_and(has_alpha);
            rows.push(row(&format!("{name} transparency"), "there", said(is), equal(is)));
        }
        rows.extend(colors(name, self.color, video, &before.color));
        for kind in beside(before) {
            let is = beside(video).any(|is| is == kind);
            rows.push(row(&format!("{name} {kind}"), "there", said(is), equal(is)));
        }
        Ok(rows)
    }

    fn dispositions(&self, name: &str, source: &Stream, result: &Stream) -> Row {
        let set = |stream: &Stream| match stream.dispositions.join("+") {
            set if set.is_empty() => "none".to_owned(),
            set => set,
        };
        // Others mark no stream as the one to begin with.
        let marks = keeps_matrix(self.out) || is_matroska(self.out);
        let is = |d: &String| result.is(d) || d == "default" && !marks;
        let all = source.dispositions.iter().all(is);
        let verdict = match (all, source.dispositions.len() == result.dispositions.len()) {
            (true, true) => Verdict::Same,
            (true, false) => Verdict::Changed,
            (false, _) => Verdict::Lost,
        };
        row(&format!("{name} dispositions"), set(source), set(result), verdict)
    }
}

/// Which stream of a result each of the source's is: the next one of its kind. A container may
/// have put in one of its own, as MP4 does for chapters, in front of cover art.
fn pairs(kept: &[&Stream], result: &[Stream]) -> Vec<Option<usize>> {
    let kind = |stream: &Stream| std::mem::discriminant(&stream.kind);
    let mut taken = vec![false; result.len()];
    let mut next = |stream: &&Stream| {
        let found = (0..result.len()).find(|at| !taken[*at] && kind(&result[*at]) == kind(stream));
        found.inspect(|at| taken[*at] = true)
    };
    let mut pairs: Vec<Option<usize>> = kept.iter().map(&mut next).collect();
    // What a container holds as something else: subtitles that became data.
    for (at, pair) in pairs.iter_mut().enumerate().filter(|(_, pair)| pair.is_none()) {
        if taken.get(at) == Some(&false) {
            taken[at] = true;
            *pair = Some(at);
        }
    }
    pairs
}

/// The colour tags that are due and that there are. One that the source does not have may be added
/// or not.
fn colors(name: &str, due: &ColorTags, result: &Video, source: &ColorTags) -> Vec<Row> {
    let each = |tags: &ColorTags| {
        let ColorTags { range, matrix, primaries, transfer, siting } = tags.clone();
        [range, matrix, primaries, transfer, siting]
    };
    let names = ["range", "matrix", "primaries", "transfer", "siting"];
    let rgb = source.matrix.as_deref() == Some("gbr");
    let own = if rgb {
        ColorTags { range: None, matrix: None, ..source.clone() }
    } else {
        source.clone()
    };
    let pairs = each(due).into_iter().zip(each(&result.color)).zip(each(&own)).zip(names);
    let sited = grid(result.pix_fmt.as_deref().unwrap_or_default()) == Subsampling::S420;
    let rows = pairs.filter_map(|(((before, after), own), tag)| {
        let verdict = match (&before, &after) {
            (None, None) => return None,
            (None, Some(_)) => Verdict::Changed,
            // Few containers and codecs have a word for the place of other chroma.
            (Some(_), None) if tag == "siting" && !sited => return None,
            (Some(_), None) if own.is_none() => Verdict::Changed,
            (Some(a), Some(b)) if own.is_none() && tag == "siting" && a != b => Verdict::Changed,
            (Some(a), Some(b)) if tag == "matrix" && matrix_named(a) == matrix_named(b) => {
                equal(a == b || matrix_named(a).is_some())
            }
            // What is not said is limited.
            (Some(range), None) if tag == "range" && range == "tv" => Verdict::Changed,
            (before, after) => equal(before == after),
        };
        let text = |tag: Option<String>| tag.unwrap_or_else(|| "not said".to_owned());
        Some(row(&format!("{name} {tag}"), text(before), text(after), verdict))
    });
    rows.collect()
}

/// The tags that are not the muxer's own. Names are compared without case: Matroska's are in
/// capitals.
fn tags(of: &str, before: &Map<String, Value>, after: &Map<String, Value>) -> Row {
    let own = |name: &str| OWN_TAGS.contains(&name) || name.starts_with("_statistics");
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let all = |tags: &Map<String, Value>| -> BTreeMap<String, String> {
        let named = tags.iter().map(|(name, value)| (name.to_ascii_lowercase(), text(value)));
        named.filter(|(name, value)| !own(name) && !unsaid_language(name, value)).collect()
    };
    let (before, after) = (all(before), all(after));
    let lost: Vec<&str> =
        before.iter().filter(|(k, v)| after.get(*k) != Some(v)).map(|(k, _)| k.as_str()).collect();
    let (verdict, result) = match (lost.as_slice(), after.len() > before.len()) {
        ([], false) => (Verdict::Same, after.len().to_string()),
        ([], true) => (Verdict::Changed, after.len().to_string()),
        (lost, _) => (Verdict::Lost, format!("{}; not {}", after.len(), lost.join(", "))),
    };
    row(&format!("{of} metadata"), before.len(), result, verdict)
}

/// What MP4 says of a language that nobody said.
fn unsaid_language(name: &str, value: &str) -> bool {
    name == "language" && value == "und"
}

/// Whether something is there, in a word.
fn said(there: bool) -> &'static str {
    if there { "there" } else { "missing" }
}

fn compared(what: &str, source: String, result: String) -> Row {
    let verdict = equal(source == result);
    row(what, source, result, verdict)
}

fn equal(same: bool) -> Verdict {
    if same { Verdict::Same } else { Verdict::Lost }
}

fn row(what: &str, source: impl ToString, result: impl ToString, verdict: Verdict) -> Row {
    let (source, result) = (source.to_string(), result.to_string());
    Row { what: what.to_owned(), source, result, verdict }
}
