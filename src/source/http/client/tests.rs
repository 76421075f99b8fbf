use std::{
    net::{IpAddr, Ipv4Addr},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::*;

fn options(allowed: &[&str]) -> ClientOptions {
    let mut addresses = AddressPolicy::default();
    for network in allowed {
        addresses = addresses.allow(network).expect("a network");
    }
    ClientOptions {
        urls: UrlPolicy {
            addresses,
            ..UrlPolicy::default()
        },
        connect_timeout: Duration::from_secs(5),
        answer_timeout: Duration::from_secs(5),
        max_redirects: 2,
        user_agent: HeaderValue::from_static("test"),
    }
}

/// Answers every request with what `answer` makes of it, and keeps the requests.
async fn server(
    answer: impl Fn(&str) -> String + Send + 'static,
) -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let kept = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                match stream.read_u8().await {
                    Ok(byte) => request.push(byte),
                    Err(_) => break,
                }
            }
            let request = String::from_utf8_lossy(&request).to_ascii_lowercase();
            kept.lock().expect("a list").push(request.clone());
            let answer = answer(&request);
            stream.write_all(answer.as_bytes()).await.ok();
        }
    });
    (port, seen)
}

fn ok(_: &str) -> String {
    "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi".to_owned()
}

fn to(location: &str) -> String {
    format!(
        "HTTP/1.1 302 Found\r\nlocation: {location}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    )
}

fn get(url: &str) -> Request<Bytes> {
    let mut request = Request::new(Bytes::new());
    *request.uri_mut() = url.parse().expect("a URI");
    request
}

/// Names and what they resolve to, one answer after the other.
#[derive(Debug, Default)]
struct Names {
    answers: Vec<Vec<IpAddr>>,
    asked: AtomicUsize,
}

impl Lookup for Names {
    fn lookup(&self, _: String) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> {
        let turn = self.asked.fetch_add(1, Ordering::SeqCst);
        let found = self.answers.get(turn).or(self.answers.last());
        let found = found.into_iter().flatten();
        let found: Vec<_> = found.map(|ip| SocketAddr::new(*ip, 0)).collect();
        Box::pin(async move { Ok(found) })
    }
}

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const PRIVATE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));

#[tokio::test]
async fn literals_are_refused_before_anything_is_connected() {
    let (port, seen) = server(ok).await;
    let client = Client::new(options(&[])).expect("a client");
    for host in [
        "127.0.0.1",
        "0x7f000001",
        "2130706433",
        "127.1",
        "[::ffff:127.0.0.1]",
        "localhost",
    ] {
        let sent = client.send(get(&format!("http://{host}:{port}/"))).await;
        let error = sent.err().expect("refused");
        assert!(
            matches!(error, ClientError::Refused(Refusal::Address { .. })),
            "{host}: {error:?}"
        );
        assert!(!error.is_passing());
    }
    assert!(seen.lock().expect("a list").is_empty());
}

#[tokio::test]
async fn names_are_resolved_once_and_only_checked_addresses_are_connected_to() {
    let (port, seen) = server(ok).await;
    // A name that answers differently the second time.
    let names = Arc::new(Names {
        answers: vec![vec![HERE], vec![PRIVATE]],
        ..Names::default()
    });
    let client = Client::with_lookup(options(&["127.0.0.1"]), Arc::<Names>::clone(&names));
    let client = client.expect("a client");
    let url = format!("http://rebinding.example:{port}/");
    assert!(client.send(get(&url)).await.is_ok());
    assert_eq!(names.asked.load(Ordering::SeqCst), 1);
    let error = client.send(get(&url)).await.err().expect("refused");
    assert!(
        matches!(&error, ClientError::Refused(Refusal::Address { address, .. }) if *address == PRIVATE),
        "{error:?}"
    );
    // Of a name with good and bad addresses, the good ones are used.
    let mixed = Arc::new(Names {
        answers: vec![vec![PRIVATE, HERE]],
        ..Names::default()
    });
    let client = Client::with_lookup(options(&["127.0.0.1"]), mixed).expect("a client");
    assert!(client.send(get(&url)).await.is_ok());
    assert_eq!(seen.lock().expect("a list").len(), 2);
}

