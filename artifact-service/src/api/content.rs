//! The bytes of an artifact: ours with ranges, or a redirect to the store.

use std::time::Duration;

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use media_concat::source::{FileSource, Source};

use super::{AppState, auth::Caller, extract::Path};
use crate::{error::Problem, model, model::Status};

/// How long a redirect leads to the bytes.
const DOWNLOAD_LIFETIME: Duration = Duration::from_secs(3_600);

/// `GET` and `HEAD /artifacts/{id}/content`.
pub(super) async fn content(
    State(app): AppState,
    Caller(key): Caller,
    Path(id): Path,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (bucket, url) = (app.store.bucket(), &*app.public_url);
    let found = model::find(&app.db, &key.company.id, &id, bucket, url).await?;
    let found = found.ok_or_else(|| Problem::not_found("artifact"))?;
    let artifact = &found.artifact;
    if artifact.status != Status::UploadCompleted {
        let (status, title) = (StatusCode::CONFLICT, "Not ready");
        let detail = format!("the artifact's status is {}", artifact.status.as_str());
        return Err(Problem::new(status, "not_ready", title, detail));
    }
    if let Some(store) = app.store.folder() {
        let path = store.files().path(&artifact.s3_path)?;
        let name = artifact.s3_path.rsplit('/').next().unwrap_or_default();
        return serve_file(&path, name, &found.content_type, &method, &headers).await;
    }
    if method == Method::HEAD {
        // A presigned URL is for one method.
        let size = artifact.size.unwrap_or(0);
        let mut response = StatusCode::OK.into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(size));
        headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        if let Ok(kind) = HeaderValue::try_from(found.content_type) {
            headers.insert(header::CONTENT_TYPE, kind);
        }
        return Ok(response);
    }
    let url = app
        .store
        .download_url(&artifact.s3_path, DOWNLOAD_LIFETIME)
        .await?;
    let place = HeaderValue::try_from(url).map_err(|error| Problem::internal(&error))?;
    let mut response = StatusCode::FOUND.into_response();
    response.headers_mut().insert(header::LOCATION, place);
    let never = HeaderValue::from_static("no-store");
    response.headers_mut().insert(header::CACHE_CONTROL, never);
    Ok(response)
}

/// What a request asks of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Whole,
    /// From, to (exclusive).
    Part(u64, u64),
    /// Nothing that there is.
    Beyond,
}

/// One range is served; several, or what is no range, are the whole.
fn wanted(range: Option<&str>, size: u64) -> Wanted {
    let parsed = range
        .and_then(|range| range.trim().strip_prefix("bytes="))
        .and_then(|range| range.trim().split_once('-'));
    let Some((first, last)) = parsed else {
        return Wanted::Whole;
    };
    // A sign is no digit.
    let number = |text: &str| {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u64>().ok().filter(|_| digits)
    };
    match (first.trim(), last.trim()) {
        ("", suffix) => match number(suffix) {
            Some(0) => Wanted::Beyond,
            Some(length) if size > 0 => Wanted::Part(size.saturating_sub(length), size),
            Some(_) => Wanted::Beyond,
            None => Wanted::Whole,
        },
        (first, last) => match (number(first), number(last)) {
            (Some(first), _) if last.is_empty() && first < size => Wanted::Part(first, size),
            (Some(first), Some(last)) if first <= last && first < size => {
                Wanted::Part(first, last.saturating_add(1).min(size))
            }
            (Some(first), Some(last)) if first > last => Wanted::Whole,
            (Some(_), Some(_)) => Wanted::Beyond,
            (Some(_), None) if last.is_empty() => Wanted::Beyond,
            _ => Wanted::Whole,
        },
    }
}

/// Whether the lists of entity tags have ours, or are `*`. A weak tag counts only if `weak` ones do (RFC 9110
/// § 8.8.3.2).
fn lists(headers: &HeaderMap, name: header::HeaderName, tag: &str, weak: bool) -> bool {
    let lines = headers.get_all(name);
    let mut lines = lines.iter().filter_map(|line| line.to_str().ok());
    lines.any(|line| {
        let is_ours = |one: &str| one == tag || (weak && one.strip_prefix("W/") == Some(tag));
        line.trim() == "*" || line.split(',').any(|one| is_ours(one.trim()))
    })
}

