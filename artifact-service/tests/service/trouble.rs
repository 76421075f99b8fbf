//! A web server that does what goes wrong on the web: raw sockets, because no server library breaks off
//! in the middle or lies about lengths.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::sleep,
};

const MIB: usize = 1 << 20;
/// What is asked for less than this is an index, which is given.
const INDEX: usize = 64 << 10;

/// What is sent before the rest is held back.
const KEPT: usize = 24 * MIB;

/// A server until it is dropped.
pub(crate) struct Trouble {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
    serving: JoinHandle<()>,
}

/// What was asked, and what was sent.
#[derive(Default)]
struct State {
    heads: Mutex<Vec<String>>,
    turns: Mutex<HashMap<String, usize>>,
    sent: Mutex<HashMap<String, usize>>,
    healed: AtomicBool,
    hooks: Mutex<Vec<Hook>>,
}

/// A webhook as it came.
#[derive(Debug, Clone)]
pub(crate) struct Hook {
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Hook {
    pub(crate) fn header(&self, name: &str) -> &str {
        header(&self.head, name).unwrap_or_default()
    }
}

impl Trouble {
    pub(crate) async fn at(ip: [u8; 4]) -> Self {
        let listener = TcpListener::bind((std::net::Ipv4Addr::from(ip), 0)).await;
        let listener = listener.expect("a port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        let serving = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let state = Arc::clone(&shared);
                tokio::spawn(async move { state.connection(socket).await });
            }
        });
        Self {
            address,
            state,
            serving,
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }

    /// Requests so far.
    pub(crate) fn asked(&self) -> usize {
        self.state.heads.lock().expect("a lock").len()
    }

    /// Bytes of a file's body that were sent.
    pub(crate) fn sent(&self, name: &str) -> usize {
        let sent = self.state.sent.lock().expect("a lock");
        sent.get(name).copied().unwrap_or(0)
    }

    /// What was held back until now is sent to who asks again.
    pub(crate) fn heal(&self) {
        self.state.healed.store(true, SeqCst);
    }

    pub(crate) fn hooks(&self) -> Vec<Hook> {
        self.state.hooks.lock().expect("a lock").clone()
    }
}

impl Drop for Trouble {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// A WAV file of so many bytes, each second of it another.
pub(crate) fn sound(size: usize, seed: u8) -> Vec<u8> {
    let data = size - 44;
    let mut bytes = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec();
    bytes[4..8].copy_from_slice(&((size - 8) as u32).to_le_bytes());
    bytes.extend(48_000_u32.to_le_bytes());
    bytes.extend(96_000_u32.to_le_bytes());
    bytes.extend(b"\x02\0\x10\0data");
    bytes.extend((data as u32).to_le_bytes());
    for (second, from) in (0..data).step_by(96_000).enumerate() {
        let end = bytes.len() + 96_000.min(data - from);
        bytes.resize(end, (second as u8).wrapping_add(seed));
    }
    bytes
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let lines = head.lines().filter_map(|line| line.split_once(':'));
    let mut found = lines.filter(|(key, _)| key.eq_ignore_ascii_case(name));
    found.next().map(|(_, value)| value.trim())
}

/// How an answer goes on once some of it was sent.
enum End {
    Whole,
    Close,
    Reset,
    Hang,
}

impl State {
    async fn connection(&self, mut socket: TcpStream) {
        let mut bytes = Vec::new();
        loop {
            let end = loop {
                if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                    break at + 4;
                }
                if matches!(socket.read_buf(&mut bytes).await, Ok(0) | Err(_)) {
                    return;
                }
            };
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            bytes.drain(..end);
            let length = header(&head, "content-length").and_then(|len| len.parse().ok());
            let length: usize = length.unwrap_or(0);
            while bytes.len() < length {
                if matches!(socket.read_buf(&mut bytes).await, Ok(0) | Err(_)) {
                    return;
                }
            }
            let body: Vec<u8> = bytes.drain(..length).collect();
            self.heads.lock().expect("a lock").push(head.clone());
            let path = head.split(' ').nth(1).unwrap_or("/")[1..].to_owned();
            if !self.answer(&mut socket, &path, &head, &body).await {
                return;
            }
        }
    }

