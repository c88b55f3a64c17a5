//! How long a frame is shown: exact fractions, and the units that a format counts in.

use std::fmt;

use crate::error::{Error, Result};

/// A count of seconds as a fraction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fraction {
    num: u32,
    den: u32,
}

impl Fraction {
    /// `num / den` seconds.
    ///
    /// # Errors
    /// A denominator of 0.
    pub fn new(num: u32, den: u32) -> Result<Self> {
        match den {
            0 => Err(Error::input(format!("{num}/0 is no count of seconds"))),
            _ => Ok(Self { num, den }),
        }
    }

    /// The numerator, 0...
    pub const fn num(self) -> u32 {
        self.num
    }

    /// The denominator, 1...
    pub const fn den(self) -> u32 {
        self.den
    }

    /// The same in lowest terms.
    fn reduced(self) -> Self {
        let by = gcd(self.num, self.den);
        Self { num: self.num / by, den: self.den / by }
    }
}

impl fmt::Display for Fraction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.num, self.den)
    }
}

/// Finds a tick that all delays of a file are whole counts of.
pub struct Common {
    /// Ticks in a second; `None` above `Ticks::FINEST`.
    den: Option<u32>,
}

impl Common {
    /// To begin with, what the format counts in: whole seconds where it counts in fractions.
    pub fn of(rule: &Rule) -> Self {
        let unit = rule.rates.first().filter(|_| !rule.fractions);
        Self { den: Some(unit.copied().unwrap_or(1)) }
    }

    /// Takes one more delay in.
    pub fn add(&mut self, delay: Fraction) {
        let den = delay.reduced().den;
        self.den = self.den.and_then(|common| (common / gcd(common, den)).checked_mul(den));
        self.den = self.den.filter(|den| *den <= Ticks::FINEST);
    }

    /// A counter of the common tick; of microseconds, rounded, if that is shorter than one.
    pub fn ticks(&self) -> Ticks {
        Ticks { per_second: self.den.unwrap_or(Ticks::FINEST), now: 0, picoseconds: 0 }
    }
}

/// Turns delays into whole ticks. Where that is not exact the running time is rounded, to the
/// nearest, so that errors do not add up.
pub struct Ticks {
    per_second: u32,
    /// Ticks up to now.
    now: u64,
    /// The running time, cut after the picosecond.
    picoseconds: u128,
}

impl Ticks {
    /// Ticks in a second at most.
    const FINEST: u32 = 1_000_000;

    /// One tick.
    pub const fn tick(&self) -> Fraction {
        Fraction { num: 1, den: self.per_second }
    }

    /// The ticks of the next delay.
    pub fn of(&mut self, delay: Fraction) -> u64 {
        const SECOND: u128 = 1_000_000_000_000;
        let (num, den) = (u64::from(delay.num), u64::from(delay.den));
        let scaled = num * u64::from(self.per_second);
        if scaled % den == 0 {
            // Nothing to round, so what was rounded before stays as it is.
            self.now += scaled / den;
            self.picoseconds += u128::from(num) * SECOND / u128::from(den);
            return scaled / den;
        }
        self.picoseconds += u128::from(num) * SECOND / u128::from(den);
        let running = (self.picoseconds * u128::from(self.per_second) + SECOND / 2) / SECOND;
        let ticks = u64::try_from(running).unwrap_or(u64::MAX).saturating_sub(self.now);
        self.now += ticks;
        ticks
    }
}

/// How a format states a delay.
pub struct Rule {
    /// Whether any fraction of two numbers up to `most` will do.
    pub fractions: bool,
    /// Units in a second, finest first; each divides 10,000.
    pub rates: &'static [u32],
    /// Units of one delay at most.
    pub most: u32,
}

/// Turns ticks into what a format can state. The running time is rounded, to the nearest, so
/// that errors do not add up.
pub struct Clock {
    tick: Fraction,
    /// Exact time before what was written, in `Self::unit`.
    behind: i128,
}

impl Clock {
    /// Every rate divides it.
    const FINEST: i128 = 10_000;
    /// Pieces of one delay at most: 7 days of a GIF.
    const PIECES: usize = 1000;

    /// A clock at 0, for delays in ticks of so many seconds.
    pub const fn new(tick: Fraction) -> Self {
        Self { tick, behind: 0 }
    }

    /// The delay of the next frame. More than one, if the format cannot state it at once: the
    /// frame is then shown again.
    ///
    /// # Errors
    /// A delay that a thousand pieces do not hold.
    pub fn split(&mut self, ticks: u64, rule: &Rule) -> Result<Vec<Fraction>> {
        if let Some(exact) = self.exact(ticks).filter(|f| rule.fractions && f.den <= rule.most)
            && exact.num <= rule.most
        {
            return Ok(vec![exact]);
        }
        let mut left = i128::from(ticks) * i128::from(self.tick.num) * Self::FINEST + self.behind;
        let mut pieces = Vec::new();
        while pieces.len() < Self::PIECES {
            let fits = rule.rates.iter().find_map(|rate| {
                let units = self.units(left, *rate);
                (units <= rule.most.into()).then_some((units as u32, *rate))
            });
            let coarsest = (rule.most, rule.rates.last().copied().unwrap_or(1));
            let (units, rate) = fits.unwrap_or(coarsest);
            left -= i128::from(units) * self.step(rate);
            pieces.push(Fraction { num: units, den: rate });
            if fits.is_some() {
                self.behind = left;
                return Ok(pieces);
            }
        }
        let Fraction { num, den } = self.tick;
        Err(Error::input(format!("a frame of {ticks} times {num}/{den} s is too long")))
    }

