//! nginx on loopback, and what it says it was asked for.

use std::{
    fmt::Write as _,
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    process::{Command, Stdio},
    thread::sleep,
    time::Duration,
};

use futures::TryStreamExt;
use media_concat::{Concat, source::FileSource};
use media_concat_test_support::{
    compare::chain,
    ffmpeg::make,
    process::{Process, free_port, wait_for},
};
use tempfile::TempDir;

use crate::{
    guard::fetch_elsewhere,
    support::{client, fetch, noise},
};

/// What takes moments on an idle machine takes no longer on a busy one.
const PATIENCE: Duration = Duration::from_secs(60);
/// A request whose line tells that all lines before it are there.
const BARRIER: &str = "/barrier";

/// A request that nginx answered.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) path: String,
    pub(crate) protocol: String,
    pub(crate) status: u16,
    pub(crate) bytes: u64,
}

/// nginx with a folder of files; it ends when this is dropped.
pub(crate) struct Nginx {
    process: Process,
    port: u16,
    /// Whether it speaks without TLS.
    is_plain: bool,
    folder: TempDir,
}

impl Nginx {
    /// Serves a folder, with these lines in the `server` block.
    pub(crate) fn start(extra: &str) -> Self {
        Self::listening("", extra)
    }

    /// The same, with `listen` behind the port.
    pub(crate) fn listening(listen: &str, extra: &str) -> Self {
        // Somebody else may take a port before nginx does.
        for _ in 0..20 {
            if let Some(nginx) = Self::at(free_port(), listen, extra) {
                return nginx;
            }
        }
        panic!("nginx finds no port");
    }

    /// Starts it at a port and waits until it listens there; `None` where another does.
    fn at(port: u16, listen: &str, extra: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        // The files are read by nginx as whoever runs the test.
        fs::create_dir(folder.path().join("files")).unwrap();
        let path = folder.path().join("nginx.conf");
        fs::write(&path, config(folder.path(), port, listen, extra)).unwrap();
        let mut command = Command::new("nginx");
        command
            .arg("-p")
            .arg(folder.path())
            .arg("-e")
            .arg(folder.path().join("error.log"))
            .arg("-c")
            .arg(&path)
            .stdin(Stdio::null())
            .stderr(Stdio::null());
        let mut nginx = Self {
            process: Process::start(&mut command),
            port,
            is_plain: listen.is_empty(),
            folder,
        };
        let log = nginx.folder.path().join("error.log");
        let said = || fs::read_to_string(&log).unwrap_or_default();
        let what = || format!("nginx does not start: {}", said());
        let listens = wait_for(PATIENCE, what, || {
            // Written once it listens. That the port answers says nothing: another may be there.
            let pid = fs::read_to_string(nginx.folder.path().join("pid"));
            if pid.is_ok_and(|pid| !pid.trim().is_empty()) {
                return Some(true);
            }
            nginx.process.0.try_wait().unwrap()?;
            assert!(said().contains("in use"), "nginx: {}", said());
            Some(false)
        });
        listens.then_some(nginx)
    }

