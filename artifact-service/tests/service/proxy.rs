//! Between the service and the object store: fails the first requests of every kind.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// A proxy until it is dropped.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
    serving: JoinHandle<()>,
}

struct State {
    store: SocketAddr,
    /// How many of every kind are still to fail.
    failing: AtomicUsize,
    seen: Mutex<HashMap<String, usize>>,
}

impl Proxy {
    pub(crate) async fn before(store: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::new(State {
            store,
            failing: AtomicUsize::new(0),
            seen: Mutex::default(),
        });
        let shared = Arc::clone(&state);
        let serving = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let state = Arc::clone(&shared);
                tokio::spawn(async move { state.request(socket).await });
            }
        });
        Self {
            address,
            state,
            serving,
        }
    }

    /// The next so many requests of every kind fail.
    pub(crate) fn fail(&self, count: usize) {
        self.state.seen.lock().expect("a lock").clear();
        self.state.failing.store(count, SeqCst);
    }

    /// The kinds of requests that came since.
    pub(crate) fn kinds(&self) -> Vec<String> {
        let seen = self.state.seen.lock().expect("a lock");
        let mut kinds: Vec<_> = seen.keys().cloned().collect();
        kinds.sort();
        kinds
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl State {
    /// One request for each connection, so that each can be judged.
    async fn request(&self, mut client: TcpStream) -> Option<()> {
        let mut bytes = Vec::new();
        let end = loop {
            if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 2;
            }
            if client.read_buf(&mut bytes).await.ok()? == 0 {
                return None;
            }
        };
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let kind = kind(&head);
        let turn = {
            let mut seen = self.seen.lock().expect("a lock");
            let count = seen.entry(kind.clone()).or_insert(0);
            *count += 1;
            *count - 1
        };
        if turn < self.failing.load(SeqCst) {
            let (status, code) = match turn % 2 {
                0 => ("503 Slow Down", "SlowDown"),
                _ => ("500 Internal Server Error", "InternalError"),
            };
            // The first completion is made, but its answer is lost.
            if kind == "POST uploadId" && turn == 0 {
                let mut upstream = self.forward(&bytes, end).await?;
                let length = head
                    .lines()
                    .filter_map(|line| line.split_once(':'))
                    .find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
                let length: u64 = length?.1.trim().parse().ok()?;
                let left = length.saturating_sub((bytes.len() - end - 2) as u64);
                let mut body = (&mut client).take(left);
                tokio::io::copy(&mut body, &mut upstream).await.ok()?;
                let mut answer = Vec::new();
                upstream.read_to_end(&mut answer).await.ok()?;
            }
            let body = format!("<Error><Code>{code}</Code><Message>later</Message></Error>");
            let answer = format!(
                "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
            client.write_all(answer.as_bytes()).await.ok()?;
            // Its body is read, so that the answer is not lost with it.
            client.shutdown().await.ok()?;
            tokio::io::copy(&mut client, &mut tokio::io::sink())
                .await
                .ok()?;
            return None;
        }
        let mut upstream = self.forward(&bytes, end).await?;
        copy_bidirectional(&mut client, &mut upstream).await.ok()?;
        Some(())
    }

    async fn forward(&self, bytes: &[u8], end: usize) -> Option<TcpStream> {
        let mut upstream = TcpStream::connect(self.store).await.ok()?;
        upstream.write_all(&bytes[..end]).await.ok()?;
        upstream.write_all(b"connection: close\r\n").await.ok()?;
        upstream.write_all(&bytes[end..]).await.ok()?;
        Some(upstream)
    }
}

/// The method, what the query names, and whether it is a copy.
fn kind(head: &str) -> String {
    let mut words = head.split(' ');
    let (method, target) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
    let query = target.split_once('?').map_or("", |(_, query)| query);
    let names = query.split('&').filter_map(|one| one.split('=').next());
    let names: Vec<_> = names
        .filter(|name| !name.is_empty() && !name.starts_with("X-Amz"))
        .collect();
    let copy = if head.to_ascii_lowercase().contains("\r\nx-amz-copy-source:") {
        " copy"
    } else {
        ""
    };
    format!("{method} {}{copy}", names.join(" "))
        .trim_end()
        .to_owned()
}
