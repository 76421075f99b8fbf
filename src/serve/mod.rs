//! A join that is served and never stored: answers to HTTP requests for a file that exists only as
//! its plan. There is no server here; a request and its answer are values of the crate `http`, and
//! any server can take them.
//!
//! What is answered follows RFC 9110: ranges (section 14), conditions in the order of section
//! 13.2.2, and a strong entity tag, so that a client resumes where it stopped or starts again, and
//! never mixes two outputs.

mod body;
mod condition;
#[cfg(fuzzing)]
pub(crate) mod fuzzing;
mod name;
mod range;
#[cfg(test)]
mod tests;

use std::{
    hash::{BuildHasher, RandomState},
    ops::Range,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode,
    header::{
        ACCEPT_RANGES, ALLOW, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE,
        ETAG, LAST_MODIFIED,
    },
};
use sha2::{Digest, Sha256};

pub use body::Body;
pub use name::Disposition;

use crate::{
    Planned,
    layout::{Layout, Piece},
    options::Transfer,
    source::{OpenSource, Validator},
};
use body::Part;
use condition::Verdict;
use range::Wanted;

/// A planned join as a file behind a URL. Cheap to clone, and all clones answer alike.
///
/// The entity tag stands for the plan and the state of every fragment: it is the same in every
/// process that makes this plan of these fragments, and another one if any byte of the output could
/// be another. Options that make no difference to the output make none to the tag.
///
/// Cache-Control is the caller's to add, and so is whatever else the answer's meaning does not hang
/// on. A fragment that changes after it was planned ends a body with an error.
///
/// # Example
/// ```
/// # async fn example(planned: media_concat::Planned) {
/// use media_concat::serve::{Disposition, VirtualFile};
///
/// let file = VirtualFile::new(&planned).file_name(Disposition::Attachment, "holiday.mp4");
/// let request = http::Request::get("/holiday.mp4").header("range", "bytes=0-99").body(());
/// let answer = file.respond(&request.unwrap());
/// assert_eq!(answer.status(), 206);
/// assert_eq!(answer.body().len(), 100);
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct VirtualFile {
    layout: Arc<Layout>,
    sources: Arc<[OpenSource]>,
    transfer: Transfer,
    content_type: HeaderValue,
    tag: HeaderValue,
    modified: Option<SystemTime>,
    disposition: Option<HeaderValue>,
    /// Divides the parts of an answer with several ranges. Random, so that it cannot have been put
    /// into a fragment.
    boundary: Arc<str>,
}

impl VirtualFile {
    /// The output of `planned`.
    #[must_use]
    pub fn new(planned: &Planned) -> Self {
        let (layout, sources) = planned.shared();
        Self {
            transfer: planned.transfer(),
            ..Self::of(layout, sources, planned.media_type())
        }
    }

    fn of(layout: Arc<Layout>, sources: Arc<[OpenSource]>, media_type: &'static str) -> Self {
        let random = RandomState::new();
        Self {
            content_type: HeaderValue::from_static(media_type),
            tag: entity_tag(&layout, &sources),
            modified: last_modified(&sources),
            transfer: Transfer::default(),
            disposition: None,
            boundary: format!("{:016x}{:016x}", random.hash_one(1), random.hash_one(2)).into(),
            layout,
            sources,
        }
    }

    /// Names the file (RFC 6266). Whatever the name has, the header stays one header: characters
    /// beyond ASCII are encoded (RFC 8187), with an ASCII name beside them for old clients; path
    /// separators and control characters become `_`.
    #[must_use]
    pub fn file_name(self, disposition: Disposition, name: &str) -> Self {
        Self {
            disposition: name::content_disposition(disposition, name),
            ..self
        }
    }

    /// Sets when the output changed last, or says that it is unknown. Without this it is when the
    /// fragment that changed last did, if that is known of all: right as long as one URL has one
    /// plan, which clients without entity tags rely on.
    #[must_use]
    pub fn last_modified(self, modified: Option<SystemTime>) -> Self {
        Self { modified, ..self }
    }

