//! Where requests do not go.

use std::{
    env,
    process::{Command, Stdio},
    time::Duration,
};

use futures::TryStreamExt;
use media_concat::source::{Http, HttpOptions, Source, SourceError};
use media_concat_test_support::compare::chain;

use crate::{
    fault::{Act, Fault, Object},
    support::{client, fetch, noise, options},
};

/// The variable that tells a process of its own what to fetch.
const URL: &str = "MEDIA_CONCAT_TEST_URL";

/// Fetches a URL in a process with these variables, and gives how many bytes it has, or the error.
pub(crate) fn fetch_elsewhere(url: &str, variables: &[(&str, &str)]) -> Result<usize, String> {
    let output = Command::new(env::current_exe().unwrap())
        .args(["--exact", "guard::elsewhere", "--ignored", "--nocapture"])
        .env(URL, url)
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let fetched = said.lines().find_map(|line| line.split_once("fetched: "));
    let Some((_, fetched)) = fetched else {
        return Err(said);
    };
    fetched.parse().map_err(|_| fetched.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "what `fetch_elsewhere` runs"]
async fn elsewhere() {
    let url = env::var(URL).expect("run by another test");
    let http = client();
    match fetch(&http, &url).await {
        Ok(bytes) => {
            // Bodies that wait to be read do not keep back another.
            let mut sources = Vec::new();
            for _ in 0..12 {
                let source = http.source(&url).unwrap();
                let state = source.state().await.unwrap();
                sources.push((source, state));
            }
            let mut reads: Vec<_> = sources
                .iter()
                .map(|(source, state)| source.read(0..state.len, state))
                .collect();
            for read in &mut reads {
                read.try_next().await.unwrap().expect("the first look");
                if bytes.len() > 5000 {
                    read.try_next().await.unwrap().expect("a piece");
                }
            }
            // As long as their bytes come in.
            tokio::time::sleep(Duration::from_millis(200)).await;
            let last = reads.pop().unwrap();
            let last: Vec<_> = tokio::time::timeout(Duration::from_secs(5), last.try_collect())
                .await
                .expect("it is not kept back")
                .unwrap();
            assert!(last.concat() == bytes[bytes.len() - last.concat().len()..]);
            println!("\nfetched: {}", bytes.len());
        }
        Err(error) => println!("\nfetched: {}", chain(&error)),
    }
}

/// A proxy would connect in our place: to what the guard refuses, and without asking it.
#[tokio::test(flavor = "multi_thread")]
async fn proxies_of_the_environment_are_not_asked() {
    let proxy = Fault::of(Object::tagged(noise(10), "\"proxy\"")).await;
    let server = Fault::of(Object::tagged(noise(1000), "\"server\"")).await;
    let there = proxy.url("");
    let variables: Vec<_> = [
        "HTTP_PROXY",
        "http_proxy",
        "https_proxy",
        "ALL_PROXY",
        "all_proxy",
    ]
    .map(|name| (name, there.as_str()))
    .into();
    let url = server.url("/a");
    let read = tokio::task::block_in_place(|| fetch_elsewhere(&url, &variables));
    assert_eq!(read, Ok(1000));
    let refused = tokio::task::block_in_place(|| {
        fetch_elsewhere("http://169.254.169.254/latest/meta-data/", &variables)
    });
    assert!(refused.unwrap_err().contains("metadata service"));
    assert!(proxy.asked().is_empty());
}

/// By default nothing near is reached, however it is written, and nothing is connected to.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_near_is_reached_unless_allowed() {
    let server = Fault::of(Object::tagged(noise(1000), "\"a\"")).await;
    let port = server.url("").rsplit_once(':').unwrap().1.to_owned();
    let default = Http::new(HttpOptions::default()).unwrap();
    for host in [
        "127.0.0.1",
        "127.1",
        "0x7f.1",
        "2130706433",
        "0177.0.0.1",
        "0.0.0.0",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::127.0.0.1]",
        "localhost",
    ] {
        let url = format!("http://{host}:{port}/a?signature=secret");
        let error = fetch(&default, &url).await.unwrap_err();
        assert!(
            matches!(error, SourceError::Refused(_)),
            "{host}: {}",
            chain(&error)
        );
        assert!(!chain(&error).contains("secret"));
    }
    assert_eq!(server.connections(), 0);
    for url in [
        "file:///etc/passwd",
        "ftp://example.com/a",
        "http://a:b@example.com/",
        "http://example.com:22/",
        "a",
    ] {
        assert!(
            matches!(default.source(url), Err(SourceError::Refused(_))),
            "{url}"
        );
    }
    // Allowed by its IPv4 address, in whichever form.
    for host in ["127.0.0.1", "2130706433", "[::ffff:127.0.0.1]", "localhost"] {
        let url = format!("http://{host}:{port}/a");
        let read = fetch(&client(), &url).await;
        assert_eq!(
            read.map(|bytes| bytes.len()).map_err(|e| chain(&e)),
            Ok(1000),
            "{host}"
        );
    }
}

/// A signature for one server is not shown to another.
#[tokio::test(flavor = "multi_thread")]
async fn redirects_keep_the_pin_and_the_range() {
    let second = Fault::of(Object::tagged(noise(100_000), "\"a\"")).await;
    let first = Fault::start().await;
    let end = second.url("/a");
    first.script(move |_| Act::Status(307, vec![("Location", end.clone())]));
    let http = Http::new(options()).unwrap();
    let read = fetch(&http, &first.url("/b?signature=secret"))
        .await
        .unwrap();
    assert!(read == noise(100_000));
    for one in second.asked() {
        assert!(one.range.is_some() && one.path == "/a");
        assert!(
            one.headers.values().all(|value| !value.contains("secret")),
            "{one:?}"
        );
        assert_eq!(one.headers.contains_key("if-match"), one.index > 0);
    }
}

/// Where it is allowed, a password goes to the server of its URL and nowhere else.
#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_shown_to_its_server_only() {
    let second = Fault::of(Object::tagged(noise(10_000), "\"a\"")).await;
    let first = Fault::start().await;
    let end = second.url("/a");
    first.script(move |_| Act::Status(307, vec![("Location", end.clone())]));
    let http = Http::new(options().user_info(true));
    let http = http.unwrap();
    let url = first.url("/b").replace("//", "//user:password@");
    let source = http.source(&url).unwrap();
    assert_eq!(source.name(), first.url("/b"));
    source.state().await.unwrap();
    let shown = |server: &Fault| server.asked()[0].headers.get("authorization").cloned();
    assert_eq!(shown(&first).as_deref(), Some("Basic dXNlcjpwYXNzd29yZA=="));
    assert_eq!(shown(&second), None);
}
