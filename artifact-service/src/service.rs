//! The parts put together: a process that serves, works, or both.

use std::{net::SocketAddr, sync::Arc};

use media_concat::CancellationToken;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::{net::TcpListener, sync::Notify, task::JoinHandle};

use crate::{
    api::{self, App, Prober},
    db::Db,
    events::Events,
    jobs::Worker,
    process::{Origins, Processor},
    settings::Settings,
    storage, webhooks,
};

/// The service cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database.
    #[error(transparent)]
    Db(#[from] crate::db::DbError),
    /// The store.
    #[error(transparent)]
    Storage(#[from] storage::StorageError),
    /// The client for sources.
    #[error(transparent)]
    Http(#[from] media_concat::source::HttpError),
    /// The client for webhooks.
    #[error("there can be no client for webhooks")]
    Webhooks(#[from] reqwest::Error),
    /// The address.
    #[error("{address} cannot be listened on")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// A statement.
    #[error("the database cannot be used")]
    Sql(#[from] sqlx::Error),
    /// The master key is not the one of this database.
    #[error("the master key is another one than the database was set up with")]
    MasterKey,
}

/// What a process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Roles {
    /// Serves the API.
    pub serve: bool,
    /// Does jobs.
    pub work: bool,
}

/// A service that runs.
#[derive(Debug)]
pub struct Running {
    /// Where it listens.
    pub address: Option<SocketAddr>,
    /// Its database.
    pub db: Db,
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

impl Running {
    /// Stops taking work, finishes or hands back what runs, and returns when that is done.
    pub async fn stop(self) {
        self.stop.cancel();
        for task in self.tasks {
            task.await.ok();
        }
    }
}

/// Connects to the database, which must have been set up with the same master key.
///
/// # Errors
/// [`StartError`]
pub async fn connect(settings: &Settings) -> Result<Db, StartError> {
    let db = Db::open(&settings.database, settings.database_connections).await?;
    let check = crate::ids::hex(&settings.master.sign("check", b"the master key"));
    sqlx::query(
        "INSERT INTO installation (id, master_check) VALUES (1, $1) ON CONFLICT (id) DO NOTHING",
    )
    .bind(&check)
    .execute(&db.pool)
    .await?;
    let known: String = sqlx::query_scalar("SELECT master_check FROM installation WHERE id = 1")
        .fetch_one(&db.pool)
        .await?;
    if known == check {
        Ok(db)
    } else {
        Err(StartError::MasterKey)
    }
}

/// Starts a service.
///
/// # Errors
/// [`StartError`]
pub async fn start(
    settings: Settings,
    roles: Roles,
    figures: PrometheusHandle,
) -> Result<Running, StartError> {
    let settings = Arc::new(settings);
    let db = connect(&settings).await?;
    let listener = if roles.serve {
        let address = settings.listen;
        let bound = TcpListener::bind(address).await;
        Some(bound.map_err(|source| StartError::Listen { address, source })?)
    } else {
        None
    };
    let address = listener.as_ref().and_then(|bound| bound.local_addr().ok());
    let own = format!("http://{}", address.unwrap_or(settings.listen));
    let public_url: Arc<str> = settings.public_url.clone().unwrap_or(own).into();
    let store = storage::open(&settings, &public_url)?;
    let (stop, job_notify) = (CancellationToken::new(), Arc::new(Notify::new()));
    let mut tasks = Vec::new();
    let origins = || Origins::new(Arc::clone(&store), db.clone(), &settings);
    if roles.work {
        let worker = Worker {
            db: db.clone(),
            processor: Processor {
                store: Arc::clone(&store),
                origins: Arc::new(origins()?),
                max_bytes: settings.max_bytes,
            },
            settings: Arc::clone(&settings),
            job_notify: Arc::clone(&job_notify),
            sender: webhooks::Sender::new(&settings)?,
        };
        tasks.push(tokio::spawn(worker.run(stop.clone())));
    }
    if let Some(listener) = listener {
        let prober = Prober::new(origins()?);
        let events = Events::default();
        let watch = events.clone().watch(
            db.clone(),
            store.bucket().to_owned(),
            Arc::clone(&public_url),
            stop.clone(),
        );
        tasks.push(tokio::spawn(watch));
        let app = App {
            db: db.clone(),
            store,
            settings,
            public_url,
            job_notify,
            events,
            figures,
            pace: Arc::default(),
            prober,
            stop: stop.clone(),
        };
        let served = axum::serve(listener, api::router(app));
        let served = served.with_graceful_shutdown(stop.clone().cancelled_owned());
        tasks.push(tokio::spawn(async move {
            if let Err(error) = served.await {
                tracing::error!(error = &error as &dyn std::error::Error, "serving ended");
            }
        }));
    }
    Ok(Running {
        address,
        db,
        stop,
        tasks,
    })
}
