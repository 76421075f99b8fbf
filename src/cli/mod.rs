//! The command line: arguments in, the library's stages, reports and exit codes out.

mod args;
mod fragments;
mod human;
mod join;
mod list;
mod output;
mod remote;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use media_concat::CancellationToken;

use args::{Args, Command};

/// Exit code of a join that was interrupted: 128 and the number of SIGINT.
const INTERRUPTED: u8 = 130;

/// Threads that read fragments: more do not make local disks faster.
const BLOCKING_THREADS: usize = 3;

pub(crate) fn run() -> ExitCode {
    let args = Args::parse();
    if let Some(filter) = &args.log {
        let filter = tracing_subscriber::EnvFilter::new(filter);
        tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(std::io::stderr)
            .init();
    }
    match &args.command {
        Command::Completions { shell } => {
            let mut command = Args::command();
            clap_complete::generate(*shell, &mut command, "media-concat", &mut std::io::stdout());
            return ExitCode::SUCCESS;
        }
        Command::Man => {
            let page = clap_mangen::Man::new(Args::command());
            return match page.render(&mut std::io::stdout()) {
                Ok(()) => ExitCode::SUCCESS,
                Err(_) => ExitCode::from(1),
            };
        }
        _ => {}
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        // Every thread brings the allocator an arena of its own: a few are as fast as many here.
        .max_blocking_threads(BLOCKING_THREADS)
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            output::complain(&format!("the runtime cannot start: {error}"));
            return ExitCode::from(1);
        }
    };
    let done = runtime.block_on(dispatch(args));
    // A reader of standard input that never returns must not keep the process.
    runtime.shutdown_background();
    done
}

async fn dispatch(args: Args) -> ExitCode {
    let cancel = CancellationToken::new();
    tokio::spawn(cancel_on_signal(cancel.clone()));
    let json = args.json;
    let result = match args.command {
        Command::Join(join) => join::join(join, json, args.quiet, cancel).await,
        Command::Plan(plan) => join::plan(plan, json, cancel).await,
        Command::Probe(probe) => join::probe(probe, json, cancel).await,
        Command::Check(check) => join::check(check, json, cancel).await,
        Command::Completions { .. } | Command::Man => Ok(()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.report(json);
            ExitCode::from(failure.exit_code())
        }
    }
}

/// Ctrl-C and a polite kill cancel the join; it cleans up and says so.
async fn cancel_on_signal(cancel: CancellationToken) {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
    ) else {
        return;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    cancel.cancel();
}
