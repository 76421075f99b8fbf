//! The requests that write objects.

use std::{fmt::Write, ops::Range, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use reqsign_core::time::Timestamp;
use tokio_util::sync::CancellationToken;

use super::{
    Backoff, ObjectError, ObjectStore, ObjectUrl,
    answer::{elements, escaped, refusal, text_of},
    url::in_query,
    wire::Answer,
};

/// A store copies at least this many bytes in a second.
const COPIED_A_SECOND: u64 = 4 << 20;
/// How long a store may take to put an output of many parts together.
const COMPLETING: Duration = Duration::from_secs(240);

/// A multipart upload that was begun.
#[derive(Debug, Clone)]
pub(crate) struct Upload {
    pub(crate) url: ObjectUrl,
    id: String,
}

/// A part that the store has.
#[derive(Debug, Clone)]
pub(crate) struct UploadedPart {
    pub(crate) number: usize,
    pub(crate) etag: String,
}

/// A request that is answered with a document, made until it succeeds.
pub(super) struct Call<'a> {
    name: &'static str,
    method: Method,
    url: &'a ObjectUrl,
    query: &'a str,
    pub(super) headers: Vec<(&'static str, String)>,
    body: &'a [Bytes],
    /// What the store has to do before it answers.
    work: Duration,
}

impl<'a> Call<'a> {
    pub(super) fn new(
        name: &'static str,
        method: Method,
        url: &'a ObjectUrl,
        query: &'a str,
    ) -> Self {
        Self {
            name,
            method,
            url,
            query,
            headers: Vec::new(),
            body: &[],
            work: Duration::ZERO,
        }
    }
}

impl ObjectStore {
    /// Writes a small object in one request.
    pub(crate) async fn put(
        &self,
        url: &ObjectUrl,
        media_type: &str,
        body: &[Bytes],
        never_replace: bool,
    ) -> Result<(), ObjectError> {
        let mut call = Call::new("uploading", Method::PUT, url, "");
        call.body = body;
        call.headers.push(("content-type", media_type.to_owned()));
        if never_replace {
            call.headers.push(("if-none-match", "*".to_owned()));
        }
        self.call(&call, &CancellationToken::new()).await?;
        Ok(())
    }

    /// Begins an upload. Where an answer got lost, what was begun with it `since` is ended.
    pub(crate) async fn begin(
        &self,
        url: &ObjectUrl,
        media_type: &str,
        since: Option<Timestamp>,
        stop: &CancellationToken,
    ) -> Result<Upload, ObjectError> {
        const CALL: &str = "beginning an upload";
        let mut call = Call::new(CALL, Method::POST, url, "uploads=");
        call.headers.push(("content-type", media_type.to_owned()));
        let mut backoff = Backoff::new(self);
        loop {
            let error = match self.once(&call).await {
                Ok((_, document)) => {
                    let document = String::from_utf8_lossy(&document);
                    match text_of(&document, "UploadId").filter(|id| !id.is_empty()) {
                        Some(id) => {
                            let url = url.clone();
                            return Ok(Upload { url, id });
                        }
                        None => ObjectError::Answer {
                            call: CALL,
                            what: "no name for it".to_owned(),
                        },
                    }
                }
                Err(error) => error,
            };
            if let Some(since) = since
                && error.is_ambiguous()
            {
                self.end_lost(url, since).await;
            }
            let waited = stop.run_until_cancelled(backoff.wait(error.clone()));
            waited.await.unwrap_or(Err(error))?;
        }
    }

    /// Uploads a part.
    pub(crate) async fn upload(
        &self,
        upload: &Upload,
        number: usize,
        body: &[Bytes],
        stop: &CancellationToken,
    ) -> Result<UploadedPart, ObjectError> {
        const CALL: &str = "uploading a part";
        let query = upload.part(number);
        let mut call = Call::new(CALL, Method::PUT, &upload.url, &query);
        call.body = body;
        let (headers, _) = self.call(&call, stop).await?;
        let etag = headers.get(header::ETAG).and_then(|it| it.to_str().ok());
        part(CALL, number, etag.unwrap_or_default().to_owned())
    }

    /// Has the store copy a part from an object that has this entity tag.
    pub(crate) async fn copy(
        &self,
        upload: &Upload,
        number: usize,
        from: (&ObjectUrl, &str, Range<u64>),
        stop: &CancellationToken,
    ) -> Result<UploadedPart, ObjectError> {
        const CALL: &str = "copying a part";
        let (source, etag, range) = from;
        let query = upload.part(number);
        let mut call = Call::new(CALL, Method::PUT, &upload.url, &query);
        call.headers = vec![
            (
                "x-amz-copy-source",
                format!("{}/{}", source.bucket(), source.path()),
            ),
            ("x-amz-copy-source-if-match", etag.to_owned()),
            (
                "x-amz-copy-source-range",
                format!("bytes={}-{}", range.start, range.end.saturating_sub(1)),
            ),
        ];
        call.work = Duration::from_secs((range.end - range.start) / COPIED_A_SECOND);
        let (_, document) = self.call(&call, stop).await?;
        let etag = text_of(&String::from_utf8_lossy(&document), "ETag");
        part(CALL, number, etag.unwrap_or_default())
    }

    /// Makes an object of the parts. One attempt: only the caller knows what its failure means.
    pub(crate) async fn complete(
        &self,
        upload: &Upload,
        parts: &[UploadedPart],
        never_replace: bool,
    ) -> Result<(), ObjectError> {
        let mut list = String::from("<CompleteMultipartUpload>");
        for UploadedPart { number, etag } in parts {
            let etag = escaped(etag);
            let (start, end) = ("<Part><PartNumber>", "</ETag></Part>");
            write!(list, "{start}{number}</PartNumber><ETag>{etag}{end}").ok();
        }
        list.push_str("</CompleteMultipartUpload>");
        let (query, body) = (upload.query(), [Bytes::from(list)]);
        let mut call = Call::new("completing the upload", Method::POST, &upload.url, &query);
        call.headers
            .push(("content-type", "application/xml".to_owned()));
        if never_replace {
            call.headers.push(("if-none-match", "*".to_owned()));
        }
        call.body = &body;
        call.work = COMPLETING;
        self.once(&call).await?;
        Ok(())
    }

    /// Ends an upload; its parts are gone. One that is not there (any more) counts as ended.
    pub(crate) async fn abort(&self, upload: &Upload) -> Result<(), ObjectError> {
        let query = upload.query();
        let call = Call::new("aborting the upload", Method::DELETE, &upload.url, &query);
        match self.call(&call, &CancellationToken::new()).await {
            Ok(_) | Err(ObjectError::NoSuchKey) => Ok(()),
            Err(ObjectError::Refused { code, .. }) if code == "NoSuchUpload" => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Ends uploads of this very object that began since: their names got lost on the way.
    async fn end_lost(&self, url: &ObjectUrl, since: Timestamp) {
        const CALL: &str = "listing uploads";
        let query = format!("prefix={}&uploads=", in_query(url.key()));
        let listed = async {
            let mut parts = self.request_at(CALL, Method::GET, url.bucket(), "", &query)?;
            self.sign(CALL, &mut parts, None).await?;
            let answer = self.wire().send(CALL, parts, &[], Duration::ZERO).await?;
            if answer.status != StatusCode::OK {
                return Err(self.refused(CALL, url, answer).await);
            }
            answer.document(CALL).await
        };
        let document = match listed.await {
            Ok(document) => document,
            Err(error) => {
                tracing::warn!(%url, %error, "an upload may have been begun and lost");
                return;
            }
        };
        let document = String::from_utf8_lossy(&document);
        for one in elements(&document, "Upload") {
            let text = |name| text_of(one, name).unwrap_or_default();
            let begun: Option<Timestamp> = text("Initiated").parse().ok();
            let ours = begun.is_some_and(|begun| begun.as_second() >= since.as_second());
            if text("Key") == url.key() && ours {
                let (url, id) = (url.clone(), text("UploadId"));
                if let Err(error) = self.abort(&Upload { url, id }).await {
                    tracing::warn!(%error, "an upload was begun and lost");
                }
            }
        }
    }

    /// Makes a request until it succeeds, or until `stop` between two attempts.
    pub(super) async fn call(
        &self,
        call: &Call<'_>,
        stop: &CancellationToken,
    ) -> Result<(HeaderMap, Bytes), ObjectError> {
        let mut backoff = Backoff::new(self);
        loop {
            let error = match self.once(call).await {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            let waited = stop.run_until_cancelled(backoff.wait(error.clone()));
            waited.await.unwrap_or(Err(error))?;
        }
    }

    /// Makes a request once and reads its answer.
    async fn once(&self, call: &Call<'_>) -> Result<(HeaderMap, Bytes), ObjectError> {
        let answer = self.attempt(call).await?;
        if !answer.status.is_success() {
            return Err(self.refused(call.name, call.url, answer).await);
        }
        let (status, headers) = (answer.status, answer.headers.clone());
        let document = answer.document(call.name).await?;
        // Long work is answered at once, and only the document tells how it went.
        if document.windows(6).any(|tag| tag == b"<Error") {
            let bucket = call.url.bucket();
            return Err(refusal(call.name, bucket, status, &headers, &document));
        }
        Ok((headers, document))
    }

    pub(super) async fn attempt(&self, call: &Call<'_>) -> Result<Answer, ObjectError> {
        let (name, method) = (call.name, call.method.clone());
        let mut parts = self.request(name, method, call.url, call.query)?;
        for (header, value) in &call.headers {
            let value = HeaderValue::from_str(value).map_err(|_| ObjectError::Unsigned {
                call: name,
                why: format!("{value:?} cannot be the header {header}"),
            })?;
            parts.headers.insert(*header, value);
        }
        self.sign(name, &mut parts, None).await?;
        self.wire().send(name, parts, call.body, call.work).await
    }

    /// Why an answer is not what was asked for.
    pub(super) async fn refused(
        &self,
        call: &'static str,
        url: &ObjectUrl,
        answer: Answer,
    ) -> ObjectError {
        let (status, headers) = (answer.status, answer.headers.clone());
        if status.is_success() {
            let what = format!("{status}, which is not what was asked for");
            return ObjectError::Answer { call, what };
        }
        match answer.document(call).await {
            Ok(document) => refusal(call, url.bucket(), status, &headers, &document),
            Err(error) => error,
        }
    }
}

impl Upload {
    /// An unfinished multipart upload.
    pub(crate) const fn named(url: ObjectUrl, id: String) -> Self {
        Self { url, id }
    }

    /// The store's name of it.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    fn query(&self) -> String {
        format!("uploadId={}", in_query(&self.id))
    }

    fn part(&self, number: usize) -> String {
        format!("partNumber={number}&{}", self.query())
    }
}

fn part(call: &'static str, number: usize, etag: String) -> Result<UploadedPart, ObjectError> {
    if etag.is_empty() {
        let what = "no entity tag".to_owned();
        return Err(ObjectError::Answer { call, what });
    }
    Ok(UploadedPart { number, etag })
}