    /// So many ticks as a fraction in lowest terms, if its numbers are small enough.
    fn exact(&self, ticks: u64) -> Option<Fraction> {
        let num = ticks.checked_mul(self.tick.num.into())?;
        let by = u64::from(gcd(u32::try_from(num % u64::from(self.tick.den)).ok()?, self.tick.den));
        let (num, den) = (num / by, u64::from(self.tick.den) / by);
        Some(Fraction { num: num.try_into().ok()?, den: den.try_into().ok()? })
    }

    /// One unit of a rate, in the unit of `behind`: 1 / (10,000 tick.den) s.
    fn step(&self, rate: u32) -> i128 {
        i128::from(self.tick.den) * Self::FINEST / i128::from(rate)
    }

    /// The nearest whole number of units; none is negative.
    fn units(&self, time: i128, rate: u32) -> i128 {
        let step = self.step(rate);
        (time + step / 2).div_euclid(step).max(0)
    }
}

/// The greatest common divisor; 1 for two zeros, so that one may divide by it.
fn gcd(a: u32, b: u32) -> u32 {
    match (a, b) {
        (0, 0) => 1,
        (a, 0) => a,
        (a, b) => gcd(b, a % b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HUNDREDTHS: Rule = Rule { fractions: false, rates: &[100], most: 65_535 };
    const FRACTIONS: Rule = Rule { fractions: true, rates: &[10_000, 100, 1], most: 65_535 };

    fn fraction(num: u32, den: u32) -> Fraction {
        Fraction::new(num, den).unwrap()
    }

    #[test]
    fn a_common_tick_is_the_least_one_and_exact() {
        let mut common = Common::of(&FRACTIONS);
        let delays = [fraction(0, 7), fraction(2, 50), fraction(1, 30), fraction(1001, 30_000)];
        delays.iter().for_each(|delay| common.add(*delay));
        let mut ticks = common.ticks();
        assert_eq!(ticks.tick(), fraction(1, 30_000));
        assert_eq!(delays.map(|delay| ticks.of(delay)), [0, 1200, 1000, 1001]);
        assert_eq!(Common::of(&HUNDREDTHS).ticks().tick(), fraction(1, 100));
    }

    #[test]
    fn without_a_common_tick_microseconds_do_not_drift() {
        let mut common = Common::of(&FRACTIONS);
        let delays = [fraction(1, 65_521), fraction(1, 65_519), fraction(1, 3)];
        delays.iter().for_each(|delay| common.add(*delay));
        let mut ticks = common.ticks();
        assert_eq!(ticks.tick(), fraction(1, 1_000_000));
        let sum: u64 = (0..3000).map(|i| ticks.of(delays[i % 3])).sum();
        let exact = 1e9 / 65_521.0 + 1e9 / 65_519.0 + 1e9 / 3.0;
        assert!((sum as f64 - exact).abs() <= 0.6, "{sum} {exact}");
    }

    #[test]
    fn rounded_delays_add_up_to_the_running_time() {
        let mut clock = Clock::new(fraction(1001, 30_000));
        let mut sum = 0;
        for frame in 1..=3000u32 {
            let [delay] = clock.split(1, &HUNDREDTHS).unwrap()[..] else { panic!("one piece") };
            assert!((3..=4).contains(&delay.num()) && delay.den() == 100);
            sum += delay.num();
            let exact = f64::from(frame) * 100_100.0 / 30_000.0;
            assert!((f64::from(sum) - exact).abs() <= 0.5 + 1e-9, "{frame}: {sum} {exact}");
        }
    }

    #[test]
    fn fractions_stay_exact_where_the_format_holds_them() {
        let mut clock = Clock::new(fraction(1, 90_000));
        assert_eq!(clock.split(3003, &FRACTIONS).unwrap(), [fraction(1001, 30_000)]);
        assert_eq!(clock.split(0, &FRACTIONS).unwrap(), [fraction(0, 1)]);
        // 1/90,000 s is nothing in 1/10,000; what is left out comes with the second half.
        assert_eq!(clock.split(1, &FRACTIONS).unwrap(), [fraction(0, 10_000)]);
        assert_eq!(clock.split(90_007, &FRACTIONS).unwrap(), [fraction(10_001, 10_000)]);
    }

    #[test]
    fn a_long_delay_is_coarser_or_in_pieces_and_an_endless_one_refused() {
        let mut clock = Clock::new(fraction(1, 90_000));
        assert_eq!(clock.split(901_000, &FRACTIONS).unwrap(), [fraction(901, 90)]);
        assert_eq!(clock.split(90_000 * 100 + 1, &FRACTIONS).unwrap(), [fraction(10_000, 100)]);
        let mut clock = Clock::new(fraction(1, 1));
        let pieces = clock.split(1400, &HUNDREDTHS).unwrap();
        let sum: u32 = pieces.iter().map(|piece| piece.num()).sum();
        assert_eq!((pieces.len(), sum), (3, 140_000));
        assert!(clock.split(u64::MAX, &HUNDREDTHS).is_err());
    }
}
