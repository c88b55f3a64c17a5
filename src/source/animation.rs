//! The source of a clip job that is an animated picture, read without ffmpeg.

use super::frames::{Frames, Shown};
use crate::codec::animation::Animation;
use crate::error::Result;
use crate::ffmpeg::{Last, TimeBase, Window};
use crate::frame::BufferPool;
use crate::link::Cancel;

/// The frames of an animation with the times at which players show them.
pub struct Playing {
    animation: Animation,
    clock: Clock,
    window: Window,
    /// When the next frame begins, in ticks.
    at: i64,
    /// When the first frame of the window began.
    zero: Option<i64>,
}

/// Tells the file's ticks into those of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Clock {
    time_base: TimeBase,
    /// Ticks of ours to one of the file's.
    scale: i64,
    /// What players make of a delay that they do not believe, in ticks.
    slow: i64,
}

/// Delays of a hundredth of a second and less are not believed by players, who show such frames
/// for a tenth.
const BELIEVED: i64 = 100;
const SLOW: u32 = 10;

impl Clock {
    /// A tick of which both the file's and a tenth of a second are whole counts.
    fn new(file: TimeBase) -> Result<Self> {
        let (mut a, mut b) = (file.den(), SLOW);
        while b > 0 {
            (a, b) = (b, a % b);
        }
        let scale = SLOW / a;
        let time_base = TimeBase::new(file.num(), file.den().saturating_mul(scale))?;
        let slow = i64::from(time_base.den() / SLOW / time_base.num().max(1));
        Ok(Self { time_base, scale: i64::from(scale), slow })
    }

    /// The delay in the file, and how long players show it, in ticks of ours.
    fn delay(self, ticks: u64) -> (i64, i64) {
        let said = i64::try_from(ticks).unwrap_or(i64::MAX).saturating_mul(self.scale);
        let den = i64::from(self.time_base.den());
        let believed = said.saturating_mul(BELIEVED) > den;
        (said, if believed { said } else { self.slow })
    }
}

impl Playing {
    /// The part of an animation that lies in `window`.
    ///
    /// # Errors
    /// `Input`: a file that counts in something that is no time base.
    pub fn new(animation: Animation, window: Window) -> Result<Self> {
        let tick = animation.tick();
        let clock = Clock::new(TimeBase::new(tick.num(), tick.den())?)?;
        Ok(Self { animation, clock, window, at: 0, zero: None })
    }

    /// The tick of the frames' times.
    pub fn time_base(&self) -> TimeBase {
        self.clock.time_base
    }

    /// The last of the frames, of which `most` are wanted; nothing if there is none.
    pub fn last(&self, most: u64) -> Option<Last> {
        let Window { from, until } = self.window;
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let (mut at, base) = (self.at, self.clock.time_base);
        let frames = self.animation.delays().iter().map(|delay| {
            let begin = at;
            at = at.saturating_add(self.clock.delay(*delay).1);
            (begin, at)
        });
        let frames =
            frames.skip_while(|(begin, _)| from.is_some_and(|f| base.is_before(*begin, f)));
        let inside = |(begin, _): &(i64, i64)| until.is_none_or(|u| base.is_before(*begin, u));
        let mut frames = frames.take_while(inside).take(most);
        let first = frames.next()?;
        let (begin, end) = frames.last().unwrap_or(first);
        Some(Last { ticks: begin - first.0, lasts: self.inside(begin, end - begin) })
    }

    /// For how long a frame is shown that begins then: no longer than what is wanted of the file.
    fn inside(&self, begin: i64, lasts: i64) -> i64 {
        let until = self.window.until.map(|until| self.clock.time_base.ticks_before(until));
        let until = until.and_then(|ticks| i64::try_from(ticks).ok()).unwrap_or(i64::MAX);
        lasts.min(until.saturating_sub(begin)).max(lasts.min(1))
    }

    /// What the file says of itself.
    pub fn animation(&self) -> &Animation {
        &self.animation
    }
}

impl Frames for Playing {
    fn next(&mut self, pool: &BufferPool, _: &Cancel) -> Result<Option<Shown>> {
        let Window { from, until } = self.window;
        while let Some(shown) = self.animation.next(pool)? {
            let (said, played) = self.clock.delay(shown.delay);
            let begin = self.at;
            self.at = self.at.saturating_add(played);
            let before = |moment| self.clock.time_base.is_before(begin, moment);
            if until.is_some_and(|until| !before(until)) {
                shown.frame.recycle(pool);
                return Ok(None);
            }
            if from.is_some_and(before) {
                shown.frame.recycle(pool);
                continue;
            }
            let ticks = begin - *self.zero.get_or_insert(begin);
            let lasts = Some(self.inside(begin, said));
            return Ok(Some(Shown { frame: shown.frame, ticks, lasts }));
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_that_players_do_not_believe_last_a_tenth_of_a_second() {
        for (den, delay, said, played, base) in [
            (100, 7, 7, 7, 100),
            (100, 1, 1, 10, 100),
            (100, 0, 0, 10, 100),
            (25, 1, 2, 2, 50),
            (1, 0, 0, 1, 10),
            (30, 1, 1, 1, 30),
            (1000, 10, 10, 100, 1000),
            (1000, 11, 11, 11, 1000),
        ] {
            let clock = Clock::new(TimeBase::new(1, den).unwrap()).unwrap();
            assert_eq!(clock.time_base, TimeBase::new(1, base).unwrap(), "1/{den}");
            assert_eq!(clock.delay(delay), (said, played), "{delay}/{den}");
        }
    }
}
