//! Joins of fragments behind URLs while their server fails.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use futures::StreamExt;
use media_concat::{CancellationToken, Concat, Error, Overwrite, Report, source::Http};
use media_concat_test_support::{compare::chain, ffmpeg::make, fixtures::fixture_bytes};

use crate::{
    fault::{Act, Fault, Object},
    support::{client, joined_locally, options},
};

const NAMES: [&str; 3] = ["a0.mp4", "a1.mp4", "a2.mp4"];

/// The fragments on a server.
async fn served() -> Fault {
    let server = Fault::start().await;
    put(&server);
    server
}

fn put(server: &Fault) {
    for name in NAMES {
        let object = Object::tagged(fixture_bytes(name), &format!("\"{name}\""));
        server.put(&format!("/{name}"), object);
    }
}

/// A join of the fragments, with a secret in each URL.
fn join(server: &Fault, http: &Http) -> Concat {
    NAMES.iter().fold(Concat::new(), |concat, name| {
        let url = server.url(&format!("/{name}?signature=secret"));
        concat.fragment(http.source(&url).unwrap(), None)
    })
}

async fn write(concat: &Concat, folder: &Path) -> Result<(Report, Vec<u8>), Error> {
    let path = folder.join("out.mp4");
    let written = concat.write_file(&path, Overwrite::Never).await;
    let left = std::fs::read_dir(folder).unwrap().count();
    assert_eq!(
        left,
        usize::from(written.is_ok()),
        "something was left behind"
    );
    let report = written?;
    let bytes = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    Ok((report, bytes))
}

/// Numbers that look random and are the same in every run.
fn random(seed: u64) -> u64 {
    let mut x = seed.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x ^ (x >> 27)
}

/// A fault that passes, at any point of a join, leaves no trace; an object that changes fails the join.
#[tokio::test(flavor = "multi_thread")]
async fn a_fault_at_any_point_gives_the_same_bytes_or_an_error_that_says_where() {
    let expected = joined_locally(&NAMES).await;
    let server = served().await;
    let folder = tempfile::tempdir().unwrap();
    let (report, bytes) = write(&join(&server, &client()), folder.path())
        .await
        .unwrap();
    assert!(bytes == expected, "without a fault");
    assert_eq!(report.size, expected.len() as u64);
    let requests = server.asked().len() as u64;
    let mut changes = 0;
    for point in 0..20 {
        put(&server);
        let first = server.asked().len() as u64;
        let turn = first + random(point) % requests;
        let at = random(point + 100) % 60_000;
        let act = match point % 5 {
            0 => Act::Reset(at),
            1 => Act::Stall(at),
            2 => Act::Stop(at),
            3 => Act::Status(500, vec![]),
            _ => Act::Change,
        };
        let faulty = act.clone();
        server.script(move |asked| match asked.index as u64 {
            index if index == turn => faulty.clone(),
            // From its turn on, an object that changes does so when it is next read.
            index if index > turn && faulty == Act::Change => faulty.clone(),
            _ => Act::Serve,
        });
        match write(&join(&server, &client()), folder.path()).await {
            Ok((_, bytes)) => assert!(bytes == expected, "{act:?} at request {turn}"),
            Err(error) => {
                assert_eq!(act, Act::Change, "{}", chain(&error));
                changes += 1;
                for text in all_of(&error) {
                    says_where(&text, &server);
                    assert!(text.contains("now \"changed\""), "{text}");
                }
            }
        }
    }
    assert!(changes > 0, "no change was noticed");
}

/// A server that fails for good, from any point on, fails the join.
#[tokio::test(flavor = "multi_thread")]
async fn a_fault_that_stays_is_an_error_that_says_where() {
    let server = served().await;
    let folder = tempfile::tempdir().unwrap();
    write(&join(&server, &client()), folder.path())
        .await
        .unwrap();
    let requests = server.asked().len() as u64;
    for point in 0..20 {
        let first = server.asked().len() as u64;
        let turn = first + random(point) % requests;
        let act = match point % 4 {
            0 => Act::Reset(5),
            1 => Act::Stall(5),
            2 => Act::Stop(5),
            _ => Act::Status(503, vec![]),
        };
        server.script(move |asked| match asked.index as u64 {
            index if index >= turn => act.clone(),
            _ => Act::Serve,
        });
        let error = write(&join(&server, &client()), folder.path())
            .await
            .unwrap_err();
        for text in all_of(&error) {
            says_where(&text, &server);
        }
    }
}

