//! Time as containers count it: whole ticks of a time base, compared without rounding.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Seconds per tick as a fraction, both parts 1..=2^31-1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeBase {
    num: u32,
    den: u32,
}

impl TimeBase {
    /// A time base of `num / den` seconds.
    ///
    /// # Errors
    /// When a part is 0 or above 2^31-1, which ffmpeg's own fractions cannot hold.
    pub fn new(num: u32, den: u32) -> Result<Self> {
        let fits = 1..=u32::try_from(i32::MAX).unwrap_or(u32::MAX);
        if !fits.contains(&num) || !fits.contains(&den) {
            return Err(Error::input(format!("{num}/{den} is no time base")));
        }
        Ok(Self { num, den })
    }

    /// What ffmpeg writes as `NUM/DEN`.
    pub fn parse(text: &str) -> Result<Self> {
        let parts =
            text.split_once('/').and_then(|(n, d)| Some((n.parse().ok()?, d.parse().ok()?)));
        let (num, den) = parts.ok_or_else(|| Error::input(format!("{text:?} is no time base")))?;
        Self::new(num, den)
    }

    /// The numerator.
    pub const fn num(self) -> u32 {
        self.num
    }

    /// The denominator.
    pub const fn den(self) -> u32 {
        self.den
    }

    /// Whether a frame at `ticks` lies before a moment, exactly.
    pub fn is_before(self, ticks: i64, moment: Micros) -> bool {
        let ours = i128::from(ticks) * i128::from(self.num) * 1_000_000;
        ours < i128::from(moment.0) * i128::from(self.den)
    }

    /// How many ticks from 0 on lie before a moment, exactly.
    pub fn ticks_before(self, moment: Micros) -> u64 {
        let (over, under) =
            (i128::from(moment.0) * i128::from(self.den), i128::from(self.num) * 1_000_000);
        // Rounded up: the tick at the moment itself is not before it.
        u64::try_from((over + under - 1).div_euclid(under)).unwrap_or(0)
    }

    /// Whether a moment falls on a tick of `1 / per` seconds.
    pub(super) fn is_whole(self, ticks: i64, per: u32) -> bool {
        i128::from(ticks) * i128::from(self.num) * i128::from(per) % i128::from(self.den) == 0
    }

    /// So many ticks in microseconds, rounded down: the last moment that is not after them.
    pub fn micros_down(self, ticks: i64) -> Micros {
        let scaled = i128::from(ticks) * i128::from(self.num) * 1_000_000;
        let down = scaled.div_euclid(i128::from(self.den));
        Micros(i64::try_from(down).unwrap_or(if down < 0 { i64::MIN } else { i64::MAX }))
    }

    /// Ticks per second, up to 2^31-1, on which all ticks of these fall; if there is no such
    /// number, those of the finest.
    pub(super) fn common(bases: impl Iterator<Item = Self> + Clone) -> u32 {
        let fits = |scale: u64| scale <= i32::MAX as u64;
        let lcm =
            |a: u64, b: u32| (a / gcd(a, b.into())).checked_mul(b.into()).filter(|s| fits(*s));
        let all = bases.clone().try_fold(1, |scale, base| lcm(scale, base.den));
        let all = all.and_then(|scale| u32::try_from(scale).ok());
        all.or_else(|| bases.map(|base| base.den).max()).unwrap_or(1)
    }

    /// So many ticks in microseconds, rounded to the nearest.
    pub fn micros(self, ticks: i64) -> Micros {
        let scaled = i128::from(ticks) * i128::from(self.num) * 1_000_000;
        let den = i128::from(self.den);
        let rounded = (scaled + den / 2).div_euclid(den);
        Micros(i64::try_from(rounded).unwrap_or(if rounded < 0 { i64::MIN } else { i64::MAX }))
    }
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

impl fmt::Display for TimeBase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.num, self.den)
    }
}

/// A moment or a length in microseconds, the unit in which ffmpeg's options count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Micros(pub i64);

impl Micros {
    /// What ffprobe writes in seconds with up to six decimals, like `-0.021333`.
    pub fn parse_seconds(text: &str) -> Option<Self> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !all_digits(whole) || !all_digits(part) || part.len() > 6 {
            return None;
        }
        let part: i64 = format!("{part:0<6}").parse().ok()?;
        let micros = whole.parse::<i64>().ok()?.checked_mul(1_000_000)?.checked_add(part)?;
        Some(Self(if negative { -micros } else { micros }))
    }

    /// The sum, held at the ends of the range.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The difference, held at the ends of the range.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl fmt::Display for Micros {
    /// As an option's argument: `12us`, which ffmpeg reads without going through a float.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}us", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_on_the_moment_is_not_before_it() {
        let ntsc = TimeBase::parse("1001/24000").unwrap();
        // Frame 24 is at 1.001 s exactly.
        assert!(!ntsc.is_before(24, Micros(1_001_000)));
        assert!(ntsc.is_before(24, Micros(1_001_001)));
        assert!(ntsc.is_before(i64::MIN, Micros(i64::MAX)));
        assert_eq!(ntsc.micros(24), Micros(1_001_000));
        let thirds = TimeBase::new(1, 3).unwrap();
        assert_eq!(thirds.micros(-1), Micros(-333_333));
        // A moment that was rounded down never leaves its own frame out.
        assert_eq!((thirds.micros(2), thirds.micros_down(2)), (Micros(666_667), Micros(666_666)));
        assert_eq!(thirds.micros_down(-1), Micros(-333_334));
        assert!(
            !thirds.is_before(2, thirds.micros_down(2)) && thirds.is_before(2, thirds.micros(2))
        );
    }

    #[test]
    fn one_scale_for_all_tracks() {
        let common = |bases: &[&str]| {
            TimeBase::common(bases.iter().map(|text| TimeBase::parse(text).unwrap()))
        };
        assert_eq!(common(&["1/90000", "1/48000"]), 720_000);
        assert_eq!(common(&["1001/30000", "1/44100"]), 4_410_000);
        assert_eq!(common(&["1/1000000007", "1/48000"]), 1_000_000_007, "no product that fits");
        let ntsc = TimeBase::parse("1001/30000").unwrap();
        assert!(ntsc.is_whole(0, 1000) && ntsc.is_whole(30, 1000) && !ntsc.is_whole(1, 1000));
        assert!(ntsc.is_whole(-1, 30_000));
    }

    #[test]
    fn seconds_keep_their_microseconds() {
        let parsed = |text| Micros::parse_seconds(text).map(|m| m.0);
        assert_eq!(parsed("1.4"), Some(1_400_000));
        assert_eq!(parsed("-0.021333"), Some(-21_333));
        assert_eq!(parsed("12"), Some(12_000_000));
        for text in ["", "N/A", "1.0000001", "1e3", "-", ".5", "99999999999999999999"] {
            assert_eq!(parsed(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_no_time_base_is_refused() {
        for text in ["0/1", "1/0", "25", "-1/25", "1/2147483648", "a/b"] {
            assert!(TimeBase::parse(text).is_err(), "{text}");
        }
    }
}
