//! What a keeper of objects does beside joining: looks, removes, and tidies up.

use std::time::Duration;

use http::Method;
use reqsign_core::time::Timestamp;
use tokio_util::sync::CancellationToken;

use super::{
    ObjectError, ObjectStore, ObjectUrl,
    answer::{elements, text_of},
    requests::{Call, Upload},
    url::in_query,
};

impl ObjectStore {
    /// The size of an object in bytes.
    ///
    /// # Errors
    /// [`ObjectError::NoSuchKey`] if it is not there, and whatever else the store says.
    pub async fn size(&self, url: &ObjectUrl) -> Result<u64, ObjectError> {
        let looked = self.look(url).await?;
        let existing = looked.existing.ok_or(ObjectError::NoSuchKey)?;
        Ok(existing.len)
    }

    /// The SHA-256 that the store itself has of the whole object, if it has one and the object still has
    /// this entity tag. Checksums of the checksums of parts are none of the whole.
    ///
    /// # Errors
    /// What the store says.
    #[cfg(feature = "checksum")]
    pub async fn sha256(
        &self,
        url: &ObjectUrl,
        etag: &str,
    ) -> Result<Option<crate::checksum::Sha256>, ObjectError> {
        let mut call = Call::new("asking for its checksum", Method::HEAD, url, "");
        call.headers
            .push(("x-amz-checksum-mode", "ENABLED".to_owned()));
        let (headers, _) = self.call(&call, &CancellationToken::new()).await?;
        let told = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let whole = told("x-amz-checksum-type").is_none_or(|kind| kind == "FULL_OBJECT");
        let sum = told("x-amz-checksum-sha256").filter(|_| whole && told("etag") == Some(etag));
        Ok(sum.and_then(crate::checksum::Sha256::from_base64))
    }

    /// Removes an object. One that is not there counts as removed.
    ///
    /// # Errors
    /// What the store says.
    pub async fn remove(&self, url: &ObjectUrl) -> Result<(), ObjectError> {
        let call = Call::new("removing it", Method::DELETE, url, "");
        match self.call(&call, &CancellationToken::new()).await {
            Ok(_) | Err(ObjectError::NoSuchKey) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Ends multipart uploads under `prefix` that began longer than `age` ago and are taken for abandoned.
    /// At most a thousand at a time, as many as a store lists at once. Returns how many were ended.
    ///
    /// # Errors
    /// What the store says.
    pub async fn end_uploads(
        &self,
        bucket: &str,
        prefix: &str,
        age: Duration,
    ) -> Result<u64, ObjectError> {
        const CALL: &str = "listing uploads";
        let query = format!("prefix={}&uploads=", in_query(prefix));
        let mut parts = self.request_at(CALL, Method::GET, bucket, "", &query)?;
        self.sign(CALL, &mut parts, None).await?;
        let answer = self.wire().send(CALL, parts, &[], Duration::ZERO).await?;
        if !answer.status.is_success() {
            let what = answer.status.to_string();
            return Err(ObjectError::Answer { call: CALL, what });
        }
        let document = answer.document(CALL).await?;
        let document = String::from_utf8_lossy(&document);
        let age = i64::try_from(age.as_secs()).unwrap_or(i64::MAX);
        let limit = Timestamp::now().as_second().saturating_sub(age);
        let mut ended = 0;
        for one in elements(&document, "Upload") {
            let text = |name| text_of(one, name).unwrap_or_default();
            let begun: Option<Timestamp> = text("Initiated").parse().ok();
            let key = text("Key");
            let old = begun.is_some_and(|begun| begun.as_second() <= limit);
            let Ok(url) = ObjectUrl::new(bucket, &key) else {
                continue;
            };
            if old && key.starts_with(prefix) {
                self.abort(&Upload::named(url, text("UploadId"))).await?;
                ended += 1;
            }
        }
        Ok(ended)
    }
}