/// What each of the fragments that failed says.
fn all_of(error: &Error) -> Vec<String> {
    match error {
        Error::Fragments(all) => all.iter().map(|one| chain(one)).collect(),
        one => vec![chain(one)],
    }
}

/// Fragment, URL without its query, offset.
fn says_where(text: &str, server: &Fault) {
    let named = (0..NAMES.len()).any(|fragment| {
        text.contains(&format!(
            "fragment {fragment} ({})",
            server.url(&format!("/a{fragment}.mp4"))
        ))
    });
    assert!(
        named && text.contains("byte ") && !text.contains("secret"),
        "{text}"
    );
}

/// One answer names everything that is wrong with any fragment.
#[tokio::test(flavor = "multi_thread")]
async fn all_failures_come_back_together() {
    let server = served().await;
    server.put(
        "/text.mp4",
        Object::tagged(b"#EXTM3U\nhttp://127.0.0.1/secret.ts\n", "\"text\""),
    );
    server.script(|asked| match asked.path.as_str() {
        "/forbidden.mp4" => Act::Status(403, vec![]),
        "/expired.mp4?signature=secret" => Act::Status(410, vec![]),
        _ => Act::Serve,
    });
    let http = client();
    let mut concat = Concat::new();
    for path in [
        "/a0.mp4",
        "/missing.mp4",
        "/forbidden.mp4",
        "/text.mp4",
        "/expired.mp4?signature=secret",
        "/a1.mp4",
    ] {
        concat = concat.fragment(http.source(&server.url(path)).unwrap(), None);
    }
    let Err(Error::Fragments(failures)) = concat.probe().await else {
        panic!("not all failures");
    };
    let failures: Vec<_> = failures.iter().map(|one| chain(one)).collect();
    assert_eq!(failures.len(), 4, "{failures:?}");
    for (failure, words) in failures.iter().zip([
        [
            "fragment 1 (",
            "/missing.mp4) cannot be read",
            "404 Not Found",
        ],
        [
            "fragment 2 (",
            "/forbidden.mp4) cannot be read",
            "403 Forbidden",
        ],
        ["fragment 3 (", "/text.mp4) is refused", "HLS playlist"],
        ["fragment 4 (", "/expired.mp4) cannot be read", "410 Gone"],
    ]) {
        for word in words {
            assert!(failure.contains(word), "{word}: {failure}");
        }
    }
}

/// Fragments of servers without ranges join to the same bytes.
#[tokio::test(flavor = "multi_thread")]
async fn servers_without_ranges_join_the_same() {
    let server = served().await;
    server.script(|_| Act::WholeChunked);
    let folder = tempfile::tempdir().unwrap();
    let (_, bytes) = write(&join(&server, &client()), folder.path())
        .await
        .unwrap();
    assert!(bytes == joined_locally(&NAMES).await);
    assert_eq!(server.asked().len(), NAMES.len());
}

/// Options that would wait for minutes.
fn patient() -> Http {
    Http::new(
        options()
            .connect_timeout(Duration::from_secs(60))
            .answer_timeout(Duration::from_secs(60))
            .stall_window(Duration::from_secs(60))
            .longest_pause(Duration::from_secs(60)),
    )
    .unwrap()
}

/// Whatever is being waited for, while probing or writing: a join ends soon after it is cancelled.
#[tokio::test(flavor = "multi_thread")]
async fn cancelling_ends_every_wait() {
    let waits = [
        Act::Silent,
        Act::Stall(1000),
        Act::Status(503, vec![("Retry-After", "50".to_owned())]),
        Act::EndlessHeaders,
    ];
    for wait in waits {
        for probing in [true, false] {
            let server = served().await;
            let http = patient();
            let token = CancellationToken::new();
            let join = join(&server, &http).cancel(token.clone());
            let planned = if probing {
                None
            } else {
                Some(join.plan().await.unwrap())
            };
            let waiting = wait.clone();
            server.script(move |_| waiting.clone());
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("out.mp4");
            let cancel = async {
                tokio::time::sleep(Duration::from_millis(300)).await;
                token.cancel();
                Instant::now()
            };
            let work = async {
                match &planned {
                    None => join.probe().await.map(drop),
                    Some(planned) => planned.write_file(&path, Overwrite::Never).await.map(drop),
                }
            };
            let (cancelled, done) = tokio::join!(cancel, work);
            let took = cancelled.elapsed();
            assert!(done.unwrap_err().is_cancelled(), "{wait:?}");
            assert!(
                took < Duration::from_secs(1),
                "{wait:?}, probing: {probing}: {took:?}"
            );
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        }
    }
}

