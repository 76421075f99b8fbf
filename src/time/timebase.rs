//! How long a tick is.

use std::num::NonZeroU32;

/// Ticks per second, as ISO base media files count time.
pub type Timescale = NonZeroU32;

/// Seconds per tick as a fraction, as libav counts time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Timebase {
    /// Seconds in `den` ticks.
    pub num: NonZeroU32,
    /// Ticks in `num` seconds.
    pub den: NonZeroU32,
}

impl Timebase {
    /// The timebase of a timescale: one second is `timescale` ticks.
    #[must_use]
    pub const fn from_timescale(timescale: Timescale) -> Self {
        Self {
            num: NonZeroU32::MIN,
            den: timescale,
        }
    }
}

impl From<Timescale> for Timebase {
    fn from(timescale: Timescale) -> Self {
        Self::from_timescale(timescale)
    }
}

/// The smallest timescale in which a tick of each of `timescales` is a whole number of ticks, or
/// `None` where that exceeds 32 bits or there is none to ask about.
#[must_use]
pub fn common_timescale(timescales: impl IntoIterator<Item = Timescale>) -> Option<Timescale> {
    let mut common: Option<u32> = None;
    for timescale in timescales {
        let next = timescale.get();
        common = Some(match common {
            None => next,
            Some(so_far) => so_far
                .checked_div(gcd(u64::from(so_far), u64::from(next)).try_into().ok()?)?
                .checked_mul(next)?,
        });
    }
    common.and_then(NonZeroU32::new)
}

/// The greatest common divisor; `gcd(a, 0)` is `a`.
pub(crate) fn gcd(mut a: u64, mut b: u64) -> u64 {
    while let Some(rest) = a.checked_rem(b) {
        (a, b) = (b, rest);
    }
    a
}
