//! What people type for sizes, durations and counts, as numbers.

use std::fmt;
use std::num::NonZeroUsize;
use std::str::FromStr;
use std::time::Duration;

use lumaloom::codec::y4m::Interlacing;
use lumaloom::ffmpeg::{Micros, TimeBase};
pub use lumaloom::link::show_bytes;

/// `--mem`: bytes, or what the machine can spare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mem {
    /// The smaller of 60 % of available memory and 4 GiB; larger items run alone.
    Auto,
    /// One of so many equal parts of that, 1...
    Part(u64),
    /// Exactly this; larger items fail.
    Bytes(u64),
}

impl Mem {
    /// One of so many equal parts.
    #[must_use]
    pub fn part(self, of: usize) -> Self {
        let of = of.max(1) as u64;
        match self {
            Self::Auto if of == 1 => self,
            Self::Auto => Self::Part(of),
            Self::Part(n) => Self::Part(n.saturating_mul(of)),
            Self::Bytes(bytes) => Self::Bytes(bytes / of),
        }
    }
}

impl FromStr for Mem {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            _ => match text.strip_prefix("auto/").map(str::parse) {
                Some(Ok(parts)) if parts > 0 => Ok(Self::Part(parts)),
                Some(_) => Err("auto/N is the N-th part of auto, N from 1 on".to_owned()),
                None => bytes(text).map(Self::Bytes),
            },
        }
    }
}

impl fmt::Display for Mem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Part(parts) => write!(f, "auto/{parts}"),
            Self::Bytes(bytes) => write!(f, "{bytes}"),
        }
    }
}

/// Bytes: `1073741824`, `512M`, `1.5GiB` (binary, as in dd and sort), `500MB` (decimal).
///
/// # Errors
/// A fragment that says what a size looks like.
pub fn bytes(text: &str) -> Result<u64, String> {
    const UNITS: [(&str, f64); 13] = [
        ("", 1.0),
        ("B", 1.0),
        ("K", 1024.0),
        ("KIB", 1024.0),
        ("KB", 1e3),
        ("M", 1_048_576.0),
        ("MIB", 1_048_576.0),
        ("MB", 1e6),
        ("G", 1_073_741_824.0),
        ("GIB", 1_073_741_824.0),
        ("GB", 1e9),
        ("T", 1_099_511_627_776.0),
        ("TIB", 1_099_511_627_776.0),
    ];
    scaled(text, &UNITS).ok_or_else(|| "a size is a number of bytes like 512M or 1.5GiB".to_owned())
}

/// Pixels: `100000000`, `100M`, `100MP`.
///
/// # Errors
/// A fragment that says what a number of pixels looks like.
pub fn pixels(text: &str) -> Result<u64, String> {
    const UNITS: [(&str, f64); 5] = [("", 1.0), ("K", 1e3), ("M", 1e6), ("MP", 1e6), ("G", 1e9)];
    scaled(text, &UNITS).ok_or_else(|| "a number of pixels looks like 100M or 25000000".to_owned())
}

/// Seconds: `60`, `60s`, `500ms`, `2m`, `1h`.
///
/// # Errors
/// A fragment that says what a duration looks like.
pub fn duration(text: &str) -> Result<Duration, String> {
    const UNITS: [(&str, f64); 5] =
        [("", 1e3), ("S", 1e3), ("MS", 1.0), ("M", 60e3), ("H", 3600e3)];
    scaled(text, &UNITS)
        .map(Duration::from_millis)
        .ok_or_else(|| "a time is a number of seconds like 60, 500ms or 2m".to_owned())
}

/// A positive number with one of these units (in upper case), rounded down, at least 1.
fn scaled(text: &str, units: &[(&str, f64)]) -> Option<u64> {
    let split = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let unit = unit.to_ascii_uppercase();
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    if !number.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let value = number.parse::<f64>().ok()? * factor;
    // f64 holds integers exactly to 2^53; beyond 2^60 nobody means it.
    (1.0..=(1u64 << 60) as f64).contains(&value).then_some(value as u64)
}

/// A number of threads.
///
/// # Errors
/// A fragment that says what it may be.
pub fn threads(text: &str) -> Result<NonZeroUsize, String> {
    text.parse().map_err(|_| "it is 1 or more; without it all cores are used".to_owned())
}

/// Readers: a disk or a network is busy long before there are this many.
const MOST_READERS: usize = 256;

