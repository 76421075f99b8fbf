//! Programs: their runs, their ends, and ports for them.

use std::{
    ffi::OsStr,
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
    sync::atomic::{AtomicU16, Ordering},
    time::{Duration, Instant},
};

use serde_json::Value;

/// What a run of a program left.
#[derive(Debug)]
pub struct Run {
    /// The exit code; -1 after a signal.
    pub code: i32,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: String,
}

impl Run {
    /// Runs a command to its end, without standard input.
    pub fn of(command: &mut Command) -> Self {
        let output = command.stdin(Stdio::null()).output();
        let name = command.get_program();
        output
            .unwrap_or_else(|error| panic!("{}: {error}", name.display()))
            .into()
    }

    /// Whether it succeeded.
    pub fn done(&self) -> bool {
        self.code == 0
    }

    /// Standard output as text.
    pub fn text(&self) -> String {
        String::from_utf8(self.stdout.clone()).unwrap()
    }

    /// Standard output, and behind it standard error.
    pub fn said(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned() + &self.stderr
    }

    /// Standard output as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.stdout).unwrap_or_else(|error| {
            let stdout = String::from_utf8_lossy(&self.stdout);
            panic!("no JSON: {error}\n{stdout}\n{}", self.stderr)
        })
    }

    /// Asserts the exit code, showing what the program said.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        let said = &self.stderr;
        assert_eq!(self.code, code, "exit code; the program said: {said}");
        self
    }

    /// Asserts that the error text contains each of `words`.
    #[track_caller]
    pub fn says(self, words: &[&str]) -> Self {
        for word in words {
            assert!(
                self.stderr.contains(word),
                "{word:?} is not in: {}",
                self.stderr
            );
        }
        self
    }
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: output.stdout,
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// A program that Cargo built with the running test or bench, beside the folder of those.
fn built(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("this program has a path");
    let profile = test.ancestors().nth(2).expect("a folder of the profile");
    profile.join(name)
}

/// An example, built with the features of the test.
pub fn example(name: &str) -> PathBuf {
    let program = built("examples").join(name);
    assert!(
        program.is_file(),
        "{name} is not built: `cargo build --examples --all-features`"
    );
    program
}

/// The tool under test.
pub fn tool_path() -> PathBuf {
    let program = built("media-concat");
    assert!(program.is_file(), "the tool is not built: feature `cli`");
    program
}

/// Runs the tool with `args`.
pub fn tool<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Run {
    Run::of(Command::new(tool_path()).args(args))
}

/// Runs a shell script with `args` as `$1`…; the tool is `$0`.
pub fn shell<S: AsRef<OsStr>>(script: &str, args: impl IntoIterator<Item = S>) -> Run {
    let mut command = Command::new("bash");
    Run::of(command.args(["-c", script]).arg(tool_path()).args(args))
}

/// A process that is killed when it is dropped.
#[derive(Debug)]
pub struct Process(pub Child);

impl Process {
    /// Starts it.
    pub fn start(command: &mut Command) -> Self {
        let started = command.spawn();
        let name = command.get_program();
        Self(started.unwrap_or_else(|error| panic!("{}: {error}", name.display())))
    }

    /// SIGTERM, and its end.
    pub fn stop(&mut self) {
        let pid = self.0.id().to_string();
        let told = Command::new("kill").arg(pid).status();
        assert!(told.expect("it is told").success());
        self.0.wait().expect("it ended");
    }

    /// `kill -9`, and its end; it may have ended by itself.
    pub fn kill(&mut self) {
        self.0.kill().ok();
        self.0.wait().expect("it ended");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Waits until `ready` gives something; after `patience` the test fails with what `what` says.
#[track_caller]
pub fn wait_for<T>(
    patience: Duration,
    what: impl Fn() -> String,
    mut ready: impl FnMut() -> Option<T>,
) -> T {
    let end = Instant::now() + patience;
    loop {
        if let Some(found) = ready() {
            return found;
        }
        assert!(Instant::now() < end, "{}", what());
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A port that nobody has, of those that the system gives to nobody: so that nobody takes it before the server does,
/// or while that starts again.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let own = std::process::id() * 97 % 16_000;
    loop {
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = 12_000 + (u16::try_from(own).expect("small") + next) % 20_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
