//! A wire that counts, and that breaks where a test says so.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
};

/// How a wire breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Break {
    /// The connection is closed.
    Reset,
    /// Nothing more passes on this connection.
    Stall,
}

/// A wire to a server, until it is dropped.
#[derive(Debug)]
pub struct Proxy {
    /// Where it listens.
    pub address: SocketAddr,
    wire: Arc<Wire>,
    serving: tokio::task::JoinHandle<()>,
}

#[derive(Debug)]
struct Wire {
    moved: AtomicU64,
    /// After so many bytes the wire breaks, once; `u64::MAX` is never.
    at: AtomicU64,
    how: Break,
}

impl Proxy {
    /// A wire that never breaks.
    pub async fn to(server: SocketAddr) -> Self {
        Self::breaking(server, u64::MAX, Break::Reset).await
    }

    /// A wire that breaks once, after `at` bytes.
    pub async fn breaking(server: SocketAddr, at: u64, how: Break) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let wire = Arc::new(Wire {
            moved: AtomicU64::new(0),
            at: AtomicU64::new(at),
            how,
        });
        let shared = Arc::clone(&wire);
        let serving = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = TcpStream::connect(server).await else {
                    continue;
                };
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = server.into_split();
                // Either direction ends both.
                let (end, ended) = watch::channel(false);
                let end = Arc::new(end);
                for (from, to) in [(from_client, to_server), (from_server, to_client)] {
                    let (wire, end, ended) = (Arc::clone(&shared), Arc::clone(&end), ended.clone());
                    tokio::spawn(wire.pass(from, to, end, ended));
                }
            }
        });
        Self {
            address,
            wire,
            serving,
        }
    }

    /// Bytes that passed, both ways.
    pub fn moved(&self) -> u64 {
        self.wire.moved.load(SeqCst)
    }

    /// Whether it broke, or never will.
    pub fn broke(&self) -> bool {
        self.wire.at.load(SeqCst) == u64::MAX
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Wire {
    async fn pass(
        self: Arc<Self>,
        mut from: OwnedReadHalf,
        mut to: OwnedWriteHalf,
        end: Arc<watch::Sender<bool>>,
        mut ended: watch::Receiver<bool>,
    ) {
        let mut buffer = vec![0; 16 << 10];
        loop {
            let read = tokio::select! {
                read = from.read(&mut buffer) => read.unwrap_or(0),
                _ = ended.changed() => return,
            };
            if read == 0 {
                break;
            }
            let moved = self.moved.fetch_add(read as u64, SeqCst) + read as u64;
            let at = self.at.load(SeqCst);
            let now = moved >= at;
            if now
                && self
                    .at
                    .compare_exchange(at, u64::MAX, SeqCst, SeqCst)
                    .is_ok()
            {
                if self.how == Break::Stall {
                    tokio::time::sleep(Duration::from_secs(60)).await;
                }
                break;
            }
            if to.write_all(&buffer[..read]).await.is_err() {
                break;
            }
        }
        end.send(true).ok();
    }
}
