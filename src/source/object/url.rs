//! `s3://bucket/key`.

use std::{fmt, str::FromStr};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// The longest key that stores take.
const MAX_KEY_LEN: usize = 1024;
/// The longest bucket name; old ones and those of other stores are longer than today's 63.
const MAX_BUCKET_LEN: usize = 255;
/// What stands for itself in the path of a request, as signatures want it.
const AS_IS: AsciiSet = NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
/// The same where slashes separate.
const IN_PATH: AsciiSet = AS_IS.remove(b'/');

/// Where an object is in its store. Everything after the bucket's slash is the key, byte by byte:
/// `?`, `%` and `//` mean themselves, as in the stores' own tools.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ObjectUrl {
    bucket: String,
    key: String,
}

/// Why something is not an object's URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ObjectUrlError {
    /// It does not begin with `s3://`.
    #[error("{url} does not begin with s3://")]
    Scheme {
        /// What was given.
        url: String,
    },
    /// The bucket's name is empty, too long, or has characters that no bucket's name has.
    #[error("{bucket:?} is not the name of a bucket")]
    Bucket {
        /// What was given.
        bucket: String,
    },
    /// There is no key.
    #[error("s3://{bucket} names a bucket, not an object in it")]
    NoKey {
        /// The bucket.
        bucket: String,
    },
    /// The key is longer than stores allow.
    #[error("the key has {bytes} bytes, above the limit of {limit}")]
    LongKey {
        /// How long it is.
        bytes: usize,
        /// How long it may be.
        limit: usize,
    },
    /// A segment of the key is `.` or `..`, which HTTP takes for a way through folders: the
    /// request would be for another object.
    #[error("the key {key:?} has the segment {segment:?}, which no request can carry")]
    Dots {
        /// The key.
        key: String,
        /// The segment.
        segment: String,
    },
}

impl ObjectUrl {
    /// The object `key` in `bucket`.
    ///
    /// # Errors
    /// [`ObjectUrlError`], but for the scheme.
    pub fn new(bucket: &str, key: &str) -> Result<Self, ObjectUrlError> {
        let named = |c: u8| c.is_ascii_alphanumeric() || b"-._".contains(&c);
        let dots = !bucket.is_empty() && bucket.bytes().all(|c| c == b'.');
        if bucket.is_empty() || bucket.len() > MAX_BUCKET_LEN || !bucket.bytes().all(named) || dots
        {
            return Err(ObjectUrlError::Bucket {
                bucket: bucket.chars().take(MAX_BUCKET_LEN).collect(),
            });
        }
        if key.is_empty() {
            return Err(ObjectUrlError::NoKey {
                bucket: bucket.to_owned(),
            });
        }
        if key.len() > MAX_KEY_LEN {
            return Err(ObjectUrlError::LongKey {
                bytes: key.len(),
                limit: MAX_KEY_LEN,
            });
        }
        if let Some(segment) = key.split('/').find(|one| matches!(*one, "." | "..")) {
            return Err(ObjectUrlError::Dots {
                key: key.to_owned(),
                segment: segment.to_owned(),
            });
        }
        Ok(Self {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
        })
    }

    /// The bucket's name.
    #[must_use]
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// The object's key.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The key as the path of a request has it.
    pub(super) fn path(&self) -> String {
        utf8_percent_encode(&self.key, &IN_PATH).to_string()
    }
}

/// A value of a request's query.
pub(super) fn in_query(value: &str) -> String {
    utf8_percent_encode(value, &AS_IS).to_string()
}

impl FromStr for ObjectUrl {
    type Err = ObjectUrlError;

    fn from_str(url: &str) -> Result<Self, Self::Err> {
        let scheme = url.get(..5).filter(|it| it.eq_ignore_ascii_case("s3://"));
        let Some(rest) = scheme.and_then(|_| url.get(5..)) else {
            return Err(ObjectUrlError::Scheme {
                url: url.chars().take(100).collect(),
            });
        };
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        Self::new(bucket, key)
    }
}

impl fmt::Display for ObjectUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A line break in a key does not break a line of a log.
        let key = self.key.chars().flat_map(|c| {
            let (plain, escaped) = if c.is_control() {
                (None, Some(c.escape_default()))
            } else {
                (Some(c), None)
            };
            plain.into_iter().chain(escaped.into_iter().flatten())
        });
        write!(f, "s3://{}/{}", self.bucket, key.collect::<String>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_everything_after_the_bucket() {
        for key in [
            "a.mp4",
            "a b",
            "a//b",
            "/a",
            "a/",
            "50%",
            "a%20b",
            "what?",
            "a#b",
            "é/日本",
            " a ",
            "a+b=c&d",
        ] {
            let url: ObjectUrl = format!("s3://media.bucket-1/{key}").parse().expect(key);
            assert_eq!((url.bucket(), url.key()), ("media.bucket-1", key));
            assert_eq!(url.to_string(), format!("s3://media.bucket-1/{key}"));
        }
        let url: ObjectUrl = "S3://b/a b//%?é+~".parse().expect("a URL");
        assert_eq!(url.path(), "a%20b//%25%3F%C3%A9%2B~");
        let url = ObjectUrl::new("b", "a\nb").expect("a URL");
        assert_eq!(url.to_string(), "s3://b/a\\nb");
    }

    #[test]
    fn what_names_no_object_is_refused() {
        let error = |url: &str| url.parse::<ObjectUrl>().expect_err(url);
        assert!(matches!(error("http://b/k"), ObjectUrlError::Scheme { .. }));
        assert!(matches!(error("s3:/b/k"), ObjectUrlError::Scheme { .. }));
        assert!(matches!(error("é3://"), ObjectUrlError::Scheme { .. }));
        for bucket in ["", "a b", "b?", "user@host", "a:b", "..", "é"] {
            let refused = error(&format!("s3://{bucket}/k"));
            assert!(matches!(refused, ObjectUrlError::Bucket { .. }), "{bucket}");
        }
        assert!(matches!(error("s3://b"), ObjectUrlError::NoKey { .. }));
        assert!(matches!(error("s3://b/"), ObjectUrlError::NoKey { .. }));
        let long = format!("s3://b/{}", "k".repeat(1025));
        assert!(matches!(
            error(&long),
            ObjectUrlError::LongKey { bytes: 1025, .. }
        ));
        for key in ["../k", "a/../k", "a/.", ".", "./a"] {
            let refused = error(&format!("s3://b/{key}"));
            assert!(matches!(refused, ObjectUrlError::Dots { .. }), "{key}");
        }
    }
}