    /// Whether the connection can go on.
    async fn answer(&self, socket: &mut TcpStream, path: &str, head: &str, body: &[u8]) -> bool {
        let (kind, rest) = path.split_once('/').unwrap_or((path, ""));
        match kind {
            "to" => {
                let to = rest.replacen('/', "://", 1);
                let answer =
                    format!("HTTP/1.1 302 F\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n");
                socket.write_all(answer.as_bytes()).await.is_ok()
            }
            "hook" => {
                let hook = Hook {
                    head: head.to_owned(),
                    body: String::from_utf8_lossy(body).into_owned(),
                };
                let first = {
                    let mut hooks = self.hooks.lock().expect("a lock");
                    hooks.push(hook);
                    hooks.len() == 1
                };
                let status = if first { 500 } else { 204 };
                let answer = format!("HTTP/1.1 {status} S\r\ncontent-length: 0\r\n\r\n");
                socket.write_all(answer.as_bytes()).await.is_ok()
            }
            "kept-goes" if self.healed.load(SeqCst) => {
                let gone = b"HTTP/1.1 404 G\r\ncontent-length: 0\r\n\r\n";
                socket.write_all(gone).await.is_ok()
            }
            _ => self.file(socket, kind, head).await,
        }
    }

    async fn file(&self, socket: &mut TcpStream, name: &str, head: &str) -> bool {
        let mut turns = self.turns.lock().expect("a lock").clone();
        let turn = turns.entry(name.to_owned()).or_insert(0);
        let healed = self.healed.load(SeqCst);
        let changed = match name {
            "kept-changes" => healed,
            _ => name.starts_with("changes") && *turn > 0,
        };
        // Of every turn another, where it never stays the same.
        let seed = match name {
            "changes-always" => *turn as u8,
            _ => u8::from(changed),
        };
        let size = match name {
            _ if name.starts_with("kept") && !changed => 40 * MIB,
            _ if changed => 8 * MIB,
            "half" => 5 * MIB,
            _ => 9 * MIB,
        };
        let whole = sound(size, seed);
        let range = header(head, "range").and_then(|range| {
            let (from, to) = range.strip_prefix("bytes=")?.split_once('-')?;
            let to = to.parse().map_or(size, |to: usize| size.min(to + 1));
            Some(from.parse().ok()?..to)
        });
        // These give no ranges, whatever is asked for.
        let once = name.starts_with("once");
        let range = range.filter(|_| !once).unwrap_or(0..size);
        let body = range.len() > INDEX;
        if body {
            *self
                .turns
                .lock()
                .expect("a lock")
                .entry(name.to_owned())
                .or_insert(0) += 1;
        }
        let wanted = &whole[range.start.min(size)..range.end];
        let (count, end) = match (name, *turn) {
            _ if !body => (wanted.len(), End::Whole),
            // It has 40 mebibytes, and nobody gets more than the first 24 of them.
            _ if name.starts_with("kept") && !healed && range.end > KEPT => {
                (KEPT.saturating_sub(range.start), End::Hang)
            }
            ("stalls", 0) => (3 * MIB, End::Hang),
            ("stalls-always", _) => (1_000, End::Hang),
            ("once-breaks", 0) => (3 * MIB, End::Reset),
            ("resets", 0 | 1) | ("changes", 0) | ("changes-always", _) => (3 * MIB, End::Reset),
            // It says that it has nine mebibytes, and has six.
            ("short", _) => ((6 * MIB).saturating_sub(range.start), End::Close),
            ("long" | "once-open", _) => (wanted.len(), End::Close),
            // It says that it has nine mebibytes, and has six.
            ("once-short", _) => (6 * MIB, End::Close),
            _ => (wanted.len(), End::Whole),
        };
        let count = count.min(wanted.len());
        let length = match name {
            // No length, and more bytes than the range has.
            "long" if body => "connection: close".to_owned(),
            // Only its end tells.
            "once-open" => "connection: close".to_owned(),
            _ => format!("content-length: {}", wanted.len()),
        };
        let (start, last) = (range.start, range.end - 1);
        let told = match once {
            true => "200 O".to_owned(),
            false => format!("206 P\r\ncontent-range: bytes {start}-{last}/{size}"),
        };
        let answer = format!("HTTP/1.1 {told}\r\netag: \"{seed}\"\r\n{length}\r\n\r\n");
        if socket.write_all(answer.as_bytes()).await.is_err() {
            return false;
        }
        let wrote = socket.write_all(&wanted[..count]).await;
        if body && wrote.is_ok() {
            *self
                .sent
                .lock()
                .expect("a lock")
                .entry(name.to_owned())
                .or_insert(0) += count;
        }
        if name == "long" && body {
            socket.write_all(&[7; 1_000]).await.ok();
        }
        match end {
            End::Whole => wrote.is_ok(),
            End::Close => false,
            End::Reset => {
                // What was sent is read first: a reset throws away what is on its way.
                sleep(Duration::from_millis(200)).await;
                socket.set_zero_linger().ok();
                false
            }
            End::Hang => {
                let mut end = [0];
                socket.read_exact(&mut end).await.ok();
                false
            }
        }
    }
}
