//! What a file may ask for before anything is allocated for it.

use crate::error::{Error, Result};
use crate::frame::{Layout, Size};

/// What a file may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Pixels of a frame (`--max-pixels`).
    pub max_pixels: u64,
}

impl Default for Limits {
    /// 100 megapixels.
    fn default() -> Self {
        Self { max_pixels: 100_000_000 }
    }
}

impl Limits {
    /// The size as a file states it, if it is allowed. Called before the first allocation that
    /// depends on it.
    ///
    /// # Errors
    /// A side of 0 or over 65,535, or more pixels than the limit; the message names the numbers
    /// and the flag.
    pub fn check(&self, width: u64, height: u64) -> Result<Size> {
        let side = 1..=u64::from(Layout::MAX_SIDE);
        if !side.contains(&width) || !side.contains(&height) {
            return Err(Error::input(format!(
                "{width}x{height} pixels are outside 1x1 to {0}x{0}",
                Layout::MAX_SIDE
            )));
        }
        let pixels = width * height;
        if pixels > self.max_pixels {
            return Err(Error::input(format!(
                "{width}x{height} are {pixels} pixels, over the limit of {} (--max-pixels)",
                self.max_pixels
            )));
        }
        // Both fit: they are at most 65,535.
        Ok(Size::new(width as u32, height as u32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bomb_is_refused_by_number_and_flag() {
        let error = Limits::default().check(60_000, 60_000).unwrap_err().to_string();
        assert!(error.contains("3600000000"), "{error}");
        assert!(error.contains("--max-pixels"), "{error}");
        assert!(Limits { max_pixels: u64::MAX }.check(65_536, 1).is_err());
        assert!(Limits::default().check(0, 1).is_err());
        assert_eq!(Limits::default().check(10_000, 10_000).unwrap(), Size::new(10_000, 10_000));
    }
}
