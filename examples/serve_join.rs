//! Serves a join that is planned and never stored: every byte is read from the fragments when a
//! client asks for it. Ranges, conditions and entity tags are answered by the library; axum is the server.
//!
//! ```text
//! cargo run --features serve --example serve_join -- ADDRESS FILE...
//! cargo run --features serve --example serve_join -- 127.0.0.1:8000 a.mp4 b.mp4 c.mp4
//! curl --range 0-99 --output head http://127.0.0.1:8000/joined
//! ```
//!
//! With port 0 the system chooses one. The first line that is printed is the URL.

use std::{env, sync::Arc};

use anyhow::Context;
use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    response::Response,
    routing::any,
};
use media_concat::{Concat, serve::VirtualFile, source::FileSource};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = env::args().skip(1);
    let address = arguments.next().context("the address is missing")?;
    let mut concat = Concat::new();
    for path in arguments {
        concat = concat.fragment(FileSource::new(path), None);
    }
    // Fragments that do not fit together are refused here, before anybody can ask for the join.
    let planned = concat.plan().await.context("the join cannot be planned")?;
    let file = VirtualFile::new(&planned);

    let listener = TcpListener::bind(&address)
        .await
        .with_context(|| format!("cannot listen on {address}"))?;
    println!("http://{}/joined", listener.local_addr()?);
    let (size, duration) = (file.size(), planned.report().duration);
    println!("{size} bytes, {duration} s");

    let routes = Router::new()
        .route("/joined", any(joined))
        .with_state(Arc::new(file));
    axum::serve(listener, routes).await?;
    Ok(())
}

/// All methods come here: what is not allowed is part of the library's answer, too.
async fn joined(State(file): State<Arc<VirtualFile>>, request: Request) -> Response {
    // An error in the middle of the body breaks the connection off, so that no client takes it for whole.
    file.respond(&request).map(Body::from_stream)
}
