//! Seconds as an exact fraction, the time that callers and seams speak in.

use std::{cmp::Ordering, fmt, str::FromStr};

use super::{OutOfRange, Rounding, Ticks, Timescale, ticks::divide, timebase::gcd};

/// The largest denominator kept: with it, comparing two times fits `i128`.
const LARGEST_DENOMINATOR: u64 = 1 << 62;
const NANOS: u64 = 1_000_000_000;

/// Exact seconds: a reduced fraction, so that 1/30 s and 1024/48000 s are what they are.
///
/// # Example
/// ```
/// use media_concat::time::Time;
/// let a: Time = "1.25".parse().unwrap();
/// assert_eq!(a, Time::from_ticks(60_000, 48_000.try_into().unwrap()));
/// assert_eq!("00:01:02.5".parse::<Time>().unwrap().to_string(), "62.5");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Time {
    num: i128,
    den: u64,
}

impl Time {
    /// Zero seconds.
    pub const ZERO: Self = Self { num: 0, den: 1 };

    /// `ticks` ticks of `timescale`.
    #[must_use]
    pub fn from_ticks(ticks: i64, timescale: Timescale) -> Self {
        Self::reduced(i128::from(ticks), u64::from(timescale.get()))
    }

    /// `nanos` nanoseconds.
    #[must_use]
    pub fn from_nanos(nanos: i64) -> Self {
        Self::reduced(i128::from(nanos), NANOS)
    }

    /// Whole seconds.
    #[must_use]
    pub fn from_secs(secs: i64) -> Self {
        Self::reduced(i128::from(secs), 1)
    }

    /// Seconds from a float, through its shortest decimal form, or `None` if it is not finite or
    /// too large: the `2.1` a caller wrote is 21/10, not the nearest binary fraction.
    #[must_use]
    pub fn from_secs_f64(secs: f64) -> Option<Self> {
        format!("{secs}").parse().ok()
    }

    fn reduced(num: i128, den: u64) -> Self {
        let rest = u64::try_from(num.unsigned_abs().checked_rem(u128::from(den)).unwrap_or(0));
        let divisor = gcd(den, rest.unwrap_or(0)).max(1);
        Self {
            num: num.checked_div(i128::from(divisor)).unwrap_or(num),
            den: den.checked_div(divisor).unwrap_or(den),
        }
    }

    /// The sum.
    ///
    /// # Errors
    /// [`OutOfRange`] if the exact sum needs more than 62 bits of denominator or overflows.
    pub fn plus(self, other: Self) -> Result<Self, OutOfRange> {
        let divisor = gcd(self.den, other.den).max(1);
        let (mine, theirs) = (
            other.den.checked_div(divisor).ok_or(OutOfRange)?,
            self.den.checked_div(divisor).ok_or(OutOfRange)?,
        );
        let den = self.den.checked_mul(mine).ok_or(OutOfRange)?;
        if den > LARGEST_DENOMINATOR {
            return Err(OutOfRange);
        }
        let num = self
            .num
            .checked_mul(i128::from(mine))
            .zip(other.num.checked_mul(i128::from(theirs)))
            .and_then(|(a, b)| a.checked_add(b))
            .ok_or(OutOfRange)?;
        Ok(Self::reduced(num, den))
    }

    /// The difference.
    ///
    /// # Errors
    /// As [`Time::plus`].
    pub fn minus(self, other: Self) -> Result<Self, OutOfRange> {
        self.plus(other.negated()?)
    }

    /// The same distance on the other side of zero.
    ///
    /// # Errors
    /// [`OutOfRange`] where it has none.
    pub fn negated(self) -> Result<Self, OutOfRange> {
        let num = self.num.checked_neg().ok_or(OutOfRange)?;
        Ok(Self { num, den: self.den })
    }

    /// The distance from zero, or [`Time::ZERO`] in the one case that has none.
    #[must_use]
    pub fn abs(self) -> Self {
        Self {
            num: self.num.checked_abs().unwrap_or(0),
            den: self.den,
        }
    }

