//! An object store for measurements: `store FOLDER` serves the folders in FOLDER as buckets on loopback, until
//! it is killed, and prints where, with which access key, and with which secret.

use media_concat_test_support::s3::Setup;

#[tokio::main]
async fn main() {
    let folder = std::env::args_os().nth(1).expect("store FOLDER");
    let setup = Setup {
        folder: Some(folder.as_ref()),
        buckets: &[],
        ..Setup::default()
    };
    let server = setup.start().await;
    let (access, secret) = server.keys();
    println!("{} {access} {secret}", server.endpoint());
    std::future::pending().await
}
