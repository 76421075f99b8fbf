//! Looking at objects, and reading ranges of them.

use std::ops::Range;

use bytes::Bytes;
use futures::stream::BoxStream;
use http::{Method, StatusCode};
use reqsign_core::time::Timestamp;

use super::{Backoff, ObjectError, ObjectStore, ObjectUrl, requests::Call};

/// Bytes of an object on their way, and what the object is.
pub(super) struct Ranged {
    pub(super) len: u64,
    pub(super) etag: String,
    pub(super) body: BoxStream<'static, Result<Bytes, ObjectError>>,
}

/// What an object is right now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Existing {
    pub(crate) len: u64,
    pub(crate) etag: String,
}

/// What a look at an object found.
#[derive(Debug, Clone)]
pub(crate) struct HeadObject {
    /// The object, if there is one.
    pub(crate) existing: Option<Existing>,
    /// The store's clock.
    pub(crate) at: Option<Timestamp>,
}

impl ObjectStore {
    /// One attempt at reading a range, of the object that has this entity tag.
    pub(super) async fn read_range(
        &self,
        url: &ObjectUrl,
        range: Range<u64>,
        etag: Option<&str>,
    ) -> Result<Ranged, ObjectError> {
        const CALL: &str = "reading";
        let last = range.end.saturating_sub(1).max(range.start);
        let mut call = Call::new(CALL, Method::GET, url, "");
        call.headers
            .push(("range", format!("bytes={}-{last}", range.start)));
        // Bytes that were packed on the way are not the bytes that were asked for.
        call.headers
            .push(("accept-encoding", "identity".to_owned()));
        if let Some(etag) = etag {
            call.headers.push(("if-match", etag.to_owned()));
        }
        let answer = self.attempt(&call).await?;
        let wrong = |what: String| ObjectError::Answer { call: CALL, what };
        if answer.status == StatusCode::RANGE_NOT_SATISFIABLE {
            // An empty object has no range at all.
            if range.start == 0 && answer.header("content-range") == Some("bytes */0") {
                return Ok(Ranged {
                    len: 0,
                    etag: answer.header("etag").unwrap_or_default().to_owned(),
                    body: Box::pin(futures::stream::empty()),
                });
            }
            return Err(wrong(format!("no bytes from {} on", range.start)));
        }
        if answer.status != StatusCode::PARTIAL_CONTENT {
            return Err(self.refused(CALL, url, answer).await);
        }
        if let Some(packed) = answer.header("content-encoding")
            && !matches!(packed, "identity" | "aws-chunked" | "")
        {
            return Err(wrong(format!("bytes encoded as {packed:?}")));
        }
        let given = answer.header("content-range").unwrap_or_default();
        let Some((found, len)) = content_range(given) else {
            return Err(wrong(format!("the content range {given:?}")));
        };
        if found.start != range.start || found.end != (last + 1).min(len) {
            return Err(wrong(format!(
                "the content range {given:?} for bytes {} to {last}",
                range.start
            )));
        }
        let Some(etag) = answer.header("etag").filter(|etag| !etag.is_empty()) else {
            return Err(wrong("no entity tag".to_owned()));
        };
        Ok(Ranged {
            len,
            etag: etag.to_owned(),
            body: answer.body,
        })
    }

    /// What is there now.
    pub(crate) async fn look(&self, url: &ObjectUrl) -> Result<HeadObject, ObjectError> {
        let mut backoff = Backoff::new(self);
        loop {
            match self.look_once(url).await {
                Ok(looked) => return Ok(looked),
                Err(error) => backoff.wait(error).await?,
            }
        }
    }

    async fn look_once(&self, url: &ObjectUrl) -> Result<HeadObject, ObjectError> {
        const CALL: &str = "looking at it";
        let mut call = Call::new(CALL, Method::GET, url, "");
        call.headers.push(("range", "bytes=0-0".to_owned()));
        let answer = self.attempt(&call).await?;
        let range = answer.header("content-range").unwrap_or_default();
        let at = answer.header("date");
        let at = at.and_then(|date| Timestamp::parse_rfc2822(date).ok());
        let len = match answer.status {
            StatusCode::PARTIAL_CONTENT => content_range(range).map(|(_, len)| len),
            StatusCode::RANGE_NOT_SATISFIABLE => Some(0),
            _ => {
                return match self.refused(CALL, url, answer).await {
                    ObjectError::NoSuchKey => Ok(HeadObject { existing: None, at }),
                    error => Err(error),
                };
            }
        };
        let Some(len) = len else {
            let what = format!("the content range {range:?}");
            return Err(ObjectError::Answer { call: CALL, what });
        };
        let etag = answer.header("etag").unwrap_or_default().to_owned();
        Ok(HeadObject {
            existing: Some(Existing { len, etag }),
            at,
        })
    }
}

/// The range and the length of the whole in `bytes 0-9/100`.
fn content_range(header: &str) -> Option<(Range<u64>, u64)> {
    let (range, len) = header.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
    let len: u64 = len.parse().ok()?;
    (first <= last && last < len).then(|| (first..last + 1, len))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_ranges_are_read_strictly() {
        assert_eq!(content_range("bytes 0-9/100"), Some((0..10, 100)));
        for wrong in [
            "",
            "bytes */0",
            "bytes 0-9/*",
            "bytes 9-0/100",
            "bytes 0-100/100",
            "0-9/100",
            "bytes 0-9/99999999999999999999",
            "bytes 0-18446744073709551615/5",
        ] {
            assert_eq!(content_range(wrong), None, "{wrong}");
        }
    }
}
