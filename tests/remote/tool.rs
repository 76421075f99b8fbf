//! The tool with URLs, in a process of its own.

use std::{path::Path, process::Output};

use media_concat_test_support::{
    fixtures::{fixture, fixture_bytes},
    process::tool_path,
};
use serde_json::Value;
use tokio::process::Command;

use crate::{
    fault::{Act, Fault, Object},
    nginx::Nginx,
    support::joined_locally,
};

/// Runs the tool; whatever proxy its environment names, it must not use it.
pub(crate) async fn tool(args: &[&str]) -> Output {
    let mut command = Command::new(tool_path());
    for proxy in ["http_proxy", "HTTP_PROXY", "ALL_PROXY"] {
        command.env(proxy, "http://127.0.0.1:9");
    }
    command.args(args).output().await.unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn urls_are_joined_into_a_file_and_into_standard_output() {
    let nginx = Nginx::start("");
    let names = ["a0.mp4", "a1.mp4"];
    for name in names {
        std::fs::copy(fixture(name), nginx.files().join(name)).unwrap();
    }
    let expected = joined_locally(&names).await;
    let (one, two) = (nginx.url("/a0.mp4?token=hidden@0"), nginx.url("/a1.mp4@2"));
    let local = fixture("a1.mp4");
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("joined.mp4");
    let out = out.to_str().unwrap();
    let allow = ["--allow-address", "127.0.0.0/8"];
    let joined = tool(&[&["join", "--json", "-o", out, &one, &two], &allow[..]].concat()).await;
    assert!(joined.status.success(), "{}", stderr(&joined));
    assert!(std::fs::read(out).unwrap() == expected);
    let report: Value = serde_json::from_slice(&joined.stdout).unwrap();
    assert!(report["bytesDownloaded"].as_u64().unwrap() > 0);
    assert_eq!(
        report["fragments"][0]["source"],
        nginx.url("/a0.mp4").as_str()
    );
    // A file beside a URL, and an output that is no file.
    let mixed = ["join", "--quiet", "-o", "-", &one, local.to_str().unwrap()];
    let streamed = tool(&[&mixed[..], &allow[..]].concat()).await;
    assert!(streamed.status.success(), "{}", stderr(&streamed));
    assert!(streamed.stdout == expected);
    // The service's own list.
    let list = folder.path().join("list.json");
    let text = format!(
        r#"[{{"url": "{}", "startTime": 0}}, {{"path": "{}", "startTime": 2}}]"#,
        nginx.url("/a0.mp4"),
        local.display()
    );
    std::fs::write(&list, text).unwrap();
    let listed = [
        "join",
        "--quiet",
        "-o",
        "-",
        "--fragments",
        list.to_str().unwrap(),
    ];
    let listed = tool(&[&listed[..], &allow[..]].concat()).await;
    assert!(listed.stdout == expected, "{}", stderr(&listed));
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_that_are_not_public_need_a_word() {
    let server = Fault::of(Object::tagged(fixture_bytes("a0.mp4"), "\"a\"")).await;
    let url = server.url("/a?token=hidden");
    let refused = tool(&["probe", &url]).await;
    assert_eq!(refused.status.code(), Some(4), "{}", stderr(&refused));
    let said = stderr(&refused);
    assert!(
        said.contains("fragment 0") && said.contains("127.0.0.1"),
        "{said}"
    );
    assert!(!said.contains("hidden"), "{said}");
    assert!(server.asked().is_empty());
    let allowed = tool(&["probe", &url, "--allow-address", "127.0.0.1/32"]).await;
    assert!(allowed.status.success(), "{}", stderr(&allowed));
    let wrong = tool(&["probe", &url, "--allow-address", "here"]).await;
    assert_eq!(wrong.status.code(), Some(2), "{}", stderr(&wrong));
}

/// What fails names the fragment, the URL without its query and where; nothing is left.
#[tokio::test(flavor = "multi_thread")]
async fn failures_name_the_fragment_and_keep_its_secrets() {
    let server = Fault::of(Object::tagged(fixture_bytes("a0.mp4"), "\"a\"")).await;
    server.script(|asked| match asked.path.contains("gone") {
        true => Act::Status(404, Vec::new()),
        false => Act::Serve,
    });
    let (good, gone) = (server.url("/a"), server.url("/gone.mp4?token=hidden"));
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("joined.mp4");
    let out = out.to_str().unwrap();
    let allow = ["--allow-address", "127.0.0.0/8"];
    let failed = tool(&[&["join", "-o", out, &good, &gone], &allow[..]].concat()).await;
    let said = stderr(&failed);
    assert_eq!(failed.status.code(), Some(1), "{said}");
    assert!(
        said.contains("fragment 1") && said.contains("404"),
        "{said}"
    );
    assert!(
        said.contains(&server.url("/gone.mp4")) && !said.contains("hidden"),
        "{said}"
    );
    let large = [
        "join",
        "-o",
        out,
        &good,
        &good,
        "--max-fragment-size",
        "1000",
    ];
    let large = tool(&[&large[..], &allow[..]].concat()).await;
    let said = stderr(&large);
    assert!(
        !large.status.success() && said.contains("limit of 1000"),
        "{said}"
    );
    let nowhere = tool(&[&["join", "-o", "ftp://x/y", &good], &allow[..]].concat()).await;
    assert_eq!(nowhere.status.code(), Some(2), "{}", stderr(&nowhere));
    assert!(!Path::new(out).exists());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