/// A count of reading threads.
///
/// # Errors
/// A fragment that says how many there may be.
pub fn readers(text: &str) -> Result<NonZeroUsize, String> {
    let count = text.parse().ok().filter(|n: &NonZeroUsize| n.get() <= MOST_READERS);
    count.ok_or_else(|| format!("readers are 1 to {MOST_READERS}"))
}

/// A moment or a length of a clip: `12.5`, `1:02.5`, `01:02:03.004`, `500ms`, `40us`, as ffmpeg
/// writes them, to the microsecond.
///
/// # Errors
/// A fragment that says what a time looks like.
pub fn moment(text: &str) -> Result<Micros, String> {
    let wrong = || "a time looks like 12.5, 01:02:03.5 or 500ms".to_owned();
    let small = [("ms", 1000), ("us", 1)]
        .into_iter()
        .find_map(|(unit, micros)| Some((text.strip_suffix(unit)?, micros)));
    if let Some((number, micros)) = small {
        let number: u32 = number.parse().map_err(|_| wrong())?;
        return Ok(Micros(i64::from(number) * micros));
    }
    let parts: Vec<&str> = text.strip_suffix('s').unwrap_or(text).split(':').collect();
    let (seconds, above) = parts.split_last().ok_or_else(wrong)?;
    // `.5` is what people type, and what no program writes.
    let seconds =
        if seconds.starts_with('.') { format!("0{seconds}") } else { seconds.to_string() };
    let seconds = Micros::parse_seconds(&seconds).filter(|s| s.0 >= 0).ok_or_else(wrong)?;
    let minute = 60_000_000;
    if above.len() > 2 || (!above.is_empty() && seconds.0 >= minute) {
        return Err(wrong());
    }
    let units = [minute, 60 * minute];
    above.iter().rev().zip(units).enumerate().try_fold(seconds, |sum, (i, (part, unit))| {
        let count: u32 = part.parse().map_err(|_| wrong())?;
        // Minutes below hours have two digits' worth.
        let fits = count < 60 || i + 1 == above.len();
        fits.then(|| sum.plus(Micros(i64::from(count) * unit))).ok_or_else(wrong)
    })
}

/// Frames per second as the time that each frame takes: `25`, `30000/1001`, and the decimals that
/// people write for NTSC's rates.
///
/// # Errors
/// A fragment that says what a rate looks like.
pub fn rate(text: &str) -> Result<TimeBase, String> {
    let wrong = || "a rate is frames per second, like 25 or 30000/1001".to_owned();
    let ntsc = [("23.976", 24_000), ("23.98", 24_000), ("29.97", 30_000), ("59.94", 60_000)];
    if let Some((_, frames)) = ntsc.into_iter().find(|(name, _)| *name == text) {
        return TimeBase::new(1001, frames).map_err(|_| wrong());
    }
    let (over, under) = text.split_once('/').unwrap_or((text, "1"));
    let (whole, digits) = over.split_once('.').unwrap_or((over, ""));
    let scale = 10_u32.checked_pow(digits.len() as u32).ok_or_else(wrong)?;
    let over: u32 = format!("{whole}{digits}").parse().map_err(|_| wrong())?;
    let under: u32 = under.parse().map_err(|_| wrong())?;
    let under = under.checked_mul(scale).ok_or_else(wrong)?;
    TimeBase::new(under, over).map_err(|_| wrong())
}

/// A number, kept as it was typed.
///
/// # Errors
/// A fragment that says so.
pub fn number(text: &str) -> Result<String, String> {
    let finite = text.parse::<f64>().is_ok_and(f64::is_finite);
    finite.then(|| text.to_owned()).ok_or_else(|| "not a number".to_owned())
}

/// How rows were taken, as y4m says it.
///
/// # Errors
/// A fragment that says so.
pub fn interlacing(text: &str) -> Result<Interlacing, String> {
    Interlacing::of(text).ok_or_else(|| format!("{text:?} is none of p, t, b and m"))
}

/// A number in hexadecimal.
///
/// # Errors
/// A fragment that says so.
pub fn hex(text: &str) -> Result<u64, String> {
    u64::from_str_radix(text, 16).map_err(|_| "not a hexadecimal number".to_owned())
}

/// More threads than this are a slip of the keyboard, and starting them takes minutes.
const MOST_THREADS: usize = 4096;

/// Counts of threads to measure: `1,2,4`, `1..8`, or both mixed. Sorted, each once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counts(pub Vec<NonZeroUsize>);

