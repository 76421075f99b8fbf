//! Where the coded frames of a stream are on its container's clock.
//!
//! A frame ends where its samples end, and the container says when it begins. The two agree but for
//! rounding, unless frames were lost (a hole), frames were sent twice, or the clocks of the recorder ran at
//! different rates. A time that a few frames alone have is jitter and is passed over; what all of
//! the next frames agree on is followed.

use crate::{
    media::RunLength,
    time::OutOfRange,
    timeline::{Break, bounded},
};

/// Frames that must agree before they move what follows.
const AGREEING: usize = 16;
/// A clock that goes back by more than this, in seconds, began anew: what follows goes on behind what is there.
const RESTART_SECONDS: i64 = 1;

/// A coded frame, or a packet of PCM, in PCM samples.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame {
    /// When it begins, from the stream's beginning; `None` where the container does not say.
    pub(crate) said: Option<i64>,
    /// How long it lasts when it is decoded.
    pub(crate) length: i64,
}

/// When each frame begins, in PCM samples from the first one on. A frame begins where the one before it ends,
/// unless the container says otherwise by more than `slack` and an eighth of the longest frame, or 10 ms if that is
/// less. A frame that the clock goes back at overlaps those before it, and may begin before them.
pub(crate) fn follow(frames: &[Frame], rate: u32, slack: i64) -> Vec<i64> {
    let second = i64::from(rate);
    let longest = frames.iter().map(|frame| frame.length).max().unwrap_or(0);
    let enough = slack.max((longest / 8).min(second / 100));
    let mut counted = 0_i64;
    // How far the container is ahead of the count at each frame that it times.
    let ahead: Vec<(i64, Option<i64>)> = frames
        .iter()
        .map(|frame| {
            let at = counted;
            counted = counted.saturating_add(frame.length);
            (at, frame.said.map(|said| said.saturating_sub(at)))
        })
        .collect();
    let (mut offset, mut restarted) = (0_i64, 0_i64);
    let mut begins = Vec::with_capacity(frames.len());
    for (index, &(at, timed)) in ahead.iter().enumerate() {
        let near = ahead[index..]
            .iter()
            .take(AGREEING)
            .take_while(|(later, _)| later - at <= second / 2)
            .filter_map(|&(_, ahead)| ahead);
        let extent = near.fold(None, |extent, ahead| {
            let (least, most) = extent.unwrap_or((ahead, ahead));
            Some((ahead.min(least), ahead.max(most)))
        });
        // A frame without a time follows the one before it.
        if let Some((least, most)) = extent.filter(|_| timed.is_some()) {
            if offset.saturating_sub(most.saturating_add(restarted)) > second * RESTART_SECONDS {
                restarted = offset.saturating_sub(most);
            }
            let least = least.saturating_add(restarted);
            let most = most.saturating_add(restarted);
            if least.saturating_sub(offset) > enough {
                offset = least;
            } else if offset.saturating_sub(most) > enough {
                offset = most;
            }
        }
        begins.push(at.saturating_add(offset));
    }
    begins
}

/// The durations of frames that begin at `begins`, the last of which ends at `end`, and where they are not `lengths`.
///
/// # Errors
/// [`OutOfRange`] if a hole is longer than 32 bits of PCM samples.
pub(crate) fn durations(
    begins: &[i64],
    lengths: impl IntoIterator<Item = i64>,
    end: i64,
) -> Result<(RunLength<u32>, Vec<Break>), OutOfRange> {
    let (mut durations, mut breaks) = (RunLength::new(), Vec::new());
    let mut at = begins.first().copied().unwrap_or(0);
    for ((index, sample), length) in (0..begins.len()).zip(0..).zip(lengths) {
        let next = begins.get(index + 1).copied().unwrap_or(end);
        // Decode times rise.
        let next = bounded(next)?.max(at + 1);
        let duration = next - at;
        durations.push(1, u32::try_from(duration).map_err(|_| OutOfRange)?);
        if duration != length && index + 1 < begins.len() {
            let ticks = duration - length;
            breaks.push(Break { sample, ticks });
        }
        at = next;
    }
    breaks.shrink_to_fit();
    Ok((durations, breaks))
}

#[cfg(test)]
mod tests;