    pub(crate) fn files(&self) -> std::path::PathBuf {
        self.folder.path().join("files")
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// What was answered so far.
    pub(crate) fn log(&self) -> Vec<Line> {
        self.wait_for_lines();
        let text = fs::read_to_string(self.folder.path().join("access.log")).unwrap_or_default();
        let line = |line: &str| {
            let mut words = line.split(' ').map(str::to_owned);
            let mut next = || words.next().unwrap();
            Line {
                path: next(),
                protocol: next(),
                status: next().parse().unwrap(),
                bytes: next().parse().unwrap(),
            }
        };
        let lines = text.lines().map(line);
        lines.filter(|line| line.path != BARRIER).collect()
    }

    /// A line is written after its answer has gone out, and before the next request is looked at.
    fn wait_for_lines(&self) {
        if !self.is_plain {
            sleep(Duration::from_millis(500));
            return;
        }
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let request = format!("GET {BARRIER} HTTP/1.0\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        // To its end.
        stream.read_to_end(&mut Vec::new()).unwrap();
    }
}

fn config(folder: &Path, port: u16, listen: &str, extra: &str) -> String {
    let folder = folder.display();
    let mut text = format!(
        "daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
        events {{ worker_connections 256; }}
        http {{
            log_format counts '$uri $server_protocol $status $body_bytes_sent';
            access_log {folder}/access.log counts;
            keepalive_timeout 60s;
        "
    );
    for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] {
        writeln!(text, "{kind}_temp_path {folder}/{kind};").unwrap();
    }
    writeln!(
        text,
        "server {{ listen 127.0.0.1:{port} {listen}; root {folder}/files; {extra} }} }}"
    )
    .unwrap();
    text
}

/// A clip of some megabytes, with its index at the end.
fn clip(folder: &Path, name: &str, tone: u32) {
    let words = format!(
        "-f lavfi -i testsrc2=s=640x360:r=30:d=4,noise=alls=40:allf=t \
         -f lavfi -i sine=f={tone}:r=48000:d=4 -c:v libx264 -preset ultrafast -qp 24 -g 30 \
         -pix_fmt yuv420p -c:a aac -threads 1"
    );
    make(&folder.join(name), words.split_whitespace());
}

/// A fragment whose index is at its end takes few requests and few bytes more than it has.
#[tokio::test(flavor = "multi_thread")]
async fn requests_and_bytes_of_a_join_are_few() {
    let nginx = Nginx::start("");
    let names = ["p0.mp4", "p1.mp4", "p2.mp4"];
    let (http, mut remote, mut local) = (client(), Concat::new(), Concat::new());
    for (name, tone) in names.into_iter().zip([440, 660, 880]) {
        clip(&nginx.files(), name, tone);
        remote = remote.fragment(http.source(&nginx.url(&format!("/{name}"))).unwrap(), None);
        local = local.fragment(FileSource::new(nginx.files().join(name)), None);
    }
    let planned = remote.plan().await.unwrap();
    let probing = nginx.log();
    let pieces: Vec<_> = planned.stream().try_collect().await.unwrap();
    let expected: Vec<_> = local
        .plan()
        .await
        .unwrap()
        .stream()
        .try_collect()
        .await
        .unwrap();
    assert!(pieces.concat() == expected.concat());
    let log = nginx.log();
    for name in names {
        let size = fs::metadata(nginx.files().join(name)).unwrap().len();
        let of = |log: &[Line]| {
            let lines = log.iter().filter(|line| line.path == format!("/{name}"));
            let counts = lines.map(|line| {
                assert_eq!(line.status, 206, "{line:?}");
                line.bytes
            });
            counts.fold((0, 0), |(count, sum), bytes| (count + 1, sum + bytes))
        };
        let (requests, bytes) = of(&probing);
        assert!(requests <= 3, "{requests} requests to probe {name}");
        assert!(
            bytes * 20 <= size,
            "{bytes} of {size} bytes to probe {name}"
        );
        let (requests, bytes) = of(&log);
        assert!(requests <= 4, "{requests} requests for {name}");
        assert!(
            bytes * 100 <= size * 105,
            "{bytes} of {size} bytes of {name}"
        );
    }
}

/// A fragment that is slow, but not too slow, is read to its end.
#[tokio::test(flavor = "multi_thread")]
async fn a_rate_limit_is_waited_for() {
    let nginx = Nginx::start("limit_rate 200k;");
    let content = noise(300_000);
    fs::write(nginx.files().join("a"), &content).unwrap();
    assert!(fetch(&client(), &nginx.url("/a")).await.unwrap() == content);
    assert_eq!(nginx.log().len(), 3);
}

/// What nginx calls another state is a change.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_replaced_is_a_change() {
    use media_concat::source::{Source, SourceError, read_exact};
    for extra in ["", "etag off;"] {
        let nginx = Nginx::start(extra);
        let path = nginx.files().join("a");
        fs::write(&path, noise(100_000)).unwrap();
        let source = client().source(&nginx.url("/a")).unwrap();
        let state = source.state().await.unwrap();
        // Dates on the wire have whole seconds.
        sleep(Duration::from_millis(1100));
        fs::write(&path, noise(100_000)).unwrap();
        let error = read_exact(&source, 50_000..60_000, &state)
            .await
            .unwrap_err();
        assert!(
            matches!(
                error,
                SourceError::Changed {
                    offset: Some(50_000),
                    ..
                }
            ),
            "{error}"
        );
        assert_eq!(nginx.log().last().unwrap().status, 412);
    }
}

/// A certificate for `localhost` and its key, which is its own authority.
fn certificate(folder: &Path) {
    let made = Command::new("openssl")
        .args("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2".split(' '))
        .args([
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=DNS:localhost",
        ])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .arg("-keyout")
        .arg(folder.join("key.pem"))
        .arg("-out")
        .arg(folder.join("cert.pem"))
        .stderr(Stdio::null())
        .status();
    assert!(made.unwrap().success());
}

/// HTTP/2 over TLS, with an authority that the environment names; nobody else is trusted.
#[tokio::test(flavor = "multi_thread")]
async fn https_is_spoken_with_those_who_are_trusted() {
    let keys = tempfile::tempdir().unwrap();
    certificate(keys.path());
    let files = keys.path().display();
    let tls = format!("ssl_certificate {files}/cert.pem; ssl_certificate_key {files}/key.pem;");
    let down = "location /down { return 302 http://localhost:8080/a; }";
    let nginx = Nginx::listening("ssl http2", &format!("{tls} {down}"));
    let content = noise(3_000_000);
    fs::write(nginx.files().join("a"), &content).unwrap();
    let url = format!("https://localhost:{}/a", nginx.port);
    let error = fetch(&client(), &url).await.unwrap_err();
    assert!(chain(&error).contains("certificate"), "{}", chain(&error));
    assert!(nginx.log().is_empty());
    let authority = keys.path().join("cert.pem");
    let trusted = [("SSL_CERT_FILE", authority.to_str().unwrap())];
    let read = tokio::task::block_in_place(|| fetch_elsewhere(&url, &trusted));
    assert_eq!(read, Ok(content.len()));
    let log = nginx.log();
    assert!(
        log.iter().all(|line| line.protocol == "HTTP/2.0"),
        "{log:?}"
    );
    let down = url.replace("/a", "/down");
    let refused = tokio::task::block_in_place(|| fetch_elsewhere(&down, &trusted));
    assert!(
        refused
            .unwrap_err()
            .contains("a redirect from https to http is refused")
    );
}
