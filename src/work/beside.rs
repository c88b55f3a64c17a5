//! What becomes of what is beside a picture's pixels when a plan was applied to them.

use crate::codec::{Calibration, Metadata};
use crate::filter::ProfileChange;

/// The metadata of the result of a plan that does this to the profile, and turns rows to columns
/// if `swaps_axes`.
pub(super) fn beside(profile: ProfileChange, swaps_axes: bool, metadata: Metadata) -> Metadata {
    let mut metadata = match profile {
        ProfileChange::Keep => metadata,
        ProfileChange::Srgb => as_srgb(metadata),
    };
    if swaps_axes {
        metadata.swap_axes();
    }
    metadata
}

/// A picture that is sRGB now carries no profile: readers take it for sRGB, and PNG says so.
fn as_srgb(metadata: Metadata) -> Metadata {
    const RELATIVE_COLORIMETRIC: u8 = 1;
    let calibration =
        Calibration { srgb_intent: Some(RELATIVE_COLORIMETRIC), ..Calibration::default() };
    Metadata { icc: None, calibration, ..metadata }
}
