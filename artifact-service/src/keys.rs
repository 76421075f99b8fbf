//! API keys: whose they are, what they may, and the secrets attached to them.

use sqlx::Row;

use crate::{
    db::Db,
    ids,
    seal::{MasterKey, NotOpened},
    settings::Limits,
};

/// A key as requests need it.
#[derive(Debug, Clone)]
pub struct Key {
    /// Its id, which is no secret.
    pub id: String,
    /// Whose artifacts it sees.
    pub company: Named,
    /// Who made what is made with it.
    pub user: Named,
    /// What it may.
    pub limits: Limits,
    /// Whether it can read from other buckets.
    pub has_s3: bool,
}

/// An id and a name.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Named {
    /// The id.
    pub id: String,
    /// The name.
    pub name: String,
}

/// Credentials for other people's buckets.
#[derive(Clone)]
pub struct S3Credentials {
    /// Says who asks.
    pub access_key: String,
    /// Proves it.
    pub secret: String,
    /// Where.
    pub region: Option<String>,
    /// Where, unless it is AWS.
    pub endpoint: Option<String>,
}

/// A key as operators see it.
#[derive(Debug)]
pub struct Listed {
    /// Its id.
    pub id: String,
    /// How it begins.
    pub hint: String,
    /// The company's name.
    pub company: String,
    /// The user's name.
    pub user: String,
    /// When it was made.
    pub created_at: i64,
    /// When it ended.
    pub revoked_at: Option<i64>,
}

const COLUMNS: &str = "SELECT k.id, k.requests_per_minute, k.concurrent_jobs, k.stored_bytes, \
     k.s3_access_key, c.id AS company_id, c.name AS company_name, u.id AS user_id, \
     u.name AS user_name FROM api_keys k JOIN companies c ON c.id = k.company_id \
     JOIN users u ON u.id = k.user_id WHERE k.revoked_at IS NULL AND ";

/// The key with this text, if there is one that was not revoked.
///
/// # Errors
/// What the database says.
pub async fn find(db: &Db, text: &str, limits: Limits) -> Result<Option<Key>, sqlx::Error> {
    let statement = format!("{COLUMNS} k.hash = $1");
    fetch(db, statement, &ids::sha256(text.as_bytes()), limits).await
}

/// The key with this id.
///
/// # Errors
/// What the database says.
pub async fn by_id(db: &Db, id: &str, limits: Limits) -> Result<Option<Key>, sqlx::Error> {
    fetch(db, format!("{COLUMNS} k.id = $1"), id, limits).await
}

async fn fetch(
    db: &Db,
    statement: String,
    value: &str,
    limits: Limits,
) -> Result<Option<Key>, sqlx::Error> {
    let row = sqlx::query(sqlx::AssertSqlSafe(statement)).bind(value);
    let Some(row) = row.fetch_optional(&db.pool).await? else {
        return Ok(None);
    };
    let own = |column| row.try_get::<Option<i64>, _>(column);
    let requests = own("requests_per_minute")?.and_then(|n| u32::try_from(n).ok());
    Ok(Some(Key {
        id: row.try_get("id")?,
        company: Named {
            id: row.try_get("company_id")?,
            name: row.try_get("company_name")?,
        },
        user: Named {
            id: row.try_get("user_id")?,
            name: row.try_get("user_name")?,
        },
        limits: Limits {
            requests_per_minute: requests.unwrap_or(limits.requests_per_minute),
            jobs: own("concurrent_jobs")?.unwrap_or(limits.jobs),
            bytes: own("stored_bytes")?.unwrap_or(limits.bytes),
        },
        has_s3: row.try_get::<Option<String>, _>("s3_access_key")?.is_some(),
    }))
}

/// Makes a key for a user of a company, which are made where they are new. Returns its id and its
/// text, which is nowhere else.
///
/// # Errors
/// What the database says.
pub async fn create(db: &Db, company: &str, user: &str) -> Result<(String, String), sqlx::Error> {
    let (id, now) = (ids::new_id(), ids::now());
    let text = format!("mc_{}", ids::new_token());
    let mut tx = db.begin().await?;
    sqlx::query("INSERT INTO companies (id, name, created_at) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING")
        .bind(ids::new_id())
        .bind(company)
        .bind(now)
        .execute(&mut *tx)
        .await?;
    let company_id: String = sqlx::query_scalar("SELECT id FROM companies WHERE name = $1")
        .bind(company)
        .fetch_one(&mut *tx)
        .await?;
    sqlx::query("INSERT INTO users (id, company_id, name, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT (company_id, name) DO NOTHING")
        .bind(ids::new_id())
        .bind(&company_id)
        .bind(user)
        .bind(now)
        .execute(&mut *tx)
        .await?;
    let user_id: String =
        sqlx::query_scalar("SELECT id FROM users WHERE company_id = $1 AND name = $2")
            .bind(&company_id)
            .bind(user)
            .fetch_one(&mut *tx)
            .await?;
    sqlx::query("INSERT INTO api_keys (id, company_id, user_id, hash, hint, created_at) VALUES ($1, $2, $3, $4, $5, $6)")
        .bind(&id)
        .bind(&company_id)
        .bind(&user_id)
        .bind(ids::sha256(text.as_bytes()))
        .bind(&text[..9])
        .bind(now)
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok((id, text))
}

/// Whether there is no key yet.
///
/// # Errors
/// What the database says.
pub async fn none_yet(db: &Db) -> Result<bool, sqlx::Error> {
    let found: Option<String> = sqlx::query_scalar("SELECT id FROM api_keys LIMIT 1")
        .fetch_optional(&db.pool)
        .await?;
    Ok(found.is_none())
}

