//! The tool with objects, in a process of its own.

use media_concat_test_support::{
    compare::assert_same,
    process::{example, tool_path},
};
use serde_json::Value;
use tokio::process::Command;

use crate::{clips::joined, joins::with_clips};

#[tokio::test(flavor = "multi_thread")]
async fn objects_are_joined_into_an_object() {
    let (server, clips) = with_clips().await;
    let endpoint = server.endpoint();
    let tool = |args: &'static [&'static str]| {
        let mut command = Command::new(tool_path());
        command
            .args(args)
            .args(["--endpoint", &endpoint, "--allow-address", "127.0.0.0/8"])
            .env("AWS_ACCESS_KEY_ID", "access")
            .env("AWS_SECRET_ACCESS_KEY", "secret");
        async move { command.output().await.expect("the tool runs") }
    };
    let done = tool(&[
        "join",
        "--json",
        "--verify",
        "-o",
        "s3://media/out/joined.mp4",
        "s3://media/0.mp4",
        "s3://media/1.mp4",
    ])
    .await;
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.success(), "{said}");
    let expected = joined(&clips).await;
    assert_same(
        &server.object("out/joined.mp4").expect("an object"),
        &expected,
    );
    let report: Value = serde_json::from_slice(&done.stdout).expect("a report");
    let copied = report["bytesCopiedServerSide"].as_u64().expect("a number");
    assert!(copied > expected.len() as u64 / 2, "{copied}");
    server.assert_clean().await;
    // It is there now, and stays.
    let again = tool(&[
        "join",
        "-o",
        "s3://media/out/joined.mp4",
        "s3://media/0.mp4",
    ])
    .await;
    assert_eq!(again.status.code(), Some(1));
    assert_same(
        &server.object("out/joined.mp4").expect("an object"),
        &expected,
    );
    // Neither a key that is not there, nor an upload's checksum.
    let gone = tool(&["probe", "s3://media/gone.mp4"]).await;
    let said = String::from_utf8_lossy(&gone.stderr).into_owned();
    assert!(
        !gone.status.success() && said.contains("s3://media/gone.mp4"),
        "{said}"
    );
    let summed = tool(&[
        "join",
        "--checksum",
        "sha256",
        "-o",
        "s3://media/x.mp4",
        "s3://media/0.mp4",
    ])
    .await;
    assert_eq!(summed.status.code(), Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_example_joins_within_a_store() {
    let (server, clips) = with_clips().await;
    let done = Command::new(example("store_to_store"))
        .args([
            "s3://media/joined.mp4",
            "s3://media/0.mp4",
            "s3://media/1.mp4",
        ])
        .env("AWS_ACCESS_KEY_ID", "access")
        .env("AWS_SECRET_ACCESS_KEY", "secret")
        .env("AWS_ENDPOINT_URL_S3", server.endpoint())
        .env("ALLOW_ADDRESS", "127.0.0.0/8")
        .output()
        .await
        .expect("it runs");
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{said}");
    let expected = joined(&clips).await;
    assert_same(&server.object("joined.mp4").expect("an object"), &expected);
    server.assert_clean().await;
}
