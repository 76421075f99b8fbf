//! The program: `serve`, `worker`, `keys`.

use std::{error::Error, process::ExitCode};

use artifact_service::{
    ids, keys, metrics,
    service::{self, Roles},
    settings::{RawSettings, Settings},
};
use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

#[derive(Debug, Parser)]
#[command(
    version,
    about = "Serves artifacts: files uploaded, downloaded, copied or joined"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the API, and do its jobs
    Serve {
        #[command(flatten)]
        settings: Box<RawSettings>,
        /// Leave the jobs to worker processes
        #[arg(long)]
        no_worker: bool,
    },
    /// Do jobs
    Worker {
        #[command(flatten)]
        settings: Box<RawSettings>,
    },
    /// API keys
    Keys {
        #[command(subcommand)]
        command: KeysCommand,
    },
}

#[derive(Debug, Subcommand)]
enum KeysCommand {
    /// Make a key and show it, this once
    Create {
        #[command(flatten)]
        settings: Box<RawSettings>,
        /// Whose artifacts it sees
        #[arg(long)]
        company: String,
        /// Who uses it
        #[arg(long)]
        user: String,
    },
    /// Show all keys, but not their texts
    List {
        #[command(flatten)]
        settings: Box<RawSettings>,
    },
    /// End a key
    Revoke {
        #[command(flatten)]
        settings: Box<RawSettings>,
        /// Its id
        id: String,
    },
    /// Attach credentials for other buckets; the secret is read from standard input unless given
    S3Credentials {
        #[command(flatten)]
        settings: Box<RawSettings>,
        /// The key's id
        id: String,
        /// The access key id
        #[arg(long)]
        access_key: String,
        /// The secret access key
        #[arg(long, env = "ARTIFACT_KEY_S3_SECRET", hide_env_values = true)]
        secret: Option<String>,
        /// The buckets' region
        #[arg(long)]
        region: Option<String>,
        /// The store, unless it is AWS
        #[arg(long)]
        endpoint: Option<String>,
    },
    /// Send a key's webhooks to a URL and show the secret that signs them; without a URL, end them
    Webhook {
        #[command(flatten)]
        settings: Box<RawSettings>,
        /// The key's id
        id: String,
        /// Where to
        #[arg(long)]
        url: Option<String>,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let ran = match runtime {
        Ok(runtime) => runtime.block_on(run(arguments.command)),
        Err(error) => Err(error.into()),
    };
    match ran {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let mut text = format!("artifact-service: {error}");
            let mut next = error.source();
            while let Some(cause) = next {
                text += &format!(": {cause}");
                next = cause.source();
            }
            eprintln!("{text}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> Result<(), Box<dyn Error>> {
    match command {
        Command::Serve {
            settings,
            no_worker,
        } => {
            let work = !no_worker;
            run_until_signal(settings.resolve()?, Roles { serve: true, work }).await
        }
        Command::Worker { settings } => {
            let roles = Roles {
                serve: false,
                work: true,
            };
            run_until_signal(settings.resolve()?, roles).await
        }
        Command::Keys { command } => keys_command(command).await,
    }
}

/// Runs until it is told to stop.
async fn run_until_signal(settings: Settings, roles: Roles) -> Result<(), Box<dyn Error>> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    if settings.json_logs {
        log.json().init();
    } else {
        log.init();
    }
    let (mut interrupted, mut terminated) = (
        signal(SignalKind::interrupt())?,
        signal(SignalKind::terminate())?,
    );
    let running = service::start(settings, roles, metrics::install()?).await?;
    if roles.serve && keys::none_yet(&running.db).await? {
        let (_, text) = keys::create(&running.db, "Default", "Administrator").await?;
        println!("API key, shown this once: {text}");
    }
    if let Some(address) = running.address {
        println!("listening on http://{address}");
    }
    tokio::select! {
        _ = interrupted.recv() => {}
        _ = terminated.recv() => {}
    }
    tracing::info!("stopping");
    running.stop().await;
    Ok(())
}

async fn keys_command(command: KeysCommand) -> Result<(), Box<dyn Error>> {
    match command {
        KeysCommand::Create {
            settings,
            company,
            user,
        } => {
            let db = service::connect(&settings.resolve()?).await?;
            let (id, text) = keys::create(&db, &company, &user).await?;
            println!("id: {id}\nAPI key, shown this once: {text}");
        }
        KeysCommand::List { settings } => {
            let db = service::connect(&settings.resolve()?).await?;
            for key in keys::list(&db).await? {
                let state = match key.revoked_at {
                    Some(at) => format!("revoked {}", ids::iso(at)),
                    None => "active".to_owned(),
                };
                let (id, hint, created) = (key.id, key.hint, ids::iso(key.created_at));
                println!(
                    "{id}  {hint}…  {created}  {state}  {} / {}",
                    key.company, key.user
                );
            }
        }
        KeysCommand::Revoke { settings, id } => {
            let db = service::connect(&settings.resolve()?).await?;
            found(keys::revoke(&db, &id).await?)?;
        }
        KeysCommand::S3Credentials {
            settings,
            id,
            access_key,
            secret,
            region,
            endpoint,
        } => {
            let settings = settings.resolve()?;
            let db = service::connect(&settings).await?;
            let secret = match secret {
                Some(secret) => secret,
                None => {
                    let mut line = String::new();
                    std::io::stdin().read_line(&mut line)?;
                    line.trim().to_owned()
                }
            };
            let credentials = keys::S3Credentials {
                access_key,
                secret,
                region,
                endpoint,
            };
            found(keys::set_s3(&db, &settings.master, &id, &credentials).await?)?;
        }
        KeysCommand::Webhook { settings, id, url } => {
            let settings = settings.resolve()?;
            let db = service::connect(&settings).await?;
            let secret = keys::set_webhook(&db, &settings.master, &id, url.as_deref()).await?;
            found(secret.is_some())?;
            if let (Some(secret), Some(_)) = (secret, url) {
                println!("webhook secret, shown this once: {secret}");
            }
        }
    }
    Ok(())
}

fn found(found: bool) -> Result<(), Box<dyn Error>> {
    if found {
        Ok(())
    } else {
        Err("there is no such key".into())
    }
}
