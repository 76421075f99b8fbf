//! An HTTP server that does what a test tells it to, right or wrong.

use std::{
    collections::HashMap,
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::{sleep, timeout},
};

/// Pieces that a body is sent in.
const PIECE: usize = 16 << 10;

/// What the server does with one request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Act {
    /// Answers as it should.
    Serve,
    /// Closes the connection after so many bytes of the body.
    Stop(u64),
    /// Resets the connection after so many bytes of the body.
    Reset(u64),
    /// Sends nothing more after so many bytes of the body.
    Stall(u64),
    /// Says nothing at all.
    Silent,
    /// Sends the body a byte at a time, with pauses of so many milliseconds.
    Drip(u64),
    /// The whole object, whatever was asked for, with its length.
    StreamedBody,
    /// The whole object over HTTP/1.0, which ends where the connection does.
    WholeUntilClose,
    /// The whole object with its length, but the connection is closed after so many bytes.
    WholeStop(u64),
    /// The whole object with its length, but nothing more comes after so many bytes.
    WholeStall(u64),
    /// The whole object in chunks.
    WholeChunked,
    /// Another object from now on, where the request is pinned to one; else answers as it should.
    Change,
    /// The range, called the one that begins so many bytes later.
    Misnamed(u64),
    /// So many bytes more than the range has, with a `Content-Length` to match.
    Longer(u64),
    /// So many bytes more than the range has, in chunks.
    LongerChunked(u64),
    /// A range of an object of another size.
    Total(u64),
    /// The right bytes, called compressed.
    Gzip,
    /// A status, and headers.
    Status(u16, Vec<(&'static str, String)>),
    /// A header of so many bytes.
    HugeHeader(usize),
    /// So many headers.
    ManyHeaders(usize),
    /// Headers that never end, a line at a time.
    EndlessHeaders,
}

/// A request, as the server saw it.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// How many came before it.
    pub(crate) index: usize,
    pub(crate) path: String,
    pub(crate) range: Option<(u64, u64)>,
    pub(crate) headers: HashMap<String, String>,
}

/// What is served under a path.
#[derive(Debug, Clone)]
pub(crate) struct Object {
    pub(crate) bytes: Arc<Vec<u8>>,
    /// `ETag` and `Last-Modified`, whichever there are.
    pub(crate) validators: Vec<(&'static str, String)>,
}

impl Object {
    /// Bytes with a strong tag.
    pub(crate) fn tagged(bytes: impl Into<Vec<u8>>, tag: &str) -> Self {
        Self::with(bytes, &[("ETag", tag)])
    }