/// All keys, revoked ones too.
///
/// # Errors
/// What the database says.
pub async fn list(db: &Db) -> Result<Vec<Listed>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT k.id, k.hint, k.created_at, k.revoked_at, c.name AS company, u.name AS person \
         FROM api_keys k JOIN companies c ON c.id = k.company_id \
         JOIN users u ON u.id = k.user_id ORDER BY k.created_at, k.id",
    );
    let rows = rows.fetch_all(&db.pool).await?;
    rows.iter()
        .map(|row| {
            Ok(Listed {
                id: row.try_get("id")?,
                hint: row.try_get("hint")?,
                company: row.try_get("company")?,
                user: row.try_get("person")?,
                created_at: row.try_get("created_at")?,
                revoked_at: row.try_get("revoked_at")?,
            })
        })
        .collect()
}

/// Ends a key and the sessions begun with it. Returns whether there was one to end.
///
/// # Errors
/// What the database says.
pub async fn revoke(db: &Db, id: &str) -> Result<bool, sqlx::Error> {
    let mut tx = db.begin().await?;
    let ended =
        sqlx::query("UPDATE api_keys SET revoked_at = $1 WHERE id = $2 AND revoked_at IS NULL")
            .bind(ids::now())
            .bind(id)
            .execute(&mut *tx)
            .await?;
    sqlx::query("DELETE FROM sessions WHERE key_id = $1")
        .bind(id)
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(ended.rows_affected() == 1)
}

/// Attaches credentials for other buckets to a key. Returns whether there is such a key.
///
/// # Errors
/// What the database says.
pub async fn set_s3(
    db: &Db,
    master: &MasterKey,
    id: &str,
    credentials: &S3Credentials,
) -> Result<bool, sqlx::Error> {
    let sealed = master.seal(&format!("s3 {id}"), &credentials.secret);
    let set = sqlx::query(
        "UPDATE api_keys SET s3_access_key = $1, sealed_s3_secret = $2, s3_region = $3, \
         s3_endpoint = $4 WHERE id = $5",
    );
    let set = set
        .bind(&credentials.access_key)
        .bind(sealed)
        .bind(credentials.region.clone())
        .bind(credentials.endpoint.clone())
        .bind(id)
        .execute(&db.pool)
        .await?;
    Ok(set.rows_affected() == 1)
}

/// Stored credentials could not be had.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The database failed.
    #[error("the database cannot be asked for credentials")]
    Sql(#[from] sqlx::Error),
    /// They are sealed with another master key.
    #[error(transparent)]
    Sealed(#[from] NotOpened),
}

/// The credentials attached to a key.
///
/// # Errors
/// [`SecretError`]
pub async fn s3(
    db: &Db,
    master: &MasterKey,
    id: &str,
) -> Result<Option<S3Credentials>, SecretError> {
    let row = sqlx::query(
        "SELECT s3_access_key, sealed_s3_secret, s3_region, s3_endpoint FROM api_keys WHERE id = $1",
    );
    let Some(row) = row.bind(id).fetch_optional(&db.pool).await? else {
        return Ok(None);
    };
    let (access, sealed): (Option<String>, Option<String>) = (
        row.try_get("s3_access_key")?,
        row.try_get("sealed_s3_secret")?,
    );
    let (Some(access_key), Some(sealed)) = (access, sealed) else {
        return Ok(None);
    };
    Ok(Some(S3Credentials {
        access_key,
        secret: master.open(&format!("s3 {id}"), &sealed)?,
        region: row.try_get("s3_region")?,
        endpoint: row.try_get("s3_endpoint")?,
    }))
}

/// Where a key's webhooks go, and the secret that signs them.
#[derive(Clone)]
pub struct Webhook {
    /// Where.
    pub url: String,
    /// Signs.
    pub secret: Vec<u8>,
}

/// Has a key's webhooks go to `url`, or nowhere. Returns the secret as Standard Webhooks writes it,
/// or nothing if there is no such key.
///
/// # Errors
/// What the database says.
pub async fn set_webhook(
    db: &Db,
    master: &MasterKey,
    id: &str,
    url: Option<&str>,
) -> Result<Option<String>, sqlx::Error> {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let secret = STANDARD.encode(ids::random::<32>());
    let sealed = url.map(|_| master.seal(&format!("webhook {id}"), &secret));
    let set = sqlx::query(
        "UPDATE api_keys SET webhook_url = $1, sealed_webhook_secret = $2 WHERE id = $3",
    );
    let set = set.bind(url.map(str::to_owned)).bind(sealed).bind(id);
    let set = set.execute(&db.pool).await?;
    Ok((set.rows_affected() == 1).then(|| format!("whsec_{secret}")))
}

/// Where a key's webhooks go.
///
/// # Errors
/// [`SecretError`]
pub async fn webhook(
    db: &Db,
    master: &MasterKey,
    id: &str,
) -> Result<Option<Webhook>, SecretError> {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let row = sqlx::query(
        "SELECT webhook_url, sealed_webhook_secret FROM api_keys \
         WHERE id = $1 AND revoked_at IS NULL",
    );
    let Some(row) = row.bind(id).fetch_optional(&db.pool).await? else {
        return Ok(None);
    };
    let (url, sealed): (Option<String>, Option<String>) = (
        row.try_get("webhook_url")?,
        row.try_get("sealed_webhook_secret")?,
    );
    let (Some(url), Some(sealed)) = (url, sealed) else {
        return Ok(None);
    };
    let secret = master.open(&format!("webhook {id}"), &sealed)?;
    let secret = STANDARD.decode(secret).map_err(|_| NotOpened)?;
    Ok(Some(Webhook { url, secret }))
}
