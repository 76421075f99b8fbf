//! What the tests of remote sources share.

use std::time::Duration;

use futures::TryStreamExt;
use media_concat::{
    Concat,
    source::{AddressPolicy, FileSource, Http, HttpOptions, Source, SourceError, read_exact},
};
use media_concat_test_support::fixtures::fixture;

/// Bytes without a pattern that a shift could hide in.
pub(crate) fn noise(len: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..len).map(|_| next()).collect()
}

/// Options with loopback allowed, and little patience.
pub(crate) fn options() -> HttpOptions {
    HttpOptions::new()
        .addresses(AddressPolicy::default().allow("127.0.0.1").unwrap())
        .connect_timeout(Duration::from_secs(5))
        .answer_timeout(Duration::from_secs(2))
        .stall_window(Duration::from_millis(300))
        .retries(3)
        .first_pause(Duration::from_millis(10))
        .longest_pause(Duration::from_secs(3))
}

/// A client with [`options`].
pub(crate) fn client() -> Http {
    Http::new(options()).unwrap()
}

/// Everything behind a URL, with two reads after the first look.
pub(crate) async fn fetch(http: &Http, url: &str) -> Result<Vec<u8>, SourceError> {
    let source = http.source(url)?;
    let state = source.state().await?;
    let middle = state.len / 2;
    let mut all = read_exact(&source, 0..middle, &state).await?.to_vec();
    all.extend_from_slice(&read_exact(&source, middle..state.len, &state).await?);
    Ok(all)
}

/// The bytes of a join of fixtures from disk.
pub(crate) async fn joined_locally(names: &[&str]) -> Vec<u8> {
    let mut concat = Concat::new();
    for name in names {
        concat = concat.fragment(FileSource::new(fixture(name)), None);
    }
    let planned = concat.plan().await.unwrap();
    let pieces: Vec<_> = planned.stream().try_collect().await.unwrap();
    pieces.concat()
}
