//! Comparisons.

use std::{error::Error, fmt::Debug};

/// Fails where two outputs differ, without printing megabytes.
#[track_caller]
pub fn assert_same(found: &[u8], expected: &[u8]) {
    assert_eq!(found.len(), expected.len(), "length");
    let differs = found.iter().zip(expected).position(|(a, b)| a != b);
    assert_eq!(differs, None, "the first byte that differs");
}

/// Asserts `|found - expected| <= tolerance`.
#[track_caller]
pub fn assert_near(found: f64, expected: f64, tolerance: f64, what: impl Debug) {
    assert!(
        (found - expected).abs() <= tolerance,
        "{what:?}: {found} is not within {tolerance} of {expected}"
    );
}

/// An error with everything that caused it, as a user sees it.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(one) = cause {
        text += &format!(": {one}");
        cause = one.source();
    }
    text
}