impl FromStr for Counts {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parse = || {
            let mut counts = Vec::new();
            for part in text.split(',') {
                let (first, last) = part.split_once("..").unwrap_or((part, part));
                let (first, last): (NonZeroUsize, NonZeroUsize) =
                    (first.parse().ok()?, last.trim_start_matches('=').parse().ok()?);
                if first > last || last.get() > MOST_THREADS {
                    return None;
                }
                counts.extend((first.get()..=last.get()).filter_map(NonZeroUsize::new));
            }
            counts.sort_unstable();
            counts.dedup();
            Some(Self(counts))
        };
        parse().ok_or_else(|| "counts of threads look like 1,2,4 or 1..8".to_owned())
    }
}

/// Seconds for people: `0.42 s`, `12.3 s`, `3 min 05 s`, `2 h 07 min`.
pub fn show_seconds(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match whole {
        0..10 => format!("{seconds:.2} s"),
        10..60 => format!("{seconds:.1} s"),
        60..3600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole / 60 % 60),
    }
}

/// A count with its noun: `1 picture`, `3 pictures`.
pub fn count(n: u64, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, expected) in [
            ("1", 1),
            ("512M", 512 << 20),
            ("512m", 512 << 20),
            ("1.5GiB", 3 << 29),
            ("500MB", 500_000_000),
            ("64KiB", 65_536),
            ("2T", 2 << 40),
        ] {
            assert_eq!(bytes(text), Ok(expected), "{text}");
        }
        for text in ["", "M", "-1", "1X", "0", "inf", "nan", "1e400", "1 2", "9999999T", "+5"] {
            assert!(bytes(text).is_err(), "{text}");
        }
        assert_eq!("auto".parse(), Ok(Mem::Auto));
        assert_eq!("1K".parse(), Ok(Mem::Bytes(1024)));
        assert_eq!("auto/3".parse(), Ok(Mem::Auto.part(3)));
        assert_eq!(Mem::Auto.part(3).to_string(), "auto/3");
        assert_eq!((Mem::Auto.part(1), Mem::Bytes(9).part(2)), (Mem::Auto, Mem::Bytes(4)));
        assert!("auto/0".parse::<Mem>().is_err() && "auto/x".parse::<Mem>().is_err());
    }

    #[test]
    fn pixels_and_durations() {
        assert_eq!(pixels("100M"), Ok(100_000_000));
        assert_eq!(pixels("1.5MP"), Ok(1_500_000));
        assert_eq!(duration("60"), Ok(Duration::from_secs(60)));
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        assert!(duration("2 days").is_err());
    }

    #[test]
    fn moments() {
        for (text, micros) in [
            ("12.5", 12_500_000),
            (".5", 500_000),
            ("0", 0),
            ("1:02.5", 62_500_000),
            ("01:02:03.000004", 3_723_000_004),
            ("90:00", 5_400_000_000),
            ("500ms", 500_000),
            ("40us", 40),
            ("3s", 3_000_000),
        ] {
            assert_eq!(moment(text), Ok(Micros(micros)), "{text}");
        }
        for text in ["", "-1", "1:60", "1:60:00", "1:2:3:4", "x", "1h", "1e3", ":5", "1.0000001"] {
            assert!(moment(text).is_err(), "{text}");
        }
    }

    #[test]
    fn rates() {
        let parsed = |text| rate(text).map(|r| (r.den(), r.num()));
        assert_eq!(parsed("25"), Ok((25, 1)));
        assert_eq!(parsed("30000/1001"), Ok((30_000, 1001)));
        assert_eq!(parsed("29.97"), Ok((30_000, 1001)));
        assert_eq!(parsed("12.5"), Ok((125, 10)));
        for text in ["0", "", "x", "25/0", "1/", "-5", "99999999999", "1.00000000000"] {
            assert!(rate(text).is_err(), "{text}");
        }
    }

    #[test]
    fn counts() {
        let numbers =
            |text: &str| text.parse::<Counts>().map(|c| c.0.iter().map(|n| n.get()).collect());
        assert_eq!(numbers("1,2,4"), Ok(vec![1, 2, 4]));
        assert_eq!(numbers("4,1..3,2"), Ok(vec![1, 2, 3, 4]));
        for text in ["", "0", "3..1", "1..9999999", "x"] {
            assert!(numbers(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_people_read() {
        assert_eq!(show_seconds(0.416), "0.42 s");
        assert_eq!(show_seconds(185.2), "3 min 05 s");
        assert_eq!(show_seconds(7630.0), "2 h 07 min");
        assert_eq!(count(1, "file"), "1 file");
        assert_eq!(count(0, "file"), "0 files");
    }
}
