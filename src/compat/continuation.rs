//! Whether a stream of pictures goes on where that of the fragment before ends: then its leading pictures may refer
//! to pictures of that fragment. Pure.
//!
//! What counts is what the bit stream says of itself: the parameter sets in force, the order of showing (picture
//! order count, `temporal_reference`), the order of decoding (`frame_num`), the time codes of MPEG-2, and the
//! reference picture sets of HEVC; and the fragments' own clocks, where these were not set back. The numbers have few
//! bits and count on from piece to piece: two pieces of different recordings whose encoder repeats its structure
//! exactly, or pieces of one whose clocks were set back and that lie a whole turn of the numbers apart, look like a
//! continuation. `Leading::Drop` leaves the pictures in question out.

use crate::{
    codecs::{mpeg2, nal::PictureHead},
    probe::leading::Numbers,
    time::{OutOfRange, Time},
};

/// Clocks that begin within so many seconds of each other were set back when the pieces were cut.
const SET_BACK: i64 = 1;

/// How pictures at the end of a stream are numbered, in the order of decoding, each with its composition time.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Tail {
    /// Of NAL units, and the parameter sets in force.
    Nal {
        pictures: Vec<(i64, PictureHead)>,
        sets: Vec<bytes::Bytes>,
    },
    /// Of MPEG-2, from the last head of a group on; `rate` is how many pictures there are in a second, rounded up.
    Mpeg2 {
        pictures: Vec<(i64, mpeg2::PictureHead)>,
        rate: u64,
    },
}

/// When a stream's pictures begin and end, on its fragment's own clock.
pub(crate) type Extent = (Time, Time);

/// Whether the clocks of two fragments do not speak against the later one following the earlier one: it begins
/// within `half` a picture of the earlier one's end, or both begin alike because they were set back. `turn` is when
/// clocks of their container start again.
pub(crate) fn clocks_agree(
    earlier: Extent,
    later: Extent,
    half: Time,
    turn: Option<Time>,
) -> Result<bool, OutOfRange> {
    let step = later.0.minus(earlier.1)?;
    let follows = step.abs() <= half;
    let turned = match turn {
        Some(turn) => step.plus(turn)?.abs() <= half,
        None => false,
    };
    Ok(follows || turned || later.0.minus(earlier.0)?.abs() <= Time::from_secs(SET_BACK))
}

/// Whether the numbers at the beginning of one stream go on from those at the end of another.
pub(crate) fn goes_on(tail: &Tail, head: &Numbers) -> bool {
    let found = match (tail, head) {
        (
            Tail::Nal { pictures, sets },
            Numbers::Nal {
                key,
                leading,
                sets: own,
            },
        ) => (sets == own).then(|| nal_goes_on(pictures, key, leading)),
        (Tail::Mpeg2 { pictures, rate }, Numbers::Mpeg2 { key, leading }) => {
            Some(mpeg2_goes_on(pictures, *rate, key, leading))
        }
        _ => None,
    };
    found.flatten() == Some(true)
}

/// `a − b` of numbers with `bits` bits, from minus half a turn up.
fn difference(a: u32, b: u32, bits: u32) -> i64 {
    let turn = 1_i64 << bits.min(32);
    let plain = (i64::from(a) - i64::from(b)).rem_euclid(turn);
    if plain >= turn / 2 {
        plain - turn
    } else {
        plain
    }
}

fn nal_goes_on(
    tail: &[(i64, PictureHead)],
    key: &PictureHead,
    leading: &[PictureHead],
) -> Option<bool> {
    let bits = key.poc_bits;
    let (_, last_shown) = tail.iter().max_by_key(|(pts, _)| *pts)?;
    let (key_poc, last_poc) = (key.poc?, last_shown.poc?);
    // Frames count by two in H.264, mostly, and by one in HEVC and VVC.
    let count = i64::try_from(leading.len()).ok()? + 1;
    let ahead = difference(key_poc, last_poc, bits);
    let step = ahead / count;
    let first = leading.first().map_or(Some(key_poc), |first| first.poc)?;
    let shown =
        ahead % count == 0 && (1..=2).contains(&step) && difference(first, last_poc, bits) == step;
    let decoded = match key.frame_num {
        None => true,
        Some((number, bits)) => {
            let before = tail.iter().rev().find(|(_, head)| head.is_reference)?;
            let (before, _) = before.1.frame_num?;
            difference(number, before, bits) == 1
        }
    };
    Some(shown && decoded && references_are_there(tail, key, leading))
}

/// Whether what leading pictures refer to, as far as it comes within the tail, is in it.
fn references_are_there(
    tail: &[(i64, PictureHead)],
    key: &PictureHead,
    leading: &[PictureHead],
) -> bool {
    let bits = key.poc_bits;
    let Some(key_poc) = key.poc else {
        return false;
    };
    let behind_key = |head: &PictureHead| head.poc.map(|poc| difference(poc, key_poc, bits));
    let of_tail: Vec<i64> = tail
        .iter()
        .filter_map(|(_, head)| behind_key(head))
        .collect();
    let own: Vec<i64> = leading.iter().filter_map(behind_key).collect();
    let Some(&earliest) = of_tail.iter().min() else {
        return false;
    };
    leading.iter().all(|head| {
        let Some(at) = behind_key(head) else {
            return false;
        };
        let wanted = head.references.iter().map(|&delta| at + i64::from(delta));
        wanted
            .filter(|&wanted| wanted < 0 && wanted >= earliest && !own.contains(&wanted))
            .all(|wanted| of_tail.contains(&wanted))
    })
}

fn mpeg2_goes_on(
    tail: &[(i64, mpeg2::PictureHead)],
    rate: u64,
    key: &mpeg2::PictureHead,
    leading: &[mpeg2::PictureHead],
) -> Option<bool> {
    let count = u64::try_from(tail.len()).ok()?;
    let (group, own) = (tail.first()?.1.group?, key.group?);
    let latest = tail.iter().map(|(_, head)| head.temporal_reference).max()?;
    let whole = u64::from(latest) + 1 == count;
    let ahead = u32::try_from(leading.len()).ok()?;
    let counted = leading.first()?.temporal_reference == 0 && key.temporal_reference == ahead;
    // Encoders that set no time codes leave all of them 0.
    let (before, now) = (group.number(rate), own.number(rate));
    let coded = (before == 0 && now == 0) || now == before + count;
    Some(whole && counted && coded && !own.broken_link)
}

#[cfg(test)]
mod tests;
