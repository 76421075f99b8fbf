//! Joins objects of an S3-compatible store into an object of the same store. The store copies most of
//! the bytes itself; what passes through this machine is the index and the edges of the copied ranges.
//!
//! ```text
//! export AWS_ACCESS_KEY_ID=... AWS_SECRET_ACCESS_KEY=... AWS_REGION=eu-central-1
//! cargo run --features s3 --example store_to_store -- OUTPUT OBJECT...
//! cargo run --features s3 --example store_to_store -- s3://media/joined.mp4 s3://media/a.mp4 s3://media/b.mp4
//! ```
//!
//! `AWS_ENDPOINT_URL` leads to another store than AWS. One without a public address needs
//! `ALLOW_ADDRESS=10.0.0.0/8` or the like: only public addresses are connected to otherwise.

use std::env;

use anyhow::Context;
use media_concat::{
    Concat, Overwrite,
    object::{ObjectStore, ObjectUrl, StoreOptions},
    sink::ObjectTarget,
};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut urls = env::args().skip(1).map(object);
    let output = urls.next().context("the output's URL is missing")??;
    let store = store()?;
    let mut concat = Concat::new();
    for url in urls {
        concat = concat.fragment(store.source(url?), None);
    }

    // The object appears whole or not at all, and replaces none. Fragments are pinned to the entity tags
    // that they were probed with: one that changes meanwhile is an error.
    let target = ObjectTarget::new(store, output.clone(), Overwrite::Never);
    let report = concat
        .write_object(&target)
        .await
        .context("the objects cannot be joined")?;

    let (size, duration) = (report.size, report.duration);
    println!("{output}: {size} bytes, {duration} s");
    println!("  copied in the store: {}", report.bytes_copied_server_side);
    println!("  downloaded: {}", report.bytes_downloaded);
    println!("  uploaded: {}", report.bytes_uploaded);
    for warning in &report.warnings {
        println!("  warning: {warning}");
    }
    Ok(())
}

fn object(url: String) -> anyhow::Result<ObjectUrl> {
    url.parse().with_context(|| format!("in {url:?}"))
}

/// The store that the environment names.
fn store() -> anyhow::Result<ObjectStore> {
    let mut options = StoreOptions::from_env()?;
    if let Ok(network) = env::var("ALLOW_ADDRESS") {
        options.addresses = options.addresses.allow(&network)?;
    }
    Ok(ObjectStore::new(options)?)
}
