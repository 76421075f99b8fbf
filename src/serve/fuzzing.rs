//! The door of the fuzz targets to the ranges that a request names.

use http::{
    HeaderMap, HeaderValue,
    header::{IF_MATCH, IF_NONE_MATCH, RANGE},
};

use super::range::{MAX_RANGES, Wanted, wanted};

/// Reads `text` as the `Range` of a request for a file of `size` bytes: the ranges lie in it, and none meets
/// another.
pub fn wanted_ranges(text: &[u8], size: u64) {
    let Ok(value) = HeaderValue::from_bytes(text) else {
        return;
    };
    let mut headers = HeaderMap::new();
    headers.insert(RANGE, value.clone());
    if let Wanted::Ranges(mut ranges) = wanted(&headers, size) {
        assert!((1..=MAX_RANGES).contains(&ranges.len()));
        ranges.sort_by_key(|range| range.start);
        assert!(
            ranges
                .iter()
                .all(|range| range.start < range.end && range.end <= size)
        );
        assert!(ranges.windows(2).all(|pair| pair[0].end < pair[1].start));
    }
    let tag = HeaderValue::from_static("\"tag\"");
    for name in [IF_MATCH, IF_NONE_MATCH] {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.clone());
        let _ = super::condition::evaluate(&headers, &tag, None);
    }
}
