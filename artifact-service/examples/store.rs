//! An object store for measurements: `store FOLDER` serves the folders in FOLDER as buckets on loopback, until
//! it is killed, and prints where, with which access key, and with which secret.

#[path = "../tests/service/s3.rs"]
mod s3;

#[tokio::main]
async fn main() {
    let folder = std::env::args_os().nth(1).expect("store FOLDER");
    let server = s3::Server::start(folder.as_ref(), false).await;
    println!("http://{} {} {}", server.address, s3::ACCESS, s3::SECRET);
    std::future::pending().await
}
