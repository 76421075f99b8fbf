//! PostgreSQL, Debian's, started once for all tests in a folder of its own.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

use media_concat_test_support::process::{free_port, wait_for};

use crate::process::PATIENCE;

pub(crate) struct Server {
    port: u16,
    /// Its standard input is a pipe from us: when we end, however we do, it ends and tidies up.
    shell: Child,
    /// What the shell says once it has ended a server that is to start again.
    told: BufReader<ChildStdout>,
    folder: PathBuf,
}

impl Server {
    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Kills it as a crash would, and starts it again a moment later.
    pub(crate) fn restart(&mut self) {
        use std::io::Write;
        let pipe = self.shell.stdin.as_mut().expect("a pipe");
        pipe.write_all(b"again\n").expect("the shell reads");
        let mut line = String::new();
        self.told.read_line(&mut line).expect("the shell tells");
        assert_eq!(line, "ended\n");
        wait(self.port, &self.folder);
    }
}

/// A server for one test.
pub(crate) fn own() -> Server {
    start()
}

/// A new database.
pub(crate) fn database() -> String {
    static SERVER: OnceLock<Server> = OnceLock::new();
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let server = SERVER.get_or_init(start);
    let name = format!("test{}", NEXT.fetch_add(1, Ordering::Relaxed));
    let made = Command::new(programs().join("createdb"))
        .args(["-h", "127.0.0.1", "-U", "postgres", "-p"])
        .args([server.port.to_string(), name.clone()])
        .status();
    assert!(made.expect("createdb runs").success());
    format!("postgres://postgres@127.0.0.1:{}/{name}", server.port)
}

/// Cuts every connection to a database.
pub(crate) fn cut(database: &str) {
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
               WHERE pid <> pg_backend_pid() AND datname = current_database()";
    let ran = Command::new(programs().join("psql"))
        .args(["-q", "-c", cut, database])
        .stdout(Stdio::null())
        .status();
    assert!(ran.expect("psql runs").success());
}

fn programs() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").expect("PostgreSQL is installed");
    let newest = versions.filter_map(Result::ok).map(|one| one.path()).max();
    newest.expect("a version of PostgreSQL").join("bin")
}

fn start() -> Server {
    let folder = tempfile::Builder::new()
        .prefix("postgres")
        .tempdir()
        .expect("a folder");
    let folder = folder.keep();
    let port = free_port();
    // PostgreSQL refuses to run as root.
    let user = if is_root() {
        std::os::unix::fs::chown(&folder, Some(65_534), Some(65_534)).expect("chown");
        "setpriv --reuid=65534 --regid=65534 --clear-groups"
    } else {
        ""
    };
    let script = format!(
        "set -e; cd '{folder}'
         {user} '{bin}/initdb' -D '{folder}/data' -U postgres -A trust -N >/dev/null
         run() {{
             {user} '{bin}/postgres' -D '{folder}/data' -p {port} -h 127.0.0.1 -k '{folder}' \
                 -c fsync=off -c max_connections=300 >>'{folder}.log' 2>&1 </dev/null &
         }}
         run
         while read -r _; do kill -QUIT $!; wait $! || true; echo ended; sleep 1; run; done
         kill -INT $!; wait $! || true
         rm -rf '{folder}' '{folder}.log'",
        folder = folder.display(),
        bin = programs().display(),
    );
    let shell = Command::new("sh")
        .args(["-c", &script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let mut shell = shell.expect("sh runs");
    let told = BufReader::new(shell.stdout.take().expect("a pipe"));
    wait(port, &folder);
    Server {
        port,
        shell,
        told,
        folder,
    }
}

/// Waits until the server whose socket is in `folder` answers.
fn wait(port: u16, folder: &Path) {
    let log = || std::fs::read_to_string(folder.with_extension("log")).unwrap_or_default();
    let what = || format!("PostgreSQL does not start: {}", log());
    wait_for(PATIENCE, what, || {
        let asked = Command::new(programs().join("pg_isready"))
            .args(["-q", "-p", &port.to_string(), "-h"])
            .arg(folder)
            .status();
        asked.is_ok_and(|status| status.success()).then_some(())
    });
}

pub(crate) fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0)
}