    /// In ticks of `timescale`.
    ///
    /// # Errors
    /// [`OutOfRange`] if the result does not fit `i64`.
    pub fn to_ticks(self, timescale: Timescale, rounding: Rounding) -> Result<Ticks, OutOfRange> {
        let product = self
            .num
            .checked_mul(i128::from(timescale.get()))
            .ok_or(OutOfRange)?;
        let ticks = divide(product, i128::from(self.den), rounding).ok_or(OutOfRange)?;
        i64::try_from(ticks).map(Ticks).map_err(|_| OutOfRange)
    }

    /// In whole nanoseconds, to the nearest; what does not fit is held at the ends of `i64`.
    #[must_use]
    pub fn as_nanos(self) -> i64 {
        let nanos = self
            .num
            .checked_mul(i128::from(NANOS))
            .and_then(|n| divide(n, i128::from(self.den), Rounding::Nearest));
        let fits = nanos.and_then(|n| i64::try_from(n).ok());
        fits.unwrap_or(if self.num < 0 { i64::MIN } else { i64::MAX })
    }

    /// As seconds for display and JSON; never for a timestamp.
    #[must_use]
    #[expect(
        clippy::float_arithmetic,
        clippy::as_conversions,
        reason = "leaves the exact domain, for people and JSON"
    )]
    pub fn as_secs_f64(self) -> f64 {
        self.as_nanos() as f64 / 1e9
    }

    /// Whether this is before zero.
    #[must_use]
    pub fn is_negative(self) -> bool {
        self.num < 0
    }
}

impl Ord for Time {
    fn cmp(&self, other: &Self) -> Ordering {
        let split = |t: &Self| {
            let den = i128::from(t.den);
            (
                t.num.checked_div_euclid(den).unwrap_or(0),
                t.num.checked_rem_euclid(den).unwrap_or(0),
            )
        };
        let ((whole_a, rest_a), (whole_b, rest_b)) = (split(self), split(other));
        // Both rests are below their denominators, which are below 2^62: the products fit.
        whole_a.cmp(&whole_b).then_with(|| {
            rest_a
                .saturating_mul(i128::from(other.den))
                .cmp(&rest_b.saturating_mul(i128::from(self.den)))
        })
    }
}

impl PartialOrd for Time {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Default for Time {
    fn default() -> Self {
        Self::ZERO
    }
}

impl From<std::time::Duration> for Time {
    fn from(duration: std::time::Duration) -> Self {
        i128::try_from(duration.as_nanos()).map_or(Self::ZERO, |n| Self::reduced(n, NANOS))
    }
}

/// Decimal seconds, to the nanosecond, without trailing zeros: `62.5`.
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.as_nanos();
        let (whole, rest) = (
            nanos.unsigned_abs().checked_div(NANOS).unwrap_or(0),
            nanos.unsigned_abs().checked_rem(NANOS).unwrap_or(0),
        );
        let sign = if nanos < 0 { "-" } else { "" };
        let decimals = format!("{rest:09}");
        match decimals.trim_end_matches('0') {
            "" => write!(f, "{sign}{whole}"),
            decimals => write!(f, "{sign}{whole}.{decimals}"),
        }
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{} s", self.num, self.den)
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Time {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.as_secs_f64())
    }
}

/// A text is not a time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a time: seconds or [HH:]MM:SS[.fff] was expected")]
pub struct ParseTimeError {
    text: String,
}

/// Seconds (`12`, `1.25`, `1e-3`), or `[HH:]MM:SS[.fff]`, with an optional minus sign.
impl FromStr for Time {
    type Err = ParseTimeError;

