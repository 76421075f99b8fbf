//! A server of one page and one media file, with ranges, for one browser on this machine.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use serde_json::Value;

const PAGE: &str = include_str!("page.html");

/// A running server; its threads end with the process.
pub(crate) struct Server {
    address: SocketAddr,
    reports: Receiver<Value>,
}

impl Server {
    /// Serves `media`, and a page that seeks to `times`.
    pub(crate) fn start(media: &Path, times: &[f64]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let page = PAGE.replace("TIMES", &serde_json::json!(times).to_string());
        let media = media.to_owned();
        let (sender, reports) = channel();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (page, media, sender) = (page.clone(), media.clone(), sender.clone());
                // A browser that drops a connection half-way is none of the test's business.
                std::thread::spawn(move || answer(stream, &page, &media, &sender).ok());
            }
        });
        Self { address, reports }
    }

    /// Where the page is.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// What the page reports within `patience`.
    pub(crate) fn report(&self, patience: Duration) -> Value {
        self.reports
            .recv_timeout(patience)
            .expect("the browser reports in time")
    }
}

/// Answers the one request of a connection.
fn answer(
    mut stream: TcpStream,
    page: &str,
    media: &PathBuf,
    reports: &Sender<Value>,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut request = String::new();
    reader.read_line(&mut request)?;
    let (mut range, mut length) = (None, 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim().split_once(": ") else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "range" => range = value.strip_prefix("bytes=").map(str::to_owned),
            "content-length" => length = value.parse().unwrap_or(0),
            _ => {}
        }
    }
    let mut words = request.split(' ');
    match (words.next(), words.next()) {
        (Some("GET"), Some("/")) => send(&mut stream, "200 OK", "text/html", "", page.as_bytes()),
        (Some("GET"), Some("/media")) => send_media(&mut stream, media, range.as_deref()),
        (Some("POST"), Some("/report")) => {
            let mut body = vec![0; length];
            reader.read_exact(&mut body)?;
            reports.send(serde_json::from_slice(&body)?).ok();
            send(&mut stream, "204 No Content", "text/plain", "", b"")
        }
        _ => send(&mut stream, "404 Not Found", "text/plain", "", b""),
    }
}

/// Sends the file, or the part that `range` (`from-` or `from-to`) names.
fn send_media(stream: &mut TcpStream, media: &PathBuf, range: Option<&str>) -> std::io::Result<()> {
    let mut file = File::open(media)?;
    let length = file.metadata()?.len();
    let (from, to) = range
        .and_then(|range| range.split_once('-'))
        .unwrap_or(("0", ""));
    let from = from.parse().unwrap_or(0).min(length);
    let end = to
        .parse()
        .map_or(length, |last: u64| (last + 1).min(length))
        .max(from);
    file.seek(SeekFrom::Start(from))?;
    let mut part = Vec::new();
    file.take(end - from).read_to_end(&mut part)?;
    let headers = format!(
        "Accept-Ranges: bytes\r\nContent-Range: bytes {from}-{}/{length}\r\n",
        end.saturating_sub(1)
    );
    let status = if range.is_some() {
        "206 Partial Content"
    } else {
        "200 OK"
    };
    send(stream, status, "video/mp4", &headers, &part)
}

/// Sends one response and closes the connection.
fn send(
    stream: &mut TcpStream,
    status: &str,
    kind: &str,
    headers: &str,
    body: &[u8],
) -> std::io::Result<()> {
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n{headers}\
         Connection: close\r\n\r\n",
        body.len()
    )?;
    stream.write_all(body)
}