    pub(crate) fn with(bytes: impl Into<Vec<u8>>, validators: &[(&'static str, &str)]) -> Self {
        let validators = validators
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()));
        Self {
            bytes: Arc::new(bytes.into()),
            validators: validators.collect(),
        }
    }
}

type Script = Box<dyn Fn(&Asked) -> Act + Send + Sync>;

struct Shared {
    objects: Mutex<HashMap<String, Object>>,
    script: Mutex<Script>,
    asked: Mutex<Vec<Asked>>,
    /// Bytes of bodies that were sent.
    sent: AtomicU64,
    connections: AtomicU64,
}

/// The server; it stops when this is dropped.
pub(crate) struct Fault {
    port: u16,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl Fault {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            objects: Mutex::default(),
            script: Mutex::new(Box::new(|_| Act::Serve)),
            asked: Mutex::default(),
            sent: AtomicU64::new(0),
            connections: AtomicU64::new(0),
        });
        let accepting = Arc::clone(&shared);
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                accepting.connections.fetch_add(1, Ordering::SeqCst);
                let shared = Arc::clone(&accepting);
                // Whatever the client does to its connection is no failure of the server.
                connections.spawn(async move { serve(stream, shared).await.ok() });
            }
        });
        Self { port, shared, task }
    }

    /// A server with one object at `/a`.
    pub(crate) async fn of(object: Object) -> Self {
        let server = Self::start().await;
        server.put("/a", object);
        server
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub(crate) fn put(&self, path: &str, object: Object) {
        self.shared
            .objects
            .lock()
            .unwrap()
            .insert(path.to_owned(), object);
    }

    /// From now on, requests are answered as `script` says.
    pub(crate) fn script(&self, script: impl Fn(&Asked) -> Act + Send + Sync + 'static) {
        *self.shared.script.lock().unwrap() = Box::new(script);
    }

    /// The requests from now on are answered by these, then rightly.
    pub(crate) fn acts(&self, acts: impl Into<Vec<Act>>) {
        let (acts, first) = (acts.into(), self.asked().len());
        self.script(move |asked| acts.get(asked.index - first).cloned().unwrap_or(Act::Serve));
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.shared.asked.lock().unwrap().clone()
    }

    /// Bytes of bodies that were sent.
    pub(crate) fn sent(&self) -> u64 {
        self.shared.sent.load(Ordering::SeqCst)
    }

    /// Waits until so many were sent: the server counts them when the client may have them already.
    pub(crate) async fn has_sent(&self, bytes: u64) {
        let waited = timeout(Duration::from_secs(5), async {
            while self.sent() != bytes {
                sleep(Duration::from_millis(5)).await;
            }
        });
        assert!(
            waited.await.is_ok(),
            "{} bytes sent, not {bytes}",
            self.sent()
        );
    }

    pub(crate) fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Fault {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, shared: Arc<Shared>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut received = Vec::new();
    loop {
        let end = loop {
            if let Some(at) = received.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            if stream.read_buf(&mut received).await? == 0 {
                return Ok(());
            }
        };
        let request = String::from_utf8_lossy(&received[..end]).into_owned();
        received.drain(..end);
        let (asked, act) = {
            let mut all = shared.asked.lock().unwrap();
            let asked = parse(&request, all.len());
            all.push(asked.clone());
            let act = shared.script.lock().unwrap()(&asked);
            (asked, act)
        };
        let path = asked.path.split('?').next().unwrap_or_default();
        let object = {
            let mut objects = shared.objects.lock().unwrap();
            if act == Act::Change
                && asked.headers.contains_key("if-match")
                && let Some(object) = objects.get_mut(path)
            {
                *object = Object::tagged(vec![7; object.bytes.len()], "\"changed\"");
            }
            objects.get(path).cloned()
        };
        if !answer(&mut stream, &shared, &asked, act, object).await? {
            return stream.shutdown().await;
        }
    }
}

fn parse(request: &str, index: usize) -> Asked {
    let mut lines = request.lines();
    let path = lines
        .next()
        .unwrap_or_default()
        .split(' ')
        .nth(1)
        .unwrap_or_default();
    let headers: HashMap<_, _> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let range = headers.get("range").and_then(|range| {
        let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
        Some((first.parse().ok()?, last.parse().ok()?))
    });
    Asked {
        index,
        path: path.to_owned(),
        range,
        headers,
    }
}

/// Answers one request. Gives whether the connection can take another.
async fn answer(
    stream: &mut TcpStream,
    shared: &Shared,
    asked: &Asked,
    act: Act,
    object: Option<Object>,
) -> io::Result<bool> {
    match act {
        Act::Silent => return std::future::pending().await,
        Act::Status(code, headers) => return head(stream, code, &headers, "gone").await,
        Act::HugeHeader(size) => {
            return head(stream, 200, &[("X-Huge", "x".repeat(size))], "").await;
        }
        Act::ManyHeaders(count) => {
            return head(stream, 200, &vec![("X-Many", "x".to_owned()); count], "").await;
        }
        Act::EndlessHeaders => loop {
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nX-More: x\r\n")
                .await?;
            sleep(Duration::from_millis(20)).await;
        },
        _ => {}
    }
    let Some(object) = object else {
        return head(stream, 404, &[], "not here").await;
    };
    let wanted = asked.headers.get("if-match");
    let tag = object
        .validators
        .iter()
        .find(|(name, _)| *name == "ETag")
        .map(|(_, tag)| tag);
    if wanted.is_some() && wanted != tag {
        return head(stream, 412, &object.validators, "another").await;
    }
    let all = object.bytes.len() as u64;
    let mut headers = object.validators.clone();
    let whole = matches!(
        act,
        Act::StreamedBody
            | Act::WholeUntilClose
            | Act::WholeChunked
            | Act::WholeStop(_)
            | Act::WholeStall(_)
    );
    let Some((first, last)) = asked.range.filter(|_| !whole) else {
        return body(stream, shared, 200, &act, headers, object.bytes.to_vec()).await;
    };
    if first >= all {
        headers.push(("Content-Range", format!("bytes */{all}")));
        return head(stream, 416, &headers, "no such range").await;
    }
    let last = last.min(all - 1);
    let (mut named, mut total) = (first, all);
    match act {
        Act::Misnamed(by) => named += by,
        Act::Total(other) => total = other,
        Act::Gzip => headers.push(("Content-Encoding", "gzip".to_owned())),
        _ => {}
    }
    headers.push((
        "Content-Range",
        format!("bytes {named}-{}/{total}", last + named - first),
    ));
    let mut bytes = object.bytes[first as usize..=last as usize].to_vec();
    if let Act::Longer(more) | Act::LongerChunked(more) = act {
        bytes.resize(bytes.len() + more as usize, 0);
    }
    body(stream, shared, 206, &act, headers, bytes).await
}

async fn head(
    stream: &mut TcpStream,
    code: u16,
    headers: &[(&'static str, String)],
    page: &str,
) -> io::Result<bool> {
    let mut text = format!(
        "HTTP/1.1 {code} Status\r\nContent-Length: {}\r\n",
        page.len()
    );
    for (name, value) in headers {
        text += &format!("{name}: {value}\r\n");
    }
    stream
        .write_all(format!("{text}\r\n{page}").as_bytes())
        .await?;
    Ok(true)
}

async fn body(
    stream: &mut TcpStream,
    shared: &Shared,
    code: u16,
    act: &Act,
    headers: Vec<(&'static str, String)>,
    bytes: Vec<u8>,
) -> io::Result<bool> {
    let chunked = matches!(act, Act::WholeChunked | Act::LongerChunked(_));
    let until_close = *act == Act::WholeUntilClose;
    let version = if until_close { "1.0" } else { "1.1" };
    let mut text = format!("HTTP/{version} {code} Status\r\n");
    if chunked {
        text += "Transfer-Encoding: chunked\r\n";
    } else if !until_close {
        text += &format!("Content-Length: {}\r\n", bytes.len());
    }
    for (name, value) in headers {
        text += &format!("{name}: {value}\r\n");
    }
    stream.write_all(format!("{text}\r\n").as_bytes()).await?;
    let (end, piece) = match act {
        Act::Stop(end)
        | Act::Reset(end)
        | Act::Stall(end)
        | Act::WholeStop(end)
        | Act::WholeStall(end) => (*end as usize, PIECE),
        Act::Drip(_) => (usize::MAX, 1),
        _ => (usize::MAX, PIECE),
    };
    for part in bytes[..end.min(bytes.len())].chunks(piece) {
        if chunked {
            stream
                .write_all(format!("{:x}\r\n", part.len()).as_bytes())
                .await?;
        }
        stream.write_all(part).await?;
        if chunked {
            stream.write_all(b"\r\n").await?;
        }
        shared.sent.fetch_add(part.len() as u64, Ordering::SeqCst);
        if let Act::Drip(pause) = act {
            sleep(Duration::from_millis(*pause)).await;
        }
    }
    if chunked {
        stream.write_all(b"0\r\n\r\n").await?;
    }
    match act {
        Act::Stop(_) | Act::WholeStop(_) | Act::WholeUntilClose => Ok(false),
        Act::Reset(_) => {
            stream.set_zero_linger()?;
            Err(io::ErrorKind::ConnectionReset.into())
        }
        Act::Stall(_) | Act::WholeStall(_) => std::future::pending().await,
        _ => Ok(true),
    }
}