    fn from_str(text: &str) -> Result<Self, ParseTimeError> {
        let refused = || ParseTimeError {
            text: text.chars().take(64).collect(),
        };
        let (negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let time = clock(rest).ok_or_else(refused)?;
        let signed = if negative { time.negated() } else { Ok(time) };
        signed.map_err(|OutOfRange| refused())
    }
}

fn clock(text: &str) -> Option<Time> {
    let parts: Vec<&str> = text.split(':').collect();
    let (seconds, larger) = parts.split_last()?;
    if larger.len() > 2 {
        return None;
    }
    let mut whole = 0_i64;
    for part in larger {
        let digits = !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        let value: i64 = digits.then(|| part.parse().ok())??;
        whole = whole.checked_mul(60)?.checked_add(value)?;
    }
    let seconds = decimal(seconds)?;
    if !larger.is_empty() && seconds >= Time::from_secs(60) {
        return None;
    }
    Time::from_secs(whole.checked_mul(60)?).plus(seconds).ok()
}

/// `12`, `.5`, `1.25`, `2e-3`: digits, optionally a point and digits, optionally an exponent.
fn decimal(text: &str) -> Option<Time> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if mantissa.len() > 36 || (whole.is_empty() && fraction.is_empty()) {
        return None;
    }
    let digits = format!("{whole}{fraction}");
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let mut num: i128 = digits.parse().ok()?;
    let places = i32::try_from(fraction.len()).ok()?.checked_sub(exponent)?;
    let power = |p: i32| 10_i128.checked_pow(u32::try_from(p).ok()?);
    if places <= 0 {
        num = num.checked_mul(power(places.checked_neg()?)?)?;
        return (num < 1_i128 << 62).then(|| Time::reduced(num, 1));
    }
    // Past twelve places the text says less than any tick: rounded, to stay comparable.
    let (num, places) = if places > 12 {
        let dropped = match power(places.checked_sub(12)?) {
            Some(dropped) => divide(num, dropped, Rounding::Nearest)?,
            None => 0,
        };
        (dropped, 12)
    } else {
        (num, places)
    };
    let den = u64::try_from(power(places)?).ok()?;
    (num < 1_i128 << 100).then(|| Time::reduced(num, den))
}

#[cfg(test)]
#[expect(
    clippy::arithmetic_side_effects,
    reason = "an overflow ends a test, as it should"
)]
mod tests {
    use super::*;
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    #[test]
    fn texts_are_read_exactly() {
        for (text, num, den) in [
            ("0", 0, 1),
            ("1.3667", 13667, 10000),
            ("01:02:03.5", 7447, 2),
            ("90:00", 5400, 1),
            ("1e-3", 1, 1000),
            ("2.5E2", 250, 1),
            ("-0.5", -1, 2),
        ] {
            assert_eq!(text.parse(), Ok(Time { num, den }), "{text}");
        }
        for text in [
            "", "x", "1:60", "1:2:3:4", "NaN", "inf", "1e400", "--1", "1.2.3", ":5",
        ] {
            assert!(text.parse::<Time>().is_err(), "{text}");
        }
    }

    #[test]
    fn floats_come_in_as_they_were_written() {
        assert_eq!(Time::from_secs_f64(2.1), "2.1".parse().ok());
        assert_eq!(Time::from_secs_f64(f64::NAN), None);
        assert_eq!(Time::from_secs_f64(f64::INFINITY), None);
    }

    /// `num / den` to a whole number, told by what is left over instead of by Euclid's division.
    fn rounded(num: i128, den: i128, rounding: Rounding) -> i128 {
        let (cut, over) = (num / den, num % den);
        let away = match rounding {
            Rounding::Down => over < 0,
            Rounding::Up => over > 0,
            Rounding::Nearest => over.abs() * 2 >= den,
        };
        cut + if away { num.signum() } else { 0 }
    }

    /// Whether this is `num / den`, in lowest terms.
    fn is(time: Time, num: i128, den: i128) -> bool {
        let (mut a, mut b) = (time.num.abs(), i128::from(time.den));
        while b != 0 {
            (a, b) = (b, a % b);
        }
        a == 1 && time.num * den == num * i128::from(time.den)
    }

