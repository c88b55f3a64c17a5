//! Streams that were copied: the result has the packets of the source, or those that a cut left.

use std::ops::Range;
use std::path::Path;

use super::times::{coarser, nanos, shifted, timing};
use super::{Row, Verdict, Verify, compared, row};
use crate::ffmpeg::decode::Window;
use crate::ffmpeg::packets::Packets;
use crate::ffmpeg::stream::{Stream, StreamKind};

/// Codecs whose packets have one form in one container and another in another: headers in front of
/// each, lengths in place of start codes, times inside the text.
const RESHAPED: &[&str] =
    &["aac", "h264", "hevc", "vvc", "av1", "mov_text", "webvtt", "subrip", "ass"];
/// A cut counts in microseconds.
const CUT: i128 = 1000;

impl Verify<'_> {
    /// A stream that was copied: its packets.
    pub(super) fn copied(
        &self,
        name: &str,
        (source, before): (&Stream, &Packets),
        (result, after): (&Stream, &Packets),
        (shown, slide): (&[i128], i128),
    ) -> Vec<Row> {
        let (was, is) = (codec(source).to_owned(), codec(result).to_owned());
        let mut rows = vec![compared(&format!("{name} codec"), was, is)];
        let (had, has) = (before.hashes.len(), after.hashes.len());
        let cut = self.window != Window::default();
        let file = before.head_of_file(source) == after.head_of_file(result);
        let (run, alike) = Self::run_of(before, after, self.shift(shown) + slide);
        let verdict = match (alike, had == has && file) {
            (true, true) => Verdict::Same,
            // The same packets in another container's form.
            (false, true) if self.is_reshaped(source) => Verdict::Changed,
            _ if cut
                && (alike || self.is_reshaped(source))
                && self.has_due(source, before, &run, shown) =>
            {
                Verdict::Changed
            }
            _ => Verdict::Lost,
        };
        let bytes = if alike { "" } else { ", other bytes" };
        rows.push(row(&format!("{name} packets"), had, format!("{has}{bytes}"), verdict));
        if let (Some(from), Some(to), true) = (before.base, after.base, had + has > 0) {
            let times = before.times.iter().skip(run.start).take(has);
            let times: Vec<i128> = times.map(|t| nanos(*t, from)).collect();
            let times = shifted(&times, self.shift(shown));
            let got: Vec<i128> = after.times.iter().map(|t| nanos(*t, to)).collect();
            let tick = coarser(from, to) + if cut { CUT } else { 0 };
            let ticks = self.ticks(tick, slide);
            rows.push(timing(&format!("{name} times"), &times, &got, slide, ticks));
        }
        rows
    }

    /// Which of a copied stream's packets the result has, and whether they have the same bytes: a
    /// cut takes packets away at both ends and leaves a run of them. Where equal packets come again,
    /// as in silence, it is the run whose times, `moved`, are nearest.
    fn run_of(before: &Packets, after: &Packets, moved: i128) -> (Range<usize>, bool) {
        let has = after.hashes.len();
        let late = |at: usize| {
            let times = (before.times.get(at), before.base, after.times.first(), after.base);
            let (Some(was), Some(from), Some(is), Some(to)) = times else { return 0 };
            (nanos(*is, to) - nanos(*was, from) - moved).abs()
        };
        let starts = || 0..(before.hashes.len() + 1).saturating_sub(has);
        let alike = |at: &usize| before.hashes[*at..*at + has] == after.hashes;
        let nearest = starts().min_by_key(|at| late(*at));
        if let Some(start) = nearest.filter(alike).or_else(|| starts().find(alike)) {
            return (start..start + has, true);
        }
        let start = nearest.unwrap_or(0);
        (start..start + has, false)
    }

    /// Whether a cut has left the packets that lie inside it. What begins within a tick of its edge
    /// may fall to either side, and further video streams begin with a key frame.
    fn has_due(
        &self,
        source: &Stream,
        before: &Packets,
        run: &Range<usize>,
        shown: &[i128],
    ) -> bool {
        let (Some(base), Some(from)) = (before.base, shown.first()) else { return true };
        let Window { until, .. } = self.window.on_clock(self.copies.clip().start());
        let inside =
            |t: i64| nanos(t, base) >= *from && until.is_none_or(|until| base.is_before(t, until));
        let tick = coarser(base, base) + CUT;
        let edge = |t: i64| {
            let to_end = until.map(|until| i128::from(until.0) * 1000 - nanos(t, base));
            nanos(t, base) - from <= tick || to_end.is_some_and(|left| left <= tick)
        };
        let due = || (0..before.times.len()).filter(|at| inside(before.times[*at]));
        let lost = |at: &usize| !edge(before.times[*at]);
        let early = due().filter(|at| *at < run.start).any(|at| lost(&at));
        let late = due().filter(|at| *at >= run.end).any(|at| lost(&at));
        !late && (!early || matches!(source.kind, StreamKind::Video(_)))
    }

    /// Whether the output's container has another form for the packets of this codec.
    fn is_reshaped(&self, source: &Stream) -> bool {
        let extension = |path: &Path| path.extension().map(|e| e.to_ascii_lowercase());
        let formats_differ = extension(self.copies.clip().path()) != extension(self.out);
        formats_differ && source.codec.as_deref().is_some_and(|codec| RESHAPED.contains(&codec))
    }
}

/// A stream that was coded anew because somebody asked for it: that it is there.
pub(super) fn coded_anew(
    name: &str,
    (source, before): (&Stream, &Packets),
    (result, after): (&Stream, &Packets),
) -> Vec<Row> {
    let is_there = |has: usize| if has > 0 { Verdict::Changed } else { Verdict::Lost };
    let (had, has) = (before.hashes.len(), after.hashes.len());
    let verdict = if had == 0 { Verdict::Same } else { is_there(has) };
    vec![
        row(&format!("{name} codec"), codec(source), codec(result), Verdict::Changed),
        row(&format!("{name} packets"), had, format!("{has}, coded anew"), verdict),
    ]
}

fn codec(stream: &Stream) -> &str {
    stream.codec.as_deref().unwrap_or("unknown")
}

impl Packets {
    /// The hash of an attachment's file. Headers of codecs have a form for each container.
    fn head_of_file(&self, stream: &Stream) -> Option<&str> {
        self.head.as_deref().filter(|_| matches!(stream.kind, StreamKind::Attachment))
    }
}
