//! Counting in ticks.

use super::{OutOfRange, Timebase};

/// A whole number of ticks of some timebase that the context names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Ticks(pub i64);

/// Where an instant between two ticks goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rounding {
    /// To the nearer tick; halfway goes away from zero.
    Nearest,
    /// To the earlier tick.
    Down,
    /// To the later tick.
    Up,
}

impl Ticks {
    /// Expresses this instant, counted in `from`, in ticks of `to`.
    ///
    /// # Errors
    /// [`OutOfRange`] if the result does not fit `i64`.
    ///
    /// # Example
    /// ```
    /// use media_concat::time::{Rounding, Ticks, Timebase};
    /// let [film, sound] = [24_u32, 48_000].map(|t| Timebase::from_timescale(t.try_into().unwrap()));
    /// assert_eq!(Ticks(3).rescale(film, sound, Rounding::Nearest), Ok(Ticks(6_000)));
    /// assert_eq!(Ticks(1_000).rescale(sound, film, Rounding::Up), Ok(Ticks(1)));
    /// ```
    pub fn rescale(
        self,
        from: Timebase,
        to: Timebase,
        rounding: Rounding,
    ) -> Result<Self, OutOfRange> {
        let up = i128::from(from.num.get()).checked_mul(i128::from(to.den.get()));
        let down = i128::from(from.den.get()).checked_mul(i128::from(to.num.get()));
        let (Some(up), Some(down)) = (up, down) else {
            return Err(OutOfRange);
        };
        let product = i128::from(self.0).checked_mul(up).ok_or(OutOfRange)?;
        let rounded = divide(product, down, rounding).ok_or(OutOfRange)?;
        i64::try_from(rounded).map(Self).map_err(|_| OutOfRange)
    }

    /// The sum, or [`OutOfRange`].
    ///
    /// # Errors
    /// [`OutOfRange`] if it does not fit `i64`.
    pub fn plus(self, other: Self) -> Result<Self, OutOfRange> {
        self.0.checked_add(other.0).map(Self).ok_or(OutOfRange)
    }

    /// The difference, or [`OutOfRange`].
    ///
    /// # Errors
    /// [`OutOfRange`] if it does not fit `i64`.
    pub fn minus(self, other: Self) -> Result<Self, OutOfRange> {
        self.0.checked_sub(other.0).map(Self).ok_or(OutOfRange)
    }
}

/// `value / by` (`by` > 0) to a whole number, or `None` on overflow.
pub(super) fn divide(value: i128, by: i128, rounding: Rounding) -> Option<i128> {
    let (quotient, rest) = (value.checked_div_euclid(by)?, value.checked_rem_euclid(by)?);
    let step = match rounding {
        Rounding::Down => false,
        Rounding::Up => rest != 0,
        Rounding::Nearest => {
            let twice = rest.checked_mul(2)?;
            twice > by || (twice == by && value >= 0)
        }
    };
    if step {
        quotient.checked_add(1)
    } else {
        Some(quotient)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{ProptestConfig, prop_assert, prop_assert_eq, proptest};

    fn timebase(den: u32) -> Timebase {
        Timebase::from_timescale(den.try_into().expect("a positive timescale"))
    }

    #[test]
    fn halves_round_away_from_zero() {
        let (from, to) = (timebase(2), timebase(1));
        let nearest = |ticks| Ticks(ticks).rescale(from, to, Rounding::Nearest);
        assert_eq!(nearest(1), Ok(Ticks(1)));
        assert_eq!(nearest(-1), Ok(Ticks(-1)));
        assert_eq!(Ticks(-1).rescale(from, to, Rounding::Down), Ok(Ticks(-1)));
        assert_eq!(Ticks(-1).rescale(from, to, Rounding::Up), Ok(Ticks(0)));
    }

    #[test]
    fn overflow_is_an_error() {
        let all = Ticks(i64::MAX).rescale(timebase(1), timebase(48_000), Rounding::Down);
        assert_eq!(all, Err(OutOfRange));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        /// Going to a finer grid and back is the identity.
        #[test]
        fn refining_then_coarsening_is_identity(
            ticks in -(1_i64 << 40)..1_i64 << 40, den in 1_u32..200_000, k in 1_u32..20_000,
        ) {
            let (coarse, fine) = (timebase(den), timebase(den.saturating_mul(k)));
            for rounding in [Rounding::Nearest, Rounding::Down, Rounding::Up] {
                let there = Ticks(ticks).rescale(coarse, fine, rounding).expect("in range");
                prop_assert_eq!(there.rescale(fine, coarse, rounding), Ok(Ticks(ticks)));
            }
        }

        /// Later never becomes earlier.
        #[test]
        fn rescaling_keeps_order(
            a in -(1_i64 << 40)..1_i64 << 40, b in -(1_i64 << 40)..1_i64 << 40,
            from in 1_u32..200_000, to in 1_u32..200_000,
        ) {
            let (from, to) = (timebase(from), timebase(to));
            let at = |t| Ticks(t).rescale(from, to, Rounding::Nearest).expect("in range");
            let (earlier, later) = (a.min(b), a.max(b));
            prop_assert!(at(earlier) <= at(later));
        }
    }
}
