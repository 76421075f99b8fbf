//! Exact time: ticks of a timescale, and rational seconds between timescales.
//!
//! Nothing here is a float, every rounding is named, and overflow is an error.
#![deny(
    clippy::arithmetic_side_effects,
    clippy::float_arithmetic,
    clippy::as_conversions
)]

mod ticks;
mod timebase;

pub use ticks::{Rounding, Ticks};
pub use timebase::{Timebase, Timescale, common_timescale};

mod exact;
pub use exact::{ParseTimeError, Time};

/// A time or a rescaled tick count does not fit its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("time out of range")]
pub struct OutOfRange;
