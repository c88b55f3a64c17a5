//! When the first packets of joined segments are decoded, where frames are not shown in the order
//! in which they are decoded.
//!
//! NUT says how many frames a decoder is behind, and ffmpeg makes times of decoding of that and of
//! the times of showing, but for the first packets it can only guess from the frame rate. MP4 lasts
//! as long as its times of decoding say, so a clip of uneven times would lose the end of its last
//! frame. The rule here is that of x264: the first is decoded as long before it is shown as the
//! first frame is before the one that is shown when the decoder has caught up.

use super::packets::Packets;

/// The expression for ffmpeg's filter `setts` that gives the time of decoding; `None` where frames
/// are shown as they are decoded, or where there are too few of them.
pub(super) fn decoded_at(first: &Packets, behind: usize) -> Option<String> {
    let base = first.base?;
    let mut times = first.times.clone();
    times.sort_unstable();
    let last = *times.get(behind).filter(|_| behind > 0)?;
    let mut rule = "DTS".to_owned();
    for (number, time) in times[..behind].iter().enumerate().rev() {
        // The first packet is the first frame. Whatever tick packets have there, it is a fraction
        // of a second.
        let (before, num, den) = (last.checked_sub(*time)?, base.num(), base.den());
        rule = format!("if(eq(N,{number}),STARTPTS-round({before}*{num}/{den}/TB),{rule})");
    }
    Some(rule)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ffmpeg::TimeBase;

    #[test]
    fn the_first_packets_are_as_early_as_the_decoder_is_behind() {
        let base = TimeBase::new(1, 30).ok();
        let packets = Packets { base, times: vec![10, 17, 11, 14], ..Packets::default() };
        let rule =
            "if(eq(N,0),STARTPTS-round(4*1/30/TB),if(eq(N,1),STARTPTS-round(3*1/30/TB),DTS))";
        assert_eq!(decoded_at(&packets, 2).as_deref(), Some(rule));
        assert_eq!(decoded_at(&packets, 0), None);
        assert_eq!(decoded_at(&packets, 4), None);
    }
}