#[tokio::test]
async fn every_redirect_is_checked() {
    let (port, seen) = server(|request| match request {
        r if r.starts_with("get /metadata") => to("http://169.254.169.254/latest/meta-data/"),
        r if r.starts_with("get /hex") => to("//0xa9fea9fe/"),
        r if r.starts_with("get /file") => to("file:///etc/passwd"),
        r if r.starts_with("get /user") => to("http://a:b@127.0.0.1/"),
        r if r.starts_with("get /mail") => to("http://127.0.0.1:25/"),
        r if r.starts_with("get /loop") => to("/loop"),
        r if r.starts_with("get /once") => to("end"),
        r if r.starts_with("get /nowhere") => to("").replace("location: ", "x-nothing: "),
        _ => ok(""),
    })
    .await;
    let client = Client::new(options(&["127.0.0.1"])).expect("a client");
    let send = |path: &str| client.send(get(&format!("http://127.0.0.1:{port}/{path}")));
    for (path, expected) in [
        (
            "metadata",
            "the address 169.254.169.254 is refused: it is a cloud's metadata service",
        ),
        (
            "hex",
            "the address 169.254.169.254 is refused: it is a cloud's metadata service",
        ),
        (
            "file",
            "the scheme 'file' is refused: only http and https are read",
        ),
        ("user", "a URL with a user name or a password is refused"),
        (
            "mail",
            "the port 25 is refused: below 1024 only 80 and 443 are reached",
        ),
        ("loop", "there were more than 2 redirects"),
        ("nowhere", "the server redirects without saying where"),
    ] {
        let error = send(path).await.err().expect("refused");
        assert_eq!(error.to_string(), expected, "{path}");
    }
    let asked = seen.lock().expect("a list").len();
    assert_eq!(asked, 6 + 3, "the loop was followed twice");
    assert!(send("once").await.is_ok());
}

#[tokio::test]
async fn another_origin_learns_nothing_of_who_asks() {
    let (second, seen_second) = server(ok).await;
    let (first, seen_first) = server(move |request| match request {
        r if r.starts_with("get /same") => to("/away"),
        _ => to(&format!("http://127.0.0.1:{second}/")),
    })
    .await;
    let client = Client::new(options(&["127.0.0.1"])).expect("a client");
    let mut request = get(&format!("http://127.0.0.1:{first}/same?signature=secret"));
    for (name, value) in [
        ("authorization", "secret"),
        ("cookie", "secret"),
        ("x-amz-security-token", "secret"),
        ("range", "bytes=0-1"),
        ("if-match", "\"a\""),
    ] {
        request
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    assert!(client.send(request).await.is_ok());
    let first = seen_first.lock().expect("a list").clone();
    assert!(
        first
            .iter()
            .all(|one| one.contains("authorization: secret"))
    );
    let second = seen_second.lock().expect("a list").clone();
    assert_eq!(second.len(), 1);
    assert!(!second[0].contains("secret"), "{}", second[0]);
    assert!(second[0].contains("range: bytes=0-1"), "{}", second[0]);
    assert!(second[0].contains("if-match: \"a\""), "{}", second[0]);
}

#[tokio::test]
async fn failures_are_told_apart_and_carry_no_url() {
    let client = Client::new(options(&["127.0.0.1"])).expect("a client");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    drop(listener);
    let url = format!("http://127.0.0.1:{port}/?signature=secret");
    let error = client.send(get(&url)).await.err().expect("nobody listens");
    assert!(error.is_passing());
    let (port, _) = server(ok).await;
    let url = format!("https://127.0.0.1:{port}/?signature=secret");
    let untrusted = client.send(get(&url)).await.err().expect("no TLS there");
    for error in [error, untrusted] {
        let text = format!("{error} {error:?}");
        assert!(!text.contains("secret"), "{text}");
    }
}