    proptest! {
        #[test]
        fn order_agrees_with_difference(a in -1_i64 << 40..1 << 40, b in -1_i64 << 40..1 << 40,
            s in 1_u32..200_000, t in 1_u32..200_000) {
            let a = Time::from_ticks(a, s.try_into().expect("positive"));
            let b = Time::from_ticks(b, t.try_into().expect("positive"));
            let difference = a.minus(b).expect("in range");
            prop_assert_eq!(a < b, difference.is_negative());
            prop_assert_eq!(difference.plus(b), Ok(a));
        }

        /// Small numbers too, which are often equal.
        #[test]
        fn values_are_those_of_fractions(wide in any::<bool>(), a in -1_i64 << 40..1 << 40,
            b in -1_i64 << 40..1 << 40, s in 1_u32..200_000, t in 1_u32..200_000) {
            let (a, b) = if wide { (a, b) } else { (a % 7, b % 7) };
            let (s, t) = if wide { (s, t) } else { (1 + s % 7, 1 + t % 7) };
            let (x, y) = (Time::from_ticks(a, s.try_into()?), Time::from_ticks(b, t.try_into()?));
            let [a, b, s, t] = [i128::from(a), i128::from(b), i128::from(s), i128::from(t)];
            prop_assert!(is(x, a, s) && is(y, b, t), "{x:?} {y:?}");
            prop_assert_eq!(x.cmp(&y), (a * t).cmp(&(b * s)));
            prop_assert_eq!(x == y, a * t == b * s);
            prop_assert!(is(x.plus(y).expect("in range"), a * t + b * s, s * t));
            prop_assert!(is(x.minus(y).expect("in range"), a * t - b * s, s * t));
            prop_assert!(is(x.abs(), a.abs(), s) && is(x.negated().expect("in range"), -a, s));
            prop_assert_eq!(x.is_negative(), a < 0);
            for rounding in [Rounding::Nearest, Rounding::Down, Rounding::Up] {
                let ticks = x.to_ticks(y.den.try_into().ok().and_then(|den: u32| den.try_into().ok())
                    .expect("a timescale"), rounding).expect("in range");
                prop_assert_eq!(i128::from(ticks.0), rounded(a * i128::from(y.den), s, rounding));
            }
            let nanos = rounded(a * 1_000_000_000, s, Rounding::Nearest);
            let held = nanos.clamp(i64::MIN.into(), i64::MAX.into());
            prop_assert_eq!(i128::from(x.as_nanos()), held);
        }

        /// Eighteen digits before the point and twelve behind it: as whole picoseconds they are compared.
        #[test]
        fn long_texts_are_ordered_as_they_read(a in -1_i64 << 59..1 << 59, b in -1_i64 << 59..1 << 59,
            near in any::<bool>(), f in 0_i128..1_000_000_000_000, g in 0_i128..1_000_000_000_000) {
            let b = if near { a } else { b };
            let read = |whole: i64, part: i128| {
                let size = i128::from(whole.unsigned_abs()) * 1_000_000_000_000 + part;
                let sign = if whole < 0 { "-" } else { "" };
                let time = format!("{sign}{}.{part:012}", whole.unsigned_abs()).parse::<Time>();
                (time.expect("a time"), if whole < 0 { -size } else { size })
            };
            let ((x, a), (y, b)) = (read(a, f), read(b, g));
            prop_assert_eq!(x.cmp(&y), a.cmp(&b));
            prop_assert_eq!(x.num * (1_000_000_000_000 / i128::from(x.den)), a);
        }

        #[test]
        fn clocks_are_read_as_they_count(negative in any::<bool>(), h in 0_i64..10_000, m in 0_i64..60,
            s in 0_i64..60, nanos in 0_i64..1_000_000_000) {
            let sign = if negative { "-" } else { "" };
            let size = ((h * 60 + m) * 60 + s) * 1_000_000_000 + nanos;
            let expected = Time::from_nanos(if negative { -size } else { size });
            prop_assert_eq!(format!("{sign}{h:02}:{m:02}:{s:02}.{nanos:09}").parse(), Ok(expected));
            prop_assert_eq!(expected.to_string().parse(), Ok(expected));
        }

        /// What is read back is the nearest nanosecond.
        #[test]
        fn any_text_is_read_or_refused(text in "[-0-9:.eE]{0,40}") {
            if let Ok(time) = text.parse::<Time>() {
                prop_assert_eq!(time.to_string().parse(), Ok(Time::from_nanos(time.as_nanos())));
            }
        }
    }
}
