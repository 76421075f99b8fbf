//! The database: SQLite or PostgreSQL, the same statements for both.

use std::{fs::File, path::Path, str::FromStr, time::Duration};

use sqlx::{
    AnyPool, Connection, SqlSafeStr,
    any::{AnyConnectOptions, AnyPoolOptions},
    migrate::{Migration, MigrationType, Migrator},
};

/// The schema, step by step; a step that was released is never changed.
const MIGRATIONS: [(i64, &str, &str); 3] = [
    (
        1,
        "artifacts",
        include_str!("../migrations/0001_artifacts.sql"),
    ),
    (
        2,
        "request budgets",
        include_str!("../migrations/0002_request_budgets.sql"),
    ),
    (
        3,
        "kept downloads",
        include_str!("../migrations/0003_kept_downloads.sql"),
    ),
];

/// The database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// A statement failed.
    #[error("the database cannot be used")]
    Sql(#[from] sqlx::Error),
    /// The schema cannot be brought up to date.
    #[error("the database's schema cannot be brought up to date")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// The lock beside the SQLite file.
    #[error("the lock beside the database cannot be taken")]
    Lock(#[from] std::io::Error),
}

/// A pool of connections.
#[derive(Debug, Clone)]
pub struct Db {
    /// The pool.
    pub pool: AnyPool,
    sqlite: bool,
}

impl Db {
    /// Connects and brings the schema up to date, safely from several processes at once.
    ///
    /// # Errors
    /// [`DbError`]
    pub async fn open(url: &str, connections: u32) -> Result<Self, DbError> {
        sqlx::any::install_default_drivers();
        let sqlite = url.starts_with("sqlite:");
        let pool = AnyPoolOptions::new()
            // One writer at a time is all that SQLite has; readers do not wait for it.
            .max_connections(connections)
            .acquire_timeout(Duration::from_secs(15))
            // SQLite ends a transaction by itself when the disk is full or fails; sqlx then counts one
            // that cannot be rolled back, and would refuse to begin another.
            .before_acquire(|connection, _| {
                let usable = !connection.is_in_transaction();
                Box::pin(std::future::ready(Ok(usable)))
            })
            .after_connect(move |connection, _| {
                Box::pin(async move {
                    if sqlite {
                        for pragma in [
                            "PRAGMA busy_timeout = 15000",
                            "PRAGMA journal_mode = WAL",
                            "PRAGMA synchronous = FULL",
                            "PRAGMA foreign_keys = ON",
                        ] {
                            sqlx::query(pragma).execute(&mut *connection).await?;
                        }
                    }
                    Ok(())
                })
            })
            .connect_lazy_with(AnyConnectOptions::from_str(url)?);
        let db = Self { pool, sqlite };
        // sqlx locks PostgreSQL while it migrates, and SQLite not at all.
        let lock = match sqlite.then(|| file_of(url)).flatten() {
            Some(path) => Some(locked(&path).await?),
            None => None,
        };
        let steps = MIGRATIONS.map(|(version, name, sql)| {
            let kind = MigrationType::Simple;
            Migration::new(version, name.into(), kind, sql.into_sql_str(), false)
        });
        Migrator::with_migrations(steps.into())
            .run(&db.pool)
            .await?;
        drop(lock);
        Ok(db)
    }

    /// Begins a transaction that is going to write. SQLite's would otherwise fail when they find out
    /// late that they want to.
    ///
    /// # Errors
    /// What the database says.
    pub async fn begin(&self) -> Result<sqlx::Transaction<'static, sqlx::Any>, sqlx::Error> {
        let statement = if self.sqlite {
            "BEGIN IMMEDIATE"
        } else {
            "BEGIN"
        };
        // Not cancelled with a request: what is begun and not known to be would go back into the pool
        // as it is, and the next user's statements would never be committed.
        let pool = self.pool.clone();
        let begun = tokio::spawn(async move { pool.begin_with(statement).await });
        begun.await.unwrap_or_else(|error| {
            let error = std::io::Error::other(error);
            Err(sqlx::Error::Io(error))
        })
    }

    /// Ends a `SELECT` that has others wait for the row's next change. SQLite has one writer anyway.
    pub(crate) const fn for_change(&self) -> &'static str {
        if self.sqlite {
            ""
        } else {
            " FOR NO KEY UPDATE"
        }
    }
}

/// The file behind an SQLite URL.
fn file_of(url: &str) -> Option<String> {
    let path = url.strip_prefix("sqlite:")?;
    let path = path.strip_prefix("//").unwrap_or(path);
    let path = path.split('?').next()?;
    (!path.is_empty() && path != ":memory:").then(|| path.to_owned())
}

async fn locked(path: &str) -> Result<File, std::io::Error> {
    let path = Path::new(path).with_extension("lock");
    let lock = tokio::task::spawn_blocking(move || {
        let file = File::create(path)?;
        file.lock()?;
        Ok(file)
    });
    lock.await
        .unwrap_or_else(|error| Err(std::io::Error::other(error)))
}
