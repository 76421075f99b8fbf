//! Artifacts: what is stored of them, and what clients see.

use serde::{Deserialize, Serialize};
use sqlx::{Row, any::AnyRow};

use crate::{db::Db, ids, keys::Named};

/// What an artifact is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ArtifactType {
    /// Has pictures.
    Video,
    /// Has sound.
    Audio,
    /// Is text.
    Script,
}

impl ArtifactType {
    /// As the API writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Video => "video",
            Self::Audio => "audio",
            Self::Script => "script",
        }
    }

    /// As the API reads it.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Video, Self::Audio, Self::Script]
            .into_iter()
            .find(|kind| kind.as_str() == text)
    }
}

/// How far it is; only ever forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Processing is pending.
    Created,
    /// Bytes are on their way.
    UploadStarted,
    /// Ready for use.
    UploadCompleted,
    /// Final, with an error message.
    UploadFailed,
}

impl Status {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Created,
        Self::UploadStarted,
        Self::UploadCompleted,
        Self::UploadFailed,
    ];

    /// As the API writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::UploadStarted => "upload_started",
            Self::UploadCompleted => "upload_completed",
            Self::UploadFailed => "upload_failed",
        }
    }

    /// As the API reads it.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

/// Where bytes come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "lowercase")]
pub enum Origin {
    /// A web server.
    Url {
        /// Its URL.
        url: String,
    },
    /// Our own store: an upload, or another artifact.
    Stored {
        /// Its key.
        key: String,
    },
    /// Somebody else's bucket.
    Bucket {
        /// The bucket.
        bucket: String,
        /// The key.
        key: String,
    },
}

/// A fragment of a join.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FragmentInput {
    /// Its bytes.
    pub origin: Origin,
    /// When it starts, in seconds.
    pub start: f64,
}

/// What an artifact is made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Input {
    /// One file, as it is.
    Direct(Origin),
    /// A join.
    Fragments(Vec<FragmentInput>),
}

/// An artifact as clients see it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Artifact {
    /// 24 hexadecimal characters.
    pub id: String,
    /// Its display name.
    pub name: String,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: ArtifactType,
    /// How far it is.
    pub status: Status,
    /// `direct_url` or `fragments`.
    pub upload_method: String,
    /// Bytes, once it is completed.
    pub size: Option<i64>,
    /// Seconds, once it is completed, unless it is a script.
    pub duration: Option<f64>,
    /// Why it failed, if it did.
    pub error_message: Option<String>,
    /// Where it is stored, without the bucket.
    pub s3_path: String,
    /// The bucket.
    pub s3_bucket: String,
    /// ISO 8601.
    pub created_at: String,
    /// ISO 8601.
    pub updated_at: String,
    /// Whose it is.
    pub company: Named,
    /// Who made it.
    pub created_by: Named,
    /// 0 to 1, by bytes.
    pub progress: f64,
    /// SHA-256 in hexadecimal digits after `sha256:`, once it is completed.
    pub checksum: Option<String>,
    /// Where its bytes are, once it is completed.
    pub download_url: Option<String>,
    /// Seams, tracks and warnings of a join, once it is completed.
    pub report: Option<serde_json::Value>,
}

/// An artifact as it is stored.
#[derive(Debug, Clone)]
pub struct Record {
    /// As clients see it, but for what depends on who asks.
    pub artifact: Artifact,
    /// Grows with every change.
    pub version: i64,
    /// When it changed.
    pub updated_at: i64,
    /// When it was created.
    pub created_at: i64,
    /// Whether it is only a tombstone.
    pub deleted: bool,
    /// What its bytes are served as.
    pub content_type: String,
}

/// Everything of an artifact and of its owners.
pub const SELECT: &str = "SELECT a.id, a.name, a.type, a.status, a.upload_method, a.s3_path, \
     a.content_type, a.size, a.duration_micros, a.error_message, a.checksum, a.report, \
     a.progress_ppm, a.version, a.created_at, a.updated_at, a.deleted_at, \
     c.id AS company_id, c.name AS company_name, u.id AS user_id, u.name AS user_name \
     FROM artifacts a JOIN companies c ON c.id = a.company_id JOIN users u ON u.id = a.user_id ";

impl Record {
    /// What a row says.
    ///
    /// # Errors
    /// If it is not one of [`SELECT`].
    pub fn read(row: &AnyRow, bucket: &str, public_url: &str) -> Result<Self, sqlx::Error> {
        let broken = |what: &str| sqlx::Error::Decode(format!("stored {what} is unknown").into());
        let id: String = row.try_get("id")?;
        let status: String = row.try_get("status")?;
        let status = Status::parse(&status).ok_or_else(|| broken("status"))?;
        let kind: String = row.try_get("type")?;
        let report: Option<String> = row.try_get("report")?;
        let micros: Option<i64> = row.try_get("duration_micros")?;
        let ppm: i64 = row.try_get("progress_ppm")?;
        let (created_at, updated_at): (i64, i64) =
            (row.try_get("created_at")?, row.try_get("updated_at")?);
        let ready = status == Status::UploadCompleted;
        Ok(Self {
            artifact: Artifact {
                name: row.try_get("name")?,
                kind: ArtifactType::parse(&kind).ok_or_else(|| broken("type"))?,
                status,
                upload_method: row.try_get("upload_method")?,
                size: row.try_get("size")?,
                duration: micros.map(|micros| micros as f64 / 1e6),
                error_message: row.try_get("error_message")?,
                s3_path: row.try_get("s3_path")?,
                s3_bucket: bucket.to_owned(),
                created_at: ids::iso(created_at),
                updated_at: ids::iso(updated_at),
                company: Named {
                    id: row.try_get("company_id")?,
                    name: row.try_get("company_name")?,
                },
                created_by: Named {
                    id: row.try_get("user_id")?,
                    name: row.try_get("user_name")?,
                },
                progress: ppm as f64 / 1e6,
                checksum: row.try_get("checksum")?,
                download_url: ready.then(|| format!("{public_url}/api/v1/artifacts/{id}/content")),
                report: report.and_then(|report| serde_json::from_str(&report).ok()),
                id,
            },
            version: row.try_get("version")?,
            created_at,
            updated_at,
            deleted: row.try_get::<Option<i64>, _>("deleted_at")?.is_some(),
            content_type: row.try_get("content_type")?,
        })
    }
}

/// An artifact of a company.
///
/// # Errors
/// What the database says.
pub async fn find(
    db: &Db,
    company: &str,
    id: &str,
    bucket: &str,
    public_url: &str,
) -> Result<Option<Record>, sqlx::Error> {
    find_in(&db.pool, company, id, bucket, public_url).await
}

/// The same, as a transaction sees it.
///
/// # Errors
/// What the database says.
pub async fn find_in(
    database: impl sqlx::Executor<'_, Database = sqlx::Any>,
    company: &str,
    id: &str,
    bucket: &str,
    public_url: &str,
) -> Result<Option<Record>, sqlx::Error> {
    let statement =
        format!("{SELECT} WHERE a.id = $1 AND a.company_id = $2 AND a.deleted_at IS NULL");
    let row = sqlx::query(sqlx::AssertSqlSafe(statement))
        .bind(id)
        .bind(company)
        .fetch_optional(database)
        .await?;
    row.map(|row| Record::read(&row, bucket, public_url))
        .transpose()
}