/// Serves a file, or a range of it, in the order of conditions of RFC 9110 § 13.2.2. There are no dates to
/// compare with.
pub(super) async fn serve_file(
    path: &std::path::Path,
    name: &str,
    kind: &str,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let source = FileSource::new(path);
    let state = source.state().await;
    let state = state.map_err(|_| Problem::not_found("stored file"))?;
    let size = state.len;
    let tag = crate::ids::sha256(format!("{:?}", state.validator).as_bytes());
    let tag = format!("\"{}\"", &tag[..32]);
    if headers.contains_key(header::IF_MATCH) && !lists(headers, header::IF_MATCH, &tag, false) {
        let (status, title) = (StatusCode::PRECONDITION_FAILED, "Precondition failed");
        let detail = "the bytes are not those that If-Match names";
        return Err(Problem::new(status, "precondition_failed", title, detail));
    }
    let fresh = lists(headers, header::IF_NONE_MATCH, &tag, true);
    let known = headers.get(header::IF_RANGE);
    let same = known.is_none_or(|known| known.as_bytes().trim_ascii() == tag.as_bytes());
    // Ranges mean something to GET alone (RFC 9110 § 14.2).
    let range = headers
        .get(header::RANGE)
        .and_then(|range| range.to_str().ok());
    let range = range.filter(|_| same && method == Method::GET);
    let (status, from, to) = match wanted(range, size) {
        _ if fresh => (StatusCode::NOT_MODIFIED, 0, 0),
        Wanted::Whole => (StatusCode::OK, 0, size),
        Wanted::Part(from, to) => (StatusCode::PARTIAL_CONTENT, from, to),
        Wanted::Beyond => (StatusCode::RANGE_NOT_SATISFIABLE, 0, 0),
    };
    let bare = method == Method::HEAD || from == to;
    let body = if bare {
        Body::empty()
    } else {
        Body::from_stream(parts(source, state, from..to))
    };
    let mut response = (status, body).into_response();
    let set = response.headers_mut();
    let mut insert = |name, value: String| {
        if let Ok(value) = HeaderValue::try_from(value) {
            set.insert(name, value);
        }
    };
    insert(header::ETAG, tag);
    insert(header::ACCEPT_RANGES, "bytes".to_owned());
    insert(header::CACHE_CONTROL, "private, no-cache".to_owned());
    match status {
        StatusCode::RANGE_NOT_SATISFIABLE => {
            insert(header::CONTENT_RANGE, format!("bytes */{size}"));
        }
        StatusCode::NOT_MODIFIED => {}
        _ => {
            insert(header::CONTENT_TYPE, kind.to_owned());
            insert(header::CONTENT_LENGTH, (to - from).to_string());
            let ascii = name.replace(|c: char| !c.is_ascii() || c == '"' || c == '\\', "_");
            insert(
                header::CONTENT_DISPOSITION,
                format!("inline; filename=\"{ascii}\""),
            );
            insert(header::CONTENT_SECURITY_POLICY, "sandbox".to_owned());
            if status == StatusCode::PARTIAL_CONTENT {
                insert(
                    header::CONTENT_RANGE,
                    format!("bytes {from}-{}/{size}", to - 1),
                );
            }
        }
    }
    Ok(response)
}

/// The bytes of a range, a mebibyte at a time, as fast as they are taken.
fn parts(
    source: FileSource,
    state: media_concat::source::SourceState,
    range: std::ops::Range<u64>,
) -> impl futures::Stream<Item = Result<bytes::Bytes, media_concat::source::SourceError>> + Send {
    const PIECE: u64 = 1 << 20;
    futures::stream::try_unfold((source, state, range), async |(source, state, range)| {
        if range.is_empty() {
            return Ok(None);
        }
        let end = range.end.min(range.start + PIECE);
        let piece = range.start..end;
        let bytes = media_concat::source::read_exact(&source, piece, &state).await?;
        Ok(Some((bytes, (source, state, end..range.end))))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_http_says() {
        assert_eq!(wanted(None, 10), Wanted::Whole);
        assert_eq!(wanted(Some("bytes=0-3"), 10), Wanted::Part(0, 4));
        assert_eq!(wanted(Some("bytes=3-"), 10), Wanted::Part(3, 10));
        assert_eq!(wanted(Some("bytes=-3"), 10), Wanted::Part(7, 10));
        assert_eq!(wanted(Some("bytes=-30"), 10), Wanted::Part(0, 10));
        assert_eq!(wanted(Some("bytes=5-99"), 10), Wanted::Part(5, 10));
        assert_eq!(wanted(Some("bytes=10-"), 10), Wanted::Beyond);
        assert_eq!(wanted(Some("bytes=-0"), 10), Wanted::Beyond);
        assert_eq!(wanted(Some("bytes=0-1,4-5"), 10), Wanted::Whole);
        assert_eq!(wanted(Some("bytes=5-3"), 10), Wanted::Whole);
        assert_eq!(wanted(Some("lines=1-2"), 10), Wanted::Whole);
        for none in [
            "bytes=+1-2",
            "bytes=1-+2",
            "bytes=-+2",
            "bytes=",
            "bytes=-",
            "bytes=a-b",
        ] {
            assert_eq!(wanted(Some(none), 10), Wanted::Whole, "{none}");
        }
        for beyond in ["bytes=0-", "bytes=0-0", "bytes=-1"] {
            assert_eq!(wanted(Some(beyond), 0), Wanted::Beyond, "{beyond}");
        }
    }
}