    /// Its size in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.layout.size()
    }

    /// Its entity tag, in quotes.
    #[must_use]
    pub const fn entity_tag(&self) -> &HeaderValue {
        &self.tag
    }

    /// The answer to a request for it, whatever its path.
    pub fn respond<B>(&self, request: &Request<B>) -> Response<Body> {
        let (method, headers) = (request.method(), request.headers());
        if method != Method::GET && method != Method::HEAD {
            let allow = (ALLOW, HeaderValue::from_static("GET, HEAD"));
            return self.empty(StatusCode::METHOD_NOT_ALLOWED, [allow]);
        }
        // A date to come is none (RFC 9110 § 8.8.2.1).
        let modified = self.modified.filter(|date| *date <= SystemTime::now());
        match condition::evaluate(headers, &self.tag, modified) {
            Verdict::Failed => return self.empty(StatusCode::PRECONDITION_FAILED, []),
            Verdict::NotModified => {
                let mut answer = Response::new(Body::empty());
                *answer.status_mut() = StatusCode::NOT_MODIFIED;
                self.validators(answer.headers_mut(), modified);
                return answer;
            }
            Verdict::Met => {}
        }
        // Ranges mean something to GET alone (§ 14.2).
        let wanted = if method == Method::GET && condition::range_applies(headers, &self.tag) {
            range::wanted(headers, self.size())
        } else {
            Wanted::Whole
        };
        let mut answer = match wanted {
            Wanted::Whole => self.whole(method),
            Wanted::Ranges(ranges) => match ranges.as_slice() {
                [one] => self.one(one),
                several => self.several(several),
            },
            Wanted::Unsatisfiable => {
                let range = (CONTENT_RANGE, value(format!("bytes */{}", self.size())));
                return self.empty(StatusCode::RANGE_NOT_SATISFIABLE, [range]);
            }
        };
        let headers = answer.headers_mut();
        headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        if let Some(disposition) = &self.disposition {
            headers.insert(CONTENT_DISPOSITION, disposition.clone());
        }
        self.validators(headers, modified);
        answer
    }

    fn whole(&self, method: &Method) -> Response<Body> {
        let body = if method == Method::HEAD {
            Body::empty()
        } else {
            self.body(vec![Part::Range(0..self.size())])
        };
        let mut answer = Response::new(body);
        let headers = answer.headers_mut();
        headers.insert(CONTENT_TYPE, self.content_type.clone());
        headers.insert(CONTENT_LENGTH, self.size().into());
        answer
    }

    fn one(&self, range: &Range<u64>) -> Response<Body> {
        let mut answer = self.partial(vec![Part::Range(range.clone())]);
        let headers = answer.headers_mut();
        headers.insert(CONTENT_TYPE, self.content_type.clone());
        headers.insert(CONTENT_RANGE, value(self.content_range(range)));
        answer
    }

    /// RFC 9110 § 14.6: each range under a header of its own.
    fn several(&self, ranges: &[Range<u64>]) -> Response<Body> {
        let boundary = &self.boundary;
        let content_type = self.content_type.to_str().unwrap_or_default();
        let mut parts = Vec::with_capacity(2 * ranges.len() + 1);
        for (index, range) in ranges.iter().enumerate() {
            let line = if index == 0 { "" } else { "\r\n" };
            let content_range = self.content_range(range);
            let head = format!(
                "{line}--{boundary}\r\ncontent-type: {content_type}\r\n\
                 content-range: {content_range}\r\n\r\n"
            );
            parts.push(Part::Literal(head.into()));
            parts.push(Part::Range(range.clone()));
        }
        parts.push(Part::Literal(format!("\r\n--{boundary}--\r\n").into()));
        let mut answer = self.partial(parts);
        let multipart = value(format!("multipart/byteranges; boundary={boundary}"));
        answer.headers_mut().insert(CONTENT_TYPE, multipart);
        answer
    }

    fn partial(&self, parts: Vec<Part>) -> Response<Body> {
        let body = self.body(parts);
        let len = body.len();
        let mut answer = Response::new(body);
        *answer.status_mut() = StatusCode::PARTIAL_CONTENT;
        answer.headers_mut().insert(CONTENT_LENGTH, len.into());
        answer
    }

    fn body(&self, parts: Vec<Part>) -> Body {
        let (layout, sources) = (Arc::clone(&self.layout), Arc::clone(&self.sources));
        Body::new(layout, sources, self.transfer, parts)
    }

    fn content_range(&self, range: &Range<u64>) -> String {
        // Ranges are not empty: their last byte exists.
        format!("bytes {}-{}/{}", range.start, range.end - 1, self.size())
    }

    fn validators(&self, headers: &mut HeaderMap, modified: Option<SystemTime>) {
        headers.insert(ETAG, self.tag.clone());
        if let Some(modified) = modified {
            headers.insert(LAST_MODIFIED, value(httpdate::fmt_http_date(modified)));
        }
    }

    fn empty(
        &self,
        status: StatusCode,
        headers: impl IntoIterator<Item = (HeaderName, HeaderValue)>,
    ) -> Response<Body> {
        let mut answer = Response::new(Body::empty());
        *answer.status_mut() = status;
        answer.headers_mut().extend(headers);
        answer.headers_mut().insert(CONTENT_LENGTH, 0.into());
        answer
    }
}

