//! The program itself, as a process that can be killed.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use media_concat_test_support::process::Process;

/// A server of its own.
pub(crate) struct Server {
    pub(crate) process: Process,
    pub(crate) base: String,
    /// Told at the first start only.
    pub(crate) key: Option<String>,
}

impl Server {
    /// `serve` with SQLite and a folder; `before` is what runs it, such as `unshare`.
    pub(crate) fn start(before: &[&str], data: &Path, more: &[&str]) -> Self {
        let program = env!("CARGO_BIN_EXE_artifact-service");
        let words: Vec<&str> = before.iter().copied().chain([program]).collect();
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).arg("serve").args(more);
        command.arg("--data").arg(data);
        command.args(["--listen", "127.0.0.1:0"]);
        command.args(["--allow-private-addresses", "--lease-seconds", "3"]);
        command.env("RUST_LOG", "warn");
        Self::of(&mut command)
    }

    /// A command that serves.
    pub(crate) fn of(command: &mut Command) -> Self {
        command.stdout(Stdio::piped());
        let mut process = Process::start(command);
        let lines = BufReader::new(process.0.stdout.take().expect("its output")).lines();
        let (mut key, mut base) = (None, None);
        for line in lines.map_while(Result::ok) {
            if let Some(told) = line.strip_prefix("API key, shown this once: ") {
                key = Some(told.to_owned());
            }
            if let Some(told) = line.strip_prefix("listening on ") {
                base = Some(told.to_owned());
                break;
            }
        }
        Self {
            process,
            base: base.expect("it listens"),
            key,
        }
    }
}

/// What takes moments on an idle machine takes no longer on a busy one.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// Waits until it is so.
pub(crate) async fn until(what: &str, mut so: impl FnMut() -> bool) {
    let end = std::time::Instant::now() + PATIENCE;
    while !so() {
        assert!(std::time::Instant::now() < end, "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