/// The header of a stream does not wait for the media, which here never comes.
#[tokio::test(flavor = "multi_thread")]
async fn the_first_bytes_of_a_stream_need_no_media() {
    let server = served().await;
    let planned = join(&server, &patient()).plan().await.unwrap();
    server.script(|_| Act::Silent);
    let mut stream = planned.stream().boxed();
    let first = tokio::time::timeout(Duration::from_secs(1), stream.next());
    let first = first.await.expect("at once").unwrap().unwrap();
    assert_eq!(&first[4..8], b"ftyp");
    let rest = tokio::time::timeout(Duration::from_millis(300), async {
        while stream.next().await.is_some() {}
    });
    assert!(rest.await.is_err(), "the media is not there");
}

/// A server that does not accept connections.
#[tokio::test(flavor = "multi_thread")]
async fn cancelling_ends_connecting() {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    let _listener = socket.listen(1).unwrap();
    // Connections that nobody accepts, until there is no room for another.
    let mut waiting = Vec::new();
    let second = Duration::from_secs(1);
    while let Ok(connected) =
        tokio::time::timeout(second, tokio::net::TcpStream::connect(address)).await
    {
        waiting.push(connected.unwrap());
        assert!(waiting.len() < 100, "there is always room");
    }
    let token = CancellationToken::new();
    let url = format!("http://{address}/a");
    let join = Concat::new()
        .fragment(patient().source(&url).unwrap(), None)
        .cancel(token.clone());
    let cancel = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        token.cancel();
        Instant::now()
    };
    let (cancelled, done) = tokio::join!(cancel, join.probe());
    assert!(done.unwrap_err().is_cancelled());
    assert!(cancelled.elapsed() < second);
}

/// Three pieces of a recording, whose groups of pictures are open or closed, on a server, and how many requests a join of
/// them takes.
async fn requests_of_pieces(open: bool) -> usize {
    let folder = tempfile::tempdir().unwrap();
    let film = folder.path().join("film.mp4");
    let source = "-f lavfi -i testsrc2=s=320x180:r=25:d=6,noise=alls=50 -f lavfi -i sine=d=6";
    let coded = "-c:v libx264 -preset veryfast -bf 3 -b:v 4M -g 50 -keyint_min 50 -c:a aac";
    let groups = format!("-x264-params scenecut=0:open-gop={}", u8::from(open));
    make(&film, format!("{source} {coded} {groups}").split(' '));
    let cut = "-c copy -f segment -segment_time 1.9 -reset_timestamps 1";
    let cut = format!("{cut} -segment_format_options movflags=+faststart");
    let film = ["-i", film.to_str().unwrap()];
    let pieces = folder.path().join("piece%d.mp4");
    make(&pieces, film.into_iter().chain(cut.split(' ')));
    let server = Fault::start().await;
    let mut concat = Concat::new();
    for index in 0..3 {
        let name = format!("/piece{index}.mp4");
        let bytes = std::fs::read(folder.path().join(&name[1..])).unwrap();
        assert!(bytes.len() > 500_000, "{}", bytes.len());
        server.put(&name, Object::tagged(bytes, &format!("\"{index}\"")));
        concat = concat.fragment(client().source(&server.url(&name)).unwrap(), None);
    }
    let (report, _) = write(&concat, tempfile::tempdir().unwrap().path())
        .await
        .unwrap();
    assert_eq!(report.tracks[0].packets, 150, "all pictures");
    server.asked().len()
}

/// Which pictures lean on the fragment before is told by one more request for each fragment that one follows.
#[tokio::test(flavor = "multi_thread")]
async fn open_groups_cost_a_request_for_each_seam() {
    let (open, closed) = (
        requests_of_pieces(true).await,
        requests_of_pieces(false).await,
    );
    assert!(open <= closed + 2, "{open} requests for {closed}");
}