/// A header of ours: digits, hexadecimal and ASCII words.
fn value(text: String) -> HeaderValue {
    HeaderValue::try_from(text).expect("printable ASCII is a header value")
}

/// A hash of everything that the bytes follow from: the layout, and of every fragment its name, its
/// length and what changes when it does. It is weak where a server tells nothing of that: the same
/// tag may then stand for other bytes.
fn entity_tag(layout: &Layout, sources: &[OpenSource]) -> HeaderValue {
    let mut hash = Sha256::new();
    let mut add = |parts: &[&[u8]]| {
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
    };
    add(&[b"media-concat entity tag 1"]);
    for piece in layout.pieces() {
        match piece {
            Piece::Literal(bytes) => add(&[b"literal", &bytes]),
            Piece::Repeat { pattern, count } => add(&[b"repeat", &pattern, &count.to_be_bytes()]),
            Piece::Source {
                fragment,
                offset,
                len,
            } => add(&[
                b"source",
                &fragment.to_be_bytes(),
                &offset.to_be_bytes(),
                &len.to_be_bytes(),
            ]),
        }
    }
    for OpenSource { source, state } in sources {
        add(&[
            b"fragment",
            source.name().as_bytes(),
            &state.len.to_be_bytes(),
        ]);
        match &state.validator {
            Validator::File {
                device,
                inode,
                modified,
            } => add(&[
                b"file",
                &device.to_be_bytes(),
                &inode.to_be_bytes(),
                &modified.to_be_bytes(),
            ]),
            Validator::Tag(tag) => add(&[b"tag", tag.as_bytes()]),
            Validator::Immutable => add(&[b"immutable"]),
            Validator::Unknown => add(&[b"unknown"]),
        }
    }
    let digest = hash.finalize();
    let digits: String = digest[..16].iter().map(|b| format!("{b:02x}")).collect();
    let unknown = |open: &OpenSource| open.state.validator == Validator::Unknown;
    let weak = if sources.iter().any(unknown) {
        "W/"
    } else {
        ""
    };
    value(format!("{weak}\"{digits}\""))
}

/// When the fragment that changed last did, if all tell.
fn last_modified(sources: &[OpenSource]) -> Option<SystemTime> {
    let mut last = None;
    for OpenSource { state, .. } in sources {
        let modified = match &state.validator {
            Validator::File { modified, .. } => {
                let since = u64::try_from(*modified).ok()?;
                UNIX_EPOCH.checked_add(Duration::from_nanos(since))?
            }
            // A server without entity tags gave a date.
            Validator::Tag(tag) => httpdate::parse_http_date(tag).ok()?,
            Validator::Immutable => continue,
            Validator::Unknown => return None,
        };
        last = last.max(Some(modified));
    }
    last
}
