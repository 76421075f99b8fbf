//! What changes, for event streams: every process looks at the database while somebody listens.

use std::{collections::HashMap, sync::Arc, time::Duration};

use media_concat::CancellationToken;
use tokio::{
    sync::{broadcast, watch},
    time::sleep,
};

use crate::{
    db::Db,
    ids,
    model::{Record, SELECT},
};

/// How often it is looked.
const PERIOD: Duration = Duration::from_millis(300);
/// How far back: transactions that began earlier and ended later than others are seen still.
const OVERLAP: i64 = 10_000;
/// Changes that a slow listener may lag behind.
const LAG: usize = 1_024;

/// A change of an artifact.
#[derive(Debug, Clone)]
pub struct Change {
    /// The artifact, without its report.
    pub record: Arc<Record>,
}

/// Changes, for as many listeners as there are.
#[derive(Debug, Clone)]
pub struct Events {
    sender: broadcast::Sender<Change>,
    listeners: watch::Sender<()>,
}

impl Default for Events {
    fn default() -> Self {
        Self {
            sender: broadcast::channel(LAG).0,
            listeners: watch::channel(()).0,
        }
    }
}

impl Events {
    /// Changes from now on.
    pub fn listen(&self) -> broadcast::Receiver<Change> {
        let receiver = self.sender.subscribe();
        self.listeners.send_replace(());
        receiver
    }

    /// Looks for changes until `stop`.
    pub async fn watch(
        self,
        db: Db,
        bucket: String,
        public_url: Arc<str>,
        stop: CancellationToken,
    ) {
        let mut wake = self.listeners.subscribe();
        let mut seen: HashMap<String, (i64, i64)> = HashMap::new();
        let mut since = ids::now();
        while !stop.is_cancelled() {
            if self.sender.receiver_count() == 0 {
                seen.clear();
                stop.run_until_cancelled(wake.changed()).await;
                since = ids::now();
                continue;
            }
            let began = ids::now();
            match changed(&db, since - OVERLAP, &bucket, &public_url).await {
                Ok(records) => {
                    for record in records {
                        let id = record.artifact.id.clone();
                        let now = (record.version, record.updated_at);
                        if seen.insert(id, now).is_some_and(|before| before.0 >= now.0) {
                            continue;
                        }
                        let record = Arc::new(record);
                        self.sender.send(Change { record }).ok();
                    }
                    since = began;
                    seen.retain(|_, (_, at)| *at > since - 2 * OVERLAP);
                }
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "changes are not seen"
                    );
                }
            }
            stop.run_until_cancelled(sleep(PERIOD)).await;
        }
    }
}

async fn changed(
    db: &Db,
    since: i64,
    bucket: &str,
    public_url: &str,
) -> Result<Vec<Record>, sqlx::Error> {
    let statement = format!("{SELECT} WHERE a.updated_at >= $1 ORDER BY a.updated_at LIMIT 5000");
    let rows = sqlx::query(sqlx::AssertSqlSafe(statement)).bind(since);
    let rows = rows.fetch_all(&db.pool).await?;
    let read = rows.iter().map(|row| {
        let mut record = Record::read(row, bucket, public_url)?;
        record.artifact.report = None;
        Ok(record)
    });
    read.collect()
}
