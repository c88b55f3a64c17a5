//! Where a clip can be cut into segments that are rendered each by itself: at key frames, as even
//! in frames as they allow.

use super::decode::Window;
use super::packets::entries;
use super::probe::Clip;
use super::program::Programs;
use super::time::Micros;
use crate::error::{Error, Result};
use crate::link::Cancel;

/// One packet of a stream, which is one frame as far as a container knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    /// When it is shown, in the stream's ticks.
    pub ticks: i64,
    /// Whether it can be decoded without others.
    pub key: bool,
}

/// A part of a clip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Which frames belong to it.
    pub window: Window,
    /// How many those are as far as the container says; not to be relied on.
    pub frames: u64,
}

/// The packets of a stream in the order in which they are shown. Nothing is decoded, but all of
/// the file is read. Packets without a time and those that an edit list leaves out are missing.
///
/// # Errors
/// When ffprobe fails, or `cancel` says to stop now.
pub fn moments(
    programs: &Programs,
    clip: &Clip,
    stream: usize,
    cancel: &Cancel,
) -> Result<Vec<Moment>> {
    let mut moments = Vec::new();
    let take = |line: &str| moments.extend(moment(line));
    entries(programs, (clip.path(), stream), "packet=pts,flags", cancel, take)?;
    moments.sort_unstable();
    Ok(moments)
}

/// A line like `1001,K__`; side data leaves a comma behind it.
fn moment(line: &str) -> Option<Moment> {
    let mut cells = line.split(',');
    let ticks = cells.next()?.parse().ok()?;
    let flags = cells.next()?;
    (!flags.contains('D')).then(|| Moment { ticks, key: flags.contains('K') })
}

/// Cuts a window into `count` parts, or fewer where it has fewer key frames. Each frame belongs to
/// exactly one of them, whatever `moments` say; all but the first begin with a key frame.
///
/// # Errors
/// None in practice: the stream is one of the clip's.
pub fn segments(
    clip: &Clip,
    stream: usize,
    moments: &[Moment],
    window: Window,
    count: usize,
) -> Result<Vec<Segment>> {
    let lost = || Error::internal(format!("stream {stream} is gone"));
    let base = clip.streams().get(stream).ok_or_else(lost)?.time_base;
    let start = clip.start();
    let (from, until) = (window.from.map(|m| start.plus(m)), window.until.map(|m| start.plus(m)));
    let inside = |moment: &&Moment| {
        from.is_none_or(|from| !base.is_before(moment.ticks, from))
            && until.is_none_or(|until| base.is_before(moment.ticks, until))
    };
    let shown: Vec<Moment> = moments.iter().filter(inside).copied().collect();
    let keys: Vec<usize> = (1..shown.len()).filter(|at| shown[*at].key).collect();
    // Rounded down, so that the key frame itself is the first that is not before it.
    let time = |at: usize| base.micros_down(shown[at].ticks).minus(start);
    let cuts = even(&keys, shown.len(), count);
    let begins = std::iter::once(0).chain(cuts.iter().copied());
    let ends = cuts.iter().copied().chain([shown.len()]);
    let part = |(begin, end): (usize, usize)| Segment {
        window: Window {
            from: if begin == 0 { window.from } else { Some(time(begin)) },
            until: if end == shown.len() { window.until } else { Some(time(end)) },
        },
        frames: (end - begin) as u64,
    };
    Ok(begins.zip(ends).map(part).collect())
}

/// Of the places where `frames` frames may be cut, those that make `count` parts as even as can
/// be: for each cut the nearest place that leaves one for each cut behind it.
fn even(places: &[usize], frames: usize, count: usize) -> Vec<usize> {
    let cuts = count.saturating_sub(1).min(places.len());
    let mut chosen = Vec::with_capacity(cuts);
    let mut free = 0;
    for cut in 1..=cuts {
        let ideal = frames * cut / (cuts + 1);
        let last = places.len() - (cuts - cut);
        let nearest = (free..last).min_by_key(|at| places[*at].abs_diff(ideal));
        if let Some(at) = nearest {
            chosen.push(places[at]);
            free = at + 1;
        }
    }
    chosen
}

/// From when to when a window lasts, in seconds of the clip's own start, for people.
pub fn span(window: &Window) -> String {
    let seconds = |at: Micros| {
        let millis = at.0.div_euclid(1000);
        format!("{}.{:03} s", millis.div_euclid(1000), millis.rem_euclid(1000))
    };
    let from = window.from.map_or_else(|| "the start".to_owned(), seconds);
    let until = window.until.map_or_else(|| "the end".to_owned(), seconds);
    format!("{from} to {until}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_ffprobe_is_a_time_and_a_flag() {
        let moment = |line| moment(line).map(|m| (m.ticks, m.key));
        assert_eq!(moment("1001,K__"), Some((1001, true)));
        assert_eq!(moment("-5,___,"), Some((-5, false)));
        for line in ["N/A,K__", "0,KD_", "", "7"] {
            assert_eq!(moment(line), None, "{line}");
        }
    }

    #[test]
    fn cuts_are_even_where_places_allow_it_and_never_too_few() {
        let every: Vec<usize> = (1..100).collect();
        assert_eq!(even(&every, 100, 4), [25, 50, 75]);
        assert_eq!(even(&every, 100, 1), [0; 0]);
        assert_eq!(even(&[10, 20, 90], 100, 2), [20]);
        assert_eq!(even(&[10, 20, 90], 100, 3), [20, 90]);
        // Three places for three cuts: each is taken, though all lie at one end.
        assert_eq!(even(&[97, 98, 99], 100, 4), [97, 98, 99]);
        assert_eq!(even(&[1, 2, 3], 100, 4), [1, 2, 3]);
        assert_eq!(even(&[40], 100, 7), [40]);
        assert_eq!(even(&[], 0, 7), [0; 0]);
    }
}
