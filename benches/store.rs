//! Measures a join of objects into an object of the same store: what passes the wire between the tool and
//! the store, beside what the fragments hold. The store is the tests' (s3s-fs); the fragments are
//! those of `peers.sh`. Prints rows of the table in bench-out/results.md.

#![expect(clippy::print_stdout, reason = "the measurements")]

use std::{path::Path, time::Instant};

use media_concat_test_support::{
    process::tool_path,
    s3::{BUCKET, Server},
    wire::Proxy,
};
use tokio::process::Command;

/// What the parts that the store cannot copy may hold: the least that a part may have, per fragment.
const EDGE: u64 = 5 << 20;

#[tokio::main]
async fn main() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("bench-out/inputs/parts");
    let mut paths: Vec<_> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| {
            panic!("{}: {error}: run benches/peers.sh inputs", folder.display())
        })
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    for count in [4, 16] {
        measure(&paths[..count]).await;
    }
}

async fn measure(paths: &[std::path::PathBuf]) {
    let server = Server::start("access", "secret").await;
    let wire = Proxy::to(server.address).await;
    let (mut size, mut urls) = (0, Vec::new());
    for (index, path) in paths.iter().enumerate() {
        let bytes = tokio::fs::read(path).await.expect("a fragment");
        size += bytes.len() as u64;
        server.put(&format!("{index}.mp4"), bytes.into()).await;
        urls.push(format!("s3://{BUCKET}/{index}.mp4"));
    }
    let began = Instant::now();
    let output = Command::new(tool_path())
        .args(["join", "--quiet", "--allow-address", "127.0.0.0/8"])
        .args(["--endpoint", &format!("http://{}", wire.address)])
        .args(["-o", &format!("s3://{BUCKET}/joined.mp4")])
        .args(&urls)
        .env("AWS_ACCESS_KEY_ID", "access")
        .env("AWS_SECRET_ACCESS_KEY", "secret")
        .output()
        .await
        .expect("the tool runs");
    let wall = began.elapsed().as_secs_f64();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(
        server
            .object("joined.mp4")
            .is_some_and(|joined| joined.len() as u64 > size / 2)
    );
    server.assert_clean().await;
    let count = paths.len();
    let moved = wire.moved();
    let allowed = size / 100 + EDGE * count as u64;
    let name = format!("{count} x 37 MB from a store into it");
    let verdict = if moved <= allowed { "ok" } else { "**miss**" };
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    println!(
        "| {name}, through us | {:.1} MB | fragments | {:.1} MB | {:.4} ours/all | <= {:.1} MB | {verdict} |",
        megabytes(moved),
        megabytes(size),
        moved as f64 / size as f64,
        megabytes(allowed),
    );
    println!(
        "| {name}, requests a fragment | {:.2} | - | - | - | - |  |",
        server.operations().len() as f64 / count as f64,
    );
    println!("| {name}, wall | {wall:.3} s | - | - | - | - |  |");
}
